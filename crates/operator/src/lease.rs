//! Leader election by one `coordination.k8s.io/v1` Lease, and the gate that keeps every replica but
//! the leader from writing.
//!
//! ```text
//!              Lease in the API server
//!                 ▲            │ reads, writes with resourceVersion (never gated)
//!                 │            ▼
//!            ┌──────────┐  plan(view, now)   ┌──────────────┐
//!            │ Election │───────────────────▶│  Leadership  │  term, certain until
//!            └──────────┘                    └──────┬───────┘
//!                                                   │ asked for each request
//!   controller ── kube::Client ── Gate ─────────────┴──▶ kube::Client ── API server
//! ```
//!
//! **Why there are never two writers.** A holder counts from the moment it *sent* its last
//! successful renewal and stops after `renew_deadline`. A candidate counts from the moment it
//! *received* the unchanged record, which is later, and waits `lease_duration`, which is longer.
//! Both count on their own monotonic clock, so wall clocks may be hours apart; the difference of
//! the two durations is the margin for requests on their way and for clocks of different speed.
//! A takeover names the `resourceVersion` it observed, so that a renewal it did not see defeats it.
//! The semantics are those of client-go's `tools/leaderelection`; the gate, which cuts writes off
//! instead of trusting the process to exit, is ours.
//!
//! What is outside of the promise: a Lease deleted by hand while someone leads (a candidate that
//! never saw the holder cannot know of it), and a machine suspended as a whole, whose monotonic
//! clock stands still, with a write already handed to the kernel.

pub mod election;
pub mod gate;
pub mod leadership;
pub mod plan;

pub use election::{Election, ElectionOptions, Identity};
pub use gate::{GateLayer, NotLeading, is_not_leading};
pub use leadership::{Leadership, Tenure};

use std::time::Duration;

use thiserror::Error;

/// The three durations of a leader election; see client-go's `LeaderElectionConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    lease_duration: Duration,
    renew_deadline: Duration,
    retry_period: Duration,
}

/// Durations that could not elect one leader at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TimingError {
    /// A Lease stores whole seconds.
    #[error("lease duration {0:?} is not a positive number of whole seconds")]
    LeaseDuration(Duration),
    /// The holder would stop writing too close to the moment others take over.
    #[error(
        "renew deadline {renew_deadline:?} leaves no safety margin: it may be at most four fifths of the lease duration {lease_duration:?}"
    )]
    RenewDeadline {
        /// Until when after its last renewal a holder writes.
        renew_deadline: Duration,
        /// After which time others take over.
        lease_duration: Duration,
    },
    /// A single failed renewal would cost the leadership.
    #[error(
        "retry period {retry_period:?} is not positive and below half of the renew deadline {renew_deadline:?}"
    )]
    RetryPeriod {
        /// Time between two attempts.
        retry_period: Duration,
        /// Until when after its last renewal a holder writes.
        renew_deadline: Duration,
    },
}

impl Timing {
    /// Checks that a holder stops at least a fifth of `lease_duration` before others take over, and
    /// that it has at least two attempts to renew.
    pub fn new(
        lease_duration: Duration,
        renew_deadline: Duration,
        retry_period: Duration,
    ) -> Result<Self, TimingError> {
        if lease_duration.is_zero()
            || lease_duration.subsec_nanos() != 0
            || i32::try_from(lease_duration.as_secs()).is_err()
        {
            return Err(TimingError::LeaseDuration(lease_duration));
        }
        if renew_deadline > lease_duration * 4 / 5 {
            return Err(TimingError::RenewDeadline { renew_deadline, lease_duration });
        }
        if retry_period.is_zero() || retry_period * 2 >= renew_deadline {
            return Err(TimingError::RetryPeriod { retry_period, renew_deadline });
        }
        Ok(Self { lease_duration, renew_deadline, retry_period })
    }

    /// Time after which others may take the Lease from a holder that does not renew it.
    pub fn lease_duration(&self) -> Duration {
        self.lease_duration
    }

    /// Time after sending its last successful renewal for which a holder writes.
    pub fn renew_deadline(&self) -> Duration {
        self.renew_deadline
    }

    /// Time between two renewals of the holder, and between two looks of a candidate.
    pub fn retry_period(&self) -> Duration {
        self.retry_period
    }

    /// Time between the last write of a holder and the first one of its successor.
    pub fn margin(&self) -> Duration {
        self.lease_duration - self.renew_deadline
    }

    /// Time after which one request on the Lease counts as failed, so that a server that hangs
    /// leaves room for a second attempt before the deadline.
    pub fn request_timeout(&self) -> Duration {
        self.renew_deadline / 3
    }
}

impl Default for Timing {
    /// 15 s, 10 s and 2 s: what kube-controller-manager uses.
    fn default() -> Self {
        Self {
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}
