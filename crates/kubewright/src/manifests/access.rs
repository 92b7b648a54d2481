//! Who may do what: no more than the code asks for, which is why the rules come from there.
//!
//! Each area has roles of its own; the account of the controllers holds those of the areas that are
//! installed.

use anyhow::Result;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kubewright_operator::rbac as operator;
use serde_json::Value;

use crate::command::controllers::Controller;
use crate::command::hostendpoint::node as guard;

use super::{AGENT, Area, CONTROLLERS, Component, Settings};

/// Name of what belongs to the boot guard.
const GUARD: &str = "kubewright-guard";

/// The group of all kubelets, with whose credentials the guard of a node asks.
const NODES: &str = "system:nodes";

/// Namespace of Events about cluster-scoped objects.
const EVENTS_NAMESPACE: &str = "default";

const RBAC: &str = "rbac.authorization.k8s.io";

/// Roles and bindings of an area.
pub(super) fn of_area(settings: &Settings, area: Area) -> Result<Vec<Value>> {
    match area {
        Area::Hostendpoint => {
            let rules = kubewright_hostendpoint::rbac::rules();
            let own = operator::of_election(Controller::Hostendpoint.lease());
            let grant = Grant::of_controllers("kubewright-hostendpoint");
            let mut objects = grant.everywhere(rules, settings)?;
            objects.extend(grant.within(&settings.namespace, own, settings)?);
            objects.extend(of_events("kubewright-hostendpoint-events", settings)?);
            objects.extend(of_guard()?);
            Ok(objects)
        }
        Area::Peerpod => {
            let (everywhere, mut own) = kubewright_peerpod::rbac_rules();
            own.extend(operator::of_election(Controller::Peerpod.lease()));
            let grant = Grant::of_controllers("kubewright-peerpod");
            let mut objects = grant.everywhere(everywhere, settings)?;
            objects.extend(grant.within(&settings.namespace, own, settings)?);
            Ok(objects)
        }
        Area::Node => {
            let mut own = kubewright_node::rbac::namespace_rules();
            own.extend(operator::of_election(Controller::Node.lease()));
            let grant = Grant::of_controllers("kubewright-node");
            let mut objects = grant.everywhere(kubewright_node::rbac::cluster_rules(), settings)?;
            objects.extend(grant.within(&settings.namespace, own, settings)?);
            objects.extend(of_events("kubewright-node-events", settings)?);
            Ok(objects)
        }
        Area::Podnet => {
            let rules = kubewright_podnet::rbac::rules();
            let grant = Grant { component: Component::Agent, account: AGENT, name: AGENT };
            grant.everywhere(rules, settings)
        }
        Area::Console => of_console_users(),
    }
}

/// Events about cluster-scoped objects stand in one namespace.
fn of_events(name: &'static str, settings: &Settings) -> Result<Vec<Value>> {
    let grant = Grant::of_controllers(name);
    grant.within(EVENTS_NAMESPACE, operator::of_events(), settings)
}

/// The guard runs on the nodes and asks with their credentials.
fn of_guard() -> Result<Vec<Value>> {
    let kubelets = Subject {
        kind: "Group".to_owned(),
        name: NODES.to_owned(),
        namespace: None,
        api_group: Some(RBAC.to_owned()),
    };
    cluster(GUARD, Component::Controllers, guard::rules(), kubelets)
}

/// Roles for people: who gets them is the administrator's to say.
fn of_console_users() -> Result<Vec<Value>> {
    let roles = [
        ("kubewright-console-viewer", kubewright_console::rbac::of_viewers()),
        ("kubewright-console-approver", kubewright_console::rbac::of_approvers()),
    ];
    roles
        .into_iter()
        .map(|(name, rules)| {
            let metadata = Component::Console.metadata(name, None);
            let role = ClusterRole { metadata, rules: Some(rules), ..ClusterRole::default() };
            Ok(serde_json::to_value(role)?)
        })
        .collect()
}

/// Rights of one of our accounts, under one name.
struct Grant {
    component: Component,
    account: &'static str,
    name: &'static str,
}

impl Grant {
    fn of_controllers(name: &'static str) -> Self {
        Self { component: Component::Controllers, account: CONTROLLERS, name }
    }

    fn account(&self, settings: &Settings) -> Subject {
        Subject {
            kind: "ServiceAccount".to_owned(),
            name: self.account.to_owned(),
            namespace: Some(settings.namespace.clone()),
            api_group: None,
        }
    }

    fn everywhere(&self, rules: Vec<PolicyRule>, settings: &Settings) -> Result<Vec<Value>> {
        cluster(self.name, self.component, rules, self.account(settings))
    }

    fn within(
        &self,
        namespace: &str,
        rules: Vec<PolicyRule>,
        settings: &Settings,
    ) -> Result<Vec<Value>> {
        let metadata = || self.component.metadata(self.name, Some(namespace));
        let role = Role { metadata: metadata(), rules: Some(rules) };
        let binding = RoleBinding {
            metadata: metadata(),
            role_ref: role_ref("Role", self.name),
            subjects: Some(vec![self.account(settings)]),
        };
        Ok(vec![serde_json::to_value(role)?, serde_json::to_value(binding)?])
    }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef { api_group: RBAC.to_owned(), kind: kind.to_owned(), name: name.to_owned() }
}

fn cluster(
    name: &str,
    component: Component,
    rules: Vec<PolicyRule>,
    who: Subject,
) -> Result<Vec<Value>> {
    let metadata = || component.metadata(name, None);
    let role = ClusterRole { metadata: metadata(), rules: Some(rules), ..ClusterRole::default() };
    let binding = ClusterRoleBinding {
        metadata: metadata(),
        role_ref: role_ref("ClusterRole", name),
        subjects: Some(vec![who]),
    };
    Ok(vec![serde_json::to_value(role)?, serde_json::to_value(binding)?])
}
