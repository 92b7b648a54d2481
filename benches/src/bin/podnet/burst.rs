//! Many pods at once, next to the raw ceiling: the plugin called by eight threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use kubewright_benches::numbers::{milliseconds, percentile};
use kubewright_cni::RuntimeConf;

use crate::clock;
use crate::links::Links;
use crate::node::{Node, Pod};

/// The interface that is asked for.
const INTERFACE: &str = "many0";

/// That of the calls beside the agent.
const RAW: &str = "raw0";

/// Threads of the raw ceiling, and workers of the agent.
const WORKERS: usize = 8;

/// How long the dynamic-networks-controller takes to attach thirty pods.
const DNC: Duration = Duration::from_millis(15_500);

/// Attaches and detaches all pods at once, and does the same with the bare plugin.
pub(crate) async fn measure(node: &Node, links: &Links, pods: &[Pod], rounds: usize) -> Result<()> {
    let (mut add, mut del, mut told) = (Vec::new(), Vec::new(), Vec::new());
    let (mut raw_add, mut raw_del) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        links.drain();
        let begin = clock::now();
        let networks = format!("plain@{INTERFACE}");
        try_join_all(pods.iter().map(|pod| node.ask(pod, Some(&networks)))).await?;
        let there = tokio::task::block_in_place(|| links.await_all(pods.len(), INTERFACE, true))?;
        add.push(clock::between(begin, there.into_iter().max().unwrap_or(begin)));
        try_join_all(pods.iter().map(|pod| node.reported(pod, INTERFACE, true))).await?;
        told.push(clock::between(begin, clock::now()));

        let begin = clock::now();
        try_join_all(pods.iter().map(|pod| node.ask(pod, None))).await?;
        let gone = tokio::task::block_in_place(|| links.await_all(pods.len(), INTERFACE, false))?;
        del.push(clock::between(begin, gone.into_iter().max().unwrap_or(begin)));
        try_join_all(pods.iter().map(|pod| node.reported(pod, INTERFACE, false))).await?;

        let (add, del) = tokio::task::block_in_place(|| raw(node, links, pods))?;
        raw_add.push(add);
        raw_del.push(del);
    }
    let rate = |time: Duration| pods.len() as f64 / time.as_secs_f64();
    let half = |times: &mut [Duration]| percentile(times, 50);
    let (add, del, told) = (half(&mut add), half(&mut del), half(&mut told));
    let (raw_add, raw_del) = (half(&mut raw_add), half(&mut raw_del));
    println!("burst of {} pods, median of {rounds}", pods.len());
    println!("  attached                {:>10}  {:>4.0}/s", milliseconds(add), rate(add));
    println!("  attached and reported   {:>10}", milliseconds(told));
    println!(
        "  raw plugin, {WORKERS} threads   {:>10}  {:>4.0}/s  attached at {:.0} % of it",
        milliseconds(raw_add),
        rate(raw_add),
        100.0 * raw_add.as_secs_f64() / add.as_secs_f64()
    );
    println!("  detached                {:>10}  {:>4.0}/s", milliseconds(del), rate(del));
    println!(
        "  raw plugin, {WORKERS} threads   {:>10}  {:>4.0}/s  detached at {:.0} % of it",
        milliseconds(raw_del),
        rate(raw_del),
        100.0 * raw_del.as_secs_f64() / del.as_secs_f64()
    );
    if pods.len() == 30 {
        println!(
            "  dynamic-networks-controller on such a machine {}: {:.0} times as long",
            milliseconds(DNC),
            DNC.as_secs_f64() / add.as_secs_f64()
        );
    }
    Ok(())
}

/// ADD and DEL for all pods by the plugin alone, each until the last interface came or went.
fn raw(node: &Node, links: &Links, pods: &[Pod]) -> Result<(Duration, Duration)> {
    let network = node.network("raw", "bridge", 92)?;
    let cni = node.cni();
    let each = |call: &(dyn Fn(&RuntimeConf) -> Result<()> + Sync)| -> Result<()> {
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            let work = || -> Result<()> {
                while let Some(pod) = pods.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let netns = Some(pod.netns.clone());
                    call(&RuntimeConf::new(pod.sandbox.as_str(), netns, RAW)?)?;
                }
                Ok(())
            };
            let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    };
    let begin = clock::now();
    each(&|runtime| Ok(cni.add(&network, runtime).map(drop)?))?;
    let there = links.await_all(pods.len(), RAW, true)?;
    let add = clock::between(begin, there.into_iter().max().unwrap_or(begin));
    let begin = clock::now();
    each(&|runtime| Ok(cni.del(&network, runtime, None)?))?;
    let gone = links.await_all(pods.len(), RAW, false)?;
    Ok((add, clock::between(begin, gone.into_iter().max().unwrap_or(begin))))
}
