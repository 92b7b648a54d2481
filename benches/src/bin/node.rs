//! `cargo xtask bench node`: seeding, joins one by one and side by side, doing it again, and from
//! accepting to the certificate, each next to its bound; joins next to bare TLS handshakes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::{Api, Client};
use kubewright_apiserver::Server;
use kubewright_benches::numbers::{milliseconds, percentile};
use kubewright_node::acceptance;
use kubewright_node::discovery::{Cluster, Pin, Search, Trusted};
use kubewright_node::embedded::{self, ControlPlane, Given, Join, Joined, Running, Seed};
use kubewright_node::join::NodeName;
use kubewright_node::journal::{Progress, Step};
use kubewright_node::token::Token;

/// Measures seeding and joining with the embedded engine.
#[derive(Parser)]
struct Options {
    /// Joins one after the other.
    #[arg(long, default_value_t = 50)]
    single: usize,
    /// How many join side by side, in rounds.
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000")]
    rounds: Vec<usize>,
    /// How many of a round are under way at once.
    #[arg(long, default_value_t = 100)]
    concurrency: usize,
    /// Nodes that people accept.
    #[arg(long, default_value_t = 20)]
    accepted: usize,
}

const PATIENCE: Duration = Duration::from_secs(300);

/// A control plane in this process, durable, over TLS on loopback.
#[derive(Default)]
struct Here(Mutex<Option<Arc<Server>>>);

impl ControlPlane for Here {
    async fn ensure(
        &self,
        seed: &Seed,
    ) -> Result<Running, Box<dyn std::error::Error + Send + Sync>> {
        let present = self.0.lock().ok().and_then(|server| server.clone());
        let server = match present {
            Some(server) => server,
            None => {
                let builder = Server::builder().state_dir(seed.state.join("control-plane"));
                let server = Arc::new(builder.approve_kubelet_clients(true).start().await?);
                server.serve(seed.address).await?;
                if let Ok(mut present) = self.0.lock() {
                    *present = Some(server.clone());
                }
                server
            }
        };
        let cluster = Cluster {
            server: format!("https://{}", seed.address),
            authority: server.pki().certificate_pem().to_owned(),
        };
        Ok(Running { client: server.client(), cluster })
    }
}

struct Bench {
    client: Client,
    cluster: Cluster,
    token: Token,
    pin: Pin,
}

#[tokio::main]
async fn main() -> Result<()> {
    kubewright_operator::client::install_crypto_provider();
    let options = Options::parse();
    let folder = tempfile::tempdir()?;
    println!(
        "embedded engine, objects on disk, {} processors",
        std::thread::available_parallelism()?
    );

    let here = Here::default();
    let seed = seed(&folder.path().join("seeder"), true)?;
    let begin = Instant::now();
    let seeded = embedded::init(&seed, &here, None).await?;
    report("init to ready", begin.elapsed(), 300);
    let begin = Instant::now();
    let again = embedded::init(&seed, &here, None).await?;
    report("init again, nothing to do", begin.elapsed(), 100);
    if !again.before {
        bail!("the second init did something");
    }
    let client = here.0.lock().ok().and_then(|it| it.clone()).context("no server")?.client();
    let token = seeded.token.clone().context("no token")?;
    let bench = Bench { client, cluster: seeded.cluster.clone(), token, pin: seeded.pin.clone() };

    bench.single(folder.path(), options.single).await?;
    for round in &options.rounds {
        bench.round(folder.path(), *round, options.concurrency).await?;
    }
    accepted(folder.path(), options.accepted).await
}

fn report(what: &str, took: Duration, bound: u64) {
    let ratio = took.as_secs_f64() * 1000.0 / bound as f64;
    println!("{what:<34} {:>12}  {ratio:.2}x of the bound of {bound} ms", milliseconds(took));
}

fn seed(state: &Path, auto_approve: bool) -> Result<Seed> {
    let free = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address: SocketAddr = free.local_addr()?;
    Ok(Seed {
        state: state.to_owned(),
        address,
        names: Vec::new(),
        node: Some("seeder".parse()?),
        token: None,
        token_ttl: Duration::from_secs(24 * 3600),
        auto_approve: Some(auto_approve),
    })
}

impl Bench {
    fn machine(&self, folder: &Path, node: &str) -> Result<Join> {
        Ok(Join {
            state: folder.join(node),
            search: Search {
                seeder: self.cluster.endpoint()?,
                token: self.token.clone(),
                trust: Trusted::Pins(vec![self.pin.clone()]),
                patience: PATIENCE,
            },
            node: node.parse()?,
            address: None,
            labels: Default::default(),
            expiration: None,
            given: Given::ALL,
        })
    }

    async fn single(&self, folder: &Path, count: usize) -> Result<()> {
        let mut times = Vec::new();
        let mut bare = Vec::new();
        let mut parts: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
        for index in 0..count {
            let machine = self.machine(folder, &format!("single-{index}"))?;
            let (sender, mut done) = tokio::sync::mpsc::unbounded_channel();
            let observer = Box::new(move |step: &Step| {
                if step.progress == Progress::Done {
                    let _ = sender.send((step.name.clone(), Instant::now()));
                }
            });
            let begin = Instant::now();
            embedded::join(&machine, Some(observer), &mut |_| {}).await?;
            times.push(begin.elapsed());
            let mut last = begin;
            while let Some((step, at)) = done.recv().await {
                parts.entry(step).or_default().push(at.duration_since(last));
                last = at;
            }
            let begin = Instant::now();
            self.request().await?;
            bare.push(begin.elapsed());
        }
        let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
        report("one join, p50", p50, 20);
        let request = percentile(&mut bare, 50);
        println!(
            "one join, p99                      {:>12}  p50 is {:.1}x of one request over a new connection ({})",
            milliseconds(p99),
            p50.as_secs_f64() / request.as_secs_f64(),
            milliseconds(request)
        );
        let parts = parts.iter_mut().map(|(step, times)| (step, percentile(times, 50)));
        let parts = parts.map(|(step, p50)| format!("{step} {}", milliseconds(p50)));
        println!("  of it, p50 of the steps: {}", parts.collect::<Vec<_>>().join(", "));
        let machine = self.machine(folder, "single-0")?;
        let begin = Instant::now();
        if !join(&machine).await?.before {
            bail!("the second join did something");
        }
        report("join again, nothing to do", begin.elapsed(), 100);
        Ok(())
    }

    /// One request with the token, over a connection of its own.
    async fn request(&self) -> Result<()> {
        let nobody = kubewright_node::join::with_nothing(&self.cluster)?;
        let client = kubewright_node::join::with_token(&nobody, &self.token);
        client.apiserver_version().await?;
        Ok(())
    }

    async fn round(&self, folder: &Path, count: usize, concurrency: usize) -> Result<()> {
        let machines: Result<Vec<Join>> =
            (0..count).map(|it| self.machine(folder, &format!("round-{count}-{it}"))).collect();
        let begin = Instant::now();
        stream::iter(machines?)
            .map(|machine| tokio::spawn(async move { join(&machine).await }))
            .buffer_unordered(concurrency)
            .map(|joined| joined?.map_err(anyhow::Error::from))
            .try_for_each(async |_| Ok(()))
            .await?;
        let took = begin.elapsed();
        let nodes: Api<Node> = Api::all(self.client.clone());
        let prefix = format!("round-{count}-");
        let all = nodes.list(&ListParams::default()).await?;
        let ready = all.items.iter().filter(|node| {
            let name = node.metadata.name.as_deref().unwrap_or_default();
            name.starts_with(&prefix) && acceptance::is_ready(node)
        });
        let ready = ready.count();
        if ready != count {
            bail!("{ready} of {count} nodes are ready");
        }
        let each = took / u32::try_from(count).unwrap_or(1);
        let what = format!("{count} joins, {} at once", concurrency.min(count));
        match count {
            100 => report(&what, took, 500),
            _ => println!(
                "{what:<34} {:>12}  {} each, none lost",
                milliseconds(took),
                milliseconds(each)
            ),
        }
        Ok(())
    }
}

async fn join(machine: &Join) -> Result<Joined, embedded::JoinError> {
    embedded::join(machine, None, &mut |_| {}).await
}

/// From accepting a node that waits until it has its certificate, which the next steps follow.
async fn accepted(folder: &Path, count: usize) -> Result<()> {
    let here = Here::default();
    let seed = seed(&folder.join("careful"), false)?;
    let seeded = embedded::init(&seed, &here, None).await?;
    let client = here.0.lock().ok().and_then(|it| it.clone()).context("no server")?.client();
    let token = seeded.token.clone().context("no token")?;
    let bench = Bench { client, cluster: seeded.cluster.clone(), token, pin: seeded.pin };
    let mut times = Vec::new();
    for index in 0..count {
        let name = format!("careful-{index}");
        let machine = bench.machine(folder, &name)?;
        let node: NodeName = name.parse()?;
        let (sender, mut issued) = tokio::sync::mpsc::unbounded_channel();
        let observer = Box::new(move |step: &Step| {
            // The certificate is on disk, too.
            let _ = sender.send((step.name.clone(), step.progress, Instant::now()));
        });
        let joining =
            tokio::spawn(
                async move { embedded::join(&machine, Some(observer), &mut |_| {}).await },
            );
        while acceptance::pending(&bench.client).await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let begin = Instant::now();
        acceptance::accept(&bench.client, &node, None).await?;
        while let Some((step, progress, at)) = issued.recv().await {
            if step == "certificate" && progress == Progress::Done {
                times.push(at.duration_since(begin));
                break;
            }
        }
        joining.await??;
    }
    report("accept to certificate, p50", percentile(&mut times, 50), 20);
    println!("accept to certificate, p99         {:>12}", milliseconds(percentile(&mut times, 99)));
    Ok(())
}
