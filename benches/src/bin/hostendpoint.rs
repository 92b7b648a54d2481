//! `cargo xtask bench hostendpoint`: the controller next to the loop that it replaces and
//! next to a bare loop of concurrent creates, on the same server.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
    WatchEvent, WatchParams,
};
use kube::config::Kubeconfig;
use kube::runtime::{conditions, wait::await_condition};
use kube::{Api, Client, CustomResourceExt};
use kubewright_benches::numbers::{cpu_time, milliseconds, percentile, resident_mib};
use kubewright_benches::server::{self, Process};
use kubewright_hostendpoint::api::{
    CalicoGroup, HostEndpointTemplate, MANAGED_BY, MANAGED_BY_LABEL, TEMPLATE_LABEL,
};
use kubewright_hostendpoint::controller::Controller;
use kubewright_hostendpoint::defaults::{Defaults, NODE_LABEL};
use kubewright_hostendpoint::options::Options as ControllerOptions;
use kubewright_operator::shutdown::Shutdown;
use serde_json::{Value, json};

/// Measures the HostEndpoint controller.
#[derive(Parser)]
struct Options {
    /// Nodes of the large run, with four endpoints each.
    #[arg(long, default_value_t = 5_000)]
    nodes: usize,
    /// Requests under way at once in the bare loop.
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    /// How often the cold start and the bare loop are measured, by turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// A cluster to measure on instead of the embedded control plane. Nodes, endpoints and
    /// templates named `bench-…` are made in it and removed again.
    #[arg(long, env = "KUBEWRIGHT_BENCH_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
}

/// First argument of this program when it is to be the controller.
const CONTROL: &str = "control-for-benchmark";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

struct Bench {
    client: Client,
    /// Process id of the embedded control plane.
    server: Option<u32>,
    kubeconfig: Kubeconfig,
    concurrency: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    kubewright_operator::client::install_crypto_provider();
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == server::SERVE => {
            return server::serve(arguments.next().map(PathBuf::from).as_deref()).await;
        }
        Some(first) if first == CONTROL => return control().await,
        _ => {}
    }
    let options = Options::parse();
    let (server, kubeconfig) = match &options.kubeconfig {
        Some(path) => (None, Kubeconfig::read_from(path)?),
        None => {
            let server = Process::start(None)?;
            let kubeconfig = server.kubeconfig.clone();
            (Some(server), kubeconfig)
        }
    };
    let client = server::client(kubeconfig.clone()).await?;
    let server_id = server.as_ref().map(Process::id);
    let concurrency = options.concurrency;
    let bench = Bench { client, server: server_id, kubeconfig, concurrency };
    bench.install().await?;
    let result = bench.run(&options).await;
    if server.is_none() {
        bench.clean_up().await?;
    }
    result
}

/// The controller in a process of its own; the kubeconfig comes as a line of input.
async fn control() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let client = server::client(serde_json::from_str(&line)?).await?;
    let shutdown = Shutdown::on_signals()?;
    Controller::new(client, ControllerOptions::default()).run(shutdown).await;
    Ok(())
}

/// A running controller; ended on drop.
struct Control(std::process::Child);

impl Control {
    fn start(kubeconfig: &Kubeconfig) -> Result<Self> {
        use std::io::Write;
        let mut command = std::process::Command::new(std::env::current_exe()?);
        command.arg(CONTROL).stdin(Stdio::piped()).stderr(Stdio::null());
        // As the Deployment of `kubewright manifests` has it.
        command.env("MALLOC_ARENA_MAX", "1");
        let mut child = command.spawn().context("starting the controller")?;
        let mut input = child.stdin.take().context("the controller's input")?;
        writeln!(input, "{}", serde_json::to_string(kubeconfig)?)?;
        Ok(Self(child))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a bare loop does.
#[derive(Clone, Copy)]
enum Bare {
    Create,
    Apply,
}

/// What writing some endpoints cost.
struct Cost {
    /// Endpoints per second.
    rate: f64,
    /// Processor time per endpoint, of the server and of whoever wrote.
    server: Duration,
    writer: Duration,
}

impl Cost {
    fn describe(costs: &[Self]) -> String {
        let rate = median(costs.iter().map(|cost| cost.rate).collect());
        let micros = |time: fn(&Self) -> Duration| {
            median(costs.iter().map(|cost| time(cost).as_secs_f64() * 1e6).collect())
        };
        let (server, writer) = (micros(|cost| cost.server), micros(|cost| cost.writer));
        format!("{rate:.0} endpoints/s, processor {server:.0} µs in the server + {writer:.0} µs")
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Measures time and processor time.
struct Meter {
    begin: Instant,
    server: Option<u32>,
    server_before: Duration,
    own_before: Duration,
}

impl Meter {
    fn start(server: Option<u32>) -> Self {
        let server_before = server.and_then(cpu_time).unwrap_or_default();
        let own_before = cpu_time(std::process::id()).unwrap_or_default();
        Self { begin: Instant::now(), server, server_before, own_before }
    }

    /// What it cost; the writer is this process unless it is another.
    fn stop(self, endpoints: usize, writer: Option<u32>) -> Cost {
        let took = self.begin.elapsed();
        let server = self.server.and_then(cpu_time).unwrap_or_default();
        let writer = match writer {
            Some(id) => cpu_time(id).unwrap_or_default(),
            None => cpu_time(std::process::id()).unwrap_or_default() - self.own_before,
        };
        let each = u32::try_from(endpoints).unwrap_or(u32::MAX).max(1);
        Cost {
            rate: endpoints as f64 / took.as_secs_f64(),
            server: server.saturating_sub(self.server_before) / each,
            writer: writer / each,
        }
    }
}

fn endpoint_resource() -> ApiResource {
    CalicoGroup::CrdV1.resource("HostEndpoint", "hostendpoints")
}

fn node(name: &str, vpn: bool) -> Node {
    let mut labels = vec![(NODE_LABEL.to_owned(), String::new())];
    if vpn {
        labels.push(("nodetype".to_owned(), "vpn".to_owned()));
    }
    let mut node = Node::default();
    node.metadata.name = Some(name.to_owned());
    node.metadata.labels = Some(labels.into_iter().collect());
    node
}

fn endpoint(node: &str, interface: &str) -> Value {
    json!({
        "apiVersion": "crd.projectcalico.org/v1", "kind": "HostEndpoint",
        "metadata": { "name": format!("{node}-{interface}"),
            "labels": { "host-endpoint": "ingress", "nodetype": "worker" } },
        "spec": { "node": node, "interfaceName": interface },
    })
}

/// As the controller writes it.
fn managed(node: &str, interface: &str) -> Value {
    let mut endpoint = endpoint(node, interface);
    endpoint["metadata"]["labels"][MANAGED_BY_LABEL] = json!(MANAGED_BY);
    endpoint["metadata"]["labels"][TEMPLATE_LABEL] = json!("bench-worker-ingress");
    endpoint
}

impl Bench {
    fn nodes(&self) -> Api<Node> {
        Api::all(self.client.clone())
    }

    fn endpoints(&self) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &endpoint_resource())
    }

    async fn install(&self) -> Result<()> {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let calico = include_str!("../../../crates/local/calico/hostendpoints.yaml");
        let calico: CustomResourceDefinition = serde_saphyr::from_str(calico)?;
        for definition in [calico, HostEndpointTemplate::crd()] {
            let name = definition.metadata.name.clone().unwrap_or_default();
            match definitions.create(&PostParams::default(), &definition).await {
                Err(kube::Error::Api(status)) if status.is_already_exists() => {}
                other => drop(other?),
            }
            let established = conditions::is_crd_established();
            await_condition(definitions.clone(), &name, established).await?;
        }
        let templates: Api<HostEndpointTemplate> = Api::all(self.client.clone());
        for mut template in Defaults::default().templates() {
            let name = template.metadata.name.unwrap_or_default();
            template.metadata.name = Some(format!("bench-{name}"));
            templates.create(&PostParams::default(), &template).await?;
        }
        Ok(())
    }

    async fn clean_up(&self) -> Result<()> {
        let templates: Api<HostEndpointTemplate> = Api::all(self.client.clone());
        for template in templates.list(&ListParams::default()).await? {
            let name = template.metadata.name.unwrap_or_default();
            if name.starts_with("bench-") {
                templates.delete(&name, &DeleteParams::default()).await?;
            }
        }
        self.remove_all().await
    }

    /// Removes every node and endpoint of the benchmark.
    async fn remove_all(&self) -> Result<()> {
        let (nodes, endpoints) = (self.nodes(), self.endpoints());
        let all = ListParams::default();
        let names = |list: Vec<Option<String>>| {
            list.into_iter().flatten().filter(|name| name.starts_with("bench-"))
        };
        let listed = nodes.list_metadata(&all).await?.items;
        let listed: Vec<_> = names(listed.into_iter().map(|n| n.metadata.name).collect()).collect();
        self.each(listed, async |name| {
            nodes.delete(&name, &DeleteParams::default()).await?;
            Ok(())
        })
        .await?;
        let listed = endpoints.list_metadata(&all).await?.items;
        let listed: Vec<_> = names(listed.into_iter().map(|n| n.metadata.name).collect()).collect();
        self.each(listed, async |name| {
            endpoints.delete(&name, &DeleteParams::default()).await?;
            Ok(())
        })
        .await
    }

    /// Does something with every name, so many at once.
    async fn each(
        &self,
        names: Vec<String>,
        act: impl AsyncFn(String) -> Result<()>,
    ) -> Result<()> {
        stream::iter(names)
            .map(|name| act(name))
            .buffer_unordered(self.concurrency)
            .try_collect()
            .await
    }

    async fn make_nodes(&self, prefix: &str, count: usize, vpn: bool) -> Result<()> {
        let nodes = self.nodes();
        let names = (0..count).map(|at| format!("{prefix}-{at:05}")).collect();
        self.each(names, async |name| {
            nodes.create(&PostParams::default(), &node(&name, vpn)).await?;
            Ok(())
        })
        .await
    }

    /// Number of endpoints, without fetching them.
    async fn count(&self) -> Result<usize> {
        let list = self.endpoints().list_metadata(&ListParams::default().limit(1)).await?;
        let rest = list.metadata.remaining_item_count.unwrap_or(0);
        Ok(list.items.len() + usize::try_from(rest).unwrap_or(0))
    }

    async fn wait_for(&self, wanted: usize) -> Result<()> {
        let begin = Instant::now();
        loop {
            let count = self.count().await?;
            if count >= wanted {
                return Ok(());
            }
            if begin.elapsed() > PATIENCE {
                bail!("only {count} of {wanted} endpoints after {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn version(&self) -> Result<u64> {
        let list = self.endpoints().list_metadata(&ListParams::default().limit(1)).await?;
        Ok(list.metadata.resource_version.unwrap_or_default().parse()?)
    }

    async fn run(&self, options: &Options) -> Result<()> {
        self.small().await?;
        self.large(options.nodes, options.rounds).await
    }

    /// 100 nodes with two endpoints, next to the loop of kubectl calls.
    async fn small(&self) -> Result<()> {
        println!("100 nodes with 2 endpoints");
        let looped = self.kubectl_loop().await;
        self.remove_all().await?;
        self.make_nodes("bench-small", 100, false).await?;
        let begin = Instant::now();
        let control = Control::start(&self.kubeconfig)?;
        self.wait_for(200).await?;
        let took = begin.elapsed();
        drop(control);
        let rate = 200.0 / took.as_secs_f64();
        println!("  controller, from its start   {} ({rate:.0} endpoints/s)", milliseconds(took));
        match looped {
            Ok(loop_rate) => {
                println!("  loop of kubectl, ten nodes   {loop_rate:.2} endpoints/s");
                println!("  controller / loop            {:.0} times", rate / loop_rate);
            }
            Err(error) => println!("  loop of kubectl: skipped: {error:#}"),
        }
        self.remove_all().await
    }

    /// Endpoints per second of the script's way: per node, one after the other.
    async fn kubectl_loop(&self) -> Result<f64> {
        const NODES: usize = 10;
        self.make_nodes("bench-loop", NODES, false).await?;
        let dir = tempfile::tempdir()?;
        let config = dir.path().join("kubeconfig");
        std::fs::write(&config, serde_json::to_string(&self.kubeconfig)?)?;
        let begin = Instant::now();
        for at in 0..NODES {
            let name = format!("bench-loop-{at:05}");
            let list = json!({ "apiVersion": "v1", "kind": "List",
                "items": [endpoint(&name, "bond0"), endpoint(&name, "tunl0")] });
            kubectl(&config, &["apply", "-f", "-"], &list.to_string()).await?;
            kubectl(&config, &["get", "node", &name], "").await?;
        }
        Ok(2.0 * NODES as f64 / begin.elapsed().as_secs_f64())
    }

    /// Many nodes with four endpoints: cold start, rest, heartbeats, latency.
    async fn large(&self, nodes: usize, rounds: usize) -> Result<()> {
        println!("\n{nodes} nodes with 4 endpoints");
        let control = self.cold(nodes, rounds).await?;
        settle(&control).await;
        let before = self.version().await?;
        self.heartbeats(nodes).await?;
        settle(&control).await;
        let others = self.version().await? - before - nodes as u64;
        println!("  writes under {nodes} heartbeats  {others}");
        self.latency().await?;
        settle(&control).await;
        drop(control);

        let before = self.version().await?;
        let control = Control::start(&self.kubeconfig)?;
        settle(&control).await;
        let cpu = cpu_time(control.0.id()).unwrap_or_default();
        let writes = self.version().await? - before;
        println!("  no-op resync after a restart {} of CPU, {writes} writes", milliseconds(cpu));
        let resident = resident_mib(control.0.id()).unwrap_or(0.0);
        println!("  resident after that          {resident:.1} MiB");
        drop(control);
        self.remove_all().await
    }

    /// The cold start next to bare loops, by turns: what else the machine does hits both.
    /// Returns the controller of the last round, still running.
    async fn cold(&self, nodes: usize, rounds: usize) -> Result<Control> {
        let (mut creates, mut applies, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        let wanted = nodes * 4;
        loop {
            creates.push(self.bare_loop(nodes, Bare::Create).await?);
            self.remove_all().await?;
            applies.push(self.bare_loop(nodes, Bare::Apply).await?);
            self.remove_all().await?;
            self.make_nodes("bench", nodes, true).await?;
            let meter = Meter::start(self.server);
            let control = Control::start(&self.kubeconfig)?;
            self.wait_for(wanted).await?;
            ours.push(meter.stop(wanted, Some(control.0.id())));
            if ours.len() < rounds.max(1) {
                drop(control);
                self.remove_all().await?;
                continue;
            }
            for (name, costs) in [
                ("bare loop of creates", &creates),
                ("bare loop of applies", &applies),
                ("controller, cold    ", &ours),
            ] {
                println!("  {name}         {}", Cost::describe(costs));
            }
            let ratio = |bare: &[Cost]| {
                let each = ours.iter().zip(bare).map(|(ours, bare)| ours.rate / bare.rate);
                100.0 * median(each.collect())
            };
            println!("  controller / creates         {:.0} %", ratio(&creates));
            println!("  controller / applies         {:.0} %", ratio(&applies));
            let resident = resident_mib(control.0.id()).unwrap_or(0.0);
            println!("  controller, resident         {resident:.1} MiB");
            return Ok(control);
        }
    }

    /// Writes the very endpoints that the controller is going to write, so many at once.
    async fn bare_loop(&self, nodes: usize, how: Bare) -> Result<Cost> {
        let endpoints = self.endpoints();
        let names: Vec<String> = (0..nodes).map(|at| format!("bench-{at:05}")).collect();
        let meter = Meter::start(self.server);
        let all = names.iter().flat_map(|name| {
            ["bond0", "tunl0", "vti1", "vti2"].map(|interface| managed(name, interface))
        });
        stream::iter(all)
            .map(|object| {
                let endpoints = &endpoints;
                async move {
                    let object: DynamicObject = serde_json::from_value(object)?;
                    match how {
                        Bare::Create => endpoints.create(&PostParams::default(), &object).await?,
                        Bare::Apply => {
                            let name = object.metadata.name.as_deref().unwrap_or_default();
                            let parameters = PatchParams::apply("bench").force();
                            endpoints.patch(name, &parameters, &Patch::Apply(&object)).await?
                        }
                    };
                    anyhow::Ok(())
                }
            })
            .buffer_unordered(self.concurrency)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(meter.stop(4 * nodes, None))
    }

    async fn heartbeats(&self, count: usize) -> Result<()> {
        let nodes = self.nodes();
        let names = (0..count).map(|at| format!("bench-{at:05}")).collect();
        let beat = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True",
            "lastHeartbeatTime": "2026-01-01T00:00:00Z",
            "lastTransitionTime": "2026-01-01T00:00:00Z" }] } });
        self.each(names, async |name| {
            let patch = Patch::Strategic(&beat);
            nodes.patch_status(&name, &PatchParams::default(), &patch).await?;
            Ok(())
        })
        .await
    }

    /// From a node's creation to its last endpoint, next to what the API itself takes for
    /// one endpoint.
    async fn latency(&self) -> Result<()> {
        const ROUNDS: usize = 200;
        let (nodes, endpoints) = (self.nodes(), self.endpoints());
        let version = self.version().await?.to_string();
        let mut events = endpoints.watch(&WatchParams::default(), &version).await?.boxed();
        let (mut ours, mut api) = (Vec::new(), Vec::new());
        for at in 0..ROUNDS {
            let begin = Instant::now();
            let object = serde_json::from_value(endpoint(&format!("bench-api-{at}"), "eth0"))?;
            endpoints.create(&PostParams::default(), &object).await?;
            added(&mut events).await?;
            api.push(begin.elapsed());
            let begin = Instant::now();
            let node = node(&format!("bench-late-{at}"), false);
            nodes.create(&PostParams::default(), &node).await?;
            added(&mut events).await?;
            added(&mut events).await?;
            ours.push(begin.elapsed());
        }
        let mut beyond: Vec<_> = ours.iter().zip(&api).map(|(a, b)| a.saturating_sub(*b)).collect();
        for (name, times) in [
            ("create to event, API alone  ", &mut api),
            ("node to second endpoint     ", &mut ours),
            ("beyond the API's own time   ", &mut beyond),
        ] {
            let (p50, p99) = (percentile(times, 50), percentile(times, 99));
            println!("  {name} p50 {}, p99 {}", milliseconds(p50), milliseconds(p99));
        }
        Ok(())
    }
}

async fn added(
    events: &mut (impl futures::Stream<Item = kube::Result<WatchEvent<DynamicObject>>> + Unpin),
) -> Result<()> {
    while let Some(event) = events.try_next().await? {
        if matches!(event, WatchEvent::Added(_)) {
            return Ok(());
        }
    }
    bail!("the watch ended")
}

/// Waits until the controller has used no processor time for a second.
async fn settle(control: &Control) {
    let mut last = Duration::MAX;
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        let now = cpu_time(control.0.id()).unwrap_or_default();
        if now == last {
            return;
        }
        last = now;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn kubectl(config: &std::path::Path, arguments: &[&str], input: &str) -> Result<()> {
    use tokio::io::AsyncWriteExt;
    let mut child = tokio::process::Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(config)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting kubectl (Debian's kubernetes-client has it)")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        bail!("kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
