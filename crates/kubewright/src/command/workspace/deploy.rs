//! `kubewright workspace deploy`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use kube::Client;
use kubewright_apiserver::Server;
use kubewright_operator::ClientArgs;
use kubewright_workspace::deploy::kind::{self, Cluster};
use kubewright_workspace::deploy::{self, Conclusion, Depth, Digests, Options};
use kubewright_workspace::image::Images;
use kubewright_workspace::manifest::Platform;
use kubewright_workspace::manifest_images::{By, render};
use kubewright_workspace::process::Stop;
use kubewright_workspace::workspace::Workspace;

use super::place::{self, LocalArgs, PlaceArgs};
use crate::cli::wait;
use crate::failure::{Failure, Outcome};
use crate::output::{Format, FormatArgs};

/// Try the manifests out in a cluster, and judge what becomes of them
///
/// Waits until every workload is ready and runs the very images that were made here; crash loops
/// and images that cannot be pulled end it at once. The last line is `TEST RESULT: passed` or
/// `TEST RESULT: failed`, with exit code 0 or 1.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Where
    #[arg(long, value_enum, value_name = "CLUSTER", default_value_t)]
    on: On,
    /// Seconds that workloads may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Name of the kind cluster
    #[arg(long, value_name = "NAME", default_value = kind::NAME)]
    kind_name: kubewright_workspace::name::ComponentName,
    /// Delete the kind cluster afterwards, however it ended
    #[arg(long)]
    delete: bool,
    /// Let the API server say whether it would take the objects, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    local: LocalArgs,
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum On {
    /// The cluster of the present context.
    #[default]
    Existing,
    /// A cluster that kind makes, without a network plugin, with the images loaded.
    Kind,
    /// A control plane in this process: it takes objects, and nothing runs them.
    Embedded,
}

pub(super) fn run(args: Args, place: &PlaceArgs) -> Outcome {
    let format = args.format.output;
    attempt(args, place).or_else(|failure| {
        // Whoever reads only the last line must learn of it, and so must a program.
        eprint!("{}", failure.report());
        if format != Format::Table {
            let reasons = [failure.to_string()];
            format
                .print(&serde_json::json!({ "passed": false, "reasons": reasons }), String::new)?;
        }
        eprintln!("TEST RESULT: failed");
        Ok(failure.exit_code())
    })
}

fn attempt(args: Args, place: &PlaceArgs) -> Outcome {
    if args.delete && args.on != On::Kind {
        let error = anyhow::anyhow!("--delete deletes a kind cluster: give --on kind");
        return Err(Failure::usage(error));
    }
    let workspace = place.open()?;
    // Before kind begins: a signal must not leave a cluster that is to be deleted.
    let stop = place::stop_on_signals()?;
    let cluster = Cluster::new(args.kind_name.as_str(), &workspace.state_folder("kind")?);
    let cluster = cluster.stopping(&stop);
    let (sources, keys) = args.local.look(&workspace)?;
    let images = Images::of(&workspace, &sources, &keys)?;
    let texts = texts(&workspace, &images)?;
    let depth = if args.on == On::Embedded { Depth::ObjectsOnly } else { Depth::Pods };
    let digests = match depth {
        Depth::ObjectsOnly => Digests::new(),
        Depth::Pods => deploy::digests(&images).map_err(|error| {
            Failure::new(error).advise("make the images first: kubewright workspace image")
        })?,
    };
    if args.on == On::Kind && args.dry_run && !cluster.kubeconfig().is_file() {
        let name = &args.kind_name;
        let error =
            anyhow::anyhow!("the kind cluster {name} is not there, and --dry-run makes none");
        return Err(Failure::new(error).advise("try the objects on another: --on embedded"));
    }
    let options =
        Options { depth, timeout: Duration::from_secs(args.timeout), dry_run: args.dry_run };
    let attempt = || {
        if args.on == On::Kind && !args.dry_run {
            cluster.create()?;
            load(&workspace, &images, &cluster)?;
        }
        wait(async {
            let target = Target::reach(&args, &cluster).await?;
            let conclusion = conclude(&target.client, &texts, &digests, &options, &stop).await;
            target.end().await;
            conclusion
        })
    };
    let conclusion = attempt();
    if args.delete
        && !args.dry_run
        && let Err(error) = cluster.delete()
    {
        // The verdict is of what was deployed.
        eprint!("{}", Failure::new(error).report());
    }
    let conclusion = conclusion?;
    print(args.format.output, &conclusion)?;
    Ok(if conclusion.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The rendered manifests that `[test] deploy` names.
fn texts(workspace: &Workspace, images: &Images<'_>) -> Result<Vec<String>, Failure> {
    let rendered = render(workspace, images, By::Tag)?;
    let wanted = &workspace.manifest.test.deploy;
    if wanted.is_empty() {
        return Ok(rendered.into_iter().map(|one| one.text).collect());
    }
    let find = |name: &str| rendered.iter().find(|one| one.name == name);
    wanted
        .iter()
        .map(|name| {
            let found = find(name.as_str()).map(|one| one.text.clone());
            let names = || rendered.iter().map(|one| &one.name[..]).collect::<Vec<_>>().join(", ");
            Ok(found.with_context(|| {
                format!("[test] deploy names {name}, which [manifests] sources do not have; they have {}", names())
            })?)
        })
        .collect()
}

/// Brings all images into the nodes of a kind cluster.
fn load(workspace: &Workspace, images: &Images<'_>, cluster: &Cluster) -> Result<(), Failure> {
    for (name, image) in images.all() {
        let index = images.index(name, image)?;
        let archive = workspace.state_folder("kind")?.join("image.tar");
        let written = std::fs::File::create(&archive)
            .with_context(|| format!("cannot write {}", archive.display()))?;
        let all = [(index.reference.clone(), index.descriptor.clone())];
        let loaded =
            kubewright_oci::archive::export(images.layout(), &all, &Platform::host(), written)
                .map_err(Failure::new)
                .and_then(|()| cluster.load(&archive).map_err(Failure::new));
        // It is as large as the image, and of no use any more.
        let _ = std::fs::remove_file(&archive);
        loaded?;
        eprintln!("{} is loaded", index.reference);
    }
    Ok(())
}

/// A cluster to deploy to.
struct Target {
    client: Client,
    server: Option<Server>,
}

impl Target {
    async fn reach(args: &Args, cluster: &Cluster) -> Result<Self, Failure> {
        let client = match args.on {
            On::Existing => args.client.clone().client().await?,
            On::Kind => of_kubeconfig(cluster.kubeconfig()).await?,
            On::Embedded => {
                let server = Server::builder().start().await?;
                let client = server.client();
                return Ok(Self { client, server: Some(server) });
            }
        };
        Ok(Self { client, server: None })
    }

    async fn end(self) {
        drop(self.client);
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}

async fn of_kubeconfig(file: PathBuf) -> Result<Client, Failure> {
    let kubeconfig = kube::config::Kubeconfig::read_from(&file)
        .with_context(|| format!("cannot use {}", file.display()))?;
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let config = config.with_context(|| format!("cannot use {}", file.display()))?;
    Ok(Client::try_from(config)?)
}

async fn conclude(
    client: &Client,
    texts: &[String],
    digests: &Digests,
    options: &Options,
    stop: &Stop,
) -> Result<Conclusion, Failure> {
    let say = |reason: &str| eprintln!("waiting: {reason}");
    Ok(deploy::deploy(client, texts, digests, options, stop, say).await?)
}

fn print(format: Format, conclusion: &Conclusion) -> anyhow::Result<()> {
    let result = if conclusion.passed { "passed" } else { "failed" };
    let table = || {
        let mut text = String::new();
        for object in &conclusion.applied {
            text += &format!("applied  {object}\n");
        }
        for reason in &conclusion.reasons {
            text += &format!("failed   {reason}\n");
        }
        if conclusion.depth == Depth::ObjectsOnly {
            text += "note: nothing runs pods here; the API server took the objects, and that is all that is known\n";
        }
        text + &format!("TEST RESULT: {result}\n")
    };
    format.print(conclusion, table)?;
    if format != Format::Table {
        eprintln!("TEST RESULT: {result}");
    }
    Ok(())
}
