//! The configs and the nodes, and who is for what.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Toleration;
use kube::ResourceExt;
use kube::core::DynamicObject;

use super::FINALIZER;
use crate::api::{DeletionPolicy, NodeSelector, PeerPodConfig};
use crate::controller::sighting::record::{MANAGER_PREFIX, NodeRecord};
use crate::controller::world::World;
use crate::objects::Owner;
use crate::options::Options;
use crate::plan::{Capacity, Claim, Node, Obstacle, conflicts, untolerated};

/// A config as far as it can be read.
pub(crate) struct Config<'a> {
    /// `namespace/name`.
    pub(crate) key: String,
    pub(super) object: &'a DynamicObject,
    pub(crate) config: PeerPodConfig,
    pub(super) selector: NodeSelector,
    /// What it comes to.
    pub(crate) capacity: Capacity,
    /// The older config that is in its way.
    pub(crate) conflict: Option<String>,
}

/// A config that cannot be read, and why. It keeps what it has: it may be of a newer version of
/// ours, or somebody has mistyped something.
pub(crate) struct Unreadable<'a> {
    pub(crate) key: String,
    pub(super) object: &'a DynamicObject,
    pub(crate) problem: String,
}

impl Unreadable<'_> {
    /// Whether it ever had anything.
    pub(super) fn is_held(&self) -> bool {
        is_held(self.object)
    }
}

/// Everything, looked over.
pub(crate) struct Survey<'a> {
    /// Readable configs, the oldest first.
    pub(crate) configs: Vec<Config<'a>>,
    pub(crate) unreadable: Vec<Unreadable<'a>>,
    pub(crate) nodes: Vec<Node>,
    /// Since when nodes are kept from taking peer pods, and by what.
    pub(super) obstacles: BTreeMap<String, (String, Timestamp)>,
    /// When an obstacle will have lasted.
    pub(super) again: Option<Timestamp>,
    /// Field managers whose nodes nobody else takes from them.
    pub(super) kept: BTreeSet<String>,
}

impl Config<'_> {
    pub(super) fn is_deleted(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
    }

    pub(super) fn is_held(&self) -> bool {
        is_held(self.object)
    }

    /// Whether it is deleted and waits for peer pods on its nodes.
    pub(super) fn waits_for_pods(&self, world: &World) -> bool {
        self.is_deleted()
            && self.config.spec.deletion_policy == DeletionPolicy::Wait
            && self.capacity.grants.iter().any(|grant| world.running(&grant.node) > 0)
    }

    pub(crate) fn manager(&self) -> String {
        manager(&self.key, self.object)
    }

    /// The owner of objects in this namespace; owners never reach across namespaces.
    pub(super) fn owner(&self, namespace: &str) -> Option<Owner> {
        (self.object.namespace().as_deref() == Some(namespace)).then(|| Owner {
            name: self.object.name_any(),
            uid: self.object.uid().unwrap_or_default(),
        })
    }
}

impl<'a> Survey<'a> {
    /// Configs that write: neither conflicted nor deleted.
    pub(super) fn live(&self) -> impl Iterator<Item = &Config<'a>> {
        self.configs.iter().filter(|config| config.conflict.is_none() && !config.is_deleted())
    }

    /// The oldest deleted config that waits for its peer pods: they need its parts until then.
    pub(super) fn retiring(&self, world: &World) -> Option<&Config<'a>> {
        let mut all = self.configs.iter();
        all.find(|config| config.conflict.is_none() && config.waits_for_pods(world))
    }

    /// Whether nobody else takes nodes from this field manager.
    pub(crate) fn keeps(&self, manager: &str) -> bool {
        self.kept.contains(manager)
    }

    /// A config that had something and cannot be read now: while there is one, nothing that may be
    /// its is taken away.
    pub(super) fn held_back_by(&self) -> Option<&Unreadable<'a>> {
        self.unreadable.iter().find(|config| config.is_held())
    }
}

/// Looks everything over.
pub(crate) fn survey<'a>(world: &'a World, options: &Options, now: Timestamp) -> Survey<'a> {
    let mut survey = Survey {
        configs: Vec::new(),
        unreadable: Vec::new(),
        nodes: Vec::new(),
        obstacles: BTreeMap::new(),
        again: None,
        kept: BTreeSet::new(),
    };
    survey.nodes = nodes(world, options, now, &mut survey);
    let mut oldest_first: Vec<(&String, &DynamicObject)> = world.configs.iter().collect();
    oldest_first.sort_by_key(|(key, object)| {
        (object.metadata.creation_timestamp.as_ref().map(|time| time.0), *key)
    });
    let mut holdings: Vec<(&str, Vec<String>)> = Vec::new();
    for (key, object) in oldest_first {
        let nodes = match read(key, object, &survey.nodes) {
            Ok(config) => {
                let nodes = config.capacity.grants.iter().map(|grant| grant.node.clone()).collect();
                survey.configs.push(config);
                nodes
            }
            // Its nodes are those that it has.
            Err(problem) => {
                let manager = manager(key, object);
                let held = world.nodes.iter().filter(|(_, node)| node.managers.contains(&manager));
                let nodes = held.map(|(name, _)| name.clone()).collect();
                survey.kept.insert(manager);
                survey.unreadable.push(Unreadable { key: key.clone(), object, problem });
                nodes
            }
        };
        holdings.push((key, nodes));
    }
    mark_conflicts(&mut survey, &holdings);
    survey
}

fn mark_conflicts(survey: &mut Survey<'_>, oldest_first: &[(&str, Vec<String>)]) {
    let claims: Vec<Claim<'_>> = oldest_first
        .iter()
        .map(|(key, nodes)| Claim { key, nodes: nodes.iter().map(String::as_str).collect() })
        .collect();
    let found: BTreeMap<&str, String> = claims
        .iter()
        .zip(conflicts(&claims))
        .filter_map(|(claim, conflict)| Some((claim.key, conflict?)))
        .collect();
    for config in &mut survey.configs {
        config.conflict = found.get(config.key.as_str()).cloned();
        // Nothing is written for a conflicted config, and nothing is taken from it either.
        if config.conflict.is_some() && !config.is_deleted() {
            survey.kept.insert(config.manager());
        }
    }
}

fn read<'a>(key: &str, object: &'a DynamicObject, nodes: &[Node]) -> Result<Config<'a>, String> {
    let config: PeerPodConfig =
        object.clone().try_parse().map_err(|error| format!("the spec cannot be read: {error}"))?;
    let selector = config.spec.selector().map_err(|error| told(&error))?;
    let capacity = crate::plan::capacity(&config.spec, nodes).map_err(|error| told(&error))?;
    Ok(Config { key: key.to_owned(), object, config, selector, capacity, conflict: None })
}

fn told(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", told(cause)))
}

fn is_held(object: &DynamicObject) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// The field manager of a config's capacity; at most 128 bytes, as Kubernetes asks.
fn manager(key: &str, object: &DynamicObject) -> String {
    if MANAGER_PREFIX.len() + key.len() <= 128 {
        format!("{MANAGER_PREFIX}{key}")
    } else {
        format!("{MANAGER_PREFIX}{}", object.uid().unwrap_or_default())
    }
}

/// The nodes as planning sees them. An obstacle counts once it has lasted.
fn nodes(world: &World, options: &Options, now: Timestamp, survey: &mut Survey<'_>) -> Vec<Node> {
    let patience = SignedDuration::try_from(options.patience).unwrap_or(SignedDuration::MAX);
    let tolerations = tolerations(world);
    let seen = world.nodes.iter().map(|(name, record)| {
        let mut lasting = None;
        if let Some((obstacle, told)) = obstacle(record, &tolerations) {
            let word = obstacle.to_string();
            let noted = world.obstacles.get(name).filter(|(last, _)| *last == word);
            let since = noted.map(|(_, at)| *at).or(told).unwrap_or(now).min(now);
            survey.obstacles.insert(name.clone(), (word, since));
            match since.saturating_add(patience) {
                Ok(due) if due > now => {
                    survey.again = Some(survey.again.map_or(due, |again| again.min(due)));
                }
                _ => lasting = Some(obstacle),
            }
        }
        Node {
            name: name.clone(),
            labels: record.labels.clone(),
            obstacle: lasting,
            running: world.running(name),
            advertised: record.seats(),
        }
    });
    seen.collect()
}

/// What keeps new peer pods from a node, and since when as far as the node tells.
fn obstacle(
    record: &NodeRecord,
    tolerations: &[Toleration],
) -> Option<(Obstacle, Option<Timestamp>)> {
    if record.unschedulable {
        return Some((Obstacle::Cordoned, None));
    }
    if !record.ready {
        return Some((Obstacle::NotReady, record.ready_since));
    }
    let taint = untolerated(&record.taints, tolerations)?;
    let since = taint.time_added.as_ref().map(|time| time.0);
    Some((Obstacle::Taint { key: taint.key.clone() }, since))
}

/// What the adaptor tolerates: there is one, for the nodes of all configs.
pub(super) fn tolerations(world: &World) -> Vec<Toleration> {
    let mut all = Vec::new();
    for object in world.configs.values() {
        let list = object.data.pointer("/spec/adaptor/tolerations").cloned();
        let list: Vec<Toleration> =
            list.and_then(|list| serde_json::from_value(list).ok()).unwrap_or_default();
        for toleration in list {
            if !all.contains(&toleration) {
                all.push(toleration);
            }
        }
    }
    all
}
