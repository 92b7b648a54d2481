//! Pods leave nodes whose `NoExecute` taints they do not tolerate (any longer).
//!
//! The time that a pod tolerates them is counted from when this server first saw the two
//! together; after a restart every pod has its time anew.
//!
//! Semantics: the taint manager of `pkg/controller/nodelifecycle` of 1.28.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio_util::task::TaskTracker;

use super::timed::{self, Look, SOON};
use crate::access::Identity;
use crate::builtin::workloads::eviction::{self, Reason};
use crate::builtin::workloads::toleration::{Stay, stay};
use crate::error::Result;
use crate::meta;
use crate::rest::{DeleteOptions, Target, delete, internal_update};
use crate::server::Core;
use crate::store::{ResourceKey, Stored};

/// Who deletes, for webhooks.
static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::controller("node-controller"));

#[derive(Default)]
struct Evictions {
    /// Since when a pod, by its uid, is on a node with taints that it minds.
    since: HashMap<String, Timestamp>,
}

/// Starts evicting.
pub(super) fn spawn(core: &Arc<Core>, tasks: &TaskTracker) {
    timed::spawn(core, tasks, Evictions::default());
}

impl Look for Evictions {
    fn resources(&self) -> Vec<ResourceKey> {
        vec![nodes(), pods()]
    }

    async fn look(&mut self, core: &Core, now: Timestamp) -> Duration {
        let tainted = tainted(core);
        let mut again = Duration::MAX;
        let mut since = HashMap::new();
        if !tainted.is_empty() {
            for stored in core.store.list(&pods(), None).objects {
                let Some(taints) = node_of(&stored).and_then(|node| tainted.get(node)) else {
                    continue;
                };
                let pod = stored.value();
                let Stay::Seconds(seconds) = stay(&pod, taints) else {
                    continue;
                };
                let begin = self.since.get(meta::uid(&pod)).copied().unwrap_or(now);
                since.insert(meta::uid(&pod).to_owned(), begin);
                let end = begin.checked_add(SignedDuration::from_secs(seconds));
                let end = end.unwrap_or(Timestamp::MAX);
                if end > now {
                    again = again.min(timed::until(end, now));
                } else if let Err(error) = evict(core, &pod, now).await {
                    let (name, namespace) = (meta::name(&pod), meta::namespace(&pod));
                    tracing::warn!(%name, %namespace, %error, "cannot evict a pod from its node");
                    again = again.min(SOON);
                }
            }
        }
        self.since = since;
        again
    }
}

fn nodes() -> ResourceKey {
    ResourceKey::new("", "nodes")
}

fn pods() -> ResourceKey {
    ResourceKey::new("", "pods")
}

/// The taints of nodes that drive pods away, by the name of the node.
fn tainted(core: &Core) -> HashMap<String, Vec<Value>> {
    let nodes = core.store.list(&nodes(), None).objects.into_iter();
    let taints = nodes.map(|stored| {
        let taints = stored.value()["spec"]["taints"].as_array().cloned();
        (stored.key.name.to_string(), taints.unwrap_or_default())
    });
    taints.filter(|(_, taints)| taints.iter().any(|it| it["effect"] == "NoExecute")).collect()
}

/// The node of a pod that is not on its way out already.
fn node_of(pod: &Stored) -> Option<&str> {
    let node = pod.fields.iter().find(|(name, _)| &**name == "spec.nodeName");
    node.filter(|_| !pod.terminating).map(|(_, node)| &**node)
}

async fn evict(core: &Core, pod: &Value, now: Timestamp) -> Result<()> {
    let catalog = core.catalog();
    let Some(resource) = catalog.find("", "v1", "pods") else {
        return Ok(());
    };
    let (namespace, name) = (meta::namespace(pod), meta::name(pod));
    let identity = Some(&*IDENTITY);
    let target = Target { core, resource, namespace, name, subresource: "", identity };
    let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let uid = meta::uid(pod).to_owned();
    let status = Target { subresource: "status", ..target };
    let marked = internal_update(&status, |live| {
        if meta::uid(live) == uid {
            eviction::mark(live, Reason::Taint, &now);
        }
    });
    let options = DeleteOptions { uid: Some(uid.clone()), ..DeleteOptions::default() };
    let gone = match marked.await {
        Ok(_) => delete(&target, &options).await.map(drop),
        Err(error) => Err(error),
    };
    match gone {
        // Somebody else was faster, or another pod has the name by now.
        Err(error) if matches!(error.reason, "NotFound" | "Conflict") => Ok(()),
        other => other,
    }
}
