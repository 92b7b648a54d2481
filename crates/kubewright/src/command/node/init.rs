//! `kubewright node init`: make this machine the seeder of a new cluster.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use kubewright_node::config::{NodeConfiguration, check::token_ttl};
use kubewright_node::discovery::Endpoint;
use kubewright_node::embedded::{self, Seed, Seeded};
use kubewright_node::join::{NodeName, address_towards};
use kubewright_node::kubeadm::Purpose;
use kubewright_node::service::{self, Role};
use serde::Serialize;

use super::configuration::{ConfigurationArgs, EngineName, engine, node_name, tell_unused, token};
use super::control_plane::{Background, run_dir};
use crate::failure::{Failure, Outcome};
use crate::output::FormatArgs;

/// Make this machine the first node of a new cluster
///
/// Prints what others need to join, the token once. Killed at any point, it goes on from there
/// when it is run again; run again when it is done, it changes nothing.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) configuration: ConfigurationArgs,
    /// Address of this machine for others, and where the API server listens
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// Port of the API server
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Whether a token is enough to become a node; someone has to accept each, otherwise
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    auto_approve: Option<bool>,
    /// Say what would be seeded and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: &Args) -> Outcome {
    let mut more = Vec::new();
    let (address, port, approve) = (
        args.address.map(|it| it.to_string()),
        args.port.map(|it| it.to_string()),
        args.auto_approve.map(|it| it.to_string()),
    );
    more.extend(address.as_deref().map(|it| ("network.bind.address", it)));
    more.extend(port.as_deref().map(|it| ("network.bind.port", it)));
    more.extend(approve.as_deref().map(|it| ("clusterFormation.autoApprove", it)));
    let configuration = args.configuration.load(&more)?;
    if !configuration.is_seeder() {
        let seeder = &configuration.cluster_formation.seeder;
        let error = anyhow!("the configuration names {seeder} as the seeder");
        let advice = "`kubewright node join` joins its cluster; leave clusterFormation.seeder and $SEEDER empty on the seeder itself";
        return Err(Failure::usage(error).advise(advice));
    }
    match engine(&configuration) {
        EngineName::Embedded => {
            tell_unused(&configuration);
            seed(args, &configuration).await
        }
        EngineName::Kubeadm => {
            let (purpose, format) = (Purpose::Init, args.format.output);
            super::kubeadm::run(purpose, &configuration, args.dry_run, None, format).await
        }
    }
}

async fn seed(args: &Args, configuration: &NodeConfiguration) -> Outcome {
    // What the machine is comes before what is not said.
    embedded::check(&configuration.paths.state, embedded::INIT)?;
    let seed = wanted(configuration)?;
    if args.dry_run {
        let would = Would::of(&seed);
        args.format.output.print(&would, || would.text())?;
        return Ok(ExitCode::SUCCESS);
    }
    let program = std::env::current_exe().context("cannot find this program")?;
    let begin = Instant::now();
    let seeded = embedded::init(&seed, &Background { program }, None).await.map_err(|error| {
        Failure::new(error).context(format!("cannot seed a cluster at https://{}", seed.address))
    })?;
    if let Some(aside) = &seeded.set_aside {
        eprintln!("warning: {}", set_aside(aside));
    }
    let told = Told::of(&seed, &seeded, begin.elapsed());
    args.format.output.print(&told, || told.text())?;
    // Only now: who was killed before has not seen it.
    seeded.shown()?;
    Ok(ExitCode::SUCCESS)
}

/// What is said of a journal that could not be read.
pub(super) fn set_aside(aside: &Path) -> String {
    format!(
        "the journal of this machine could not be read and is now {}: what can be told without it is kept; look at the file, and at the disk",
        aside.display()
    )
}

/// What the configuration asks for. What it says nothing about is, on a machine that is a seeder,
/// as it is.
fn wanted(configuration: &NodeConfiguration) -> Result<Seed, Failure> {
    let Place { address, names, node } = place(configuration)?;
    let formation = &configuration.cluster_formation;
    let ttl = token_ttl(&formation.token_ttl);
    let decided = configuration.gives("clusterFormation.autoApprove");
    Ok(Seed {
        state: configuration.paths.state.clone(),
        address,
        names,
        node: Some(node),
        token: token(configuration)?,
        token_ttl: ttl.ok_or_else(|| anyhow!("clusterFormation.tokenTtl is no time"))?,
        auto_approve: decided.then_some(formation.auto_approve),
    })
}

/// Where a seeder is, and who.
struct Place {
    address: SocketAddr,
    names: Vec<String>,
    node: NodeName,
}

fn place(configuration: &NodeConfiguration) -> Result<Place, Failure> {
    let network = &configuration.network;
    let noted = match service::role(&configuration.paths.state) {
        Ok(Role::Seeder { address, names, node: Some(node) }) => {
            Some(Place { address, names, node })
        }
        _ => None,
    };
    let port = match &noted {
        Some(noted) if !configuration.gives("network.bind.port") => noted.address.port(),
        _ => network.bind.port,
    };
    let ip = match &noted {
        _ if !network.bind.address.is_empty() => network.bind.address.parse()?,
        Some(noted) => noted.address.ip(),
        None => found()?,
    };
    let mut names = configuration.api_server.cert_sans.clone();
    names.extend(network.dns.external_host().map(str::to_owned));
    let node = match &noted {
        Some(noted) if configuration.node.name.is_empty() => noted.node.clone(),
        _ => node_name(configuration)?,
    };
    let silent = names.is_empty();
    let names = noted.filter(|_| silent).map_or(names, |noted| noted.names);
    Ok(Place { address: SocketAddr::new(ip, port), names, node })
}

/// Where others reach this machine, as far as it can tell itself.
fn found() -> Result<IpAddr, Failure> {
    // The address of the default route: towards one that is in no network (RFC 5737, 3849).
    let outside: [Endpoint; 2] = ["192.0.2.1".parse()?, "[2001:db8::1]:6443".parse()?];
    let found = outside.iter().find_map(address_towards);
    found.ok_or_else(|| {
        // It may get one yet: the unit tries again.
        Failure::new(anyhow!("this machine has no address that others could reach"))
            .advise("give one with --address or network.bind.address")
    })
}

/// What a dry run tells.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Would {
    engine: &'static str,
    server: String,
    node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_approve: Option<bool>,
    state: PathBuf,
}

impl Would {
    fn of(seed: &Seed) -> Self {
        Self {
            engine: "embedded",
            server: format!("https://{}", seed.address),
            node: seed.node.as_ref().map_or_else(String::new, ToString::to_string),
            auto_approve: seed.auto_approve,
            state: seed.state.clone(),
        }
    }

    fn text(&self) -> String {
        let Self { engine, server, state, .. } = self;
        format!(
            "would seed a cluster at {server} with the {engine} engine, its state in {}\n",
            state.display()
        )
    }
}

/// What is told, the token among it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    server: String,
    ca_cert_hash: String,
    node: String,
    auto_approve: bool,
    kubeconfig: PathBuf,
    milliseconds: u128,
    /// Whether it had been seeded before.
    before: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Told {
    fn of(seed: &Seed, seeded: &Seeded, took: Duration) -> Self {
        Self {
            server: seeded.cluster.server.clone(),
            ca_cert_hash: seeded.pin.to_string(),
            node: seed.node.as_ref().map_or_else(String::new, ToString::to_string),
            auto_approve: seeded.auto_approve,
            kubeconfig: run_dir(&seed.state).kubeconfig(),
            milliseconds: took.as_millis(),
            before: seeded.before,
            token: seeded.token.as_ref().map(kubewright_node::token::Token::reveal),
        }
    }

    fn text(&self) -> String {
        let Self { server, ca_cert_hash, node, milliseconds, .. } = self;
        let what = match self.before {
            true => "is the seeder already, nothing changed",
            false => "seeded a cluster with the embedded engine, which runs no pods",
        };
        let endpoint = server.trim_start_matches("https://");
        let token = match &self.token {
            Some(token) => {
                format!(
                    "on the machine that is to join, with this token, shown once:\n  export TOKEN={token}\n"
                )
            }
            None => {
                "on the machine that is to join, with a token of `kubewright node token create`:\n"
                    .to_owned()
            }
        };
        let accept = match self.auto_approve {
            true => "",
            false => {
                "\nthen accept it here:\n  kubewright node pending\n  kubewright node accept NAME\n"
            }
        };
        format!(
            "{node} {what}; API server at {server}, in {milliseconds} ms\n\
             export KUBECONFIG={}\n\n{token}  \
             kubewright node join {endpoint} --ca-cert-hash {ca_cert_hash}\n{accept}",
            self.kubeconfig.display()
        )
    }
}
