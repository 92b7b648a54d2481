//! Nodes whose kubelets fall silent are marked, so that nothing is sent to them.
//!
//! A sign of life is a new `renewTime` of the lease in kube-node-lease, or a new heartbeat
//! of the condition `Ready`. When it came is told by this server's clock: those of nodes
//! may be wrong. After a restart every node has its time anew.
//!
//! Semantics: `pkg/controller/nodelifecycle` of 1.28. Pods leave by `evictions`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::timed::{self, Look, SOON};
use crate::access::Identity;
use crate::error::Result;
use crate::meta;
use crate::rest::{Target, internal_update};
use crate::server::Core;
use crate::store::{ObjectKey, ResourceKey};

const LEASES: &str = "kube-node-lease";

/// Who marks, for webhooks.
static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::controller("node-controller"));

/// How long nodes may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeHealth {
    /// After a sign of life; Kubernetes has 40 seconds.
    pub grace: Duration,
    /// After their creation, before the first one; Kubernetes has 60 seconds.
    pub startup: Duration,
}

impl Default for NodeHealth {
    fn default() -> Self {
        Self { grace: Duration::from_secs(40), startup: Duration::from_secs(60) }
    }
}

/// What was last heard of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Heard {
    uid: String,
    renewed: Value,
    heartbeat: Value,
    status: String,
    at: Timestamp,
}

struct Nodes {
    health: NodeHealth,
    heard: HashMap<String, Heard>,
}

/// Starts marking nodes.
pub(super) fn spawn(core: &Arc<Core>, tasks: &TaskTracker, health: NodeHealth) {
    timed::spawn(core, tasks, Nodes { health, heard: HashMap::new() });
}

impl Look for Nodes {
    fn resources(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::new("", "nodes"), leases()]
    }

    async fn look(&mut self, core: &Core, now: Timestamp) -> Duration {
        let nodes = core.store.list(&ResourceKey::new("", "nodes"), None).objects;
        let mut again = Duration::MAX;
        let mut heard = HashMap::new();
        for stored in nodes {
            let node = stored.value();
            let name = meta::name(&node).to_owned();
            let lease = core.store.get(&leases(), &ObjectKey::new(LEASES, &name));
            let renewed = lease.map(|lease| lease.value()["spec"]["renewTime"].clone());
            let news = hear(self.heard.get(&name), &node, renewed.unwrap_or_default(), now);
            let deadline = news.at + patience(&node, &self.health);
            heard.insert(name.clone(), news);
            let silent = deadline <= now;
            if !silent {
                again = again.min(timed::until(deadline, now));
            }
            if let Err(error) = mark(core, &node, silent, now).await {
                tracing::warn!(%name, %error, "cannot mark a node");
                again = again.min(SOON);
            }
        }
        self.heard = heard;
        again
    }
}

fn leases() -> ResourceKey {
    ResourceKey::new("coordination.k8s.io", "leases")
}

fn hear(before: Option<&Heard>, node: &Value, renewed: Value, now: Timestamp) -> Heard {
    let ready = condition(node, "Ready");
    let status = ready.map_or("", |it| it["status"].as_str().unwrap_or_default());
    let mut heard = Heard {
        uid: meta::uid(node).to_owned(),
        renewed,
        heartbeat: ready.map_or(Value::Null, |it| it["lastHeartbeatTime"].clone()),
        status: status.to_owned(),
        at: now,
    };
    if let Some(before) = before.filter(|before| before.uid == heard.uid) {
        // `Unknown` is what this controller says itself.
        let says = heard.status != before.status && heard.status != "Unknown";
        if heard.renewed == before.renewed && heard.heartbeat == before.heartbeat && !says {
            heard.at = before.at;
        }
    }
    heard
}

fn patience(node: &Value, health: &NodeHealth) -> SignedDuration {
    let patience = if condition(node, "Ready").is_some() { health.grace } else { health.startup };
    SignedDuration::try_from(patience).unwrap_or(SignedDuration::MAX)
}

async fn mark(core: &Core, node: &Value, silent: bool, now: Timestamp) -> Result<()> {
    let catalog = core.catalog();
    let Some(resource) = catalog.find("", "v1", "nodes") else {
        return Ok(());
    };
    let (name, identity) = (meta::name(node), Some(&*IDENTITY));
    let target = Target { core, resource, namespace: "", name, subresource: "", identity };
    let uid = meta::uid(node);
    let same = |node: &Value| meta::uid(node) == uid;
    let mut next = node.clone();
    if silent && doubt(&mut next, now) {
        let status = Target { subresource: "status", ..target };
        let written = internal_update(&status, |node| {
            if same(node) {
                doubt(node, now);
            }
        });
        next = written.await?.object;
    }
    if taint(&mut next, now) {
        internal_update(&target, |node| {
            if same(node) {
                taint(node, now);
            }
        })
        .await?;
    }
    Ok(())
}

fn condition<'a>(node: &'a Value, kind: &str) -> Option<&'a Value> {
    node["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Says that the kubelet's conditions are not known any more; whether that is news.
fn doubt(node: &mut Value, now: Timestamp) -> bool {
    let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let created = node["metadata"]["creationTimestamp"].clone();
    if !node["status"]["conditions"].is_array() {
        node["status"]["conditions"] = json!([]);
    }
    let Some(conditions) = node["status"]["conditions"].as_array_mut() else {
        return false;
    };
    let mut changed = false;
    for kind in ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] {
        match conditions.iter_mut().find(|condition| condition["type"] == kind) {
            Some(condition) if condition["status"] == "Unknown" => continue,
            Some(condition) => {
                condition["status"] = json!("Unknown");
                condition["reason"] = json!("NodeStatusUnknown");
                condition["message"] = json!("Kubelet stopped posting node status.");
                condition["lastTransitionTime"] = json!(now);
            }
            None => conditions.push(json!({ "type": kind, "status": "Unknown",
                "reason": "NodeStatusNeverUpdated",
                "message": "Kubelet never posted node status.",
                "lastHeartbeatTime": created, "lastTransitionTime": now })),
        }
        changed = true;
    }
    changed
}

/// Taints of this controller: a condition, the state of it that taints, and the taint.
const TAINTS: [(&str, &str, &str, &str); 8] = [
    ("Ready", "False", "not-ready", "NoSchedule"),
    ("Ready", "False", "not-ready", "NoExecute"),
    ("Ready", "Unknown", "unreachable", "NoSchedule"),
    ("Ready", "Unknown", "unreachable", "NoExecute"),
    ("MemoryPressure", "True", "memory-pressure", "NoSchedule"),
    ("DiskPressure", "True", "disk-pressure", "NoSchedule"),
    ("PIDPressure", "True", "pid-pressure", "NoSchedule"),
    ("NetworkUnavailable", "True", "network-unavailable", "NoSchedule"),
];

/// Brings the taints in line with the conditions; whether that changed any. What a node has
/// never said takes no taint away.
fn taint(node: &mut Value, now: Timestamp) -> bool {
    let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let before = taints.clone();
    let mut align = |wanted: bool, key: &str, effect: &str| {
        let key = format!("node.kubernetes.io/{key}");
        let is_it = |taint: &Value| taint["key"] == *key && taint["effect"] == effect;
        if !wanted {
            taints.retain(|taint| !is_it(taint));
        } else if !taints.iter().any(is_it) {
            taints.push(json!({ "key": key, "effect": effect, "timeAdded": now }));
        }
    };
    for (kind, state, key, effect) in TAINTS {
        if let Some(condition) = condition(node, kind) {
            align(condition["status"] == state, key, effect);
        }
    }
    align(node["spec"]["unschedulable"] == true, "unschedulable", "NoSchedule");
    if taints == before {
        return false;
    }
    if taints.is_empty() {
        meta::child_mut(node, "spec").remove("taints");
    } else {
        meta::child_mut(node, "spec").insert("taints".to_owned(), json!(taints));
    }
    true
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn node(ready: &str, heartbeat: &str) -> Value {
        json!({ "metadata": { "name": "n", "uid": "u",
                "creationTimestamp": "2024-01-01T00:00:00Z" },
            "status": { "conditions": [{ "type": "Ready", "status": ready,
                "lastHeartbeatTime": heartbeat }] } })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_704_067_200 + second).unwrap()
    }

    #[test]
    fn only_news_are_signs_of_life() {
        let first = hear(None, &node("True", "a"), json!("1"), at(0));
        let silent = hear(Some(&first), &node("True", "a"), json!("1"), at(9));
        assert_eq!(silent.at, at(0));
        let doubted = hear(Some(&silent), &node("Unknown", "a"), json!("1"), at(10));
        assert_eq!(doubted.at, at(0));
        for (node, renewed) in
            [(node("Unknown", "b"), "1"), (node("Unknown", "a"), "2"), (node("True", "a"), "1")]
        {
            assert_eq!(hear(Some(&doubted), &node, json!(renewed), at(20)).at, at(20), "{node}");
        }
    }

    #[test]
    fn a_silent_node_is_doubted_and_tainted_once() {
        let mut node = node("True", "a");
        node["spec"] = json!({ "taints": [{ "key": "mine", "effect": "NoSchedule" }] });
        assert!(!taint(&mut node, at(0)));
        assert!(doubt(&mut node, at(1)));
        assert!(!doubt(&mut node, at(2)));
        let ready = condition(&node, "Ready").unwrap();
        assert_eq!(
            (&ready["status"], &ready["reason"]),
            (&json!("Unknown"), &json!("NodeStatusUnknown"))
        );
        let pressure = condition(&node, "PIDPressure").unwrap();
        assert_eq!(pressure["reason"], "NodeStatusNeverUpdated");
        assert!(taint(&mut node, at(1)));
        assert!(!taint(&mut node, at(2)));
        let taints = |node: &Value| -> Vec<String> {
            let list = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
            let text = |taint: &Value| format!("{}:{}", taint["key"], taint["effect"]);
            list.iter().map(|taint| text(taint).replace(['"'], "")).collect()
        };
        let unreachable = "node.kubernetes.io/unreachable";
        assert_eq!(
            taints(&node),
            [
                "mine:NoSchedule".to_owned(),
                format!("{unreachable}:NoSchedule"),
                format!("{unreachable}:NoExecute")
            ]
        );
        // It speaks again, and is not ready yet.
        node["status"]["conditions"][0]["status"] = json!("False");
        assert!(taint(&mut node, at(3)));
        assert!(taints(&node).contains(&"node.kubernetes.io/not-ready:NoExecute".to_owned()));
        node["status"]["conditions"][0]["status"] = json!("True");
        assert!(taint(&mut node, at(4)));
        assert_eq!(taints(&node), ["mine:NoSchedule"]);
    }

    #[test]
    fn what_was_never_said_changes_nothing() {
        let mut node = json!({ "metadata": { "name": "n" }, "spec": { "taints": [
            { "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" }] } });
        assert!(!taint(&mut node, at(0)));
    }
}
