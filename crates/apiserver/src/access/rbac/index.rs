//! Roles by name, bindings by subject.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Deserialize;

use super::rule::{Rule, or_empty};
use super::{GROUP, Grants};
use crate::access::attributes::Attributes;
use crate::access::authorize::Decision;
use crate::access::identity::{Identity, service_account_name};
use crate::store::ObjectKey;

/// What is known of roles and bindings. Those of the cluster have an empty namespace.
#[derive(Default)]
pub(crate) struct Index {
    roles: HashMap<ObjectKey, Role>,
    bindings: HashMap<ObjectKey, Binding>,
    /// Names of bindings, by namespace and subject.
    by_subject: HashMap<Arc<str>, HashMap<Subject, BTreeSet<Arc<str>>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Role {
    #[serde(deserialize_with = "or_empty")]
    pub(crate) rules: Vec<Rule>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Binding {
    role_ref: RoleRef,
    #[serde(deserialize_with = "or_empty")]
    subjects: Vec<Named>,
}

/// The role that a binding is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RoleRef {
    pub(crate) api_group: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// A subject as bindings write it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    kind: String,
    name: String,
    namespace: String,
}

/// A subject as callers are found by it: service accounts are users with a name of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    User(String),
    Group(String),
}

impl Named {
    fn subject(&self, binding_namespace: &str) -> Option<Subject> {
        match self.kind.as_str() {
            "User" => Some(Subject::User(self.name.clone())),
            "Group" => Some(Subject::Group(self.name.clone())),
            "ServiceAccount" => {
                let namespace = self.account_namespace(binding_namespace);
                (!namespace.is_empty())
                    .then(|| Subject::User(service_account_name(namespace, &self.name)))
            }
            _ => None,
        }
    }

    fn account_namespace<'a>(&'a self, binding_namespace: &'a str) -> &'a str {
        if self.namespace.is_empty() { binding_namespace } else { &self.namespace }
    }

    fn applies_to(&self, identity: &Identity, binding_namespace: &str) -> bool {
        match self.subject(binding_namespace) {
            Some(Subject::User(name)) => identity.user == name,
            Some(Subject::Group(name)) => identity.is_in(&name),
            None => false,
        }
    }

    /// As reasons name it.
    fn describe(&self, binding_namespace: &str) -> String {
        match self.kind.as_str() {
            "ServiceAccount" => {
                let namespace = self.account_namespace(binding_namespace);
                format!("{} {:?}", self.kind, format!("{}/{namespace}", self.name))
            }
            kind => format!("{kind} {:?}", self.name),
        }
    }
}

impl Index {
    pub(super) fn forget_roles(&mut self, cluster: bool) {
        self.roles.retain(|key, _| key.namespace.is_empty() != cluster);
    }

    pub(super) fn set_role(&mut self, key: &ObjectKey, role: Role) {
        self.roles.insert(key.clone(), role);
    }

    pub(super) fn remove_role(&mut self, key: &ObjectKey) {
        self.roles.remove(key);
    }

    pub(super) fn forget_bindings(&mut self, cluster: bool) {
        self.bindings.retain(|key, _| key.namespace.is_empty() != cluster);
        self.by_subject.retain(|namespace, _| namespace.is_empty() != cluster);
    }

    pub(super) fn set_binding(&mut self, key: &ObjectKey, binding: Binding) {
        self.remove_binding(key);
        let here = self.by_subject.entry(key.namespace.clone()).or_default();
        for subject in binding.subjects.iter().filter_map(|named| named.subject(&key.namespace)) {
            here.entry(subject).or_default().insert(key.name.clone());
        }
        self.bindings.insert(key.clone(), binding);
    }

    pub(super) fn remove_binding(&mut self, key: &ObjectKey) {
        let Some(binding) = self.bindings.remove(key) else {
            return;
        };
        let Some(here) = self.by_subject.get_mut(&key.namespace) else {
            return;
        };
        for subject in binding.subjects.iter().filter_map(|named| named.subject(&key.namespace)) {
            if let Some(names) = here.get_mut(&subject) {
                names.remove(&key.name);
                if names.is_empty() {
                    here.remove(&subject);
                }
            }
        }
        if here.is_empty() {
            self.by_subject.remove(&key.namespace);
        }
    }

    pub(super) fn rules_of(&self, role: &RoleRef, namespace: &str) -> Option<&[Rule]> {
        let namespace = if role.kind == "Role" { namespace } else { "" };
        self.roles.get(&ObjectKey::new(namespace, &role.name)).map(|role| role.rules.as_slice())
    }

    pub(super) fn decide(&self, asked: &Attributes<'_>, namespace: &str) -> Decision {
        let mut problems = Vec::new();
        let mut allowed = None;
        let found = self.visit(asked.identity, namespace, |key, binding, rules| {
            match rules {
                Err(problem) => problems.push(problem),
                Ok(rules) if rules.iter().any(|rule| rule.allows(asked)) => {
                    allowed = Some(because(asked.identity, key, binding));
                    return ControlFlow::Break(());
                }
                Ok(_) => {}
            }
            ControlFlow::Continue(())
        });
        if let (ControlFlow::Break(()), Some(reason)) = (found, allowed) {
            return Decision { allowed: true, reason };
        }
        let reason = match problems.as_slice() {
            [] => String::new(),
            problems => format!("RBAC: {}", aggregate(problems)),
        };
        Decision { allowed: false, reason }
    }

    pub(super) fn grants(&self, identity: &Identity, namespace: &str) -> Grants {
        let mut grants = Grants::default();
        let _ = self.visit(identity, namespace, |_, _, rules| {
            match rules {
                Ok(rules) => grants.rules.extend_from_slice(rules),
                Err(problem) => grants.problems.push(problem),
            }
            ControlFlow::Continue(())
        });
        grants
    }

    /// Every binding that applies to somebody, with the rules of its role: first those of
    /// the cluster, then those of the namespace, by name.
    fn visit(
        &self,
        identity: &Identity,
        namespace: &str,
        mut tell: impl FnMut(&ObjectKey, &Binding, Result<&[Rule], String>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let scopes = ["", namespace];
        for scope in &scopes[..if namespace.is_empty() { 1 } else { 2 }] {
            let Some(here) = self.by_subject.get(*scope) else {
                continue;
            };
            let user = std::iter::once(Subject::User(identity.user.clone()));
            let groups = identity.groups.iter().map(|group| Subject::Group(group.clone()));
            let names = user.chain(groups).filter_map(|subject| here.get(&subject)).flatten();
            let names: BTreeMap<&Arc<str>, ()> = names.map(|name| (name, ())).collect();
            for name in names.into_keys() {
                let key = ObjectKey::new(scope, name);
                let Some(binding) = self.bindings.get(&key) else {
                    continue;
                };
                let rules = self.rules_of(&binding.role_ref, scope);
                let rules = rules.ok_or_else(|| missing(&binding.role_ref));
                tell(&key, binding, rules)?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// What a lister says of a role that is not there.
fn missing(role: &RoleRef) -> String {
    format!("{}.{GROUP} {:?} not found", role.kind.to_lowercase(), role.name)
}

/// Several errors in one line, each once, as apimachinery writes them.
pub(crate) fn aggregate(problems: &[String]) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for problem in problems {
        if !seen.contains(&problem.as_str()) {
            seen.push(problem);
        }
    }
    match seen.as_slice() {
        [one] => (*one).to_owned(),
        many => format!("[{}]", many.join(", ")),
    }
}

fn because(identity: &Identity, key: &ObjectKey, binding: &Binding) -> String {
    let (kind, name) = match &*key.namespace {
        "" => ("ClusterRoleBinding", key.name.to_string()),
        namespace => ("RoleBinding", format!("{}/{namespace}", key.name)),
    };
    let subject = binding.subjects.iter().find(|one| one.applies_to(identity, &key.namespace));
    let subject = subject.map(|one| one.describe(&key.namespace)).unwrap_or_default();
    let role = &binding.role_ref;
    format!("RBAC: allowed by {kind} {name:?} of {} {:?} to {subject}", role.kind, role.name)
}
