//! What a kubelet may see: only what the pods on its node refer to, and its own node, lease
//! and CSINode. `restriction` guards what it writes.

mod graph;
mod labels;
mod references;
pub(crate) mod restriction;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};

use super::attributes::{Attributes, On, Place};
use super::authorize::Decision;
use super::follow::{Follower, News};
use super::identity::node_name;
use super::policy;
use crate::store::Store;
use graph::{Graph, Kind};

/// The namespace of the leases by which nodes say that they live.
const LEASES: &str = "kube-node-lease";

/// The node authorizer.
pub(crate) struct Nodes {
    store: Store,
    state: Mutex<State>,
}

struct State {
    graph: Graph,
    pods: Follower,
    volumes: Follower,
    attachments: Follower,
}

fn allowed() -> Decision {
    Decision { allowed: true, reason: String::new() }
}

fn no(reason: impl Into<String>) -> Decision {
    Decision { allowed: false, reason: reason.into() }
}

impl Nodes {
    pub(crate) fn new(store: Store) -> Self {
        let state = State {
            graph: Graph::default(),
            pods: Follower::new(&store, "", "pods"),
            volumes: Follower::new(&store, "", "persistentvolumes"),
            attachments: Follower::new(&store, "storage.k8s.io", "volumeattachments"),
        };
        Self { store, state: Mutex::new(state) }
    }

    pub(crate) fn decide(&self, asked: &Attributes<'_>) -> Decision {
        let Some(node) = node_name(asked.identity) else {
            return Decision::default();
        };
        if node.is_empty() {
            return no(format!("unknown node for user {:?}", asked.identity.user));
        }
        let On::Resource(place) = asked.on else {
            return Decision { allowed: policy::node_allows(asked), reason: String::new() };
        };
        let verb = asked.verb;
        match (place.group, place.resource) {
            ("", "secrets") => self.read(node, Kind::Secret, verb, place),
            ("", "configmaps") => self.read(node, Kind::ConfigMap, verb, place),
            ("", "persistentvolumeclaims") if place.subresource == "status" => match verb {
                "update" | "patch" => self.related(node, Kind::Claim, place),
                _ => no("can only get/update/patch this type"),
            },
            ("", "persistentvolumeclaims") => self.get(node, Kind::Claim, verb, place),
            ("", "persistentvolumes") => self.get(node, Kind::Volume, verb, place),
            ("storage.k8s.io", "volumeattachments") => {
                self.get(node, Kind::Attachment, verb, place)
            }
            ("", "serviceaccounts") => self.create_token(node, verb, place),
            ("coordination.k8s.io", "leases") => lease(node, verb, place),
            ("storage.k8s.io", "csinodes") => csi_node(node, verb, place),
            _ => Decision { allowed: policy::node_allows(asked), reason: String::new() },
        }
    }

    fn read(&self, node: &str, kind: Kind, verb: &str, place: Place<'_>) -> Decision {
        if !matches!(verb, "get" | "list" | "watch") {
            no("can only read resources of this type")
        } else if !place.subresource.is_empty() {
            no("cannot read subresource")
        } else if place.namespace.is_empty() {
            no("can only read namespaced object of this type")
        } else {
            self.related(node, kind, place)
        }
    }

    fn get(&self, node: &str, kind: Kind, verb: &str, place: Place<'_>) -> Decision {
        if verb != "get" {
            no("can only get individual resources of this type")
        } else if !place.subresource.is_empty() {
            no("cannot get subresource")
        } else {
            self.related(node, kind, place)
        }
    }

    fn create_token(&self, node: &str, verb: &str, place: Place<'_>) -> Decision {
        if verb != "create" || place.name.is_empty() {
            no("can only create tokens for individual service accounts")
        } else if place.subresource != "token" {
            no("can only create token subresource of serviceaccount")
        } else {
            self.related(node, Kind::ServiceAccount, place)
        }
    }

    fn related(&self, node: &str, kind: Kind, place: Place<'_>) -> Decision {
        if place.name.is_empty() {
            return no("No Object name found");
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.catch_up(&self.store);
        if state.graph.leads_to(node, kind, place.namespace, place.name) {
            return allowed();
        }
        no(format!("no relationship found between node '{node}' and this object"))
    }
}

fn lease(node: &str, verb: &str, place: Place<'_>) -> Decision {
    if !matches!(verb, "get" | "create" | "update" | "patch" | "delete") {
        no("can only get, create, update, patch, or delete a node lease")
    } else if place.namespace != LEASES {
        no(format!("can only access leases in the {LEASES:?} system namespace"))
    } else if verb != "create" && place.name != node {
        // The name of a new one is checked when it is admitted.
        no("can only access node lease with the same name as the requesting node")
    } else {
        allowed()
    }
}

fn csi_node(node: &str, verb: &str, place: Place<'_>) -> Decision {
    if !matches!(verb, "get" | "create" | "update" | "patch" | "delete") {
        no("can only get, create, update, patch, or delete a CSINode")
    } else if !place.subresource.is_empty() {
        no("cannot authorize CSINode subresources")
    } else if verb != "create" && place.name != node {
        no("can only access CSINode with the same name as the requesting node")
    } else {
        allowed()
    }
}

impl State {
    fn catch_up(&mut self, store: &Store) {
        let graph = &mut self.graph;
        self.pods.catch_up(store, |news| match news {
            News::Reset => graph.forget_pods(),
            News::Is(pod) => graph.set_pod(&pod.key, &pod.value()),
            News::Gone(pod) => graph.remove_pod(&pod.key),
        });
        self.volumes.catch_up(store, |news| match news {
            News::Reset => graph.forget_volumes(),
            News::Is(volume) => graph.set_volume(&volume.key.name, &volume.value()),
            News::Gone(volume) => graph.remove_volume(&volume.key.name),
        });
        self.attachments.catch_up(store, |news| match news {
            News::Reset => graph.forget_attachments(),
            News::Is(object) => graph.set_attachment(&object.key.name, &object.value()),
            News::Gone(object) => graph.remove_attachment(&object.key.name),
        });
    }
}
