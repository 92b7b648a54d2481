//! Templates, checked and ready to be asked which endpoints a node gets.

mod cidr;
mod compile;
mod glob;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use regex::Regex;

use crate::{
    api::{AddressKind, AdoptPolicy, EndpointPort, LockoutPolicy},
    labels::Shared,
    naming::NameTemplate,
    selection::Selection,
};

pub use cidr::{Cidr, CidrError};
pub use compile::{TemplateError, compile};
pub use glob::Glob;

/// A template as the planner sees it.
#[derive(Debug)]
pub struct Template {
    /// Its name.
    pub name: Shared,
    /// Its uid.
    pub uid: Option<String>,
    /// Its generation, for the status.
    pub generation: Option<i64>,
    /// Nodes that it names; known even if the template cannot be used.
    pub static_nodes: BTreeSet<String>,
    /// What it asks for, or why it cannot be used. An unusable template
    /// neither creates nor deletes anything.
    pub compiled: Result<Blueprint, Vec<TemplateError>>,
    /// Whether blocked deletions of its endpoints are confirmed.
    pub confirmation: Confirmation,
}

impl Template {
    /// A template that is there and cannot be read at all.
    pub fn unreadable(name: Shared, generation: Option<i64>, message: String) -> Self {
        Self {
            name,
            uid: None,
            generation,
            static_nodes: BTreeSet::new(),
            compiled: Err(vec![TemplateError::Unreadable { message }]),
            confirmation: Confirmation::None,
        }
    }
}

/// Confirmation of a mass deletion, from an annotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confirmation {
    /// Not given.
    #[default]
    None,
    /// For up to so many nodes.
    Nodes(usize),
    /// For any number.
    Any,
}

impl Confirmation {
    /// Reads the annotation's value: `true` or a number; anything else
    /// confirms nothing.
    pub fn parse(value: Option<&str>) -> Self {
        match value.map(str::trim) {
            Some("true") => Self::Any,
            Some(number) => number.parse().map_or(Self::None, Self::Nodes),
            None => Self::None,
        }
    }

    /// Whether `nodes` nodes may lose their endpoints.
    pub fn allows(self, nodes: usize) -> bool {
        match self {
            Self::None => false,
            Self::Nodes(limit) => nodes <= limit,
            Self::Any => true,
        }
    }
}

/// A valid template.
#[derive(Debug)]
pub struct Blueprint {
    /// Nodes it is for.
    pub selection: Selection,
    /// Interfaces it protects.
    pub rules: Vec<Rule>,
    /// Name of the endpoints.
    pub endpoint_name: NameTemplate,
    /// Fixed labels, ours included.
    pub labels: Arc<BTreeMap<String, String>>,
    /// Keys of node labels to copy.
    pub copy_allow: Vec<Glob>,
    /// Keys of node labels not to copy.
    pub copy_deny: Vec<Glob>,
    /// Annotations.
    pub annotations: Arc<BTreeMap<String, String>>,
    /// Profiles.
    pub profiles: Vec<String>,
    /// Named ports.
    pub ports: Vec<EndpointPort>,
    /// Kinds of addresses for `expectedIPs`.
    pub expected_ips: Vec<AddressKind>,
    /// Whether to take over what is not ours.
    pub adopt: AdoptPolicy,
    /// What to do where a node would be cut off.
    pub lockout: LockoutPolicy,
    /// Names of nodes whose certificates announce them.
    pub expected_certificates: Option<Regex>,
    /// Machines that announce nodes.
    pub expected_machines: Option<Selection>,
    /// Seconds that a certificate announces a node.
    pub expire_after_seconds: u32,
}

/// How interfaces are found.
#[derive(Debug)]
pub enum Rule {
    /// This one.
    Name {
        /// The interface.
        name: String,
        /// What stands for it in the endpoint's name.
        alias: String,
    },
    /// Those that the node reports and that match.
    Pattern(Regex),
    /// The addresses in these networks.
    Cidrs {
        /// The networks.
        cidrs: Vec<Cidr>,
        /// What stands for them in the endpoint's name.
        alias: String,
    },
    /// All of them at once.
    All {
        /// What stands for them in the endpoint's name.
        alias: String,
    },
}

impl Blueprint {
    /// Whether a label of the node is copied.
    pub fn copies(&self, key: &str) -> bool {
        self.copy_allow.iter().any(|glob| glob.matches(key))
            && !self.copy_deny.iter().any(|glob| glob.matches(key))
    }
}

#[cfg(test)]
mod tests;
