//! Questions about others.

use serde_json::{Value, json};

use super::{Cluster, RBAC, admin, message, node, user};

const GROUP: &str = "/apis/authorization.k8s.io/v1";

fn question(kind: &str, spec: Value) -> Value {
    json!({ "apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec })
}

#[tokio::test]
async fn may_they() {
    let cluster = Cluster::start().await;
    let binding = json!({ "metadata": { "name": "viewers" },
        "roleRef": { "kind": "ClusterRole", "name": "view" },
        "subjects": [{ "kind": "Group", "name": "dev" }] });
    cluster.create(&format!("{RBAC}/namespaces/default/rolebindings"), binding).await;
    let path = format!("{GROUP}/subjectaccessreviews");
    let pods =
        |namespace: &str| json!({ "verb": "get", "resource": "pods", "namespace": namespace });
    let ask = async |spec: Value| {
        cluster.create(&path, question("SubjectAccessReview", spec)).await["status"].clone()
    };
    let allowed = ask(json!({ "groups": ["dev"], "resourceAttributes": pods("default") })).await;
    let reason =
        "RBAC: allowed by RoleBinding \"viewers/default\" of ClusterRole \"view\" to Group \"dev\"";
    assert_eq!(allowed, json!({ "allowed": true, "reason": reason }));
    // The subject is taken at its word: no group comes by itself.
    let api = json!({ "path": "/api", "verb": "get" });
    let spec = json!({ "user": "joe", "nonResourceAttributes": api });
    assert_eq!(ask(spec).await, json!({ "allowed": false }));
    let spec = json!({ "user": "system:node:n", "groups": ["system:nodes"],
        "resourceAttributes": { "verb": "get", "resource": "secrets", "namespace": "a", "name": "b" } });
    let reason = "no relationship found between node 'n' and this object";
    assert_eq!(ask(spec).await, json!({ "allowed": false, "reason": reason }));

    let nobody = question("SubjectAccessReview", json!({ "resourceAttributes": pods("default") }));
    let (status, body) = cluster.send(&admin(), "POST", &path, nobody).await;
    assert_eq!(
        (status.as_u16(), &body["details"]["causes"][0]["field"]),
        (422, &json!("spec.user"))
    );
    let mut named =
        question("SubjectAccessReview", json!({ "user": "u", "resourceAttributes": pods("") }));
    named["metadata"] = json!({ "name": "x" });
    let (status, body) = cluster.send(&admin(), "POST", &path, named).await;
    assert_eq!(
        (status.as_u16(), &body["details"]["causes"][0]["field"]),
        (422, &json!("metadata"))
    );
    let ours =
        question("SubjectAccessReview", json!({ "user": "u", "resourceAttributes": pods("") }));
    let (status, _) = cluster.send(&user("joe"), "POST", &path, ours).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn may_they_here() {
    let cluster = Cluster::start().await;
    let path = format!("{GROUP}/namespaces/default/localsubjectaccessreviews");
    let ask = async |spec: Value| {
        let review = question("LocalSubjectAccessReview", spec);
        cluster.send(&admin(), "POST", &path, review).await
    };
    let pods =
        |namespace: &str| json!({ "verb": "get", "resource": "pods", "namespace": namespace });
    let (status, body) = ask(json!({ "user": "u", "resourceAttributes": pods("default") })).await;
    assert_eq!((status.as_u16(), &body["status"]), (201, &json!({ "allowed": false })));
    assert_eq!(body["metadata"]["namespace"], "default");
    let bad = [
        (
            json!({ "user": "u", "resourceAttributes": pods("other") }),
            "spec.resourceAttributes.namespace",
        ),
        (
            json!({ "user": "u", "nonResourceAttributes": { "path": "/", "verb": "get" } }),
            "spec.nonResourceAttributes",
        ),
    ];
    for (spec, field) in bad {
        let (status, body) = ask(spec).await;
        assert_eq!((status.as_u16(), &body["details"]["causes"][0]["field"]), (422, &json!(field)));
    }
}

#[tokio::test]
async fn rules_that_cannot_be_listed_in_full() {
    let cluster = Cluster::start().await;
    let path = format!("{GROUP}/selfsubjectrulesreviews");
    let review = question("SelfSubjectRulesReview", json!({ "namespace": "default" }));
    let (_, body) = cluster.send(&node("n"), "POST", &path, review.clone()).await;
    assert_eq!(body["status"]["incomplete"], true);
    let words = "node authorizer does not support user rule resolution";
    assert_eq!(body["status"]["evaluationError"], words);

    let dangling = json!({ "metadata": { "name": "dangling" },
        "roleRef": { "kind": "Role", "name": "gone" },
        "subjects": [{ "kind": "User", "name": "joe" }] });
    cluster.create(&format!("{RBAC}/namespaces/default/rolebindings"), dangling).await;
    let (_, body) = cluster.send(&user("joe"), "POST", &path, review).await;
    let words = "role.rbac.authorization.k8s.io \"gone\" not found";
    assert_eq!(body["status"]["evaluationError"], words);
    let own = json!({ "verbs": ["create"], "apiGroups": ["authentication.k8s.io"],
        "resources": ["selfsubjectreviews"] });
    assert!(body["status"]["resourceRules"].as_array().unwrap().contains(&own), "{body}");
    // The same problem stands in refusals.
    let maps = "/api/v1/namespaces/default/configmaps";
    let (_, body) = cluster.send(&user("joe"), "GET", maps, Value::Null).await;
    let words = "configmaps is forbidden: User \"joe\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"default\": RBAC: role.rbac.authorization.k8s.io \"gone\" not found";
    assert_eq!(message(&body), words);
}
