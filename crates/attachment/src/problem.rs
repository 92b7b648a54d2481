//! Why an attachment is not what the pod asks for, in words for people and a word for machines.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Kind of a [`Problem`]: the reason of its Event and the label of its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// The annotation cannot be followed.
    InvalidAnnotation,
    /// No object defines the network.
    NetworkNotFound,
    /// The object does not define a network.
    InvalidNetwork,
    /// The network belongs to a namespace that the pod may not use.
    NamespaceIsolated,
    /// The request needs a capability that no plugin of the network has.
    CapabilityMissing,
    /// The dialect allows a network once.
    DuplicateNetwork,
    /// Another attachment of the pod has the interface's name.
    InterfaceCollision,
    /// Something that is no attachment has the interface's name.
    InterfaceTaken,
    /// A pod in the node's network has no interfaces of its own.
    HostNetwork,
    /// The network namespace cannot be looked into.
    SandboxUnusable,
    /// A plugin failed to attach.
    AttachFailed,
    /// A plugin failed to detach.
    DetachFailed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name of the variant is its name for machines.
        fmt::Debug::fmt(self, f)
    }
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::InvalidAnnotation,
        Self::NetworkNotFound,
        Self::InvalidNetwork,
        Self::NamespaceIsolated,
        Self::CapabilityMissing,
        Self::DuplicateNetwork,
        Self::InterfaceCollision,
        Self::InterfaceTaken,
        Self::HostNetwork,
        Self::SandboxUnusable,
        Self::AttachFailed,
        Self::DetachFailed,
    ];

    /// Whether trying again may help though nothing that is watched has changed.
    #[must_use]
    pub fn is_passing(self) -> bool {
        matches!(self, Self::AttachFailed | Self::DetachFailed | Self::SandboxUnusable)
    }
}

/// Why an attachment is not what the pod asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// Its kind.
    pub reason: Reason,
    /// What is wrong, and with which object.
    pub message: String,
}

impl Problem {
    /// A problem in words.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// A problem from an error, with the chain of its sources.
    #[must_use]
    pub fn from_error(reason: Reason, error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self { reason, message }
    }
}
