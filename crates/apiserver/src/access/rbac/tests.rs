#![allow(clippy::unwrap_used)]

mod naive;

use serde_json::{Value, json};

use super::cover::{describe, missing};
use super::*;
use crate::access::attributes::Place;
use crate::store::{Draft, Expect, ObjectKey, ResourceKey};

fn rule(value: Value) -> Rule {
    serde_json::from_value(value).unwrap()
}

fn rules(value: Value) -> Vec<Rule> {
    serde_json::from_value(value).unwrap()
}

/// `verb group resource[/sub] [name]`, or `verb /path`.
fn allows(rule: &Rule, asked: &str) -> bool {
    let words: Vec<&str> = asked.split(' ').collect();
    let identity = Identity::new("u", []);
    let on = match words.as_slice() {
        [_, path] => On::Path(path),
        [_, group, resource, name @ ..] => {
            let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            let group = if *group == "core" { "" } else { group };
            let name = name.first().copied().unwrap_or_default();
            On::Resource(Place { group, resource, subresource, namespace: "ns", name })
        }
        _ => unreachable!("a question has a verb and more"),
    };
    rule.allows(&Attributes { identity: &identity, verb: words[0], on })
}

#[test]
fn what_a_rule_allows() {
    let pods = rule(json!({ "verbs": ["get"], "apiGroups": [""], "resources": ["pods"] }));
    let all = rule(json!({ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }));
    let status = rule(json!({ "verbs": ["*"], "apiGroups": ["apps"], "resources": ["*/status"] }));
    let named = rule(json!({ "verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"],
        "resourceNames": ["a"] }));
    let log = rule(json!({ "verbs": ["get"], "apiGroups": [""], "resources": ["pods/log"] }));
    let urls = rule(json!({ "verbs": ["get"], "nonResourceURLs": ["/healthz", "/logs/*"] }));
    let every_url = rule(json!({ "verbs": ["*"], "nonResourceURLs": ["*"] }));
    let table = [
        (&pods, "get core pods", true),
        (&pods, "get core pods x", true),
        (&pods, "list core pods", false),
        (&pods, "get apps pods", false),
        (&pods, "get core pods/log", false),
        (&pods, "get /pods", false),
        (&all, "anything odd things/sub name", true),
        (&all, "get /healthz", false),
        (&status, "patch apps deployments/status", true),
        (&status, "patch apps deployments", false),
        (&status, "patch apps deployments/scale", false),
        (&status, "patch core pods/status", false),
        (&named, "get core pods a", true),
        (&named, "get core pods b", false),
        // A list is of an object only when its field selector says so.
        (&named, "list core pods", false),
        (&named, "list core pods a", true),
        (&log, "get core pods/log x", true),
        (&log, "get core pods x", false),
        (&urls, "get /healthz", true),
        (&urls, "get /healthz/etcd", false),
        (&urls, "get /logs/a/b", true),
        (&urls, "get /logs/", true),
        (&urls, "get /logs", false),
        (&urls, "post /healthz", false),
        (&every_url, "post /any", true),
        (&every_url, "get core pods", false),
    ];
    for (rule, asked, wanted) in table {
        assert_eq!(allows(rule, asked), wanted, "{asked} by {rule:?}");
    }
}

#[test]
fn null_lists_are_empty() {
    let read = rule(json!({ "verbs": null, "apiGroups": null, "nonResourceURLs": null }));
    assert_eq!(read, Rule::default());
}

#[test]
fn what_covers_what() {
    let get = |resources: &[&str]| json!([{ "verbs": ["get"], "apiGroups": [""], "resources": resources }]);
    let table = [
        (get(&["pods", "secrets"]), get(&["secrets"]), ""),
        (get(&["*"]), get(&["pods/log"]), ""),
        (get(&["*/log"]), get(&["pods/log"]), ""),
        (
            get(&["*/log"]),
            get(&["pods/status"]),
            r#"{APIGroups:[""], Resources:["pods/status"], Verbs:["get"]}"#,
        ),
        (get(&["pods"]), get(&["*"]), r#"{APIGroups:[""], Resources:["*"], Verbs:["get"]}"#),
        // Two rules together cover what neither does alone.
        (
            json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["a", "b"] },
                { "verbs": ["list"], "apiGroups": [""], "resources": ["a"] }]),
            json!([{ "verbs": ["get", "list"], "apiGroups": [""], "resources": ["a", "b"] }]),
            r#"{APIGroups:[""], Resources:["b"], Verbs:["list"]}"#,
        ),
        // A name is less than all names.
        (
            json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["a"], "resourceNames": ["x"] }]),
            get(&["a"]),
            r#"{APIGroups:[""], Resources:["a"], Verbs:["get"]}"#,
        ),
        (
            get(&["a"]),
            json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["a"], "resourceNames": ["x"] }]),
            "",
        ),
        (
            json!([{ "verbs": ["get"], "nonResourceURLs": ["/a/*"] }]),
            json!([{ "verbs": ["get"], "nonResourceURLs": ["/a/b", "/a/*", "/b"] }]),
            r#"{NonResourceURLs:["/b"], Verbs:["get"]}"#,
        ),
    ];
    for (held, wanted, lacking) in table {
        let found = missing(&rules(held.clone()), &rules(wanted.clone())).unwrap();
        assert_eq!(describe(&found), lacking, "{held} against {wanted}");
    }
}

#[test]
fn verbs_on_the_same_resource_are_told_together() {
    let wanted = json!([
        { "verbs": ["get", "list"], "apiGroups": ["", "apps"], "resources": ["b", "a"] },
        { "verbs": ["watch"], "apiGroups": [""], "resources": ["a"] },
    ]);
    let lacking = missing(&[], &rules(wanted)).unwrap();
    let lines = [
        r#"{APIGroups:[""], Resources:["a"], Verbs:["get" "list" "watch"]}"#,
        r#"{APIGroups:[""], Resources:["b"], Verbs:["get" "list"]}"#,
        r#"{APIGroups:["apps"], Resources:["a"], Verbs:["get" "list"]}"#,
        r#"{APIGroups:["apps"], Resources:["b"], Verbs:["get" "list"]}"#,
    ];
    assert_eq!(describe(&lacking), lines.join("\n"));
}

#[test]
fn a_role_that_names_a_trillion_rights_is_not_multiplied_out() {
    let many: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let huge = json!([{ "verbs": many, "apiGroups": many, "resources": many }]);
    assert!(missing(&[], &rules(huge.clone())).is_err());
    let all = json!([{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }]);
    assert_eq!(missing(&rules(all), &rules(huge)), Ok(Vec::new()));
}

async fn put(store: &Store, plural: &str, namespace: &str, name: &str, value: Value) {
    let resource = ResourceKey::new(GROUP, plural);
    let key = ObjectKey::new(namespace, name);
    let expect = match store.get(&resource, &key) {
        Some(stored) => Expect::Version(stored.resource_version),
        None => Expect::Absent,
    };
    let mut value = value;
    value["metadata"] = json!({ "name": name });
    store.put(&resource, &key, expect, Draft { value, ..Draft::default() }).await.unwrap();
}

fn get_pods(rbac: &Rbac, user: &Identity, namespace: &str) -> Decision {
    let place = Place { resource: "pods", namespace, ..Place::default() };
    rbac.decide(&Attributes { identity: user, verb: "get", on: On::Resource(place) })
}

#[tokio::test]
async fn a_write_counts_at_once() {
    // The window is so small that the index has to begin anew.
    let store = Store::in_memory(1);
    let rbac = Rbac::new(store.clone());
    let user = Identity::service_account("ns", "a");
    assert_eq!(get_pods(&rbac, &user, "ns"), Decision::default());

    let subjects = json!([{ "kind": "ServiceAccount", "name": "a" }]);
    let role = json!({ "kind": "Role", "apiGroup": GROUP, "name": "r" });
    let binding = json!({ "roleRef": role, "subjects": subjects });
    put(&store, "rolebindings", "ns", "b", binding).await;
    let why = "RBAC: role.rbac.authorization.k8s.io \"r\" not found";
    assert_eq!(get_pods(&rbac, &user, "ns").reason, why);

    let pods = json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["pods"] }]);
    for _ in 0..3 {
        put(&store, "roles", "ns", "r", json!({ "rules": pods })).await;
        put(&store, "roles", "ns", "other", json!({ "rules": [] })).await;
    }
    let allowed = get_pods(&rbac, &user, "ns");
    assert!(allowed.allowed);
    let why = "RBAC: allowed by RoleBinding \"b/ns\" of Role \"r\" to ServiceAccount \"a/ns\"";
    assert_eq!(allowed.reason, why);
    assert!(!get_pods(&rbac, &user, "elsewhere").allowed);
    assert!(!get_pods(&rbac, &Identity::service_account("ns", "b"), "ns").allowed);

    put(&store, "rolebindings", "ns", "b", json!({ "roleRef": role, "subjects": null })).await;
    assert!(!get_pods(&rbac, &user, "ns").allowed);
}
