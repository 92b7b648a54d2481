//! Steps of a plan.

use std::fmt;

use crate::{labels::Shared, wanted::Wanted};

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Server-side apply of an endpoint.
    Apply {
        /// What to apply.
        wanted: Box<Wanted>,
        /// Why.
        reason: ApplyReason,
    },
    /// Ask the API server itself, not a cache, whether the node exists.
    ConfirmAbsence {
        /// The node.
        node: Shared,
    },
    /// Delete an endpoint.
    Delete {
        /// Its name.
        name: Shared,
        /// Its uid, a precondition.
        uid: Box<str>,
        /// Its node.
        node: Shared,
        /// The template it was made from.
        template: Shared,
        /// Whether its interface loses its protection, in contrast to an
        /// endpoint that another one replaces.
        loses: bool,
        /// Why.
        reason: DeleteReason,
    },
    /// Deletions are held back: too many at once.
    HoldDeletions {
        /// How many endpoints stay.
        endpoints: usize,
        /// How many nodes would lose protection.
        nodes: usize,
        /// How many nodes are protected.
        total: usize,
    },
}

/// Why an endpoint is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyReason {
    /// It does not exist.
    Create,
    /// It exists, is not ours, and may be taken over; these fields change.
    Adopt(Vec<String>),
    /// These fields are not as they should be.
    Repair(Vec<String>),
}

/// Why an endpoint is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteReason {
    /// The node does not exist any more.
    NodeGone,
    /// The template does not exist any more.
    TemplateGone,
    /// The template does not want it any more: it does not select the node,
    /// or has another name or interface.
    NotWanted,
}

impl fmt::Display for DeleteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NodeGone => "the node is gone",
            Self::TemplateGone => "the template is gone",
            Self::NotWanted => "the template does not want it",
        })
    }
}
