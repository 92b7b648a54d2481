//! Who may do what: no more than the code asks for, which is why the rules come from there.

use anyhow::Result;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kubewright_hostendpoint::rbac as hostendpoint;
use kubewright_operator::rbac as operator;
use kubewright_podnet::rbac as podnet;
use serde_json::Value;

use crate::command::hostendpoint::node;

use super::{AGENT, Area, CONTROLLERS, Settings, agent_labels, metadata};

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
    let (mut cluster_wide, mut own) = (Vec::new(), operator::of_election());
    if settings.has(Area::Hostendpoint) {
        cluster_wide.extend(hostendpoint::rules());
    }
    if settings.has(Area::Peerpod) {
        let (everywhere, here) = kubewright_peerpod::rbac_rules();
        cluster_wide.extend(everywhere);
        own.extend(here);
    }
    if settings.has(Area::Node) {
        cluster_wide.extend(kubewright_node::rbac::cluster_rules());
        own.extend(kubewright_node::rbac::namespace_rules());
    }
    let (role, binding) = cluster(CONTROLLERS, cluster_wide, account.clone());
    let (own, own_binding) = namespaced(CONTROLLERS, namespace, own, account.clone());
    // Events stand in the namespace of what they speak of; about cluster-scoped objects there is
    // none, and they stand in `default`.
    let (events, events_binding) =
        namespaced("kubewright-events", "default", operator::of_events(), account);
    let mut objects = vec![
        serde_json::to_value(role)?,
        serde_json::to_value(binding)?,
        serde_json::to_value(own)?,
        serde_json::to_value(own_binding)?,
        serde_json::to_value(events)?,
        serde_json::to_value(events_binding)?,
    ];
    if settings.has(Area::Hostendpoint) {
        let (guard, guard_binding) = cluster(GUARD, node::rules(), kubelets);
        objects.extend([serde_json::to_value(guard)?, serde_json::to_value(guard_binding)?]);
    }
    Ok(objects)
}

/// Role and binding of the agent of pod networks.
pub(super) fn of_agent(settings: &Settings) -> Result<Vec<Value>> {
    let account = Subject {
        kind: "ServiceAccount".to_owned(),
        name: AGENT.to_owned(),
        namespace: Some(settings.namespace.clone()),
        api_group: None,
    };
    let (mut role, mut binding) = cluster(AGENT, podnet::rules(), account);
    role.metadata.labels = Some(agent_labels());
    binding.metadata.labels = Some(agent_labels());
    Ok(vec![serde_json::to_value(role)?, serde_json::to_value(binding)?])
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
