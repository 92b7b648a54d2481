//! Runs controllers as one process of a highly available operator.
//!
//! ```text
//!            ┌ Election ── leads ──▶ Supervisor of each controller ── fails ──▶ backoff ─┐
//!  Manager ──┤ (one for each Lease)   ▲                                                  │
//!            │                        └──────────────────────────────────────────────────┘
//!            └ HealthServer
//! ```
//!
//! Controllers of one Lease lead together. Those that also run in a process of their own have one
//! each: whichever process asks first has that controller, and another may have the next.

mod backoff;
mod options;
mod supervisor;

pub use backoff::Backoff;
pub use options::{ManagerArgs, ManagerOptions};

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::controller::Controller;
use crate::health::{Check, HealthError, HealthServer, Readiness};
use crate::lease::{Election, ElectionOptions, Leadership, Tenure};
use crate::metrics::Metrics;
use crate::shutdown::{DrainTimeout, Shutdown};
use supervisor::Supervised;

/// Longest that a scraper which holds its connection open keeps the process alive.
const FAREWELL: Duration = Duration::from_secs(2);

/// A manager could not be started, or did not end in order.
#[derive(Debug, Error)]
pub enum ManagerError {
    /// The health server.
    #[error(transparent)]
    Health(#[from] HealthError),
    /// Controllers were still at work when their time was up.
    #[error("controllers did not stop in time")]
    Drain(#[from] DrainTimeout),
}

/// Controllers, and what they share.
pub struct Manager {
    client: kube::Client,
    options: ManagerOptions,
    groups: Vec<Group>,
    metrics: Metrics,
    readiness: Readiness,
    health: Option<HealthServer>,
}

/// Controllers that lead together; without an election, always.
struct Group {
    election: Option<ElectionOptions>,
    controllers: Vec<Arc<dyn Supervised>>,
}

impl Manager {
    /// A manager without controllers, listening for health requests but not answering yet.
    ///
    /// # Errors
    /// When the health address cannot be listened on.
    pub async fn bind(client: kube::Client, options: ManagerOptions) -> Result<Self, ManagerError> {
        let health = match options.health {
            Some(address) => Some(HealthServer::bind(address).await?),
            None => None,
        };
        if let Some(server) = &health {
            info!(address = %server.address(), "serving /metrics, /healthz and /readyz");
        }
        let (metrics, readiness) = (Metrics::new(), Readiness::new());
        Ok(Self { client, options, groups: Vec::new(), metrics, readiness, health })
    }

    /// Adds a controller, which runs while this process leads by [`ManagerOptions::election`].
    #[must_use]
    pub fn controller(self, controller: impl Controller) -> Self {
        let election = self.options.election.clone();
        self.add(election, Arc::new(controller))
    }

    /// Adds a controller with a Lease of its own, next to the one of the others and by the same
    /// timing. Without an election of the manager it runs without one too.
    #[must_use]
    pub fn controller_by_lease(self, lease: &str, controller: impl Controller) -> Self {
        let election = self.options.election.clone();
        let election =
            election.map(|options| ElectionOptions { name: lease.to_owned(), ..options });
        self.add(election, Arc::new(controller))
    }

    fn add(mut self, election: Option<ElectionOptions>, controller: Arc<dyn Supervised>) -> Self {
        let lease = |options: &Option<ElectionOptions>| {
            options.as_ref().map(|options| (options.namespace.clone(), options.name.clone()))
        };
        let wanted = lease(&election);
        match self.groups.iter_mut().find(|group| lease(&group.election) == wanted) {
            Some(group) => group.controllers.push(controller),
            None => self.groups.push(Group { election, controllers: vec![controller] }),
        }
        self
    }

    /// Where health requests are answered, with the port that was chosen.
    pub fn health_address(&self) -> Option<SocketAddr> {
        self.health.as_ref().map(HealthServer::address)
    }

    /// The metrics of this process, to add some or to render them.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The readiness of this process, to add checks or to report it.
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Runs the controllers while this process leads, until `shutdown`: then stops them, lets them
    /// finish for [`ManagerOptions::drain`], and hands the Lease over.
    ///
    /// # Errors
    /// When controllers did not finish in time, or the health server failed meanwhile.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<(), ManagerError> {
        let finished = Shutdown::new();
        let health = self.health.take().map(|server| {
            let (metrics, readiness) = (self.metrics.clone(), self.readiness.clone());
            let finished = finished.clone();
            tokio::spawn(async move {
                let served = server.serve(metrics, readiness, finished).await;
                served.inspect_err(|error| error!(%error, "health server ended"))
            })
        });
        let stopping = shutdown.clone();
        let going = self.readiness.check("shutdown");
        going.ready_with("not asked to stop");
        let watch = tokio::spawn(async move {
            stopping.triggered().await;
            going.not_ready("shutting down");
        });

        let terms = self.groups.iter().map(|group| self.lead(group, &shutdown));
        // Until it is told to stop, also without a controller.
        let (ended, ()) = futures::join!(futures::future::join_all(terms), shutdown.triggered());
        let result = ended.into_iter().collect::<Result<Vec<()>, _>>();

        finished.trigger();
        watch.abort();
        if let Some(mut health) = health {
            match tokio::time::timeout(FAREWELL, &mut health).await {
                Ok(Ok(served)) => served?,
                Ok(Err(error)) => error!(%error, "health server panicked"),
                Err(_elapsed) => health.abort(),
            }
        }
        result.map(drop)
    }

    /// Runs a group whenever this process leads by its Lease.
    async fn lead(&self, group: &Group, shutdown: &Shutdown) -> Result<(), ManagerError> {
        let Some(options) = group.election.clone() else {
            let tenure = Leadership::always().acquired().await;
            return self.serve_term(group, &tenure, shutdown).await;
        };
        let name = format!("{}/{}", options.namespace, options.name);
        let check = self.readiness.check(&match self.groups.len() {
            1 => "leadership".to_owned(),
            _ => format!("leadership of {name}"),
        });
        let client = self.metrics.controller("leader-election").count(self.client.clone());
        let (election, mut leadership) = Election::new(client, options);
        let resign = Shutdown::new();
        let election = tokio::spawn(election.run(resign.clone()));
        let result = loop {
            // A standby is ready: else a rolling update would wait for it to lead.
            check.ready_with(format!("standing by for lease {name}"));
            self.metrics.leads(&name, false);
            let tenure = tokio::select! {
                () = shutdown.triggered() => break Ok(()),
                tenure = leadership.acquired() => tenure,
            };
            check.ready_with(format!("leading by lease {name}, term {}", tenure.term()));
            self.metrics.leads(&name, true);
            let result = self.serve_term(group, &tenure, shutdown).await;
            if shutdown.is_triggered() {
                break result;
            }
            if let Err(error) = result {
                warn!(%error, "controllers were cut off after leadership was lost");
            }
        };
        resign.trigger();
        if let Err(error) = election.await {
            error!(%error, "leader election panicked");
        }
        self.metrics.leads(&name, false);
        result
    }

    /// Runs the controllers until leadership is lost or it is time to stop.
    async fn serve_term(
        &self,
        group: &Group,
        tenure: &Tenure,
        shutdown: &Shutdown,
    ) -> Result<(), ManagerError> {
        let stop = shutdown.child();
        let mut running = JoinSet::new();
        let checks: Vec<Check> =
            group.controllers.iter().map(|c| self.readiness.check(c.name())).collect();
        for (controller, check) in group.controllers.iter().zip(&checks) {
            let client = tenure.gate(self.client.clone());
            let metrics = self.metrics.clone();
            let backoff = self.options.backoff;
            let controller = controller.clone();
            running.spawn(supervisor::supervise(
                controller,
                supervisor::Surroundings { client, metrics, ready: check.clone(), backoff },
                stop.clone(),
            ));
        }
        tokio::select! {
            () = tenure.lost() => {}
            () = shutdown.triggered() => {}
        }
        stop.trigger();
        // Without leadership their writes are refused from here on: this only lets them tidy up.
        let ended =
            stop.drain(self.options.drain, async { while running.join_next().await.is_some() {} });
        let ended = ended.await;
        // Those that did not end are aborted, and waited for: their locals are gone when a
        // successor starts in the next term.
        running.shutdown().await;
        for check in &checks {
            check.ready_with("standing by");
        }
        Ok(ended?)
    }
}

#[cfg(test)]
mod tests;
