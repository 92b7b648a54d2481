//! What the agent costs when nothing happens, and how fast the plugin starts.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::try_join_all;
use kubewright_benches::numbers::{cpu_time, milliseconds, percentile, resident_mib};
use kubewright_cni::Cni;

use crate::links::Links;
use crate::node::{Node, Pod};

/// Calls that start-up is measured by.
const CALLS: usize = 300;

/// The interface that every pod has meanwhile.
const INTERFACE: &str = "rest0";

/// Starts the plugin over and over, next to a plugin of the common ones.
pub(crate) fn start_up(plugin: &Path) -> Result<()> {
    let dir = plugin.parent().context("the plugin's folder")?;
    let common = kubewright_testkit::require::cni_plugins()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let measure = |cni: &Cni, name: &str| -> Result<Duration> {
        let begin = Instant::now();
        cni.versions(name)?;
        Ok(begin.elapsed())
    };
    let (own, other) = (Cni::new([dir]), Cni::new([common]));
    for _ in 0..CALLS {
        ours.push(measure(&own, "kubewright-cni")?);
        theirs.push(measure(&other, "bridge")?);
    }
    println!("start to end of VERSION, {CALLS} times");
    for (name, times) in [("kubewright-cni", &mut ours), ("bridge", &mut theirs)] {
        let (half, most) = (percentile(times, 50), percentile(times, 99));
        println!("  {name:<16} p50 {:>9}  p99 {:>9}", milliseconds(half), milliseconds(most));
    }
    Ok(())
}

/// Watches the agent while every pod has an interface and nothing happens.
pub(crate) async fn measure(node: &Node, links: &Links, pods: &[Pod], seconds: u64) -> Result<()> {
    links.drain();
    let networks = format!("plain@{INTERFACE}");
    try_join_all(pods.iter().map(|pod| node.ask(pod, Some(&networks)))).await?;
    tokio::task::block_in_place(|| links.await_all(pods.len(), INTERFACE, true))?;
    try_join_all(pods.iter().map(|pod| node.reported(pod, INTERFACE, true))).await?;
    // What was begun ends first.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let agent = node.agent();
    let before = cpu_time(agent).context("the agent's time")?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let used = cpu_time(agent).context("the agent's time")?.saturating_sub(before);
    let resident = resident_mib(agent).context("the agent's memory")?;
    println!("agent at rest, {} pods with an interface each", pods.len());
    println!("  resident {resident:.1} MiB");
    println!("  CPU      {:.2} % for {seconds} s", 100.0 * used.as_secs_f64() / seconds as f64);
    Ok(())
}
