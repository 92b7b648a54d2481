//! The Kubernetes types that say what a network is: Kaloom's [`Network`] and the multi-network
//! standard's [`NetworkAttachmentDefinition`]. A cluster may have both, one, or none of them; the
//! agent takes each as it comes.
//!
//! Both are spelled so that they can be applied over what the tools we replace have installed:
//! the same names, the same schema, no field more.

mod definition;
mod network;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

pub use definition::{NetworkAttachmentDefinition, NetworkAttachmentDefinitionSpec};
pub use network::{Network, NetworkSpec};

/// Annotation of a definition: the extended resource whose devices its interfaces use, allocated
/// to the pod by a device plugin.
pub const RESOURCE_NAME: &str = "k8s.v1.cni.cncf.io/resourceName";
/// Annotation that the kubelet gives the mirror of a static pod: by this UID the runtime knows it.
pub const CONFIG_HASH: &str = "kubernetes.io/config.hash";
/// Annotation that tells the mirror of a static pod from other pods.
pub const CONFIG_MIRROR: &str = "kubernetes.io/config.mirror";

/// The definitions of both kinds.
#[must_use]
pub fn crds() -> [CustomResourceDefinition; 2] {
    let mut standard = NetworkAttachmentDefinition::crd();
    for version in &mut standard.spec.versions {
        let schema = version.schema.as_mut().and_then(|it| it.open_api_v3_schema.as_mut());
        if let Some(schema) = schema {
            // A definition without a spec names a configuration in a file of the node.
            schema.required = None;
        }
    }
    [Network::crd(), standard]
}

#[cfg(test)]
mod tests;
