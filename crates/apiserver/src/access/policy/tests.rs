#![allow(clippy::unwrap_used)]

use super::*;
use crate::access::attributes::{On, Place};
use crate::access::identity::Identity;
use crate::meta;

fn find(plural: &str, name: &str) -> Value {
    let found = objects().into_iter();
    let mut found = found.filter(|it| it.plural == plural && meta::name(&it.object) == name);
    found.next().unwrap().object
}

#[test]
fn every_binding_has_its_role() {
    let all = objects();
    let has = |plural: &str, namespace: &str, name: &str| {
        all.iter().any(|it| {
            it.plural == plural && it.namespace == namespace && meta::name(&it.object) == name
        })
    };
    let mut bindings = 0;
    for entry in all.iter().filter(|entry| entry.plural.ends_with("bindings")) {
        let role = entry.object["roleRef"]["name"].as_str().unwrap();
        let plural = if entry.plural == "rolebindings" { "roles" } else { "clusterroles" };
        assert!(has(plural, &entry.namespace, role), "{role}");
        bindings += 1;
    }
    assert_eq!(bindings, 12 + 31 + 7);
    for entry in all.iter().filter(|entry| entry.plural.ends_with("roles")) {
        let name = meta::name(&entry.object);
        let rules: Option<Vec<Rule>> =
            serde_json::from_value(entry.object["rules"].clone()).unwrap();
        let aggregated = entry.object["aggregationRule"].is_object();
        assert_eq!(rules.is_none_or(|rules| rules.is_empty()), aggregated, "{name}");
    }
}

#[test]
fn rules_are_read_as_they_are_written() {
    assert_eq!(
        find("clusterroles", "cluster-admin")["rules"],
        json!([{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] },
            { "verbs": ["*"], "nonResourceURLs": ["*"] }])
    );
    assert_eq!(
        find("clusterroles", "system:node-problem-detector")["rules"][2],
        json!({ "verbs": ["create", "patch", "update"], "apiGroups": ["", "events.k8s.io"],
            "resources": ["events"] })
    );
    let view = find("clusterroles", "view");
    assert_eq!(
        view["metadata"]["labels"],
        json!({ "kubernetes.io/bootstrapping": "rbac-defaults",
            "rbac.authorization.k8s.io/aggregate-to-edit": "true" })
    );
    assert_eq!(
        view["aggregationRule"],
        json!({ "clusterRoleSelectors": [
            { "matchLabels": { "rbac.authorization.k8s.io/aggregate-to-view": "true" } } ] })
    );
    // What a node may is up to its authorizer.
    assert_eq!(find("clusterrolebindings", "system:node").get("subjects"), None);
}

#[test]
fn nodes_may_what_every_node_may() {
    let identity = Identity::new("system:node:n", ["system:nodes".to_owned()]);
    let may = |verb: &str, resource: &str| {
        let place = Place { resource, ..Place::default() };
        node_allows(&Attributes { identity: &identity, verb, on: On::Resource(place) })
    };
    assert!(may("create", "nodes") && may("list", "pods") && !may("create", "services"));
}

#[test]
fn a_restart_mends_and_keeps() {
    let wanted = find("clusterroles", "system:kube-dns");
    assert_eq!(reconcile(&wanted, &wanted), Reconciled::Keep);

    let mut changed = wanted.clone();
    changed["rules"] = json!([{ "verbs": ["list"], "apiGroups": [""], "resources": ["endpoints"] },
        { "verbs": ["get"], "apiGroups": [""], "resources": ["own"] }]);
    changed["metadata"]["labels"] = json!({ "kubernetes.io/bootstrapping": "mine" });
    let Reconciled::Update(mended) = reconcile(&changed, &wanted) else {
        unreachable!("rules are missing");
    };
    let rules = mended["rules"].as_array().unwrap();
    assert_eq!(rules[..2], changed["rules"].as_array().unwrap()[..], "what was added stays");
    let missing: Vec<Rule> = serde_json::from_value(json!(rules[2..])).unwrap();
    assert_eq!(missing.len(), 3, "watch of both, list of services");
    assert_eq!(mended["metadata"]["labels"]["kubernetes.io/bootstrapping"], "mine");
    assert_eq!(reconcile(&mended, &wanted), Reconciled::Keep);

    changed["metadata"]["annotations"] = json!({ reconcile::AUTOUPDATE: "false" });
    assert_eq!(reconcile(&changed, &wanted), Reconciled::Keep);
}

#[test]
fn a_restart_mends_bindings_and_aggregation() {
    let wanted = find("clusterrolebindings", "system:basic-user");
    let mut changed = wanted.clone();
    changed["subjects"] = json!([{ "kind": "User", "apiGroup": GROUP, "name": "u" }]);
    let Reconciled::Update(mended) = reconcile(&changed, &wanted) else {
        unreachable!("a subject is missing");
    };
    assert_eq!(mended["subjects"].as_array().unwrap().len(), 2);
    changed["roleRef"]["name"] = json!("other");
    assert_eq!(reconcile(&changed, &wanted), Reconciled::Replace);

    let wanted = find("clusterroles", "view");
    let mut filled = wanted.clone();
    filled["rules"] = json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["pods"] }]);
    assert_eq!(reconcile(&filled, &wanted), Reconciled::Keep);
    let mut plain = filled;
    plain.as_object_mut().unwrap().remove("aggregationRule");
    let Reconciled::Update(mended) = reconcile(&plain, &wanted) else {
        unreachable!("the aggregation is missing");
    };
    assert_eq!(mended["aggregationRule"], wanted["aggregationRule"]);
}
