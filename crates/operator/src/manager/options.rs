//! How a manager is set up, by code or on the command line.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::Backoff;
use crate::lease::{ElectionOptions, Timing, TimingError};
use crate::listen::Listen;

/// How a manager is set up.
#[derive(Clone, Debug)]
pub struct ManagerOptions {
    /// The Lease to compete for; `None` leads from the start, for what runs once by construction.
    pub election: Option<ElectionOptions>,
    /// Where to answer `/metrics`, `/healthz` and `/readyz`; port 0 takes a free one.
    pub health: Option<SocketAddr>,
    /// How long controllers may take to finish when they are told to stop.
    pub drain: Duration,
    /// Delays before a controller that failed is started again.
    pub backoff: Backoff,
}

impl Default for ManagerOptions {
    /// No election, no health server, 20 s to finish (a pod has 30 s by default).
    fn default() -> Self {
        Self {
            election: None,
            health: None,
            drain: Duration::from_secs(20),
            backoff: Backoff::default(),
        }
    }
}

/// Command-line options of commands that run controllers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Operation")]
pub struct ManagerArgs {
    /// Where to answer /metrics, /healthz and /readyz: without an address on all of them, IPv4 and
    /// IPv6; port 0 takes a free one
    #[arg(long, value_name = "[ADDRESS]:PORT", default_value = "127.0.0.1:8086")]
    pub health_address: Listen,
    /// Lead without asking: only where no other replica can run
    #[arg(long)]
    pub no_leader_election: bool,
    /// Namespace of the Lease [default: that of the pod or context]
    #[arg(long, value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Seconds without renewal after which another replica takes over
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub lease_duration: u32,
    /// Seconds that controllers have to finish when they are told to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub drain: u32,
}

impl ManagerArgs {
    /// The options for a program whose replicas share the Lease `name`.
    ///
    /// # Errors
    /// When the lease duration is zero.
    pub fn options(
        &self,
        client: &kube::Client,
        name: &str,
    ) -> Result<ManagerOptions, TimingError> {
        let election = if self.no_leader_election {
            None
        } else {
            let namespace = self.lease_namespace.as_deref();
            let namespace = namespace.unwrap_or(client.default_namespace());
            let mut options = ElectionOptions::new(namespace, name);
            // The proportions of the default of 15, 10 and 2 seconds.
            let lease = Duration::from_secs(self.lease_duration.into());
            options.timing = Timing::new(lease, lease * 2 / 3, lease * 2 / 15)?;
            Some(options)
        };
        Ok(ManagerOptions {
            election,
            health: Some(self.health_address.address()),
            drain: Duration::from_secs(self.drain.into()),
            ..ManagerOptions::default()
        })
    }
}
