//! Nodes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kubewright_hostendpoint::api::{PROTECTED_CONDITION, UNPROTECTED_TAINT};
use serde_json::Value;

use super::{condition, list, text, time};

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    pub(crate) created: Option<Timestamp>,
    pub(crate) labels: BTreeMap<String, String>,
    /// `status` of the condition `Ready`; empty where the kubelet has not reported yet.
    pub(crate) ready: String,
    /// What the condition `Ready` says.
    pub(crate) ready_message: String,
    pub(crate) ready_since: Option<Timestamp>,
    pub(crate) cordoned: bool,
    pub(crate) deleting: bool,
    /// `InternalIP` and `ExternalIP`.
    pub(crate) addresses: Vec<String>,
    pub(crate) version: String,
    /// Whether it has the taint of nodes without protection.
    pub(crate) tainted: bool,
    pub(crate) protected: Option<Protected>,
    /// Capacity of the peer-pod resource.
    pub(crate) advertised: Option<u64>,
}

/// The condition `HostProtected`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Protected {
    pub(crate) holds: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) since: Option<Timestamp>,
}

impl Node {
    /// What is shown of a node.
    pub(crate) fn of(object: &Value, resource: &str) -> Self {
        let (metadata, spec, status) = (&object["metadata"], &object["spec"], &object["status"]);
        let ready = condition(object, "Ready").unwrap_or(&Value::Null);
        let protected = condition(object, PROTECTED_CONDITION).map(|condition| Protected {
            holds: condition["status"] == "True",
            reason: text(&condition["reason"]),
            message: text(&condition["message"]),
            since: time(&condition["lastTransitionTime"]),
        });
        let is_routable = |address: &&Value| {
            matches!(address["type"].as_str(), Some("InternalIP" | "ExternalIP"))
        };
        let labels = metadata["labels"].as_object().into_iter().flatten();
        Self {
            created: time(&metadata["creationTimestamp"]),
            labels: labels.map(|(key, value)| (key.clone(), text(value))).collect(),
            ready: text(&ready["status"]),
            ready_message: text(&ready["message"]),
            ready_since: time(&ready["lastTransitionTime"]),
            cordoned: spec["unschedulable"] == true,
            deleting: !metadata["deletionTimestamp"].is_null(),
            addresses: list(&status["addresses"])
                .filter(is_routable)
                .map(|address| text(&address["address"]))
                .collect(),
            version: text(&status["nodeInfo"]["kubeletVersion"]),
            tainted: list(&spec["taints"]).any(|taint| taint["key"] == UNPROTECTED_TAINT),
            protected,
            advertised: super::peer_pods::seats(&status["capacity"][resource]),
        }
    }

    /// The part of the labels `node-role.kubernetes.io/ROLE` that people look for.
    pub(crate) fn roles(&self) -> Vec<&str> {
        let prefix = "node-role.kubernetes.io/";
        self.labels.keys().filter_map(|label| label.strip_prefix(prefix)).collect()
    }
}
