//! The roles and bindings that every cluster begins with: Kubernetes' bootstrap policy, with
//! its feature gates as 1.28 ships them.

mod reconcile;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use reconcile::{Reconciled, reconcile};

use super::attributes::Attributes;
use super::rbac::{GROUP, Rule};

/// A rule as the data file has it: verbs, groups, resources and perhaps names; or verbs and
/// paths. Each is a list with commas.
type Compact = Vec<String>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    cluster_roles: BTreeMap<String, ClusterRole>,
    cluster_role_bindings: BTreeMap<String, Subjects>,
    /// Roles of the service accounts of controllers.
    controllers: BTreeMap<String, Vec<Compact>>,
    roles: BTreeMap<String, BTreeMap<String, Vec<Compact>>>,
    role_bindings: BTreeMap<String, BTreeMap<String, Subjects>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ClusterRole {
    rules: Vec<Compact>,
    /// Collects the roles that are labelled so.
    aggregates: String,
    /// Is collected by that role.
    aggregate_to: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Subjects {
    /// The role, where it is not called as the binding.
    role: String,
    users: String,
    groups: String,
    /// Service accounts in kube-system.
    accounts: String,
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let text = include_str!("../../../data/rbac-v1.28.json");
    serde_json::from_str(text).expect("the embedded policy is valid")
});

/// The rules of a node on everything that does not depend on its pods.
static NODE: LazyLock<Vec<Rule>> =
    LazyLock::new(|| DOCUMENT.cluster_roles["system:node"].rules.iter().map(rule).collect());

/// Whether every node may do this.
pub(crate) fn node_allows(asked: &Attributes<'_>) -> bool {
    NODE.iter().any(|rule| rule.allows(asked))
}

/// An object of the policy.
pub(crate) struct Entry {
    /// Plural name of its resource.
    pub(crate) plural: &'static str,
    /// Empty for the cluster.
    pub(crate) namespace: String,
    pub(crate) object: Value,
}

/// Every role and binding, as a new cluster has it.
pub(crate) fn objects() -> Vec<Entry> {
    let document = &*DOCUMENT;
    let mut objects = Vec::new();
    let mut add = |plural, namespace: &str, object| {
        objects.push(Entry { plural, namespace: namespace.to_owned(), object });
    };
    for (name, role) in &document.cluster_roles {
        add("clusterroles", "", cluster_role(name, role));
    }
    for (name, rules) in &document.controllers {
        add("clusterroles", "", with_rules(&controller(name), rules));
        let subjects = Subjects { accounts: name.clone(), ..Subjects::default() };
        let object = binding(&controller(name), "ClusterRole", &subjects);
        add("clusterrolebindings", "", object);
    }
    for (name, subjects) in &document.cluster_role_bindings {
        add("clusterrolebindings", "", binding(name, "ClusterRole", subjects));
    }
    for (namespace, roles) in &document.roles {
        for (name, rules) in roles {
            add("roles", namespace, with_rules(name, rules));
        }
    }
    for (namespace, bindings) in &document.role_bindings {
        for (name, subjects) in bindings {
            add("rolebindings", namespace, binding(name, "Role", subjects));
        }
    }
    objects
}

fn controller(name: &str) -> String {
    format!("system:controller:{name}")
}

fn metadata(name: &str) -> Value {
    json!({
        "name": name,
        "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" },
        "annotations": { reconcile::AUTOUPDATE: "true" },
    })
}

fn with_rules(name: &str, rules: &[Compact]) -> Value {
    let rules: Vec<Rule> = rules.iter().map(rule).collect();
    json!({ "metadata": metadata(name), "rules": rules })
}

fn cluster_role(name: &str, role: &ClusterRole) -> Value {
    let mut object = with_rules(name, &role.rules);
    let label = |to: &str| format!("rbac.authorization.k8s.io/aggregate-to-{to}");
    if !role.aggregate_to.is_empty() {
        object["metadata"]["labels"][label(&role.aggregate_to)] = json!("true");
    }
    if !role.aggregates.is_empty() {
        object["rules"] = Value::Null;
        object["aggregationRule"] = json!({ "clusterRoleSelectors": [
            { "matchLabels": { label(&role.aggregates): "true" } } ] });
    }
    object
}

fn binding(name: &str, kind: &str, subjects: &Subjects) -> Value {
    let role = if subjects.role.is_empty() { name } else { &subjects.role };
    let mut list = Vec::new();
    for (kind, names) in [("Group", &subjects.groups), ("User", &subjects.users)] {
        let names = words(names).into_iter();
        list.extend(names.map(|name| json!({ "kind": kind, "apiGroup": GROUP, "name": name })));
    }
    list.extend(
        words(&subjects.accounts).into_iter().map(
            |name| json!({ "kind": "ServiceAccount", "name": name, "namespace": "kube-system" }),
        ),
    );
    let mut object = json!({ "metadata": metadata(name),
        "roleRef": { "apiGroup": GROUP, "kind": kind, "name": role } });
    if !list.is_empty() {
        object["subjects"] = json!(list);
    }
    object
}

fn rule(compact: &Compact) -> Rule {
    let part = |at: usize| compact.get(at).map(String::as_str).unwrap_or_default();
    if let [verbs, urls] = compact.as_slice() {
        return Rule { verbs: words(verbs), urls: words(urls), ..Rule::default() };
    }
    Rule {
        verbs: words(part(0)),
        // The core group is an empty word.
        api_groups: part(1).split(',').map(str::to_owned).collect(),
        resources: words(part(2)),
        resource_names: words(part(3)),
        urls: Vec::new(),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
