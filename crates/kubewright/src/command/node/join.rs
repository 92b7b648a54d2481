//! `kubewright node join`: make this machine a node of a cluster.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::ValueHint;
use kubewright_node::config::NodeConfiguration;
use kubewright_node::discovery::{Endpoint, Pin, Search, Trusted};
use kubewright_node::embedded::{self, Given, Join, JoinError, Joined, Progress};
use kubewright_node::join::Waiting;
use kubewright_node::journal;
use kubewright_node::kubeadm::Purpose;
use kubewright_node::service::{self, Role};
use kubewright_node::token::Token;
use kubewright_operator::with_causes;
use serde::Serialize;

use super::configuration::{ConfigurationArgs, EngineName, engine, node_name, tell_unused, token};
use super::control_plane::arguments;
use super::init::set_aside;
use crate::failure::{Failure, Outcome};
use crate::output::FormatArgs;

/// Seconds that the embedded engine waits for the seeder, and to be accepted.
const WAIT: u32 = 300;

/// Make this machine a node of a cluster
///
/// The token comes from the variable TOKEN of the environment, from --token-file or from the
/// configuration, and never from an argument, which every user of the machine could read.
///
/// Killed at any point, it goes on from there when it is run again; run again when it is done, it
/// changes nothing.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// API server of the cluster, host[:port] [default: $SEEDER, or that of the configuration]
    #[arg(value_name = "SEEDER")]
    seeder: Option<Endpoint>,
    #[command(flatten)]
    pub(super) configuration: ConfigurationArgs,
    /// Pin of the cluster's certificate authority, as `node init` prints it
    #[arg(long, value_name = "sha256:HASH", alias = "discovery-token-ca-cert-hash")]
    ca_cert_hash: Option<Pin>,
    /// File with the token
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    token_file: Option<PathBuf>,
    /// Seconds to wait for the seeder to come up, and to wait to be accepted [default: 300, and
    /// 3600 with kubeadm where clusterFormation.autoApprove is off]
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u32>,
    /// Address of this node [default: network.bind.address, or that from which it reaches the API server]
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// Seconds that its certificate is to be good; it is renewed in time [default: as the cluster
    /// grants, which is all that the kubelet of kubeadm knows]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(600..))]
    expiration_seconds: Option<u32>,
    /// Say what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: &Args) -> Outcome {
    let mut more = Vec::new();
    let (seeder, pin) = (
        args.seeder.as_ref().map(ToString::to_string),
        args.ca_cert_hash.as_ref().map(ToString::to_string),
    );
    let token_file = args.token_file.as_ref().map(|it| it.display().to_string());
    let address = args.address.map(|it| it.to_string());
    more.extend(seeder.as_deref().map(|it| ("clusterFormation.seeder", it)));
    more.extend(pin.as_deref().map(|it| ("certificates.caCrtHash", it)));
    more.extend(token_file.as_deref().map(|it| ("clusterFormation.tokenFile", it)));
    more.extend(address.as_deref().map(|it| ("network.bind.address", it)));
    let configuration = args.configuration.load(&more)?;
    match engine(&configuration) {
        EngineName::Embedded => {
            tell_unused(&configuration);
            join(args, &configuration).await
        }
        EngineName::Kubeadm => {
            if args.expiration_seconds.is_some() {
                let error = anyhow!("--expiration-seconds has no effect with kubeadm");
                return Err(Failure::usage(error).advise(
                    "its kubelet asks for its certificate itself: leave it out, or use --engine embedded",
                ));
            }
            let joining = args.wait.map(|it| Duration::from_secs(it.into()));
            let (purpose, format) = (Purpose::Join, args.format.output);
            super::kubeadm::run(purpose, &configuration, args.dry_run, joining, format).await
        }
    }
}

pub(super) fn nowhere() -> Failure {
    Failure::usage(anyhow!("nothing says which cluster to join"))
        .advise("name its API server, as in `kubewright node join 10.0.0.1:6443`")
}

async fn join(args: &Args, configuration: &NodeConfiguration) -> Outcome {
    // What the machine is comes before what is not said.
    embedded::check(&configuration.paths.state, embedded::JOIN)?;
    let join = wanted(args, configuration)?;
    if args.dry_run {
        let would = Would::of(&join);
        args.format.output.print(&would, || would.text())?;
        return Ok(ExitCode::SUCCESS);
    }
    let begin = Instant::now();
    let mut voice = Voice { node: join.node.to_string(), said: String::new() };
    let mut stopped = Ok(false);
    let mut hear = |progress: &Progress<'_>| {
        if matches!(progress, Progress::Again(_)) {
            // It has the credentials of before.
            stopped = service::stop(&join.state);
        }
        voice.hear(progress);
    };
    let joined = embedded::join(&join, None, &mut hear).await;
    stopped?;
    let joined = joined.map_err(|error| match error {
        JoinError::NoToken => tokenless(),
        error => {
            let what = format!("{} did not join {}", join.node, join.search.seeder);
            Failure::new(error).context(what)
        }
    })?;
    let role = Role::Node {
        registration: joined.registration.clone(),
        expiration_seconds: join.expiration.map(|it| it.as_secs()),
    };
    let program = std::env::current_exe().context("cannot find this program")?;
    service::assign(&join.state, &role)?;
    service::start(&join.state, &program, &arguments(&join.state))?;
    let told = Told::of(&join, &joined, begin.elapsed());
    args.format.output.print(&told, || told.text())?;
    Ok(ExitCode::SUCCESS)
}

fn tokenless() -> Failure {
    Failure::usage(anyhow!("there is no token to join with")).advise(
        "export TOKEN=…, or name a file with --token-file; `kubewright node token create` on the seeder makes one",
    )
}

/// What is asked for. A machine that has joined, after a reboot say, is asked for nothing that it
/// has on record.
fn wanted(args: &Args, configuration: &NodeConfiguration) -> Result<Join, Failure> {
    let state = &configuration.paths.state;
    let kept = embedded::kept(state);
    let (token, trusted) = (token(configuration)?, trust(configuration)?);
    let seeder = configuration.cluster_formation.seeder.as_str();
    let given =
        Given { seeder: !seeder.is_empty(), authority: trusted.is_some(), token: token.is_some() };
    // Where it has joined; or, where nobody names another, what it had found when it was killed.
    let found = || embedded::sought(state).filter(|_| !given.seeder);
    let cluster = kept.as_ref().map(|kept| kept.cluster.clone()).or_else(found);
    let seeder = match (&cluster, given.seeder) {
        (_, true) => seeder.parse()?,
        (Some(cluster), false) => cluster.endpoint()?,
        (None, false) if journal::is_finished(state, embedded::JOIN) => {
            let path = kubewright_node::join::Place::at(state).kubeconfig();
            return Err(JoinError::Damaged { path }.into());
        }
        (None, false) => return Err(nowhere()),
    };
    let token = match (token, &kept) {
        (Some(token), _) => token,
        // Nobody is shown this one.
        (None, Some(_)) => Token::generate()?,
        (None, None) => return Err(tokenless()),
    };
    let pins = || Pin::of_pem(&cluster.as_ref()?.authority).map(Trusted::Pins);
    let trust = trusted.or_else(pins).ok_or_else(|| {
        Failure::usage(anyhow!("nothing says who the cluster's certificate authority is")).advise(
            "give --ca-cert-hash sha256:…, as `kubewright node init` prints it, or certificates.caCrt",
        )
    })?;
    let expiration = args.expiration_seconds.map(|it| Duration::from_secs(it.into()));
    let (name, same) = match &kept {
        Some(kept) if configuration.node.name.is_empty() => (kept.node.clone(), kept.expiration),
        Some(kept) => (node_name(configuration)?, kept.expiration),
        None => (node_name(configuration)?, None),
    };
    let patience = Duration::from_secs(args.wait.unwrap_or(WAIT).into());
    Ok(Join {
        state: configuration.paths.state.clone(),
        search: Search { seeder, token, trust, patience },
        node: name,
        address: bound(&configuration.network.bind.address)?,
        labels: std::collections::BTreeMap::new(),
        expiration: expiration.or(same),
        given,
    })
}

/// The address that a configuration gives this machine.
fn bound(address: &str) -> anyhow::Result<Option<IpAddr>> {
    Ok((!address.is_empty()).then(|| address.parse()).transpose()?)
}

/// Who the cluster's authority has to be, where that is said.
fn trust(configuration: &NodeConfiguration) -> Result<Option<Trusted>, Failure> {
    let certificates = &configuration.certificates;
    if !certificates.ca_crt_hash.is_empty() {
        return Ok(Some(Trusted::Pins(vec![certificates.ca_crt_hash.parse()?])));
    }
    if !certificates.ca_crt.is_empty() {
        let given = &certificates.ca_crt;
        let pem = match given.contains("-----BEGIN") {
            true => given.clone(),
            false => std::fs::read_to_string(given)
                .with_context(|| format!("cannot read the certificate authority {given}"))?,
        };
        return match Pin::of_pem(&pem) {
            Some(pins) => Ok(Some(Trusted::Pins(pins))),
            None => Err(Failure::usage(anyhow!("certificates.caCrt is no certificate"))),
        };
    }
    Ok(certificates.unsafe_skip_verification.then_some(Trusted::AnyWithToken))
}

/// Tells what goes on, each thing once.
struct Voice {
    node: String,
    said: String,
}

impl Voice {
    fn hear(&mut self, progress: &Progress<'_>) {
        let node = &self.node;
        let line = match progress {
            Progress::SetAside(aside) => format!("warning: {}", set_aside(aside)),
            Progress::Searching(error) => {
                format!("waiting for the cluster: {}", with_causes(*error))
            }
            Progress::Found(cluster) => format!("found {}, which is to be trusted", cluster.server),
            Progress::Asked(fingerprint) => {
                format!("asked for a certificate; fingerprint of the key: {fingerprint}")
            }
            Progress::Waiting(Waiting::ForAcceptance) => {
                format!("waiting to be accepted: on the seeder, `kubewright node accept {node}`")
            }
            Progress::Waiting(Waiting::ForSignature) => {
                "accepted, waiting for the certificate".to_owned()
            }
            Progress::Waiting(Waiting::ForServer(error)) => {
                format!("the API server does not answer, trying on: {}", with_causes(*error))
            }
            Progress::Unsure(error) => format!(
                "{node} joined before; whether its cluster still knows it cannot be told: {}",
                with_causes(*error)
            ),
            Progress::Again(why) => format!("{why}; joining again"),
        };
        if line != self.said {
            eprintln!("{line}");
            self.said = line;
        }
    }
}

/// What a dry run tells.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Would {
    engine: &'static str,
    seeder: String,
    node: String,
    state: PathBuf,
}

impl Would {
    fn of(join: &Join) -> Self {
        Self {
            engine: "embedded",
            seeder: join.search.seeder.to_string(),
            node: join.node.to_string(),
            state: join.state.clone(),
        }
    }

    fn text(&self) -> String {
        let Self { engine, seeder, node, state } = self;
        format!(
            "would join {seeder} as {node} with the {engine} engine, its state in {}\n",
            state.display()
        )
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    node: String,
    server: String,
    kubeconfig: PathBuf,
    certificate_expires: jiff::Timestamp,
    milliseconds: u128,
    /// Whether it had joined before.
    before: bool,
}

impl Told {
    fn of(join: &Join, joined: &Joined, took: Duration) -> Self {
        Self {
            node: join.node.to_string(),
            server: joined.cluster.server.clone(),
            kubeconfig: kubewright_node::join::Place::at(&join.state).kubeconfig(),
            certificate_expires: joined.certificate.expires(),
            milliseconds: took.as_millis(),
            before: joined.before,
        }
    }

    fn text(&self) -> String {
        let Self { node, server, milliseconds, .. } = self;
        match self.before {
            true => format!(
                "{node} is a node of {server} already, nothing changed, in {milliseconds} ms\n"
            ),
            false => format!(
                "{node} joined {server} in {milliseconds} ms; the embedded engine runs no pods on it\n"
            ),
        }
    }
}
