//! GlobalNetworkPolicies, as far as they decide about host endpoints.

use serde_json::Value;

use crate::{
    labels::LabelSource,
    selector::{Selector, SelectorError},
};

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// `spec.tier`, `default` unless given.
    pub tier: String,
    /// `spec.order`; policies without one come last.
    pub order: f64,
    /// `spec.selector`.
    pub selector: Result<Selector, SelectorError>,
    /// Whether it can select host endpoints at all.
    pub for_hosts: bool,
    /// Rules for connections to the endpoint; `None` if it does not decide
    /// about them.
    pub ingress: Option<Vec<PolicyRule>>,
    /// Rules for connections from the endpoint.
    pub egress: Option<Vec<PolicyRule>>,
}

/// A rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRule {
    /// What it does.
    pub action: RuleAction,
    /// Protocol in lower case; any if absent.
    pub protocol: Option<String>,
    /// Destination ports; any if empty.
    pub ports: Vec<PortRange>,
    /// Whether it can leave out some of the connections to its ports: it has
    /// conditions about peers, or names ports that are not looked at.
    pub conditional: bool,
}

/// Action of a rule. `Log` does not decide and is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// Let through.
    Allow,
    /// Drop.
    Deny,
    /// Leave it to the next tier, or the profiles.
    Pass,
}

/// Ports from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl Policy {
    /// Reads a GlobalNetworkPolicy's name and `spec`.
    pub fn new(name: &str, spec: &Value) -> Self {
        let text = |field: &str| spec[field].as_str().unwrap_or_default();
        let flag = |field: &str| spec[field].as_bool().unwrap_or_default();
        let is_set = |field: &str| spec[field].as_array().is_some_and(|rules| !rules.is_empty());
        let types: Vec<_> =
            spec["types"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        // https://docs.tigera.io/calico/latest/reference/resources/globalnetworkpolicy#spec
        let (ingress, egress) = match types.as_slice() {
            [] => (is_set("ingress") || !is_set("egress"), is_set("egress")),
            types => (types.contains(&"Ingress"), types.contains(&"Egress")),
        };
        let rules =
            |field: &str| spec[field].as_array().into_iter().flatten().filter_map(rule).collect();
        let namespaced = text("namespaceSelector");
        Self {
            name: name.to_owned(),
            tier: Some(text("tier"))
                .filter(|tier| !tier.is_empty())
                .unwrap_or("default")
                .to_owned(),
            order: spec["order"].as_f64().unwrap_or(f64::INFINITY),
            selector: Selector::parse(text("selector")),
            // Host endpoints have neither namespace nor service account.
            // Untracked and pre-DNAT policies come before the ones that decide
            // about what they let through.
            for_hosts: (namespaced.is_empty() || namespaced == "global()")
                && text("serviceAccountSelector").is_empty()
                && !flag("doNotTrack")
                && !flag("preDNAT"),
            ingress: ingress.then(|| rules("ingress")),
            egress: egress.then(|| rules("egress")),
        }
    }

    /// Whether it selects a host endpoint with these labels. A selector that
    /// cannot be read selects nothing, as in Felix.
    pub fn selects(&self, labels: &impl LabelSource) -> bool {
        self.for_hosts && self.selector.as_ref().is_ok_and(|selector| selector.matches(labels))
    }
}

fn rule(value: &Value) -> Option<PolicyRule> {
    let action = match value["action"].as_str()? {
        "Allow" => RuleAction::Allow,
        "Deny" => RuleAction::Deny,
        "Pass" => RuleAction::Pass,
        _ => return None,
    };
    let destination = &value["destination"];
    let listed = destination["ports"].as_array();
    let ports: Vec<_> = listed.into_iter().flatten().filter_map(range).collect();
    let peers = |side: &Value, also: &str| {
        side.as_object().is_some_and(|fields| {
            fields.iter().any(|(field, value)| {
                field != also && !value.is_null() && *value != Value::from(Vec::<Value>::new())
            })
        })
    };
    Some(PolicyRule {
        action,
        protocol: match &value["protocol"] {
            Value::String(name) => Some(name.to_ascii_lowercase()),
            Value::Number(number) => Some(match number.as_u64() {
                Some(6) => "tcp".to_owned(),
                Some(17) => "udp".to_owned(),
                Some(132) => "sctp".to_owned(),
                _ => number.to_string(),
            }),
            _ => None,
        },
        conditional: peers(&value["source"], "")
            || peers(destination, "ports")
            || listed.is_some_and(|listed| listed.len() != ports.len())
            || ["icmp", "notICMP", "http", "notProtocol"]
                .iter()
                .any(|field| !value[field].is_null()),
        ports,
    })
}

/// `80`, `"80"`, `"8000:9000"`; a name gives nothing.
fn range(value: &Value) -> Option<PortRange> {
    if let Some(port) = value.as_u64() {
        let port = port.try_into().ok()?;
        return Some(PortRange { first: port, last: port });
    }
    let text = value.as_str()?;
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    Some(PortRange { first: first.parse().ok()?, last: last.parse().ok()? })
}
