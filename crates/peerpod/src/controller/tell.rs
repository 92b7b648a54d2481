//! Events: what changed for a config, and PeerPods that nobody cleans up.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::DynamicObject;
use kube::{Resource, ResourceExt};
use kubewright_operator::events::{Event, Events};

use super::watch::upstream;
use super::world::World;
use crate::api::{PeerPodConfig, condition};

/// Remembers what has been told.
#[derive(Default)]
pub(super) struct Teller {
    /// Statuses of conditions, by config.
    told: BTreeMap<String, BTreeMap<String, String>>,
    orphans: Vec<String>,
}

impl Teller {
    /// What configs say when they are first seen was told by somebody before.
    pub(super) fn remember(&mut self, world: &World) {
        self.told.retain(|key, _| world.configs.contains_key(key));
        for (key, object) in &world.configs {
            self.told.entry(key.clone()).or_insert_with(|| statuses(&conditions(object)));
        }
    }

    /// Tells of what has changed.
    pub(super) async fn tell(&mut self, world: &World, orphans: &[String], events: &Events) {
        for (key, object) in &world.configs {
            let conditions = conditions(object);
            let now = statuses(&conditions);
            let before = self.told.insert(key.clone(), now).unwrap_or_default();
            let changed = conditions
                .iter()
                .filter(|one| is_notable(one) && before.get(&one.type_) != Some(&one.status));
            for one in changed {
                let bad = (one.type_ == condition::READY) != (one.status == "True");
                let make = if bad { Event::warning } else { Event::normal };
                let event = make(&one.type_, &one.reason, one.message.clone());
                events.publish(&config_reference(object), event).await;
            }
        }
        for key in orphans.iter().filter(|key| !self.orphans.contains(key)) {
            let Some(record) = world.peer_pods.get(key) else { continue };
            let (namespace, name) = key.split_once('/').unwrap_or(("", key));
            let resource = upstream();
            let regarding = ObjectReference {
                api_version: Some(resource.api_version),
                kind: Some(resource.kind),
                namespace: Some(namespace.to_owned()),
                name: Some(name.to_owned()),
                uid: Some(record.uid.clone()),
                ..ObjectReference::default()
            };
            let note = "its pod is gone and nobody has removed its finalizer: a VM may still run; see whether peerpod-ctrl is running";
            events.publish(&regarding, Event::warning("Cleanup", "Orphaned", note)).await;
        }
        self.orphans = orphans.to_vec();
    }
}

fn is_notable(condition: &Condition) -> bool {
    match condition.type_.as_str() {
        condition::READY => true,
        condition::OVERCOMMITTED | condition::CONFLICTED => condition.status == "True",
        _ => false,
    }
}

fn conditions(object: &DynamicObject) -> Vec<Condition> {
    let conditions = object.data.pointer("/status/conditions").cloned();
    conditions.and_then(|all| serde_json::from_value(all).ok()).unwrap_or_default()
}

fn statuses(conditions: &[Condition]) -> BTreeMap<String, String> {
    conditions.iter().map(|one| (one.type_.clone(), one.status.clone())).collect()
}

fn config_reference(object: &DynamicObject) -> ObjectReference {
    ObjectReference {
        api_version: Some(PeerPodConfig::api_version(&()).into_owned()),
        kind: Some(PeerPodConfig::kind(&()).into_owned()),
        namespace: object.namespace(),
        name: Some(object.name_any()),
        uid: object.uid(),
        ..ObjectReference::default()
    }
}
