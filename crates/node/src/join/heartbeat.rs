//! Saying that a node is alive: its Lease every ten seconds, its status every five minutes.

use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kubewright_operator::Shutdown;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::registration::{Registration, RegistrationError};

/// How often the Lease is renewed; a quarter of the time after which a node counts as gone.
pub const RENEWAL: Duration = Duration::from_secs(10);

/// How often the status is written where nothing changes, as kubelets do.
const REPORT: Duration = Duration::from_secs(300);

/// How heartbeats ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was time to stop.
    Shutdown,
    /// Somebody has taken the node out of the cluster. It does not come back by itself.
    Removed,
    /// It is time for a new certificate.
    Renewal,
}

/// Says that a node is alive until it is to stop, is removed, or `renew_at` has come.
pub async fn beat(
    registration: &Registration,
    client: &Client,
    renew_at: Timestamp,
    shutdown: &Shutdown,
) -> Ended {
    let node = registration.name.as_str();
    let since = Timestamp::now();
    let mut reported = Instant::now();
    let mut ticks = interval_at(Instant::now() + RENEWAL, RENEWAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent = false;
    loop {
        if Timestamp::now() >= renew_at {
            return Ended::Renewal;
        }
        tokio::select! {
            () = shutdown.triggered() => return Ended::Shutdown,
            _ = ticks.tick() => {}
        }
        let now = Timestamp::now();
        let alive = async {
            registration.renew(client, now).await?;
            if reported.elapsed() >= REPORT {
                registration.report(client, now, since).await?;
                reported = Instant::now();
            }
            Ok::<_, RegistrationError>(())
        };
        match alive.await {
            Ok(()) if silent => {
                silent = false;
                tracing::info!(node, "the API server answers again");
            }
            Ok(()) => {}
            Err(error) if error.is_absent() => {
                match registration.report(client, now, since).await {
                    // Somebody took the Lease only.
                    Ok(_) => drop(registration.register(client, now).await),
                    Err(error) if error.is_absent() => return Ended::Removed,
                    Err(error) => {
                        tracing::warn!(node, %error, "cannot tell whether this node is still wanted")
                    }
                }
            }
            // It is said once; that it goes on is the same news.
            Err(error) if !silent => {
                silent = true;
                tracing::warn!(node, error = %error.source, "the API server does not take heartbeats; trying on");
            }
            Err(_) => {}
        }
    }
}
