//! What stands between a node and its endpoints. A problem belongs to one
//! template on one node; it never stops anything else.

use crate::{labels::Shared, naming::NameError, preflight::Finding, validate::FieldError};

/// A problem of a template on a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The node.
    pub node: Shared,
    /// The template.
    pub template: Shared,
    /// What it is.
    pub kind: ProblemKind,
}

/// Kinds of problems.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProblemKind {
    /// No name can be made.
    #[error("no endpoint for interface {interface:?}: {source}")]
    Name {
        /// The interface.
        interface: String,
        /// Why.
        #[source]
        source: NameError,
    },
    /// The endpoint would be refused or ignored by Calico.
    #[error("endpoint {name} is not valid: {source}")]
    Invalid {
        /// The endpoint.
        name: String,
        /// Why.
        #[source]
        source: FieldError,
    },
    /// Another template covers the interface already.
    #[error(
        "interface {interface:?} is covered by template {by} already, and Calico uses one endpoint per interface"
    )]
    InterfaceTaken {
        /// The interface.
        interface: String,
        /// The other template.
        by: Shared,
    },
    /// Two rules give the same name on this node.
    #[error("endpoint name {name} is used by template {by} on the same node already")]
    NameTaken {
        /// The name.
        name: String,
        /// The other template (or the same).
        by: Shared,
    },
    /// The name belongs to the endpoint of another node.
    #[error("endpoint name {name} collides with the endpoint of node {other}")]
    Collision {
        /// The name.
        name: String,
        /// The node that has it.
        other: Shared,
    },
    /// An object of that name exists and is not ours.
    #[error("endpoint {name} exists and is not managed by kubewright: {hint}")]
    NotAdopted {
        /// The name.
        name: String,
        /// What to do.
        hint: &'static str,
    },
    /// An endpoint that is not ours wins at the same interface.
    #[error(
        "endpoint {name} has no effect, {by} covers interface {interface:?} and comes first in the alphabet"
    )]
    Shadowed {
        /// Ours.
        name: String,
        /// The other endpoint.
        by: Shared,
        /// The interface.
        interface: String,
    },
    /// The endpoint cuts, or would cut, the node off.
    #[error("endpoint {name} {}: {}", if *.refused { "is not created, it would cut the node off" } else { "may cut the node off" }, list(.findings))]
    Lockout {
        /// The endpoint.
        name: String,
        /// Whether it was therefore not created.
        refused: bool,
        /// How.
        findings: Vec<Finding>,
    },
}

fn list(findings: &[Finding]) -> String {
    let texts: Vec<_> = findings.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

impl ProblemKind {
    /// No name can be made.
    pub const INVALID_NAME: &str = "InvalidName";
    /// Calico would not take it.
    pub const INVALID_ENDPOINT: &str = "InvalidEndpoint";
    /// Another template has the interface.
    pub const INTERFACE_TAKEN: &str = "InterfaceTaken";
    /// Something else has the name.
    pub const NAME_COLLISION: &str = "NameCollision";
    /// It is there and not ours.
    pub const NOT_ADOPTED: &str = "NotAdopted";
    /// Another endpoint wins.
    pub const SHADOWED: &str = "Shadowed";
    /// It would cut its node off.
    pub const LOCKOUT_REFUSED: &str = "LockoutRefused";
    /// It may cut its node off.
    pub const LOCKOUT_RISK: &str = "LockoutRisk";

    /// A word for conditions, events and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Name { .. } => Self::INVALID_NAME,
            Self::Invalid { .. } => Self::INVALID_ENDPOINT,
            Self::InterfaceTaken { .. } => Self::INTERFACE_TAKEN,
            Self::NameTaken { .. } | Self::Collision { .. } => Self::NAME_COLLISION,
            Self::NotAdopted { .. } => Self::NOT_ADOPTED,
            Self::Shadowed { .. } => Self::SHADOWED,
            Self::Lockout { refused: true, .. } => Self::LOCKOUT_REFUSED,
            Self::Lockout { refused: false, .. } => Self::LOCKOUT_RISK,
        }
    }

    /// Whether an endpoint is missing or without effect because of it.
    pub fn leaves_unprotected(&self) -> bool {
        !matches!(self, Self::Lockout { refused: false, .. })
    }
}
