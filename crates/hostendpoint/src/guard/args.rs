//! The command line of the guard's verbs. Every flag can come from the
//! environment, which systemd fills from `/etc/kubewright/guard.env`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueHint};
use jiff::SignedDuration;

use super::cidr::Cidr;
use super::endpoints::LocalEndpoints;
use super::felix::READINESS_URL;
use super::readiness::{Dataplane, Families, Requirements, Timing};
use super::ruleset::Allowed;
use super::service::{CLUSTER_SERVICES, Service};

/// Where the guard keeps its record by default.
pub const STATE_DIR: &str = "/run/kubewright/guard";

/// The environment variables that stand for flags.
pub mod env {
    /// `--ssh-from`
    pub const SSH_FROM: &str = "KUBEWRIGHT_GUARD_SSH_FROM";
    /// `--ssh-port`
    pub const SSH_PORT: &str = "KUBEWRIGHT_GUARD_SSH_PORT";
    /// `--nodes-from`
    pub const NODES_FROM: &str = "KUBEWRIGHT_GUARD_NODES_FROM";
    /// `--service`
    pub const SERVICE: &str = "KUBEWRIGHT_GUARD_SERVICE";
    /// `--echo-rate`
    pub const ECHO_RATE: &str = "KUBEWRIGHT_GUARD_ECHO_RATE";
    /// `--state-dir`
    pub const STATE_DIR: &str = "KUBEWRIGHT_GUARD_STATE_DIR";
    /// `--nft`
    pub const NFT: &str = "KUBEWRIGHT_GUARD_NFT";
    /// `--interface`
    pub const INTERFACE: &str = "KUBEWRIGHT_GUARD_INTERFACE";
    /// `--interfaces-file`
    pub const INTERFACES_FILE: &str = "KUBEWRIGHT_GUARD_INTERFACES_FILE";
    /// `--felix-url`
    pub const FELIX_URL: &str = "KUBEWRIGHT_GUARD_FELIX_URL";
    /// `--families`
    pub const FAMILIES: &str = "KUBEWRIGHT_GUARD_FAMILIES";
    /// `--dataplane`
    pub const DATAPLANE: &str = "KUBEWRIGHT_GUARD_DATAPLANE";
    /// `--skip-absent-interfaces`
    pub const SKIP_ABSENT_INTERFACES: &str = "KUBEWRIGHT_GUARD_SKIP_ABSENT_INTERFACES";
    /// `--stable-for`
    pub const STABLE_FOR: &str = "KUBEWRIGHT_GUARD_STABLE_FOR";
    /// `--poll-interval`
    pub const POLL_INTERVAL: &str = "KUBEWRIGHT_GUARD_POLL_INTERVAL";
    /// `--fail-open-after`
    pub const FAIL_OPEN_AFTER: &str = "KUBEWRIGHT_GUARD_FAIL_OPEN_AFTER";
}

/// Items between commas or blanks. None is a list too: systemd hands a variable
/// that is set to nothing on as an empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T: FromStr> FromStr for List<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let items =
            text.split(|c: char| c == ',' || c.is_whitespace()).filter(|item| !item.is_empty());
        items.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

fn flat<T: Clone>(lists: &[List<T>]) -> Vec<T> {
    lists.iter().flat_map(|list| list.0.iter().cloned()).collect()
}

/// A text that is no length of time.
#[derive(Debug, thiserror::Error)]
#[error("\"{text}\" is no length of time; write 5s, 10m or 1h30m")]
pub struct DurationError {
    text: String,
}

fn duration(text: &str) -> Result<Duration, DurationError> {
    let wrong = || DurationError { text: text.to_owned() };
    let signed: SignedDuration = text.parse().map_err(|_| wrong())?;
    signed.try_into().map_err(|_| wrong())
}

/// Where the guard's pieces are.
#[derive(Args, Clone, Debug)]
pub struct PlaceArgs {
    /// Directory of the guard's record; must not outlive a reboot
    #[arg(long, value_name = "DIR", env = env::STATE_DIR, default_value = STATE_DIR, value_hint = ValueHint::DirPath)]
    pub state_dir: PathBuf,
    /// The nft program
    #[arg(long, value_name = "PROGRAM", env = env::NFT, default_value = "nft", value_hint = ValueHint::CommandName)]
    pub nft: PathBuf,
}

/// `guard lock`: close this node's interfaces until its policy is in force.
#[derive(Args, Clone, Debug)]
pub struct LockArgs {
    /// Ranges from which SSH stays possible; none: no SSH
    #[arg(long, value_name = "CIDR,...", env = env::SSH_FROM)]
    pub ssh_from: Vec<List<Cidr>>,
    /// TCP ports of SSH
    #[arg(long, value_name = "PORT,...", env = env::SSH_PORT, default_value = "22")]
    pub ssh_port: Vec<List<u16>>,
    /// Ranges of the cluster's nodes and API load balancers; none: nobody reaches the cluster's services here
    #[arg(long, value_name = "CIDR,...", env = env::NODES_FROM)]
    pub nodes_from: Vec<List<Cidr>>,
    /// What the nodes may reach: tcp/PORT[-PORT], udp/..., sctp/... or ip/PROTOCOL
    #[arg(long, value_name = "SERVICE,...", env = env::SERVICE, default_value = CLUSTER_SERVICES)]
    pub service: Vec<List<Service>>,
    /// ICMP echo requests answered per second; 0: none
    #[arg(long, value_name = "N", env = env::ECHO_RATE, default_value_t = 10)]
    pub echo_rate: u32,
    /// Print the ruleset and load nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Where the guard's pieces are.
    #[command(flatten)]
    pub place: PlaceArgs,
}

impl LockArgs {
    /// What stays reachable.
    pub fn allowed(&self) -> Allowed {
        Allowed {
            ssh_from: flat(&self.ssh_from),
            ssh_ports: flat(&self.ssh_port),
            nodes: flat(&self.nodes_from),
            services: flat(&self.service),
            echo_per_second: self.echo_rate,
        }
    }
}

/// What is asked for before the node is opened.
#[derive(Args, Clone, Debug)]
pub struct ReadinessArgs {
    /// Interfaces that must be protected, instead of asking the API server for this node's HostEndpoints ("*": the endpoint for all interfaces)
    #[arg(long, value_name = "NAME,...", env = env::INTERFACE)]
    pub interface: Vec<List<String>>,
    /// File with such interfaces, one per line; read at every poll
    #[arg(long, value_name = "FILE", env = env::INTERFACES_FILE, value_hint = ValueHint::FilePath)]
    pub interfaces_file: Option<PathBuf>,
    /// Where Felix answers whether it is ready
    #[arg(long, value_name = "URL", env = env::FELIX_URL, default_value = READINESS_URL, value_hint = ValueHint::Url)]
    pub felix_url: String,
    /// For which address families Felix's chains must stand
    #[arg(long, env = env::FAMILIES, value_enum, default_value_t)]
    pub families: Families,
    /// Where Felix enforces policy
    #[arg(long, env = env::DATAPLANE, value_enum, default_value_t)]
    pub dataplane: Dataplane,
    /// Do not wait for endpoints whose interface does not exist
    #[arg(long, env = env::SKIP_ABSENT_INTERFACES, value_parser = FalseyValueParser::new())]
    pub skip_absent_interfaces: bool,
}

impl ReadinessArgs {
    /// What is asked for.
    pub fn requirements(&self) -> Requirements {
        Requirements {
            families: self.families,
            dataplane: self.dataplane,
            skip_absent_interfaces: self.skip_absent_interfaces,
        }
    }

    /// The interfaces given here, if any: then the API server is not to be asked.
    pub fn local_endpoints(&self) -> Option<LocalEndpoints> {
        let interfaces: Vec<String> = flat(&self.interface);
        let file = self.interfaces_file.clone().filter(|file| !file.as_os_str().is_empty());
        (!interfaces.is_empty() || file.is_some()).then_some(LocalEndpoints { interfaces, file })
    }
}

/// `guard release`: wait until policy is in force, then open the node.
#[derive(Args, Clone, Debug)]
pub struct ReleaseArgs {
    /// How long everything must have been in place
    #[arg(long, value_name = "DURATION", env = env::STABLE_FOR, value_parser = duration, default_value = "5s")]
    pub stable_for: Duration,
    /// How often to look
    #[arg(long, value_name = "DURATION", env = env::POLL_INTERVAL, value_parser = duration, default_value = "1s")]
    pub poll_interval: Duration,
    /// Give up waiting after this long, leaving the node locked (exit code 1)
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Open the node this long after it was locked even if something is missing (exit code 1); without this it stays locked
    #[arg(long, value_name = "DURATION", env = env::FAIL_OPEN_AFTER, value_parser = duration)]
    pub fail_open_after: Option<Duration>,
    /// Open the node at once, whatever is missing
    #[arg(long, conflicts_with_all = ["timeout", "dry_run"])]
    pub now: bool,
    /// Look once, say what is missing, and open nothing
    #[arg(long)]
    pub dry_run: bool,
    /// What is asked for.
    #[command(flatten)]
    pub readiness: ReadinessArgs,
    /// Where the guard's pieces are.
    #[command(flatten)]
    pub place: PlaceArgs,
}

impl ReleaseArgs {
    /// When the node is opened.
    pub fn timing(&self) -> Timing {
        Timing { stable_for: self.stable_for, fail_open_after: self.fail_open_after }
    }
}

/// `guard status`: say whether the node is locked and what is still missing.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// What is asked for.
    #[command(flatten)]
    pub readiness: ReadinessArgs,
    /// Where the guard's pieces are.
    #[command(flatten)]
    pub place: PlaceArgs,
}

impl<T: fmt::Display> fmt::Display for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&items.join(","))
    }
}

#[cfg(test)]
mod tests;
