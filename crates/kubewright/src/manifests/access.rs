//! Who may do what: no more than the code asks for, which is why the rules come from there.

use anyhow::Result;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kubewright_hostendpoint::rbac as hostendpoint;
use kubewright_operator::rbac as operator;
use serde_json::Value;

use crate::command::hostendpoint::node;

use super::{CONTROLLERS, Settings, metadata};

/// Name of what belongs to the boot guard.
const GUARD: &str = "kubewright-guard";

/// The group of all kubelets, with whose credentials the guard of a node asks.
const NODES: &str = "system:nodes";

const RBAC: &str = "rbac.authorization.k8s.io";

/// Roles and bindings.
pub(super) fn objects(settings: &Settings) -> Result<Vec<Value>> {
    let namespace = settings.namespace.as_str();
    let account = Subject {
        kind: "ServiceAccount".to_owned(),
        name: CONTROLLERS.to_owned(),
        namespace: Some(namespace.to_owned()),
        api_group: None,
    };
    let kubelets = Subject {
        kind: "Group".to_owned(),
        name: NODES.to_owned(),
        namespace: None,
        api_group: Some(RBAC.to_owned()),
    };
    // Events stand in the namespace of what they speak of; about cluster-scoped objects there is
    // none, and they stand in `default`.
    let cluster_wide = hostendpoint::rules();
    let (role, binding) = cluster(CONTROLLERS, cluster_wide, account.clone());
    let (guard, guard_binding) = cluster(GUARD, node::rules(), kubelets);
    let (lease, lease_binding) =
        namespaced(CONTROLLERS, namespace, operator::of_election(), account.clone());
    let (events, events_binding) =
        namespaced("kubewright-events", "default", operator::of_events(), account);
    [
        serde_json::to_value(role),
        serde_json::to_value(binding),
        serde_json::to_value(lease),
        serde_json::to_value(lease_binding),
        serde_json::to_value(events),
        serde_json::to_value(events_binding),
        serde_json::to_value(guard),
        serde_json::to_value(guard_binding),
    ]
    .into_iter()
    .map(|object| Ok(object?))
    .collect()
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef { api_group: RBAC.to_owned(), kind: kind.to_owned(), name: name.to_owned() }
}

fn cluster(name: &str, rules: Vec<PolicyRule>, who: Subject) -> (ClusterRole, ClusterRoleBinding) {
    let role = ClusterRole {
        metadata: metadata(name, None),
        rules: Some(rules),
        ..ClusterRole::default()
    };
    let binding = ClusterRoleBinding {
        metadata: metadata(name, None),
        role_ref: role_ref("ClusterRole", name),
        subjects: Some(vec![who]),
    };
    (role, binding)
}

fn namespaced(
    name: &str,
    namespace: &str,
    rules: Vec<PolicyRule>,
    who: Subject,
) -> (Role, RoleBinding) {
    let role = Role { metadata: metadata(name, Some(namespace)), rules: Some(rules) };
    let binding = RoleBinding {
        metadata: metadata(name, Some(namespace)),
        role_ref: role_ref("Role", name),
        subjects: Some(vec![who]),
    };
    (role, binding)
}
