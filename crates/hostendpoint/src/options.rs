//! How the controller is set up, by code or on the command line.

use std::time::Duration;

use clap::{Args, builder::FalseyValueParser};
use jiff::SignedDuration;

use crate::{
    api::{AdoptPolicy, CalicoGroup},
    defaults::Defaults,
    observed::Limits,
};

/// Names of the environment variables that are read; the last two are those
/// of the script that this controller replaces.
pub mod environment {
    /// Main interface of the default templates.
    pub const INTERFACE: &str = "KUBEWRIGHT_HOSTENDPOINT_INTERFACE";
    /// `1`: say what would be done and write nothing.
    pub const DRY_RUN: &str = "DRY_RUN";
    /// Rounds until the script listed everything again.
    pub const RESYNC_ITERS: &str = "RESYNC_ITERS";
}

/// How the controller is set up.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Group of Calico's resources; found by discovery unless given.
    pub group: Option<CalicoGroup>,
    /// Limits of what may be removed.
    pub limits: Limits,
    /// Writes under way at the same time, and with HTTP/1.1 connections.
    pub concurrency: usize,
    /// Port that nodes reach the API server at, for the lockout preflight.
    pub api_port: u16,
    /// Say what would be done and write nothing at all.
    pub dry_run: bool,
    /// When nodes get the condition `HostProtected`.
    pub node_condition: NodeCondition,
    /// Whether a node counts as protected only if its boot guard says so.
    pub require_guard: bool,
    /// Shortest time between two writes of a template's status.
    pub status_interval: Duration,
}

/// When nodes get the condition `HostProtected`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum NodeCondition {
    /// On nodes that have the startup taint, a boot guard or the condition.
    #[default]
    Auto,
    /// On every node that gets endpoints.
    Always,
    /// Never; taints stay too.
    Never,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            group: None,
            limits: Limits::default(),
            concurrency: 64,
            api_port: 6443,
            dry_run: false,
            node_condition: NodeCondition::default(),
            require_guard: false,
            status_interval: Duration::from_millis(250),
        }
    }
}

/// Command-line options of `hostendpoint run` and `hostendpoint plan`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HostEndpoints")]
pub struct HostEndpointArgs {
    /// Group of Calico's resources: crd.projectcalico.org/v1 or projectcalico.org/v3 [default: by discovery]
    #[arg(long, value_name = "GROUP/VERSION")]
    pub calico_group: Option<CalicoGroup>,
    /// Seconds that a node has to be gone before its endpoints are removed
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub grace_period: u32,
    /// Share of nodes losing protection at once that stops deletions
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub mass_delete_percent: u8,
    /// Number of nodes losing protection at once that never stops deletions
    #[arg(long, value_name = "NODES", default_value_t = 3)]
    pub mass_delete_nodes: usize,
    /// Delete however many nodes lose protection
    #[arg(long)]
    pub confirm_mass_delete: bool,
    /// Endpoints that are written at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// Port that nodes reach the API server at, for the lockout preflight
    #[arg(long, value_name = "PORT", default_value_t = 6443)]
    pub api_port: u16,
    /// Say what would be done and write nothing
    #[arg(long, env = environment::DRY_RUN, value_parser = FalseyValueParser::new(), default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    pub dry_run: bool,
    /// When nodes get the condition HostProtected
    #[arg(long, value_enum, default_value_t)]
    pub node_condition: NodeCondition,
    /// Count a node as protected only if its boot guard says so
    #[arg(long)]
    pub require_guard: bool,
    /// Accepted for compatibility: changes are watched, so nothing is left for a resync
    #[arg(long, env = environment::RESYNC_ITERS, hide = true)]
    pub resync_iters: Option<String>,
}

impl HostEndpointArgs {
    /// The options.
    pub fn options(&self) -> Options {
        if let Some(iterations) = &self.resync_iters {
            tracing::info!(
                iterations,
                "RESYNC_ITERS has no effect: changes are watched, and every failure is retried at once"
            );
        }
        Options {
            group: self.calico_group,
            limits: Limits {
                grace: SignedDuration::from_secs(self.grace_period.into()),
                mass_percent: self.mass_delete_percent,
                mass_nodes: self.mass_delete_nodes,
                mass_confirmed: self.confirm_mass_delete,
            },
            concurrency: usize::from(self.concurrency),
            api_port: self.api_port,
            dry_run: self.dry_run,
            node_condition: self.node_condition,
            require_guard: self.require_guard,
            ..Options::default()
        }
    }
}

/// Command-line options of commands that write the default templates.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Default templates")]
pub struct DefaultsArgs {
    /// Main interface of the nodes
    #[arg(long, value_name = "NAME", env = environment::INTERFACE, default_value = "bond0")]
    pub interface: String,
    /// Tunnel interface of the nodes
    #[arg(long, value_name = "NAME", default_value = "tunl0")]
    pub tunnel_interface: String,
    /// Interfaces of VPN nodes
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_values = ["vti1", "vti2"])]
    pub vpn_interfaces: Vec<String>,
    /// Take over endpoints that the script made
    #[arg(long)]
    pub adopt: bool,
}

impl DefaultsArgs {
    /// The defaults.
    pub fn defaults(&self) -> Defaults {
        Defaults {
            interface: self.interface.clone(),
            tunnel: self.tunnel_interface.clone(),
            vpn: self.vpn_interfaces.clone(),
            adopt: if self.adopt { AdoptPolicy::Matching } else { AdoptPolicy::Never },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        run: HostEndpointArgs,
        #[command(flatten)]
        defaults: DefaultsArgs,
    }

    #[test]
    fn arguments_default_to_the_options_defaults() {
        let cli = Cli::try_parse_from(["test"]).unwrap();
        assert_eq!(cli.run.options(), Options::default());
        assert_eq!(cli.defaults.defaults(), Defaults::default());
    }

    #[test]
    fn dry_run_is_a_flag_and_takes_the_scripts_values() {
        for (args, wanted) in [
            (vec!["test", "--dry-run"], true),
            (vec!["test", "--dry-run=1"], true),
            (vec!["test", "--dry-run=0", "--resync-iters=100"], false),
            // Set and empty, as in a manifest that leaves it out.
            (vec!["test", "--dry-run="], false),
        ] {
            assert_eq!(Cli::try_parse_from(args).unwrap().run.options().dry_run, wanted);
        }
    }

    #[test]
    fn a_group_that_does_not_exist_is_refused() {
        assert!(Cli::try_parse_from(["test", "--calico-group", "calico.org/v1"]).is_err());
        let cli = Cli::try_parse_from(["test", "--calico-group", "projectcalico.org/v3"]).unwrap();
        assert_eq!(cli.run.options().group, Some(CalicoGroup::ProjectV3));
    }
}
