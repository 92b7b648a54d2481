//! Pods, as far as they have networks of their own or hold peer-pod seats.

use std::collections::BTreeMap;

use kubewright_podnet::change::{self, Attachment};
use serde_json::Value;

use super::peer_pods::seats;
use super::{list, text};

/// A pod.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pod {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Empty while it is not bound.
    pub(crate) node: String,
    pub(crate) phase: String,
    pub(crate) deleting: bool,
    /// Its attachments, the cluster's own network included; or why they cannot be told.
    pub(crate) attachments: Result<Vec<Attachment>, String>,
    /// Peer-pod seats that it holds of its node.
    pub(crate) seats: u64,
}

impl Pod {
    /// What is shown of a pod; nothing when there is nothing to show.
    pub(crate) fn of(object: &Value, resource: &str) -> Option<Self> {
        let (metadata, spec) = (&object["metadata"], &object["spec"]);
        let phase = text(&object["status"]["phase"]);
        let ended = matches!(phase.as_str(), "Succeeded" | "Failed");
        let node = text(&spec["nodeName"]);
        // Of an extended resource the request is the limit where only that is given.
        let asked = |container: &Value| {
            let amounts = &container["resources"];
            let request = seats(&amounts["requests"][resource]);
            request.or_else(|| seats(&amounts["limits"][resource])).unwrap_or(0)
        };
        let held = list(&spec["containers"]).map(asked).fold(0, u64::saturating_add);
        let annotations: BTreeMap<String, String> = metadata["annotations"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect();
        let namespace = text(&metadata["namespace"]);
        let attachments =
            change::attachments(&namespace, &annotations).map_err(|error| error.to_string());
        let pod = Self {
            namespace,
            name: text(&metadata["name"]),
            seats: if ended || node.is_empty() { 0 } else { held },
            node,
            phase,
            deleting: !metadata["deletionTimestamp"].is_null(),
            attachments: if ended { Ok(Vec::new()) } else { attachments },
        };
        (pod.seats > 0 || pod.attachments != Ok(Vec::new())).then_some(pod)
    }
}
