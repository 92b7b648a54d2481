//! Why it did not work, and what is left.

use super::{BootstrapError, ContextError, LockError, WaitError};
use crate::addon::{AddonError, ApplyError};
use crate::host::CommandError;
use crate::journal::JournalError;
use crate::machine::MachineError;
use crate::preflight;

/// Why the machine is not what it is to be.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The configuration and this machine do not go together.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It is something else already.
    #[error("this machine has finished `{other}` already; `kubewright node reset` makes it free")]
    Other {
        /// What it is.
        other: &'static str,
    },
    /// It is in another cluster, as its kubelet knows; no journal tells.
    #[error(
        "this machine is a node of {server}, which is not the cluster that is asked for; `kubewright node reset` makes it free"
    )]
    Elsewhere {
        /// The API server of its cluster.
        server: String,
    },
    /// It has a kubelet and no journal, and its cluster does not say whether it is one of its nodes.
    #[error(
        "no journal tells whether this machine has joined {server}, and the cluster does not say; run this again when it answers, or `kubewright node reset` to make the machine free"
    )]
    Silent {
        /// The API server of its cluster.
        server: String,
    },
    /// It is in its cluster, and something is left to be done.
    #[error("this machine has joined, and its end is not done; run this again")]
    Unsettled(#[source] Box<WorkError>),
    /// A step failed.
    #[error("step {step} failed; {}", aftermath(undone, *left))]
    Step {
        /// Its name.
        step: String,
        /// Steps that were taken back, in this order.
        undone: Vec<String>,
        /// Why the others were not; nothing when all were.
        left: Option<&'static str>,
        /// Why it failed.
        #[source]
        source: Box<WorkError>,
    },
    /// What a failed step had done cannot be taken back.
    #[error(
        "step {step} failed, and {undoing} cannot be taken back: `kubewright node reset` cleans up"
    )]
    Undo {
        /// The step that failed first.
        step: String,
        /// The step that cannot be taken back.
        undoing: String,
        /// Why it failed first.
        #[source]
        source: Box<WorkError>,
    },
}

fn aftermath(undone: &[String], left: Option<&str>) -> String {
    match (undone, left) {
        (_, Some(left)) => left.to_owned(),
        ([], None) => "nothing was changed".to_owned(),
        (undone, None) => format!("what was done is taken back ({})", undone.join(", ")),
    }
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Checks.
    #[error("this machine is not ready:{0}")]
    Preflight(preflight::Report),
    /// A program.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Files of the machine.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// Files of the engine.
    #[error(transparent)]
    File(#[from] crate::file::FileError),
    /// Something did not come up.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// The cluster cannot be reached.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The Node of this machine cannot be written.
    #[error("cannot write the runtime's socket to the Node {name}")]
    Node {
        /// Its name.
        name: String,
        /// The answer.
        #[source]
        source: Box<kube::Error>,
    },
    /// What tokens need.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// Add-ons.
    #[error(transparent)]
    Addon(#[from] AddonError),
    /// Their objects.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The lock of control-plane nodes.
    #[error(transparent)]
    Lock(#[from] LockError),
}
