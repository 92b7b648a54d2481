//! Rights that are given away.

use serde_json::{Value, json};

use super::{Cluster, RBAC, message, user};

fn on_rbac(verbs: &[&str], resources: &[&str], names: Value) -> Value {
    json!({ "verbs": verbs, "apiGroups": ["rbac.authorization.k8s.io"], "resources": resources,
        "resourceNames": names })
}

fn secrets() -> Value {
    json!([{ "verbs": ["get"], "apiGroups": [""], "resources": ["secrets"] }])
}

#[tokio::test]
async fn bind_and_escalate_lift_the_check() {
    let cluster = Cluster::start().await;
    let write = ["create", "update", "patch"];
    let all = ["roles", "rolebindings", "clusterroles", "clusterrolebindings"];
    cluster.grant("plain", json!([on_rbac(&write, &all, json!(null))])).await;
    let binder = on_rbac(&["bind"], &["clusterroles"], json!(["view"]));
    cluster.grant("binder", json!([on_rbac(&write, &all, json!(null)), binder])).await;
    let escalator = on_rbac(&["escalate"], &["roles"], json!(null));
    cluster.grant("escalator", json!([on_rbac(&write, &all, json!(null)), escalator])).await;

    let roles = format!("{RBAC}/namespaces/default/roles");
    let bindings = format!("{RBAC}/namespaces/default/rolebindings");
    let role = |name: &str| json!({ "metadata": { "name": name }, "rules": secrets() });
    let binding = |name: &str, role: &str| {
        json!({ "metadata": { "name": name }, "roleRef": { "kind": "ClusterRole", "name": role },
            "subjects": [{ "kind": "User", "name": "friend" }] })
    };
    let cases = [
        ("plain", &roles, role("a"), 403),
        ("escalator", &roles, role("b"), 201),
        ("plain", &bindings, binding("a", "view"), 403),
        ("binder", &bindings, binding("b", "view"), 201),
        ("binder", &bindings, binding("c", "edit"), 403),
        ("escalator", &bindings, binding("d", "view"), 403),
    ];
    for (who, path, object, wanted) in cases {
        let (status, body) = cluster.send(&user(who), "POST", path, object).await;
        assert_eq!(status, wanted, "{who}: {body}");
    }
    // A PUT that creates is no way around it, nor is an apply.
    let (status, _) = cluster.send(&user("plain"), "PUT", &format!("{roles}/e"), role("e")).await;
    assert_eq!(status, 403);
    let apply = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": { "name": "f" }, "rules": secrets() });
    let path = format!("{roles}/f?fieldManager=m");
    let (status, body) = cluster.send(&user("plain"), "APPLY", &path, apply).await;
    assert_eq!(status, 403, "{body}");
}

#[tokio::test]
async fn what_is_held_in_a_namespace_can_be_given_there() {
    let cluster = Cluster::start().await;
    let path = |namespace: &str| format!("{RBAC}/namespaces/{namespace}/rolebindings");
    let binding = json!({ "metadata": { "name": "admins" },
        "roleRef": { "kind": "ClusterRole", "name": "admin" },
        "subjects": [{ "kind": "User", "name": "boss" }] });
    cluster.create(&path("default"), binding).await;
    let give = |role: &str| {
        json!({ "metadata": { "generateName": "b-" },
            "roleRef": { "kind": "ClusterRole", "name": role },
            "subjects": [{ "kind": "User", "name": "friend" }] })
    };
    for (role, wanted) in [("edit", 201), ("view", 201), ("admin", 201), ("cluster-admin", 403)] {
        let (status, body) =
            cluster.send(&user("boss"), "POST", &path("default"), give(role)).await;
        assert_eq!(status, wanted, "{role}: {body}");
    }
    let (status, _) = cluster.send(&user("boss"), "POST", &path("kube-public"), give("view")).await;
    assert_eq!(status, 403);
    let missing = "clusterroles.rbac.authorization.k8s.io \"nope\" not found";
    let (status, body) = cluster.send(&user("boss"), "POST", &path("default"), give("nope")).await;
    assert_eq!((status.as_u16(), message(&body)), (404, missing));
}

#[tokio::test]
async fn aggregation_is_for_those_who_may_everything() {
    let cluster = Cluster::start().await;
    let mut rules = secrets();
    let write = on_rbac(&["create", "update", "patch", "get"], &["clusterroles"], json!(null));
    rules.as_array_mut().unwrap().push(write);
    cluster.grant("plain", rules).await;
    let roles = format!("{RBAC}/clusterroles");
    let mut role = json!({ "metadata": { "name": "mine" }, "rules": secrets() });
    let plain = user("plain");
    let (status, body) = cluster.send(&plain, "POST", &roles, role.clone()).await;
    assert_eq!(status, 201, "{body}");
    role["aggregationRule"] =
        json!({ "clusterRoleSelectors": [{ "matchLabels": { "any": "thing" } }] });
    let (status, body) = cluster.send(&plain, "PUT", &format!("{roles}/mine"), role).await;
    let words = "clusterroles.rbac.authorization.k8s.io \"mine\" is forbidden: must have cluster-admin privileges to use the aggregationRule";
    assert_eq!((status.as_u16(), message(&body)), (403, words));
    // Labels alone are no rights; and what has more rights cannot be touched.
    let label = json!({ "metadata": { "labels": { "a": "b" } } });
    let (status, body) =
        cluster.send(&plain, "PATCH", &format!("{roles}/mine"), label.clone()).await;
    assert_eq!(status, 200, "{body}");
    let (status, _) = cluster.send(&plain, "PATCH", &format!("{roles}/edit"), label).await;
    assert_eq!(status, 403);
    let owners = json!({ "metadata": { "finalizers": ["example.com/hold"] } });
    let (status, body) = cluster.send(&plain, "PATCH", &format!("{roles}/edit"), owners).await;
    assert_eq!(status, 200, "what the garbage collector needs is no grant: {body}");
}
