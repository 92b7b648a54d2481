//! `kubewright node init`: make this machine the seeder of a new cluster.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use kubewright_node::config::{NodeConfiguration, check::token_ttl};
use kubewright_node::discovery::Endpoint;
use kubewright_node::embedded::{self, Seed, Seeded};
use kubewright_node::join::address_towards;
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
            super::kubeadm::run(&configuration, args.dry_run, None, args.format.output).await
        }
    }
}

async fn seed(args: &Args, configuration: &NodeConfiguration) -> Outcome {
    let seed = wanted(configuration)?;
    if args.dry_run {
        embedded::check(&seed.state, embedded::INIT)?;
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
        "the journal of this machine could not be read and is now {}: every step is done again; look at the file, and at the disk",
        aside.display()
    )
}

/// What the configuration asks for.
fn wanted(configuration: &NodeConfiguration) -> Result<Seed, Failure> {
    let network = &configuration.network;
    let formation = &configuration.cluster_formation;
    let mut names = configuration.api_server.cert_sans.clone();
    if !network.dns.external_fqdn.is_empty() {
        names.push(network.dns.external_fqdn.clone());
    }
    let ttl = token_ttl(&formation.token_ttl);
    Ok(Seed {
        state: configuration.paths.state.clone(),
        address: SocketAddr::new(address(configuration)?, network.bind.port),
        names,
        node: Some(node_name(configuration)?),
        token: token(configuration)?,
        token_ttl: ttl.ok_or_else(|| anyhow!("clusterFormation.tokenTtl is no time"))?,
        auto_approve: formation.auto_approve,
    })
}

/// Where others reach this machine.
fn address(configuration: &NodeConfiguration) -> Result<IpAddr, Failure> {
    let bind = &configuration.network.bind;
    if !bind.address.is_empty() {
        return Ok(bind.address.parse()?);
    }
    // The address of the default route: towards one that is in no network (RFC 5737, 3849).
    let outside: [Endpoint; 2] = ["192.0.2.1".parse()?, "[2001:db8::1]:6443".parse()?];
    let found = outside.iter().find_map(address_towards);
    found.ok_or_else(|| {
        Failure::usage(anyhow!("this machine has no address that others could reach"))
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
    auto_approve: bool,
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
            auto_approve: seed.auto_approve,
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
