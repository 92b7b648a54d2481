//! What a config owns in the controller's namespace: pure, from a config to objects for
//! server-side apply.

pub mod adaptor;
pub mod webhook;

use serde_json::{Value, json};

/// A `PeerPodConfig` as the owner of an object in its own namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Name of the config.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

impl Owner {
    /// The owner reference. Kubernetes deletes the object with the config.
    pub fn reference(&self) -> Value {
        json!({
            "apiVersion": "confidentialcontainers.org/v1alpha1",
            "kind": "PeerPodConfig",
            "name": self.name,
            "uid": self.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        })
    }
}
