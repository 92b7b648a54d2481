//! `cargo xtask bench peerpod`: the controller next to the loop that it replaces (one PATCH per
//! node and reconcile) and next to a bare loop of concurrent patches, on the same server.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{Node, Pod, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::config::Kubeconfig;
use kube::runtime::{WatchStreamExt, conditions, wait::await_condition, watcher};
use kube::{Api, Client};
use kubewright_benches::numbers::{milliseconds, percentile, resident_mib};
use kubewright_benches::server::{self, Process};
use kubewright_operator::controller::{Context, Controller as _};
use kubewright_operator::health::Readiness;
use kubewright_operator::{Metrics, Shutdown};
use kubewright_peerpod::allocation::{Share, allocate};
use kubewright_peerpod::api::PeerPodConfig;
use kubewright_peerpod::controller::Controller;
use kubewright_peerpod::options::Options as ControllerOptions;
use kubewright_peerpod::{PeerPods, crds};
use serde_json::json;

mod webhook;

/// Measures the peer-pod controller and its webhook.
#[derive(Parser)]
struct Options {
    /// Nodes.
    #[arg(long, default_value_t = 5_000)]
    nodes: usize,
    /// Peer pods that run on them.
    #[arg(long, default_value_t = 50_000)]
    pods: usize,
    /// Requests under way at once.
    #[arg(long, default_value_t = 32)]
    concurrency: usize,
}

/// First argument of this program when it is to be the controller.
const CONTROL: &str = "control-for-benchmark";
const RESOURCE: &str = "kata.peerpods.io/vm";
const PATIENCE: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() -> Result<()> {
    kubewright_operator::client::install_crypto_provider();
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == server::SERVE => return server::serve(None).await,
        Some(first) if first == CONTROL => return control().await,
        _ => {}
    }
    let options = Options::parse();
    allocation(options.nodes);
    webhook::measure().await?;
    let server = Process::start(None)?;
    let client = server.client().await?;
    let bench = Bench { client, kubeconfig: server.kubeconfig.clone(), options };
    bench.run().await
}

fn allocation(nodes: usize) {
    let names: Vec<String> = (0..nodes).map(|index| format!("node-{index:05}")).collect();
    let shares: Vec<Share<'_>> = names
        .iter()
        .enumerate()
        .map(|(index, name)| Share {
            name,
            weight: 1 + u32::try_from(index % 7).unwrap_or(0),
            floor: (index % 5) as u64,
            cap: u64::MAX,
            held: 0,
        })
        .collect();
    let mut times: Vec<Duration> = (0..50)
        .map(|round| {
            let begin = Instant::now();
            std::hint::black_box(allocate(60_000 + round, &shares));
            begin.elapsed()
        })
        .collect();
    let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
    println!(
        "allocation over {nodes} nodes        p50 {}  p99 {}  (bound 5 ms)",
        milliseconds(p50),
        milliseconds(p99)
    );
}

/// The controller in a process of its own; the kubeconfig comes as a line of input.
async fn control() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let client = server::client(serde_json::from_str(&line)?).await?;
    let shutdown = Shutdown::on_signals()?;
    Controller::new(client, ControllerOptions::default()).run(shutdown).await?;
    Ok(())
}

/// Ended on drop.
struct Control(std::process::Child);

impl Drop for Control {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Bench {
    client: Client,
    kubeconfig: Kubeconfig,
    options: Options,
}

impl Bench {
    async fn run(&self) -> Result<()> {
        self.install().await?;
        let count = self.options.nodes;
        let names: Vec<String> = (0..count).map(|index| format!("bench-{index:05}")).collect();
        self.each(&names, async |name| {
            self.nodes().create(&PostParams::default(), &node(name)?).await?;
            Ok(())
        })
        .await?;

        // The original, and the bare loop: the same requests one by one and side by side.
        let begin = Instant::now();
        for name in names.iter().take(500) {
            self.patch(name, 1).await?;
        }
        let original = begin.elapsed() * u32::try_from(count / 500.min(count)).unwrap_or(1);
        let begin = Instant::now();
        self.each(&names, async |name| self.patch(name, 2).await).await?;
        let bare = begin.elapsed();

        let metrics = Metrics::new();
        let shutdown = Shutdown::new();
        let ready = Readiness::new().check("bench");
        let context =
            Context::new("peerpod", self.client.clone(), &metrics, ready, shutdown.clone());
        let running =
            tokio::spawn(PeerPods::new(ControllerOptions::default(), &metrics).run(context));
        let limit = 4 * count as u64;
        self.limit(limit).await?;
        let begin = Instant::now();
        self.until_sum(limit).await?;
        let first = begin.elapsed();
        let begin = Instant::now();
        self.limit(2 * limit).await?;
        self.until_sum(2 * limit).await?;
        let full = begin.elapsed();
        self.at_rest(&metrics).await;
        println!(
            "first write of {count} nodes           {}\nfull rewrite of {count} nodes          {}  {:.2}x of a bare loop of concurrent patches ({})",
            milliseconds(first),
            milliseconds(full),
            full.as_secs_f64() / bare.as_secs_f64(),
            milliseconds(bare),
        );

        let (writes, reconciles) = (writes(&metrics), reconciles(&metrics));
        for name in names.iter().take(20) {
            let label = json!({"metadata": {"labels": {"bench": "touched"}}});
            self.nodes().patch(name, &PatchParams::default(), &Patch::Merge(label)).await?;
            self.until_reconciles(&metrics, reconciles.1 + 1.0).await;
        }
        self.at_rest(&metrics).await;
        let (seconds, rounds) = reconciles_since(&metrics, reconciles);
        let took = Duration::from_secs_f64(seconds / rounds.max(1.0));
        println!(
            "reconcile that changes nothing    {}  (bound 20 ms)  {} writes; the original: {count} writes in {}, {:.0}x",
            milliseconds(took),
            writes_since(&metrics, writes),
            milliseconds(original),
            original.as_secs_f64() / took.as_secs_f64(),
        );

        let before = writes_of_nodes(&metrics);
        self.limit(2 * limit + 1).await?;
        self.until_sum(2 * limit + 1).await?;
        self.at_rest(&metrics).await;
        println!(
            "limit + 1                         {} writes of nodes",
            writes_of_nodes(&metrics) - before
        );
        let before = writes_of_nodes(&metrics);
        self.nodes().create(&PostParams::default(), &node("bench-late")?).await?;
        self.until_sum(2 * limit + 1).await?;
        self.at_rest(&metrics).await;
        let bound = (2 * limit + 1).div_ceil(count as u64) + 1;
        println!(
            "node joins                        {} writes (bound {bound} with its own)",
            writes_of_nodes(&metrics) - before
        );
        let before = writes_of_nodes(&metrics);
        self.nodes().delete("bench-late", &DeleteParams::default()).await?;
        self.until_sum(2 * limit + 1).await?;
        self.at_rest(&metrics).await;
        println!(
            "node leaves                       {} writes (bound {bound})",
            writes_of_nodes(&metrics) - before
        );
        shutdown.trigger();
        running.await??;
        self.memory(&names).await
    }

    async fn memory(&self, names: &[String]) -> Result<()> {
        let pods: Vec<String> = (0..self.options.pods).map(|n| n.to_string()).collect();
        self.each(&pods, async |index| {
            let node = &names[index.parse::<usize>()? % names.len()];
            let pod: Pod = serde_json::from_value(json!({
                "metadata": {"name": format!("peer-{index}"), "labels": {"kubewright.io/peer-pod": "true"}},
                "spec": {"nodeName": node, "runtimeClassName": "kata-remote", "containers": [
                    {"name": "a", "image": "a", "resources": {"limits": {RESOURCE: "1"}}},
                ]},
            }))?;
            self.pods().create(&PostParams::default(), &pod).await?;
            Ok(())
        })
        .await?;
        let mut command = std::process::Command::new(std::env::current_exe()?);
        command.arg(CONTROL).stdin(Stdio::piped()).stderr(Stdio::null());
        // As the Deployment of `kubewright manifests` has it.
        command.env("MALLOC_ARENA_MAX", "1");
        let mut child = command.spawn().context("starting the controller")?;
        let mut input = child.stdin.take().context("the controller's input")?;
        std::io::Write::write_all(
            &mut input,
            format!("{}\n", serde_json::to_string(&self.kubeconfig)?).as_bytes(),
        )?;
        let control = Control(child);
        let held = self.options.pods as u64;
        let configs = self.configs();
        let told = await_condition(configs, "bench", move |config: Option<&PeerPodConfig>| {
            config.and_then(|c| c.status.as_ref()).is_some_and(|s| s.allocated == held)
        });
        tokio::time::timeout(PATIENCE, told).await.context("the pods were not counted")??;
        let rss = resident_mib(control.0.id()).context("the controller's memory")?;
        println!(
            "memory with {} nodes, {} pods  {rss:.1} MiB  (bound 60 MiB)",
            self.options.nodes, self.options.pods
        );
        Ok(())
    }

    fn nodes(&self) -> Api<Node> {
        Api::all(self.client.clone())
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), "default")
    }

    fn configs(&self) -> Api<PeerPodConfig> {
        Api::namespaced(self.client.clone(), "default")
    }

    async fn install(&self) -> Result<()> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        for crd in crds() {
            let name = crd.metadata.name.clone().unwrap_or_default();
            api.create(&PostParams::default(), &crd).await?;
            await_condition(api.clone(), &name, conditions::is_crd_established()).await?;
        }
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), "default");
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        accounts.patch("default", &PatchParams::apply("bench"), &Patch::Apply(account)).await?;
        Ok(())
    }

    async fn patch(&self, name: &str, seats: u64) -> Result<()> {
        let patch = json!({"status": {"capacity": {RESOURCE: seats.to_string()}}});
        self.nodes().patch_status(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    async fn limit(&self, limit: u64) -> Result<()> {
        let config = json!({
            "apiVersion": "confidentialcontainers.org/v1alpha1", "kind": "PeerPodConfig",
            "metadata": {"name": "bench"},
            "spec": {"limit": limit.to_string(), "adaptor": {"enabled": false}, "webhook": {"enabled": false}},
        });
        let parameters = PatchParams::apply("bench").force();
        self.configs().patch("bench", &parameters, &Patch::Apply(config)).await?;
        Ok(())
    }

    async fn each(&self, names: &[String], act: impl AsyncFn(&str) -> Result<()>) -> Result<()> {
        stream::iter(names)
            .map(Ok)
            .try_for_each_concurrent(self.options.concurrency, async |name| act(name).await)
            .await
    }

    /// Waits until all nodes advertise so much together, and all something.
    async fn until_sum(&self, wanted: u64) -> Result<()> {
        let watch = async {
            let mut seats: BTreeMap<String, u64> = BTreeMap::new();
            let mut events =
                watcher(self.nodes(), watcher::Config::default()).default_backoff().boxed();
            let mut listed = false;
            while let Some(event) = events.next().await {
                match event {
                    Ok(watcher::Event::InitApply(node) | watcher::Event::Apply(node)) => {
                        seats.insert(
                            node.metadata.name.clone().unwrap_or_default(),
                            seats_of(&node),
                        );
                    }
                    Ok(watcher::Event::Delete(node)) => {
                        seats.remove(&node.metadata.name.unwrap_or_default());
                    }
                    Ok(watcher::Event::Init) => seats.clear(),
                    Ok(watcher::Event::InitDone) => listed = true,
                    Err(_) => {}
                }
                if listed && seats.values().sum::<u64>() == wanted {
                    return Ok(());
                }
            }
            bail!("the watch ended")
        };
        tokio::time::timeout(PATIENCE, watch).await.context("the nodes do not add up")?
    }

    /// Waits until nothing has been looked at for a while.
    async fn at_rest(&self, metrics: &Metrics) {
        let mut last = reconciles(metrics);
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = reconciles(metrics);
            if now == last {
                return;
            }
            last = now;
        }
    }

    async fn until_reconciles(&self, metrics: &Metrics, count: f64) {
        while reconciles(metrics).1 < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn node(name: &str) -> Result<Node> {
    let amounts = json!({"cpu": "4", "memory": "16Gi", "pods": "110"});
    let conditions =
        json!([{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}]);
    Ok(serde_json::from_value(json!({
        "metadata": {"name": name},
        "status": {"capacity": amounts, "allocatable": amounts, "conditions": conditions},
    }))?)
}

fn seats_of(node: &Node) -> u64 {
    let capacity = node.status.as_ref().and_then(|status| status.capacity.as_ref());
    capacity.and_then(|all| all.get(RESOURCE)?.0.parse().ok()).unwrap_or(0)
}

/// Sum over the lines of a metric that contain a text.
fn sum(metrics: &Metrics, metric: &str, with: &str) -> f64 {
    let text = metrics.render();
    let lines = text.lines().filter(|line| line.starts_with(metric) && line.contains(with));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

fn writes(metrics: &Metrics) -> f64 {
    sum(metrics, "kubewright_writes_total", "")
}

fn writes_of_nodes(metrics: &Metrics) -> f64 {
    sum(metrics, "kubewright_writes_total", "resource=\"nodes/status\"")
}

fn writes_since(metrics: &Metrics, before: f64) -> f64 {
    writes(metrics) - before
}

/// Seconds and number.
fn reconciles(metrics: &Metrics) -> (f64, f64) {
    let metric = "kubewright_reconcile_duration_seconds";
    (sum(metrics, &format!("{metric}_sum"), ""), sum(metrics, &format!("{metric}_count"), ""))
}

fn reconciles_since(metrics: &Metrics, before: (f64, f64)) -> (f64, f64) {
    let now = reconciles(metrics);
    (now.0 - before.0, now.1 - before.1)
}
