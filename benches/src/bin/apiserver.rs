//! `cargo xtask bench apiserver`: start-up, memory, creates, lists and watches of the
//! embedded control plane, in memory and durable, and of another server where one is named.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams, WatchEvent, WatchParams};
use kube::config::Kubeconfig;
use kube::{Api, Client};
use kubewright_benches::numbers::{milliseconds, percentile, resident_mib};
use kubewright_benches::server::{self, Process};

/// Measures the embedded control plane, next to its durable self and any other server.
#[derive(Parser)]
struct Options {
    /// Objects to create for the throughput and list figures.
    #[arg(long, default_value_t = 10_000)]
    objects: usize,
    /// Requests under way at once.
    #[arg(long, default_value_t = 32)]
    concurrency: usize,
    /// Another server to load in the same way, beside ours.
    #[arg(long, env = "KUBEWRIGHT_BENCH_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
}

#[derive(Default)]
struct Figures {
    creates_per_second: f64,
    list: Duration,
    watch: Vec<Duration>,
}

#[tokio::main]
async fn main() -> Result<()> {
    kubewright_operator::client::install_crypto_provider();
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == server::SERVE) {
        return server::serve(arguments.next().map(PathBuf::from).as_deref()).await;
    }
    let options = Options::parse();
    let mut in_process: Vec<_> = Vec::new();
    for _ in 0..20 {
        let begin = Instant::now();
        let server = kubewright_apiserver::Server::builder().start().await?;
        server.serve(([127, 0, 0, 1], 0).into()).await?;
        in_process.push(begin.elapsed());
        server.stop().await;
    }
    println!("start in process, listening   p50 {}", milliseconds(percentile(&mut in_process, 50)));

    let memory = Process::start(None)?;
    println!("start as a process            {}", milliseconds(memory.started_in));
    println!("resident, empty               {:.1} MiB", resident_mib(memory.id()).unwrap_or(0.0));
    let ours = measure(&memory.client().await?, &options).await?;
    report("in memory", &ours, None);
    let resident = resident_mib(memory.id()).unwrap_or(0.0);
    println!("resident, {} objects       {resident:.1} MiB", options.objects);
    drop(memory);

    let dir = tempfile::tempdir().context("making a state directory")?;
    let durable = Process::start(Some(dir.path()))?;
    let figures = measure(&durable.client().await?, &options).await?;
    report("durable", &figures, Some(&ours));
    drop(durable);
    // The one before was killed, with all it had written.
    let again = Process::start(Some(dir.path()))?;
    println!("restart with {} objects    {}", options.objects, milliseconds(again.started_in));
    let resident = resident_mib(again.id()).unwrap_or(0.0);
    println!("resident after that           {resident:.1} MiB");
    drop(again);
    let file = std::fs::metadata(dir.path().join("objects.redb"))?;
    println!("file                          {:.1} MiB", file.len() as f64 / (1 << 20) as f64);

    if let Some(path) = &options.kubeconfig {
        let kubeconfig = Kubeconfig::read_from(path).context("reading the kubeconfig")?;
        let client = server::client(kubeconfig).await?;
        let figures = measure(&client, &options).await;
        clean(&client).await?;
        let figures = figures?;
        report("the other server", &figures, Some(&ours));
    }
    Ok(())
}

fn report(name: &str, figures: &Figures, ours: Option<&Figures>) {
    let mut watch = figures.watch.clone();
    let p50 = percentile(&mut watch, 50);
    let p99 = percentile(&mut watch, 99);
    println!("\n{name}");
    println!(
        "  creates/s          {:.0}{}",
        figures.creates_per_second,
        ratio(ours.map(|ours| ours.creates_per_second), figures.creates_per_second)
    );
    println!(
        "  list of all        {}{}",
        milliseconds(figures.list),
        ratio(
            Some(figures.list.as_secs_f64()).filter(|_| ours.is_some()),
            ours.map_or(0.0, |ours| ours.list.as_secs_f64())
        )
    );
    let ours_p50 = ours.map_or(0.0, |ours| percentile(&mut ours.watch.clone(), 50).as_secs_f64());
    println!(
        "  create to event    p50 {}, p99 {}{}",
        milliseconds(p50),
        milliseconds(p99),
        ratio(Some(p50.as_secs_f64()).filter(|_| ours.is_some()), ours_p50)
    );
}

fn ratio(numerator: Option<f64>, denominator: f64) -> String {
    match numerator {
        Some(value) if denominator > 0.0 => {
            format!("   (in memory is {:.2} times as fast)", value / denominator)
        }
        _ => String::new(),
    }
}

async fn measure(client: &Client, options: &Options) -> Result<Figures> {
    let namespace = namespace();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let object = Namespace {
        metadata: ObjectMeta { name: Some(namespace.clone()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    namespaces.create(&PostParams::default(), &object).await.context("making the namespace")?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    load(&maps, options).await
}

/// Leaves nothing behind on a server that goes on.
async fn clean(client: &Client) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.delete(&namespace(), &DeleteParams::default()).await?;
    Ok(())
}

fn namespace() -> String {
    format!("bench-{}", std::process::id())
}

async fn load(maps: &Api<ConfigMap>, options: &Options) -> Result<Figures> {
    let begin = Instant::now();
    stream::iter(0..options.objects)
        .map(|at| async move { create(maps, &format!("map-{at:06}")).await })
        .buffer_unordered(options.concurrency)
        .try_collect::<Vec<()>>()
        .await?;
    let creates_per_second = options.objects as f64 / begin.elapsed().as_secs_f64();

    let mut lists = Vec::new();
    let mut version = String::new();
    for _ in 0..5 {
        let begin = Instant::now();
        let list = maps.list(&ListParams::default()).await?;
        lists.push(begin.elapsed());
        version = list.metadata.resource_version.unwrap_or_default();
    }
    let mut events = maps.watch(&WatchParams::default(), &version).await?.boxed();
    let mut watch = Vec::new();
    for at in 0..500 {
        let begin = Instant::now();
        create(maps, &format!("watched-{at}")).await?;
        while let Some(event) = events.try_next().await? {
            if matches!(event, WatchEvent::Added(_)) {
                break;
            }
        }
        watch.push(begin.elapsed());
    }
    Ok(Figures { creates_per_second, list: percentile(&mut lists, 50), watch })
}

async fn create(maps: &Api<ConfigMap>, name: &str) -> Result<()> {
    let object = ConfigMap {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        data: Some([("key".to_owned(), "value".to_owned())].into()),
        ..ConfigMap::default()
    };
    maps.create(&PostParams::default(), &object).await?;
    Ok(())
}
