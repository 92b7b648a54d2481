//! The cluster as far as the console looks at it: facts, no objects.
//!
//! Objects come as JSON and are read field by field, so that one of an unexpected shape loses the
//! fields that do not fit and nothing else. Everything here is pure.

pub(crate) mod event;
pub(crate) mod lease;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod peer_pods;
pub(crate) mod pod;
pub(crate) mod request;
mod table;
pub(crate) mod template;

use std::collections::BTreeMap;

use jiff::Timestamp;
use kubewright_hostendpoint::api::{CalicoGroup, HostEndpointTemplate};
use kubewright_hostendpoint::endpoint::PrunedEndpoint;
use kubewright_hostendpoint::node::PrunedNode;
use kubewright_hostendpoint::observed::{Kind, Limits, Observed};
use kubewright_hostendpoint::preflight::Preflight;
use serde::Deserialize as _;
use serde_json::Value;

use event::Event;
use lease::Lease;
use network::Network;
use node::Node;
use peer_pods::Config;
use pod::Pod;
use request::Request;
pub(crate) use table::Table;
use template::Template;

/// A kind of object that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Source {
    Nodes,
    Pods,
    Requests,
    Events,
    Leases,
    Templates,
    Endpoints,
    Configs,
    Networks,
    Definitions,
}

/// What is known of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Nothing yet.
    #[default]
    Unseen,
    /// All of it.
    Whole,
    /// The API server does not serve it.
    Absent,
    /// The user may not list it.
    Forbidden,
    /// It cannot be listed; what was known before stays.
    Failed(String),
}

/// What is known of the cluster.
#[derive(Debug)]
pub(crate) struct World {
    sights: BTreeMap<Source, Sight>,
    pub(crate) nodes: Table<Node>,
    pub(crate) pods: Table<Pod>,
    pub(crate) requests: Table<Request>,
    pub(crate) events: Table<Event>,
    pub(crate) leases: Table<Lease>,
    pub(crate) templates: Table<Template>,
    pub(crate) configs: Table<Config>,
    pub(crate) networks: Table<Network>,
    pub(crate) definitions: Table<Network>,
    /// The index of the HostEndpoint controller: it knows what a node should have.
    pub(crate) coverage: Observed,
    /// Extended resource of which a peer pod takes one.
    pub(crate) resource: String,
}

impl Source {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Nodes,
        Self::Pods,
        Self::Requests,
        Self::Events,
        Self::Leases,
        Self::Templates,
        Self::Endpoints,
        Self::Configs,
        Self::Networks,
        Self::Definitions,
    ];

    /// What people call it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Pods => "pods",
            Self::Requests => "certificate requests",
            Self::Events => "events",
            Self::Leases => "leases",
            Self::Templates => "HostEndpointTemplates",
            Self::Endpoints => "Calico's HostEndpoints",
            Self::Configs => "PeerPodConfigs",
            Self::Networks | Self::Definitions => "networks",
        }
    }
}

impl World {
    /// Nothing seen yet.
    pub(crate) fn new(resource: &str) -> Self {
        // Lockouts are the controller's to judge, and stand in the status of templates.
        let preflight = Preflight { policies: Some(BTreeMap::new()), ..Preflight::new(443) };
        Self {
            sights: BTreeMap::new(),
            nodes: Table::default(),
            pods: Table::default(),
            requests: Table::default(),
            events: Table::default(),
            leases: Table::default(),
            templates: Table::default(),
            configs: Table::default(),
            networks: Table::default(),
            definitions: Table::default(),
            coverage: Observed::new(CalicoGroup::CrdV1, Limits::default(), preflight),
            resource: resource.to_owned(),
        }
    }

    /// What is known of a kind.
    pub(crate) fn sight(&self, source: Source) -> &Sight {
        self.sights.get(&source).unwrap_or(&Sight::Unseen)
    }

    /// Sets in which group HostEndpoints are read.
    pub(crate) fn set_group(&mut self, group: CalicoGroup) {
        self.coverage.set_group(group);
    }

    /// A complete list of a kind begins.
    pub(crate) fn list_begins(&mut self, source: Source) {
        match source {
            Source::Nodes => self.nodes.list_begins(),
            Source::Pods => self.pods.list_begins(),
            Source::Requests => self.requests.list_begins(),
            Source::Events => self.events.list_begins(),
            Source::Leases => self.leases.list_begins(),
            Source::Templates => self.templates.list_begins(),
            Source::Endpoints => {}
            Source::Configs => self.configs.list_begins(),
            Source::Networks => self.networks.list_begins(),
            Source::Definitions => self.definitions.list_begins(),
        }
        if let Some(kind) = kind_of(source) {
            self.coverage.list_begins(kind);
        }
    }

    /// The list is complete; whether anything that is shown has changed.
    pub(crate) fn list_ends(&mut self, source: Source, now: Timestamp) -> bool {
        let fewer = match source {
            Source::Nodes => self.nodes.list_ends(),
            Source::Pods => self.pods.list_ends(),
            Source::Requests => self.requests.list_ends(),
            Source::Events => self.events.list_ends(),
            Source::Leases => self.leases.list_ends(),
            Source::Templates => self.templates.list_ends(),
            Source::Endpoints => true,
            Source::Configs => self.configs.list_ends(),
            Source::Networks => self.networks.list_ends(),
            Source::Definitions => self.definitions.list_ends(),
        };
        if let Some(kind) = kind_of(source) {
            self.coverage.list_ends(kind);
            self.coverage.settle(now);
        }
        let news = self.sights.insert(source, Sight::Whole) != Some(Sight::Whole);
        fewer || news
    }

    /// The list could not be had; whether that is news.
    pub(crate) fn list_fails(&mut self, source: Source, sight: Sight) -> bool {
        self.sights.insert(source, sight.clone()) != Some(sight)
    }

    /// An object is there, or has changed; whether anything that is shown has.
    pub(crate) fn apply(&mut self, source: Source, object: &Value, now: Timestamp) -> bool {
        let name = key(object);
        match source {
            Source::Nodes => {
                if let Ok(node) = PrunedNode::deserialize(object) {
                    self.coverage.apply_node(&node);
                    self.coverage.settle(now);
                }
                self.nodes.put(name, Node::of(object, &self.resource))
            }
            Source::Pods => match Pod::of(object, &self.resource) {
                Some(pod) => self.pods.put(name, pod),
                None => self.pods.take(&name),
            },
            Source::Requests => match Request::of(object) {
                Some(request) => self.requests.put(name, request),
                None => self.requests.take(&name),
            },
            Source::Events => self.events.put(name, Event::of(object)),
            Source::Leases => match Lease::of(object) {
                Some(lease) => {
                    let same = self.leases.get(&name).is_some_and(|known| known.is_renewed(&lease));
                    self.leases.put(name, lease) && !same
                }
                None => self.leases.take(&name),
            },
            Source::Templates => {
                // What it asks for must not depend on what was reported about it.
                let mut asked = object.clone();
                asked.as_object_mut().and_then(|fields| fields.remove("status"));
                match HostEndpointTemplate::deserialize(&asked) {
                    Ok(template) => self.coverage.apply_template(&template),
                    Err(error) => self.coverage.apply_unreadable_template(
                        &name,
                        object["metadata"]["generation"].as_i64(),
                        error.to_string(),
                    ),
                }
                self.coverage.settle(now);
                self.templates.put(name, Template::of(object));
                true
            }
            Source::Endpoints => {
                let Ok(endpoint) = PrunedEndpoint::deserialize(object) else { return false };
                self.coverage.apply_endpoint(&endpoint);
                self.coverage.settle(now);
                true
            }
            Source::Configs => self.configs.put(name, Config::of(object)),
            Source::Networks => self.networks.put(name, Network::of(object)),
            Source::Definitions => self.definitions.put(name, Network::of(object)),
        }
    }

    /// An object is gone; whether it was shown.
    pub(crate) fn remove(&mut self, source: Source, object: &Value, now: Timestamp) -> bool {
        let name = key(object);
        if let Some(kind) = kind_of(source) {
            self.coverage.remove(kind, &name);
            self.coverage.settle(now);
        }
        match source {
            Source::Nodes => self.nodes.take(&name),
            Source::Pods => self.pods.take(&name),
            Source::Requests => self.requests.take(&name),
            Source::Events => self.events.take(&name),
            Source::Leases => self.leases.take(&name),
            Source::Templates => self.templates.take(&name),
            Source::Endpoints => true,
            Source::Configs => self.configs.take(&name),
            Source::Networks => self.networks.take(&name),
            Source::Definitions => self.definitions.take(&name),
        }
    }
}

/// The kind under which the HostEndpoint index knows a source.
fn kind_of(source: Source) -> Option<Kind> {
    match source {
        Source::Nodes => Some(Kind::Nodes),
        Source::Templates => Some(Kind::Templates),
        Source::Endpoints => Some(Kind::Endpoints),
        _ => None,
    }
}

/// `name`, or `namespace/name`.
fn key(object: &Value) -> String {
    let name = text(&object["metadata"]["name"]);
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name,
    }
}

/// A text; empty where there is none.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A time; none where it cannot be read.
pub(crate) fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// The elements of a list.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A condition of a status, by type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(&object["status"]["conditions"]).find(|condition| condition["type"] == kind)
}

#[cfg(test)]
pub(crate) mod tests;
