//! Policies: which requests are accepted or rejected without anyone being asked. Pure.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use super::glob;
use super::request::Request;
use crate::config::API_VERSION;
use crate::discovery::Pin;

/// Kind of the document.
const KIND: &str = "AcceptancePolicy";

/// Why a policy cannot be used. Nothing is accepted by one that cannot.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("cannot read the policy {}", path.display())]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// It is not of the form.
    #[error("the policy is wrong: {why}")]
    Form {
        /// What is wrong.
        why: String,
    },
    /// It is something else.
    #[error("the policy has to be of apiVersion {API_VERSION} and kind {KIND}")]
    Kind,
    /// A rule would be for everyone.
    #[error(
        "rule {rule} of the policy asks for nothing and would be for everyone; say so with `nodes: [\"*\"]`"
    )]
    Empty {
        /// Number of the rule, from 1.
        rule: usize,
    },
    /// A rule trusts what nodes say of themselves.
    #[error(
        "rule {rule} of the policy accepts by network alone, and the address is what the node says of itself; add groups, fingerprints or nodes"
    )]
    Unproven {
        /// Number of the rule, from 1.
        rule: usize,
    },
}

/// What a rule does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Yes.
    #[default]
    Accept,
    /// No.
    Reject,
}

/// What a request must be for a rule to apply: all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rule {
    /// What is done.
    pub action: Action,
    /// Told to the node and to people.
    pub reason: String,
    /// Patterns of names, one of which must fit; `*` stands for any text, `?` for a letter.
    pub nodes: Vec<String>,
    /// Networks, in one of which the node must say it is.
    #[serde(deserialize_with = "parsed")]
    pub networks: Vec<IpNet>,
    /// Groups, in one of which who asks must be: those of the token.
    pub groups: Vec<String>,
    /// Hashes of keys, one of which it must be: proof of who asks, where the key was known before.
    #[serde(deserialize_with = "parsed")]
    pub fingerprints: Vec<Pin>,
}

fn parsed<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    api_version: String,
    kind: String,
    #[serde(default)]
    rules: Vec<Rule>,
    #[serde(default, deserialize_with = "parsed")]
    serving_networks: Vec<IpNet>,
}

/// Rules, of which the first that applies decides. Without one that does, somebody is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
    /// Networks in which nodes serve; any, when there is none.
    serving_networks: Vec<IpNet>,
    /// There is one, and it cannot be followed.
    unreadable: bool,
}

impl Policy {
    /// One that is wrong: it lets nobody in, and nobody serve at an address, as it may have said
    /// where they do.
    #[must_use]
    pub fn unreadable() -> Self {
        Self { unreadable: true, ..Self::default() }
    }

    /// From YAML.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let document: Document = serde_saphyr::from_str(text)
            .map_err(|error| PolicyError::Form { why: error.to_string() })?;
        if document.api_version != API_VERSION || document.kind != KIND {
            return Err(PolicyError::Kind);
        }
        for (index, rule) in document.rules.iter().enumerate() {
            let proofs =
                !rule.nodes.is_empty() || !rule.groups.is_empty() || !rule.fingerprints.is_empty();
            if !proofs && rule.networks.is_empty() {
                return Err(PolicyError::Empty { rule: index + 1 });
            }
            if !proofs && rule.action == Action::Accept {
                return Err(PolicyError::Unproven { rule: index + 1 });
            }
        }
        let Document { rules, serving_networks, .. } = document;
        Ok(Self { rules, serving_networks, unreadable: false })
    }

    /// From a file.
    ///
    /// # Errors
    /// When it cannot be read or is wrong.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PolicyError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Why a node may not serve at an address.
    pub(super) fn objection_to(&self, address: &IpAddr) -> Option<String> {
        let networks = &self.serving_networks;
        if self.unreadable {
            return Some("the acceptance policy cannot be followed".to_owned());
        }
        let allowed = networks.is_empty() || networks.iter().any(|it| it.contains(address));
        (!allowed).then(|| format!("{address} is in none of the policy's servingNetworks"))
    }

    /// The first rule that would apply to a request if it named an address, with its number from 1.
    /// Those of kubelets never do.
    pub(super) fn rule_but_for_address(&self, request: &Request) -> Option<usize> {
        let rules = self.rules.iter().filter(|_| request.address.is_none());
        let anywhere = |rule: &Rule| Rule { networks: Vec::new(), ..rule.clone() };
        rules.zip(1..).find(|(rule, _)| anywhere(rule).applies(request)).map(|(_, number)| number)
    }

    /// The first rule that applies to a request, with its number from 1.
    pub fn rule_for(&self, request: &Request) -> Option<(usize, &Rule)> {
        let found = self.rules.iter().enumerate().find(|(_, rule)| rule.applies(request));
        found.map(|(index, rule)| (index + 1, rule))
    }
}

impl Rule {
    fn applies(&self, request: &Request) -> bool {
        let open = |list: usize, holds: bool| list == 0 || holds;
        let within = |address: &IpAddr| self.networks.iter().any(|it| it.contains(address));
        open(self.nodes.len(), self.nodes.iter().any(|it| glob::fits(it, request.node.as_str())))
            && open(self.networks.len(), request.address.as_ref().is_some_and(within))
            && open(self.groups.len(), self.groups.iter().any(|it| request.groups.contains(it)))
            && open(self.fingerprints.len(), self.fingerprints.contains(&request.fingerprint))
    }
}
