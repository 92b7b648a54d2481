//! What a new cluster gets once its API server is up: a pod network, and what is asked for.
//!
//! ```text
//! configuration ──▶ wanted: name and objects ──▶ apply (server-side, definitions first)
//!                                            └──▶ state: ready, or what is missing
//! ```
//!
//! - Everything is applied under one field manager, so doing it again changes nothing, and what
//!   others have set on the objects stays.
//! - An add-on is ready when the pods of its workloads are. What is not ready in time is reported
//!   as that, with what the cluster says about it; it is never called installed and done.

mod apply;
mod cilium;
mod dex;
mod flannel;
mod manifest;
mod multus;
mod state;

use std::path::PathBuf;

use serde_json::{Value, json};

pub use apply::{ApplyError, FIELD_MANAGER, apply};
pub use dex::DexError;
pub use manifest::ManifestError;
pub use state::{AddonState, state};

use crate::config::{CniDriver, MultipleCni, NodeConfiguration};
use crate::host::Host;

/// Port of every node on which Dex answers; that of kubic-init.
pub const DEX_PORT: u16 = 32000;

/// Objects that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Addon {
    /// As it is told to people, and in the journal.
    pub name: String,
    /// In the order in which they are applied.
    pub objects: Vec<Value>,
}

/// What the program brings along that this crate does not know.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// kubewright's controllers, for the image of `manager.image`.
    pub manager: Vec<Value>,
    /// The agent of `kubewright podnet`.
    pub podnet: Vec<Value>,
}

/// An add-on cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AddonError {
    /// A file of manifests.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Dex.
    #[error(transparent)]
    Dex(#[from] DexError),
}

/// The add-ons of a configuration, in the order in which they are installed. Pure, but for the
/// files that it reads.
///
/// # Errors
/// [`AddonError`] when a file cannot be used.
pub fn wanted(
    host: &Host,
    configuration: &NodeConfiguration,
    extras: &Extras,
) -> Result<Vec<Addon>, AddonError> {
    let mut addons = Vec::new();
    let mut add = |name: &str, objects: Vec<Value>| {
        addons.push(Addon { name: name.to_owned(), objects });
    };
    let cni = &configuration.network.cni;
    match cni.driver {
        CniDriver::Flannel => add("flannel", flannel::objects(&configuration.network)),
        CniDriver::Cilium => add("cilium", cilium::objects(&configuration.network)),
        CniDriver::Custom => add("cni", read(host, &cni.manifests)?),
        CniDriver::None => {}
    }
    match configuration.network.multiple_cni {
        MultipleCni::Multus => add("multus", multus::objects(cni)),
        MultipleCni::Podnet => add("podnet", extras.podnet.clone()),
        MultipleCni::None => {}
    }
    if configuration.addons.dex.enabled {
        add("dex", dex::objects(host, configuration)?);
    }
    if !configuration.manager.image.is_empty() {
        add("manager", extras.manager.clone());
    }
    if !configuration.addons.manifests.is_empty() {
        add("manifests", read(host, &configuration.addons.manifests)?);
    }
    Ok(addons)
}

fn read(host: &Host, paths: &[PathBuf]) -> Result<Vec<Value>, ManifestError> {
    let mut objects = Vec::new();
    for path in paths {
        objects.extend(manifest::read(&host.path(path))?);
    }
    Ok(objects)
}

/// Which node of an add-on's pods runs where nothing else does yet: before there is a network.
fn everywhere() -> Value {
    json!([{ "operator": "Exists" }])
}

/// A service account, a cluster role and what binds them, all of one name.
fn account(namespace: &str, name: &str, rules: &Value) -> Vec<Value> {
    let rbac = "rbac.authorization.k8s.io";
    vec![
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": name, "namespace": namespace },
        }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole",
            "metadata": { "name": name }, "rules": rules,
        }),
        json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding",
            "metadata": { "name": name },
            "roleRef": { "apiGroup": rbac, "kind": "ClusterRole", "name": name },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": namespace }],
        }),
    ]
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": resources, "verbs": verbs })
}

/// A folder of the node, as a volume.
fn folder(name: &str, path: &str) -> Value {
    json!({ "name": name, "hostPath": { "path": path, "type": "DirectoryOrCreate" } })
}

fn namespace(name: &str, privileged: bool) -> Value {
    let level = if privileged { "privileged" } else { "baseline" };
    json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": { "pod-security.kubernetes.io/enforce": level },
        },
    })
}

#[cfg(test)]
mod tests;
