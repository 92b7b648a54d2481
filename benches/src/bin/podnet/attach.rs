//! One attachment at a time: from the write at the API server to the interface in the pod.

use std::time::Duration;

use anyhow::{Context as _, Result};
use kubewright_benches::numbers::{cpu_time, milliseconds, percentile};
use kubewright_cni::RuntimeConf;

use crate::links::Links;
use crate::node::{Node, Pod};
use crate::{clock, stamp};

/// The interface that is asked for.
const INTERFACE: &str = "one0";

/// That of the calls beside the agent.
const BARE: &str = "bare0";

/// Attaches pods one after the other, each next to a bare call of the plugin.
pub(crate) async fn measure(
    node: &Node,
    links: &Links,
    pods: &[Pod],
    attachments: usize,
) -> Result<()> {
    let mut times = Times::default();
    let before = cpu_time(node.agent()).context("the agent's time")?;
    for (number, pod) in (0..pods.len()).cycle().take(attachments).map(|at| (at, &pods[at])) {
        links.drain();
        agent(node, links, number, pod, &mut times).await?;
        bare(node, links, number, pod, &mut times).await?;
    }
    let used = cpu_time(node.agent()).context("the agent's time")?.saturating_sub(before);
    println!("one attachment, {attachments} times");
    times.line("API write to interface, all", |it| &mut it.total);
    times.line("  API server's share: write to its answer", |it| &mut it.answer);
    times.line("  agent's share: write to plugin's start", |it| &mut it.share);
    times.line("bare plugin: call to plugin's start", |it| &mut it.bare_start);
    times.line("bare plugin: call to interface", |it| &mut it.bare_interface);
    times.line("bare plugin: ADD, all", |it| &mut it.bare_add);
    times.line("detach: API write to interface gone", |it| &mut it.gone);
    times.line("bare plugin: DEL, all", |it| &mut it.bare_del);
    let each = used / u32::try_from(attachments.max(1))?;
    println!(
        "  processor time of the agent for each, attached and detached: {}",
        milliseconds(each)
    );
    Ok(())
}

#[derive(Default)]
struct Times {
    total: Vec<Duration>,
    answer: Vec<Duration>,
    share: Vec<Duration>,
    gone: Vec<Duration>,
    bare_start: Vec<Duration>,
    bare_interface: Vec<Duration>,
    bare_add: Vec<Duration>,
    bare_del: Vec<Duration>,
}

impl Times {
    fn line(&mut self, what: &str, which: impl Fn(&mut Self) -> &mut Vec<Duration>) {
        let times = which(self);
        let (half, most) = (percentile(times, 50), percentile(times, 99));
        println!("  {what:<42} p50 {:>9}  p99 {:>9}", milliseconds(half), milliseconds(most));
    }
}

async fn agent(
    node: &Node,
    links: &Links,
    number: usize,
    pod: &Pod,
    times: &mut Times,
) -> Result<()> {
    let begin = clock::now();
    node.ask(pod, Some(&format!("stamped@{INTERFACE}"))).await?;
    times.answer.push(clock::between(begin, clock::now()));
    let there = tokio::task::block_in_place(|| links.await_one(number, INTERFACE, true))?;
    node.reported(pod, INTERFACE, true).await?;
    let started = stamp::last(&node.bin_dir(), "ADD", &pod.sandbox, INTERFACE)?;
    times.total.push(clock::between(begin, there));
    times.share.push(clock::between(begin, started));

    let begin = clock::now();
    node.ask(pod, None).await?;
    let gone = tokio::task::block_in_place(|| links.await_one(number, INTERFACE, false))?;
    node.reported(pod, INTERFACE, false).await?;
    times.gone.push(clock::between(begin, gone));
    Ok(())
}

async fn bare(
    node: &Node,
    links: &Links,
    number: usize,
    pod: &Pod,
    times: &mut Times,
) -> Result<()> {
    tokio::task::block_in_place(|| {
        let network = node.network("bare", stamp::TYPE, 91)?;
        let runtime = RuntimeConf::new(pod.sandbox.as_str(), Some(pod.netns.clone()), BARE)?;
        let cni = node.cni();
        let begin = clock::now();
        cni.add(&network, &runtime)?;
        let end = clock::now();
        let there = links.await_one(number, BARE, true)?;
        let started = stamp::last(&node.bin_dir(), "ADD", &pod.sandbox, BARE)?;
        times.bare_start.push(clock::between(begin, started));
        times.bare_interface.push(clock::between(begin, there));
        times.bare_add.push(clock::between(begin, end));
        let begin = clock::now();
        cni.del(&network, &runtime, None)?;
        times.bare_del.push(clock::between(begin, clock::now()));
        Ok(())
    })
}
