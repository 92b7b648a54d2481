//! Admission webhooks, as their authors and the clients of the server see them.

use std::sync::atomic::Ordering;

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Service, ServiceAccount};
use kube::Api;
use kube::api::{DeleteParams, EvictParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::{Cluster, gone, poll};
use crate::hook::Hook;

/// A webhook on everything that is done to some resources.
fn webhook(name: &str, client: Value, resources: &[&str]) -> Value {
    json!({ "name": name, "clientConfig": client, "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "rules": [{ "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"],
            "resources": resources }] })
}

fn with(mut webhook: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        webhook[name] = value.clone();
    }
    webhook
}

async fn mutate(cluster: &Cluster, name: &str, webhooks: &[Value]) {
    let api: Api<MutatingWebhookConfiguration> = Api::all(cluster.client.clone());
    let config = json!({ "metadata": { "name": name }, "webhooks": webhooks });
    api.create(&PostParams::default(), &serde_json::from_value(config).unwrap()).await.unwrap();
}

async fn validate(cluster: &Cluster, name: &str, webhooks: &[Value]) {
    let api: Api<ValidatingWebhookConfiguration> = Api::all(cluster.client.clone());
    let config = json!({ "metadata": { "name": name }, "webhooks": webhooks });
    api.create(&PostParams::default(), &serde_json::from_value(config).unwrap()).await.unwrap();
}

/// Creates a ConfigMap; the message of the Status where that fails.
async fn try_map(cluster: &Cluster, name: &str) -> Result<ConfigMap, String> {
    let map = crate::cluster::map(name, &json!({}));
    cluster.maps().create(&PostParams::default(), &map).await.map_err(|error| match error {
        kube::Error::Api(status) => status.message,
        other => panic!("{other}"),
    })
}

fn allow(_: &Value) -> Value {
    json!({ "allowed": true })
}

/// Adds the next letter to a label, which shows who came after whom.
fn append(letter: &'static str) -> impl Fn(&Value) -> Value {
    move |request| {
        let seen = request["object"]["metadata"]["annotations"]["seen"].as_str();
        let value = json!({ "seen": format!("{}{letter}", seen.unwrap_or_default()) });
        json!({ "allowed": true,
            "patch": [{ "op": "add", "path": "/metadata/annotations", "value": value }] })
    }
}

#[tokio::test]
async fn webhooks_run_by_name_and_again_where_they_ask_for_it() {
    let cluster = Cluster::start().await;
    let first = Hook::start("127.0.0.1", append("a")).await;
    let second = Hook::start("127.0.0.1", append("b")).await;
    let again = json!({ "reinvocationPolicy": "IfNeeded" });
    // Made in the other order, and named so that the first comes first.
    let hook = webhook("b.example.com", second.by_url(), &["configmaps"]);
    mutate(&cluster, "2-second", &[hook]).await;
    let hook = with(webhook("a.example.com", first.by_url(), &["configmaps"]), &again);
    mutate(&cluster, "1-first", &[hook]).await;
    let map = try_map(&cluster, "x").await.unwrap();
    assert_eq!(map.metadata.annotations.unwrap()["seen"], "aba");
    assert_eq!((first.take().len(), second.take().len()), (2, 1));
}

#[tokio::test]
async fn a_service_is_reached_and_its_name_must_be_in_the_certificate() {
    let cluster = Cluster::start().await;
    let hook = Hook::start("hook.default.svc", allow).await;
    let services: Api<Service> = Api::namespaced(cluster.client.clone(), "default");
    for name in ["hook", "impostor"] {
        let service = json!({ "metadata": { "name": name },
            "spec": { "type": "ExternalName", "externalName": "localhost" } });
        let service = serde_json::from_value(service).unwrap();
        services.create(&PostParams::default(), &service).await.unwrap();
    }
    let config = |name: &str| {
        json!({ "caBundle": hook.ca, "service": { "namespace": "default", "name": name,
            "port": hook.port, "path": "/deep/path" } })
    };
    validate(&cluster, "good", &[webhook("a.example.com", config("hook"), &["configmaps"])]).await;
    try_map(&cluster, "a").await.unwrap();
    assert_eq!(hook.take().len(), 1);
    let wrong = webhook("b.example.com", config("impostor"), &["configmaps"]);
    validate(&cluster, "wrong", &[wrong]).await;
    let why = try_map(&cluster, "b").await.unwrap_err();
    let url = format!("https://impostor.default.svc:{}/deep/path?timeout=10s", hook.port);
    assert_eq!(
        why,
        format!(
            "Internal error occurred: failed calling webhook \"b.example.com\": failed to call webhook: Post \"{url}\": tls: failed to verify certificate: x509: certificate is valid for hook.default.svc, not impostor.default.svc"
        )
    );
    let configs: Api<ValidatingWebhookConfiguration> = Api::all(cluster.client.clone());
    configs.delete("wrong", &DeleteParams::default()).await.unwrap();
    let missing = webhook("c.example.com", config("nobody"), &["configmaps"]);
    validate(&cluster, "missing", &[missing]).await;
    let why = try_map(&cluster, "c").await.unwrap_err();
    assert!(why.ends_with(": service \"nobody\" not found"), "{why}");
}

#[tokio::test]
async fn connections_are_kept_and_new_certificates_are_learnt() {
    let cluster = Cluster::start().await;
    let hook = Hook::start("127.0.0.1", allow).await;
    mutate(&cluster, "hook", &[webhook("a.example.com", hook.by_url(), &["configmaps"])]).await;
    for at in 0..5 {
        try_map(&cluster, &format!("map-{at}")).await.unwrap();
    }
    assert_eq!(hook.connections.load(Ordering::SeqCst), 1);
    let ca = hook.rotate("127.0.0.1");
    let configs: Api<MutatingWebhookConfiguration> = Api::all(cluster.client.clone());
    let patch = json!([{ "op": "replace", "path": "/webhooks/0/clientConfig/caBundle",
        "value": ca }]);
    let patch: Patch<Value> = Patch::Json(serde_json::from_value(patch).unwrap());
    configs.patch("hook", &PatchParams::default(), &patch).await.unwrap();
    try_map(&cluster, "rotated").await.unwrap();
    assert_eq!(hook.connections.load(Ordering::SeqCst), 2);
    // Whom the bundle does not name is not believed.
    hook.rotate("127.0.0.1");
    let patch = json!([{ "op": "add", "path": "/webhooks/0/timeoutSeconds", "value": 9 },
        { "op": "replace", "path": "/webhooks/0/clientConfig/url",
          "value": format!("https://127.0.0.1:{}/other", hook.port) }]);
    let patch: Patch<Value> = Patch::Json(serde_json::from_value(patch).unwrap());
    configs.patch("hook", &PatchParams::default(), &patch).await.unwrap();
    let why = try_map(&cluster, "stranger").await.unwrap_err();
    assert!(why.ends_with("x509: certificate signed by unknown authority"), "{why}");
    assert!(why.contains("/other?timeout=9s"), "{why}");
}

#[tokio::test]
async fn each_deletion_is_asked_about() {
    let cluster = Cluster::start().await;
    for name in ["a", "b", "kept"] {
        cluster.map(name).await;
    }
    let hook = Hook::start("127.0.0.1", |request| {
        let kept = request["oldObject"]["metadata"]["name"] == "kept";
        json!({ "allowed": !kept, "status": { "message": "needed", "code": 409,
            "reason": "StillNeeded" } })
    })
    .await;
    validate(&cluster, "hook", &[webhook("a.example.com", hook.by_url(), &["configmaps"])]).await;
    let maps = cluster.maps();
    let failed = maps.delete_collection(&DeleteParams::default(), &ListParams::default()).await;
    let kube::Error::Api(status) = failed.unwrap_err() else { panic!("a Status is expected") };
    assert_eq!((status.code, &*status.reason), (409, "StillNeeded"));
    assert_eq!(status.message, "admission webhook \"a.example.com\" denied the request: needed");
    let asked = hook.take();
    assert_eq!(asked.len(), 3);
    for request in &asked {
        assert_eq!((&request["operation"], &request["object"]), (&json!("DELETE"), &Value::Null));
        assert_eq!(request["name"], Value::Null);
    }
    assert_eq!(cluster.names().await, ["kept"]);
    maps.delete("kept", &DeleteParams::default().dry_run()).await.unwrap_err();
    let asked = hook.take();
    assert_eq!((&asked[0]["name"], &asked[0]["dryRun"]), (&json!("kept"), &json!(true)));
    assert_eq!(
        asked[0]["options"],
        json!({ "kind": "DeleteOptions",
        "apiVersion": "meta.k8s.io/v1", "dryRun": ["All"] })
    );
}

#[tokio::test]
async fn controllers_delete_only_what_webhooks_let_go() {
    let cluster = Cluster::start().await;
    cluster.other_namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "other");
    let map = crate::cluster::map("held", &json!({}));
    maps.create(&PostParams::default(), &map).await.unwrap();
    let hook = Hook::start("127.0.0.1", |_| json!({ "allowed": false })).await;
    validate(&cluster, "hook", &[webhook("a.example.com", hook.by_url(), &["configmaps"])]).await;
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let namespace = namespaces.get("other").await.unwrap();
    namespaces.delete("other", &DeleteParams::default()).await.unwrap();
    poll("the controller asks", async || {
        hook.take().iter().any(|request| {
            request["userInfo"]["username"]
                == "system:serviceaccount:kube-system:namespace-controller"
        })
    })
    .await;
    assert!(maps.get_opt("held").await.unwrap().is_some());
    let configs: Api<ValidatingWebhookConfiguration> = Api::all(cluster.client.clone());
    configs.delete("hook", &DeleteParams::default()).await.unwrap();
    gone(&namespaces, &namespace).await;
}

#[tokio::test]
async fn subresources_are_seen_as_what_they_carry() {
    let cluster = Cluster::start().await;
    let hook = Hook::start("127.0.0.1", |request| {
        let add = |path: &str, value: Value| {
            json!({ "allowed": true,
                "patch": [{ "op": "add", "path": path, "value": value }] })
        };
        match request["subResource"].as_str() {
            Some("scale") => add("/spec/replicas", json!(7)),
            Some("status") => add("/status/message", json!("by hook")),
            _ => json!({ "allowed": true }),
        }
    })
    .await;
    let resources = ["pods/status", "pods/eviction", "deployments/scale"];
    mutate(&cluster, "hook", &[webhook("a.example.com", hook.by_url(), &resources)]).await;
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), "default");
    let account = serde_json::from_value(json!({ "metadata": { "name": "default" } })).unwrap();
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), "default");
    let pod = json!({ "metadata": { "name": "p" },
        "spec": { "containers": [{ "name": "c", "image": "i" }] } });
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    assert_eq!(hook.take(), [] as [Value; 0]);
    let patch = Patch::Merge(json!({ "status": { "phase": "Running" } }));
    let pod = pods.patch_status("p", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(pod.status.unwrap().message.unwrap(), "by hook");
    pods.evict("p", &EvictParams::default()).await.unwrap();
    let kinds: Vec<_> = hook
        .take()
        .iter()
        .map(|it| (it["operation"].clone(), it["kind"]["kind"].clone(), it["subResource"].clone()))
        .collect();
    let expected = [("UPDATE", "Pod", "status"), ("CREATE", "Eviction", "eviction")];
    assert_eq!(kinds, expected.map(|(a, b, c)| (json!(a), json!(b), json!(c))));

    let deployments: Api<k8s_openapi::api::apps::v1::Deployment> =
        Api::namespaced(cluster.client.clone(), "default");
    let deployment = json!({ "metadata": { "name": "d" }, "spec": {
        "selector": { "matchLabels": { "a": "b" } },
        "template": { "metadata": { "labels": { "a": "b" } },
            "spec": { "containers": [{ "name": "c", "image": "i" }] } } } });
    let deployment = serde_json::from_value(deployment).unwrap();
    deployments.create(&PostParams::default(), &deployment).await.unwrap();
    let patch = Patch::Merge(json!({ "spec": { "replicas": 2 } }));
    let scale = deployments.patch_scale("d", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(scale.spec.unwrap().replicas, Some(7));
    let asked = hook.take();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0]["kind"],
        json!({ "group": "autoscaling", "version": "v1", "kind": "Scale" })
    );
    assert_eq!(asked[0]["object"]["spec"]["replicas"], 2);
    assert_eq!(asked[0]["oldObject"]["spec"]["replicas"], 1);
}

#[tokio::test]
async fn selectors_see_the_old_object_and_reviews_no_drawn_name() {
    let cluster = Cluster::start().await;
    let hook = Hook::start("127.0.0.1", allow).await;
    let selector = json!({ "objectSelector": { "matchLabels": { "watched": "yes" } } });
    let config = with(webhook("a.example.com", hook.by_url(), &["configmaps"]), &selector);
    mutate(&cluster, "mutating", std::slice::from_ref(&config)).await;
    cluster.map("other").await;
    assert_eq!(hook.take().len(), 0);
    cluster.map_with("mine", &json!({ "labels": { "watched": "yes" } })).await;
    let patch = Patch::Merge(json!({ "metadata": { "labels": null } }));
    cluster.maps().patch("mine", &PatchParams::default(), &patch).await.unwrap();
    // The patch that takes the label away is still seen, the next one is not.
    cluster.maps().patch("mine", &PatchParams::default(), &patch).await.unwrap();
    let operations: Vec<_> = hook.take().iter().map(|it| it["operation"].clone()).collect();
    assert_eq!(operations, [json!("CREATE"), json!("UPDATE")]);

    validate(&cluster, "validating", &[config]).await;
    let map: ConfigMap = serde_json::from_value(json!({ "metadata": {
        "generateName": "g-", "labels": { "watched": "yes" } } }))
    .unwrap();
    let made = cluster.maps().create(&PostParams::default(), &map).await.unwrap();
    let names: Vec<_> = hook.take().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, [Value::Null, json!(made.metadata.name.unwrap())]);
}

#[tokio::test]
async fn answers_that_break_the_contract_are_failures() {
    let cluster = Cluster::start().await;
    let answers = [
        (json!({ "uid": "x", "allowed": true }), "expected response.uid="),
        (
            json!({ "allowed": true, "patch": "W10=" }),
            "webhook returned response.patch but not response.patchType",
        ),
        (
            json!({ "allowed": true, "patchType": "JSONPatch" }),
            "webhook returned response.patchType but not response.patch",
        ),
        (
            json!({ "allowed": true, "patch": [{ "op": "remove", "path": "/nothing" }] }),
            "Internal error occurred: the patch of webhook",
        ),
        (
            json!({ "allowed": true, "patch": [
                { "op": "add", "path": "/data", "value": "no map" }] }),
            "Internal error occurred: ",
        ),
        (json!({ "allowed": false, "status": { "code": 77777 } }), "denied the request without"),
    ];
    let configs: Api<MutatingWebhookConfiguration> = Api::all(cluster.client.clone());
    for (answer, expected) in answers {
        let given = answer.clone();
        let hook = Hook::start("127.0.0.1", move |_| given.clone()).await;
        mutate(&cluster, "hook", &[webhook("a.example.com", hook.by_url(), &["configmaps"])]).await;
        let why = try_map(&cluster, "x").await.unwrap_err();
        assert!(why.contains(expected), "{answer}: {why}");
        configs.delete("hook", &DeleteParams::default()).await.unwrap();
    }
    assert_eq!(cluster.names().await, [] as [&str; 0]);
}

#[tokio::test]
async fn configurations_pass_no_webhook_and_managed_fields_stay_whole() {
    let cluster = Cluster::start().await;
    let deny = Hook::start("127.0.0.1", |_| json!({ "allowed": false })).await;
    let everything = ["*/*"];
    validate(&cluster, "deny", &[webhook("a.example.com", deny.by_url(), &everything)]).await;
    try_map(&cluster, "x").await.unwrap_err();
    let configs: Api<ValidatingWebhookConfiguration> = Api::all(cluster.client.clone());
    configs.delete("deny", &DeleteParams::default()).await.unwrap();

    let breaks = Hook::start("127.0.0.1", |_| {
        json!({ "allowed": true, "patch": [
            { "op": "add", "path": "/metadata/managedFields", "value": [{ "operation": "?" }] }] })
    })
    .await;
    mutate(&cluster, "breaks", &[webhook("a.example.com", breaks.by_url(), &["configmaps"])]).await;
    let map = cluster.map("x").await;
    assert_eq!(map.metadata.managed_fields, None);
}

#[tokio::test]
async fn connections_into_pods_are_asked_about() {
    let cluster = Cluster::start().await;
    let hook = Hook::start(
        "127.0.0.1",
        |request| json!({ "allowed": request["object"]["command"][0] != "rm" }),
    )
    .await;
    validate(&cluster, "hook", &[webhook("a.example.com", hook.by_url(), &["pods/exec"])]).await;
    let exec = async |command: &str| {
        let path =
            format!("/api/v1/namespaces/default/pods/p/exec?command={command}&command=x&stdin=1");
        let request = http::Request::post(path).body(Vec::new()).unwrap();
        match cluster.client.request::<Value>(request).await.unwrap_err() {
            kube::Error::Api(status) => (status.code, status.message),
            other => panic!("{other}"),
        }
    };
    let denied = "admission webhook \"a.example.com\" denied the request without explanation";
    assert_eq!(exec("rm").await, (400, denied.to_owned()));
    assert_eq!(exec("ls").await, (404, "pods \"p\" not found".to_owned()));
    let asked = hook.take().pop().unwrap();
    assert_eq!(asked["operation"], "CONNECT");
    assert_eq!(asked["kind"], json!({ "group": "", "version": "v1", "kind": "PodExecOptions" }));
    assert_eq!(
        asked["object"],
        json!({ "kind": "PodExecOptions", "apiVersion": "v1",
        "command": ["ls", "x"], "stdin": true })
    );
}

#[tokio::test]
async fn reviews_and_tokens_are_asked_about() {
    let cluster = Cluster::start().await;
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), "default");
    let account = serde_json::from_value(json!({ "metadata": { "name": "robot" } })).unwrap();
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let hook = Hook::start("127.0.0.1", |request| {
        let spec = &request["object"]["spec"];
        let fine = spec["user"] != "eve" && spec["expirationSeconds"] != 666;
        // Whoever asks about joe is told about jane.
        let patch = json!([{ "op": "replace", "path": "/spec/user", "value": "jane" }]);
        if spec["user"] == "joe" {
            json!({ "allowed": true, "patch": patch })
        } else {
            json!({ "allowed": fine })
        }
    })
    .await;
    let asked = ["subjectaccessreviews", "serviceaccounts/token"];
    mutate(&cluster, "hook", &[webhook("a.example.com", hook.by_url(), &asked)]).await;
    let post = async |path: &str, body: Value| {
        let request = http::Request::post(path).body(body.to_string().into_bytes()).unwrap();
        cluster.client.request::<Value>(request).await.map_err(|error| match error {
            kube::Error::Api(status) => status.message,
            other => panic!("{other}"),
        })
    };
    let review = async |user: &str| {
        let body = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": { "user": user,
                "resourceAttributes": { "verb": "get", "resource": "pods" } } });
        post("/apis/authorization.k8s.io/v1/subjectaccessreviews", body).await
    };
    assert_eq!(review("joe").await.unwrap()["spec"]["user"], "jane");
    assert!(review("eve").await.unwrap_err().contains("denied the request"));
    let token = async |seconds: i64| {
        let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": { "audiences": ["a"], "expirationSeconds": seconds } });
        post("/api/v1/namespaces/default/serviceaccounts/robot/token", body).await
    };
    hook.take();
    assert!(token(3600).await.unwrap()["status"]["token"].is_string());
    assert!(token(666).await.unwrap_err().contains("denied the request"));
    let asked = hook.take().remove(0);
    assert_eq!(asked["requestSubResource"], "token");
    assert_eq!(asked["name"], "robot");
    let kind = json!({ "group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest" });
    assert_eq!(asked["kind"], kind);
}

#[tokio::test]
async fn conditions_know_what_the_caller_may_do() {
    let cluster = Cluster::start().await;
    let deny = Hook::start("127.0.0.1", |_| json!({ "allowed": false })).await;
    let condition = json!({ "matchConditions": [{ "name": "unless-trusted",
        "expression": "!authorizer.requestResource.check('breakglass').allowed()" }] });
    let hook = with(webhook("a.example.com", deny.by_url(), &["configmaps"]), &condition);
    validate(&cluster, "deny", &[hook]).await;
    // The administrator may do everything.
    cluster.map("x").await;
    let create = async |path: &str, body: Value| {
        let request = http::Request::post(path).body(body.to_string().into_bytes()).unwrap();
        cluster.client.request::<Value>(request).await.unwrap();
    };
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    let role = json!({ "metadata": { "name": "writer" }, "rules": [{ "apiGroups": [""],
        "resources": ["configmaps"], "verbs": ["create"] }] });
    create(&format!("{rbac}/roles"), role).await;
    let binding = json!({ "metadata": { "name": "writer" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "writer" },
        "subjects": [{ "kind": "User", "name": "jane" }] });
    create(&format!("{rbac}/rolebindings"), binding).await;
    let jane = kubewright_apiserver::Identity::new("jane", []);
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.server.client_as(jane));
    let map = crate::cluster::map("y", &json!({}));
    let refused = maps.create(&PostParams::default(), &map).await.unwrap_err();
    assert!(refused.to_string().contains("denied the request"), "{refused}");
    let patch = Patch::Json::<Value>(
        serde_json::from_value(json!([{ "op": "add",
        "path": "/rules/0/verbs/-", "value": "breakglass" }]))
        .unwrap(),
    );
    let roles: Api<k8s_openapi::api::rbac::v1::Role> =
        Api::default_namespaced(cluster.client.clone());
    roles.patch("writer", &PatchParams::default(), &patch).await.unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
}
