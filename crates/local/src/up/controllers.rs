//! The cluster-wide controllers in this process, as `kubewright controllers` runs them.

use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use kubewright_hostendpoint::controller::HostEndpoints;
use kubewright_hostendpoint::observed::Limits;
use kubewright_hostendpoint::options::Options;
use kubewright_operator::lease::ElectionOptions;
use kubewright_operator::manager::ManagerError;
use kubewright_operator::{Manager, ManagerOptions, Metrics, Shutdown};
use tokio::task::JoinHandle;

use super::course::{Finding, Wrong};
use super::watched::Watched;

const NAMESPACE: &str = "kube-system";
const LEASE: &str = "kubewright";

/// A node that is gone is gone soon, so that nobody waits for it here; 30 s in a real cluster.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// After a `kubewright up` that was killed its lease has to expire first.
const LEADS_WITHIN: Duration = Duration::from_secs(45);

/// The running controllers.
pub(super) struct Controllers {
    pub(super) metrics: Metrics,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), ManagerError>>,
}

impl Drop for Controllers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the controllers and waits until they lead.
pub(super) async fn start(client: &Client) -> Finding<Controllers> {
    let election = ElectionOptions::new(NAMESPACE, LEASE);
    let identity = election.identity.to_string();
    let options = ManagerOptions { election: Some(election), ..ManagerOptions::default() };
    let grace = SignedDuration::try_from(GRACE).unwrap_or(SignedDuration::ZERO);
    let mut settings = Options::default();
    settings.limits = Limits { grace, ..Limits::default() };
    let controller = HostEndpoints { options: settings };
    let manager = Manager::bind(client.clone(), options).await?.controller(controller);
    let metrics = manager.metrics().clone();
    let shutdown = Shutdown::new();
    let task = tokio::spawn(manager.run(shutdown.clone()));
    let controllers = Controllers { metrics, shutdown, task };
    let mut leases = Watched::<Lease>::start(Api::namespaced(client.clone(), NAMESPACE));
    leases
        .until(LEADS_WITHIN, |leases| match leases.get(LEASE).and_then(|lease| holder(lease)) {
            Some(holder) if holder == identity => Ok(()),
            Some(holder) => Err(format!("lease {NAMESPACE}/{LEASE} is held by {holder}")),
            None => Err(format!("nobody holds lease {NAMESPACE}/{LEASE}")),
        })
        .await?;
    Ok((controllers, format!("lease {NAMESPACE}/{LEASE} held by {identity}")))
}

fn holder(lease: &Lease) -> Option<String> {
    let holder = lease.spec.as_ref()?.holder_identity.clone()?;
    (!holder.is_empty()).then_some(holder)
}

impl Controllers {
    /// Stops them, and sees that the lease is free for the next at once.
    pub(super) async fn stop(mut self, client: &Client) -> Result<(), Wrong> {
        self.shutdown.trigger();
        match (&mut self.task).await {
            Ok(ended) => ended?,
            Err(panic) => return Err(Wrong::failed(format!("the controllers ended with {panic}"))),
        }
        let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
        let lease =
            leases.get(LEASE).await.map_err(Wrong::during(format!("reading lease {LEASE}")))?;
        match holder(&lease) {
            None => Ok(()),
            Some(holder) => Err(Wrong::failed(format!("lease {LEASE} is still held by {holder}"))),
        }
    }

    /// How often the controllers have written a resource so far.
    pub(super) fn writes(&self, resource: &str) -> u64 {
        writes(&self.metrics.render(), resource)
    }
}

/// Sum of `kubewright_writes_total` over the lines of a resource.
fn writes(metrics: &str, resource: &str) -> u64 {
    let label = format!("resource=\"{resource}\"");
    let lines = metrics.lines().filter(|line| line.starts_with("kubewright_writes_total{"));
    let counts = lines.filter(|line| line.contains(&label));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_summed_over_verbs_and_results() {
        let metrics = "# HELP kubewright_writes Requests\n\
            kubewright_writes_total{controller=\"a\",verb=\"patch\",resource=\"nodes\"} 2\n\
            kubewright_writes_total{controller=\"a\",verb=\"delete\",resource=\"nodes\"} 3\n\
            kubewright_writes_total{controller=\"a\",verb=\"patch\",resource=\"leases\"} 7\n";
        assert_eq!(writes(metrics, "nodes"), 5);
        assert_eq!(writes(metrics, "pods"), 0);
    }
}
