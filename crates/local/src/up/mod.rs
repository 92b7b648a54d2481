//! `kubewright up`: everything on one machine, checked.
//!
//! ```text
//!  control plane, seeded ─▶ API over TLS ─▶ resources ─▶ nodes join, one is accepted, one rejected
//!        each needs the one before                                 │
//!                                                   leader ─▶ HostEndpoints
//!                    mass deletion ◀─ node removed ◀─ VPN ◀─ drift ◀─┴─ at rest
//!                          │
//!                      peer pods ─▶ container runtime ─▶ pod sandbox ─▶ network plugged
//!                                                                             │
//!                       shutdown ◀─ guard ◀─ pod deleted ◀─ network unplugged ┘
//! ```
//!
//! The checks act as people and kubelets do, through the API server over TLS, and see what
//! comes of it by watching; none sleeps, and each gives up after a time with what it saw
//! instead. They leave the cluster as they found it, so that a durable one can be checked
//! again.

mod calico;
mod controllers;
mod course;
mod endpoints;
mod guard;
mod heartbeats;
mod machine;
mod members;
mod namespace;
mod peerpods;
mod pods;
mod protection;
pub mod report;
mod resources;
mod watched;

use std::path::PathBuf;
use std::time::Duration;

pub use course::Audience;
pub use machine::Machine;

use course::Course;
use report::{Check, Verdict};

/// How long anything may take that is not said to take longer: generous, for it only matters
/// when something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to bring up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Simulated nodes, one at least.
    pub nodes: u16,
    /// Where the cluster is kept; gone with the process otherwise.
    pub state_dir: Option<PathBuf>,
    /// Socket of the container runtime that runs pods; one in miniature otherwise.
    pub runtime_endpoint: Option<String>,
}

/// What became of it.
pub struct Up {
    /// Whether everything that was checked holds.
    pub verdict: Verdict,
    /// The checks in their order.
    pub checks: Vec<Check>,
    /// What runs now; nothing when it did not come up.
    pub machine: Option<Machine>,
}

/// Brings everything up and checks it.
pub async fn run(options: &Options, audience: &mut dyn Audience) -> Up {
    let mut course = Course::new(audience);
    let mut machine = machine::bring_up(options, &mut course).await;
    if let Some(machine) = &mut machine {
        protection::check(machine, &mut course).await;
        course.check("peer pods", peerpods::check(machine)).await;
        machine.pods = pods::check(machine, options, &mut course).await;
    }
    course.check("boot guard", guard::check()).await;
    Up { verdict: course.verdict(), checks: course.into_checks(), machine }
}

/// Shuts everything down; that too is a check.
pub async fn shut_down(machine: Machine, audience: &mut dyn Audience) -> Check {
    let mut course = Course::new(audience);
    course.check("clean shutdown", machine.shut_down()).await;
    course.into_checks().remove(0)
}
