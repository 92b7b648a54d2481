//! What Kubernetes itself knows of its built-in kinds: defaults, validation and
//! the rules of create, update and delete.
//!
//! Each kind has a [`Strategy`]; [`strategy`] finds it. Strategies see one
//! object (and the stored one, on update), never the store: they are pure.

pub mod access;
pub mod admission;
pub mod aggregation;
pub mod certificates;
pub mod columns;
pub mod config;
pub mod endpoints;
pub mod event;
pub mod flow;
pub mod lease;
pub mod namespace;
pub mod network;
pub mod node;
mod part;
pub mod plain;
pub mod quota;
pub mod scheduling;
pub mod service;
pub mod storage;
pub mod workloads;

use jiff::Timestamp;
use serde_json::Value;

use crate::crd::CustomResourceDefinitions;
use crate::field;

pub use certificates::Requester;
pub(crate) use part::text;
pub use part::{keep, keep_all_but, raise_generation};

/// Which part of an object a write may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// The resource itself.
    Main,
    /// A subresource: `status`, `scale`, `finalize`, `approval`, …
    Sub(&'a str),
}

/// Rules of one built-in kind. Objects are decoded (types checked, unknown
/// fields dropped) before they come here, and `metadata` is checked elsewhere.
///
/// Order of a write: `default`, `prepare_*`, (admission), `validate_*`.
pub trait Strategy: Send + Sync {
    /// Versioned defaulting, as `SetDefaults_*` in Kubernetes; also for objects read
    /// from patches. Idempotent.
    fn default(&self, _object: &mut Value) {}

    /// Clears and sets what a client may not choose on create (status, generation).
    fn prepare_create(&self, _object: &mut Value) {}

    /// Carries over what this part may not change from the stored object, and raises
    /// `metadata.generation` where the kind has one and its spec changed.
    fn prepare_update(&self, _part: Part<'_>, _object: &mut Value, _stored: &Value) {}

    /// Fills in times that the server sets itself, after `prepare_*`; `stored` is
    /// `None` on create.
    fn stamp(
        &self,
        _part: Part<'_>,
        _object: &mut Value,
        _stored: Option<&Value>,
        _now: Timestamp,
    ) {
    }

    /// Writes who asked for the object into it, after `prepare_create`.
    fn set_requester(&self, _object: &mut Value, _requester: &Requester<'_>) {}

    /// Findings on create.
    fn validate_create(&self, _object: &Value) -> field::Errors {
        Vec::new()
    }

    /// Findings on update (immutable fields, transitions).
    fn validate_update(&self, _part: Part<'_>, _object: &Value, _stored: &Value) -> field::Errors {
        Vec::new()
    }

    /// Checks `metadata.name`; returns the complaints. `prefix` is true for `generateName`.
    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String>;

    /// A PUT to a name that does not exist creates it.
    fn allow_create_on_update(&self) -> bool {
        false
    }

    /// A PUT without `resourceVersion` is accepted.
    fn allow_unconditional_update(&self) -> bool {
        true
    }

    /// A DELETE answers with the object instead of a Status.
    fn delete_returns_object(&self) -> bool {
        false
    }

    /// Seconds a deleted object stays with `deletionTimestamp` set; `None`: goes at once.
    /// `requested` is what the client asked for.
    fn grace_period(&self, _object: &Value, _requested: Option<i64>) -> Option<i64> {
        None
    }

    /// Values of the field selectors that this kind knows besides `metadata.name` and
    /// `metadata.namespace`, in the order in which Kubernetes lists them. A missing value is "".
    fn selectable_fields(&self, _object: &Value) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Warnings for the client (`Warning: 299 - "…"` headers).
    fn warnings(&self, _object: &Value) -> Vec<String> {
        Vec::new()
    }
}

/// The rules of a built-in resource. One that needs none of its own gets those of
/// [`plain::Plain`]: names are DNS subdomains, `status` is apart from the rest.
pub fn strategy(group: &str, resource: &str) -> &'static dyn Strategy {
    match (group, resource) {
        ("", "configmaps") => &config::ConfigMap,
        ("", "secrets") => &config::Secret,
        ("", "namespaces") => &namespace::Namespace,
        ("", "nodes") => &node::Node,
        ("", "services") => &service::Service,
        ("", "endpoints") => &endpoints::Endpoints,
        ("", "events") => &event::Event { strict: false },
        ("events.k8s.io", "events") => &event::Event { strict: true },
        ("", "serviceaccounts") => &config::ServiceAccount,
        ("", "persistentvolumes") => &storage::Volume,
        ("", "persistentvolumeclaims") => &storage::Claim,
        ("", "limitranges") => &quota::LimitRange,
        ("", "resourcequotas") => &quota::ResourceQuota,
        ("apiextensions.k8s.io", "customresourcedefinitions") => &CustomResourceDefinitions,
        ("coordination.k8s.io", "leases") => &lease::Lease,
        ("discovery.k8s.io", "endpointslices") => &endpoints::Slice,
        ("rbac.authorization.k8s.io", "roles") => &access::Role { cluster: false },
        ("rbac.authorization.k8s.io", "clusterroles") => &access::Role { cluster: true },
        ("rbac.authorization.k8s.io", "rolebindings") => &access::Binding { cluster: false },
        ("rbac.authorization.k8s.io", "clusterrolebindings") => &access::Binding { cluster: true },
        ("certificates.k8s.io", "certificatesigningrequests") => &certificates::SigningRequest,
        ("admissionregistration.k8s.io", "mutatingwebhookconfigurations") => {
            &admission::Webhooks { mutating: true }
        }
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations") => {
            &admission::Webhooks { mutating: false }
        }
        ("apiregistration.k8s.io", "apiservices") => &aggregation::ApiService,
        ("networking.k8s.io", "ingresses") => &network::Ingress,
        ("networking.k8s.io", "ingressclasses") => &network::IngressClass,
        ("networking.k8s.io", "networkpolicies") => &network::Policy,
        ("node.k8s.io", "runtimeclasses") => &scheduling::RuntimeClass,
        ("scheduling.k8s.io", "priorityclasses") => &scheduling::PriorityClass,
        ("storage.k8s.io", "storageclasses") => &storage::Class,
        ("storage.k8s.io", "csidrivers") => &storage::Driver,
        ("flowcontrol.apiserver.k8s.io", "flowschemas") => &flow::Schema,
        ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations") => &flow::PriorityLevel,
        ("storage.k8s.io", "csinodes" | "csistoragecapacities" | "volumeattachments") => {
            &plain::Plain { conditional: true }
        }
        _ => workloads::strategy(group, resource).unwrap_or(&plain::Plain { conditional: false }),
    }
}

#[cfg(test)]
pub(crate) mod tests;
