//! The networks of a pod as its annotations tell: what is wanted, what is there, what went wrong.

use std::collections::BTreeMap;

use kubewright_attachment::annotation::Dialect;
use kubewright_attachment::status::{self, Failure, NETWORK_ERRORS, NETWORK_STATUS};
use serde::Serialize;

use crate::edit::{self, EditError, NetworkName};

/// How it is about an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The interface is there.
    Attached,
    /// It is wanted, and not there yet.
    Pending,
    /// It could not be made, or not be removed; the agent goes on trying.
    Failed,
    /// It is there, and no annotation wants it: the pod was made with it, or it is about to go.
    Unasked,
}

/// An attachment of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// `namespace/name`.
    pub network: String,
    /// Name of the interface, as far as it is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interface: String,
    /// Addresses, without prefix.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    /// Hardware address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac: String,
    /// How it is about it.
    pub state: State,
    /// What went wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What [`NETWORK_ERRORS`] says; nothing when it is not understood.
pub(super) fn failures(text: Option<&str>) -> Vec<Failure> {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Under which names the status may speak of a network.
pub(super) fn names(dialect: Dialect, pod_namespace: &str, network: &NetworkName) -> Vec<String> {
    let places = match (&network.namespace, dialect) {
        (Some(namespace), _) => vec![namespace.as_str()],
        (None, Dialect::Standard) => vec![pod_namespace],
        (None, Dialect::Kaloom) => vec!["default", pod_namespace],
    };
    places.into_iter().map(|place| format!("{place}/{}", network.name)).collect()
}

/// The attachments of a pod in `namespace` with these annotations.
///
/// # Errors
/// When the annotation that asks for networks is not understood.
pub fn attachments(
    namespace: &str,
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<Attachment>, EditError> {
    let text = |name: &str| annotations.get(name).map(String::as_str);
    let mut there = text(NETWORK_STATUS).map(status::parse).unwrap_or_default();
    let mut failures = failures(text(NETWORK_ERRORS));
    let mut asked = Vec::new();
    for dialect in edit::dialects_of(annotations) {
        for (network, interface) in edit::networks(dialect, text(dialect.annotation()))? {
            asked.push((names(dialect, namespace, &network), interface));
        }
    }
    // What names its interface has that one; the others share what is left.
    let mut order: Vec<usize> = (0..asked.len()).collect();
    order.sort_by_key(|index| asked[*index].1.is_none());
    let mut all = Vec::new();
    for index in order {
        let (names, interface) = &asked[index];
        let of = |name: &str, its: &str| {
            names.iter().any(|n| n == name)
                && interface.as_deref().is_none_or(|interface| its == interface)
        };
        let found = there.iter().position(|entry| of(&entry.name, &entry.interface));
        let failure = failures.iter().position(|failure| {
            let its = failure.interface.as_deref().or(interface.as_deref());
            failure.name.as_deref().is_some_and(|name| of(name, its.unwrap_or_default()))
        });
        let failure = failure.map(|index| failures.remove(index));
        let entry = found.map(|index| there.remove(index)).unwrap_or_default();
        let state = match (found, &failure) {
            (_, Some(_)) => State::Failed,
            (Some(_), None) => State::Attached,
            (None, None) => State::Pending,
        };
        let name = names.first().cloned().unwrap_or_default();
        let attachment = Attachment {
            network: if entry.name.is_empty() { name } else { entry.name },
            interface: interface.clone().unwrap_or(entry.interface),
            ips: entry.ips,
            mac: entry.mac,
            state,
            message: failure.map(|failure| failure.problem.message).unwrap_or_default(),
        };
        all.push((index, attachment));
    }
    // In the order of the annotation.
    all.sort_by_key(|(index, _)| *index);
    let mut all: Vec<_> = all.into_iter().map(|(_, attachment)| attachment).collect();
    for entry in there {
        all.push(Attachment {
            state: if entry.default { State::Attached } else { State::Unasked },
            network: entry.name,
            interface: entry.interface,
            ips: entry.ips,
            mac: entry.mac,
            message: String::new(),
        });
    }
    for failure in failures {
        all.push(Attachment {
            network: failure.name.unwrap_or_default(),
            interface: failure.interface.unwrap_or_default(),
            ips: Vec::new(),
            mac: String::new(),
            state: State::Failed,
            message: failure.problem.message,
        });
    }
    Ok(all)
}
