//! What is to become of a dependent, given its owners. Pure.
//!
//! As `attemptToDeleteItem` of kube-controller-manager's garbage collector decides it.

use super::index::{Head, Reference};
use crate::rest::Propagation;

/// What is known of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It is there.
    Solid,
    /// It is there, but only until its dependents are gone.
    Waiting,
    /// There is no such object, or another one has its name.
    Absent,
    /// Its kind is not served: nothing can be said.
    Unknown,
    /// A cluster-scoped object cannot have an owner in a namespace; nothing is done about it.
    Misplaced,
}

/// What is to be done with a dependent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays as it is.
    Keep,
    /// It stays, until more is known of its owners.
    Wait,
    /// It stays, but no longer belongs to these owners (their uids).
    Release(Vec<Box<str>>),
    /// It goes.
    Delete(Propagation),
    /// It goes, and so must its dependents before it.
    DeleteForeground,
}

/// Decides. `owners` tells of each of the object's references, in order.
pub(super) fn decide(head: &Head, owners: &[Owner], has_dependents: bool) -> Verdict {
    // What goes already needs no second push.
    if head.is_terminating() || owners.is_empty() {
        return Verdict::Keep;
    }
    for owner in owners {
        match owner {
            Owner::Unknown => return Verdict::Wait,
            Owner::Misplaced => return Verdict::Keep,
            Owner::Solid | Owner::Waiting | Owner::Absent => {}
        }
    }
    if owners.contains(&Owner::Solid) {
        // An owner that waits for its dependents must not wait for one that stays.
        let left = head.owners.iter().zip(owners).filter(|(_, owner)| **owner != Owner::Solid);
        let uids: Vec<_> =
            left.map(|(reference, _): (&Reference, _)| reference.uid.clone()).collect();
        return if uids.is_empty() { Verdict::Keep } else { Verdict::Release(uids) };
    }
    if owners.contains(&Owner::Waiting) && has_dependents {
        return Verdict::DeleteForeground;
    }
    // The object's own finalizers say what its dependents can expect.
    Verdict::Delete(if head.has_finalizer(crate::meta::ORPHAN) {
        Propagation::Orphan
    } else if head.has_finalizer(crate::meta::FOREGROUND) {
        Propagation::Foreground
    } else {
        Propagation::Background
    })
}
