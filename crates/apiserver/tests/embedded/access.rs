//! Who may do what, asked as HTTP requests of many callers.

mod escalation;
mod nodes;
mod restarts;
mod reviews;
mod tokens;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use kubewright_apiserver::{Identity, Server};
use serde_json::{Value, json};
use tower::ServiceExt;

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// How a request says who sends it.
#[derive(Clone)]
enum Caller {
    Known(Identity),
    Token(String),
    Nobody,
}

fn admin() -> Caller {
    Caller::Known(Identity::admin())
}

fn user(name: &str) -> Caller {
    Caller::Known(Identity::new(name, []))
}

fn node(name: &str) -> Caller {
    let groups = ["system:nodes".to_owned()];
    Caller::Known(Identity::new(format!("system:node:{name}"), groups))
}

struct Cluster {
    server: Server,
}

impl Cluster {
    async fn start() -> Self {
        Self { server: Server::builder().start().await.unwrap() }
    }

    async fn send(
        &self,
        caller: &Caller,
        method: &str,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        self.send_with(caller, method, path, body, &[]).await
    }

    async fn send_with(
        &self,
        caller: &Caller,
        method: &str,
        path: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let (method, media) = match method {
            "PATCH" => ("PATCH", "application/merge-patch+json"),
            "APPLY" => ("PATCH", "application/apply-patch+yaml"),
            method => (method, "application/json"),
        };
        let mut request = Request::builder().method(method).uri(path).header("content-type", media);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Caller::Token(token) = caller {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Caller::Known(identity) = caller {
            request = request.extension(identity.clone());
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.server.router().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// As the administrator, and it must succeed.
    async fn create(&self, path: &str, object: Value) -> Value {
        let (status, body) = self.send(&admin(), "POST", path, object).await;
        assert!(status.is_success(), "{path}: {body}");
        body
    }

    async fn get(&self, caller: &Caller, path: &str) -> StatusCode {
        self.send(caller, "GET", path, Value::Null).await.0
    }

    /// Gives a user these rights everywhere.
    async fn grant(&self, user: &str, rules: Value) {
        let name = format!("of-{user}");
        let role = json!({ "metadata": { "name": name }, "rules": rules });
        self.create(&format!("{RBAC}/clusterroles"), role).await;
        let binding = json!({ "metadata": { "name": name },
            "roleRef": { "kind": "ClusterRole", "name": name },
            "subjects": [{ "kind": "User", "name": user }] });
        self.create(&format!("{RBAC}/clusterrolebindings"), binding).await;
    }
}

fn message(body: &Value) -> &str {
    body["message"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn impersonation_takes_a_right_for_each_thing() {
    let cluster = Cluster::start().await;
    let allow = |group: &str, resource: &str, names: Value| {
        json!({ "verbs": ["impersonate"], "apiGroups": [group], "resources": [resource],
            "resourceNames": names })
    };
    let own = "authentication.k8s.io";
    cluster
        .grant(
            "jane",
            json!([
                allow("", "users", json!(["joe"])),
                allow("", "groups", json!(["dev"])),
                allow(own, "userextras/scopes", json!(["view"])),
                allow(own, "uids", json!(["7"])),
            ]),
        )
        .await;
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let ask = async |headers: &[(&str, &str)]| {
        cluster.send_with(&user("jane"), "POST", path, review.clone(), headers).await
    };
    let joe = ("Impersonate-User", "joe");
    let all = [
        joe,
        ("Impersonate-Group", "dev"),
        ("Impersonate-Extra-Scopes", "view"),
        ("Impersonate-Uid", "7"),
    ];
    let (status, body) = ask(&all).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(
        body["status"]["userInfo"],
        json!({ "username": "joe", "uid": "7", "groups": ["dev", "system:authenticated"],
            "extra": { "scopes": ["view"] } })
    );
    let refused = [
        (
            &[("Impersonate-User", "jim")][..],
            "users \"jim\" is forbidden: User \"jane\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope",
        ),
        (
            &[joe, ("Impersonate-Group", "system:masters")],
            "groups \"system:masters\" is forbidden: User \"jane\" cannot impersonate resource \"groups\" in API group \"\" at the cluster scope",
        ),
        (
            &[joe, ("Impersonate-Extra-Scopes", "edit")],
            "userextras.authentication.k8s.io \"edit\" is forbidden: User \"jane\" cannot impersonate resource \"userextras/scopes\" in API group \"authentication.k8s.io\" at the cluster scope",
        ),
        (
            &[joe, ("Impersonate-Uid", "8")],
            "uids.authentication.k8s.io \"8\" is forbidden: User \"jane\" cannot impersonate resource \"uids\" in API group \"authentication.k8s.io\" at the cluster scope",
        ),
        (
            &[("Impersonate-User", "system:serviceaccount:ns:a")],
            "serviceaccounts \"a\" is forbidden: User \"jane\" cannot impersonate resource \"serviceaccounts\" in API group \"\" in the namespace \"ns\"",
        ),
    ];
    for (headers, words) in refused {
        let (status, body) = ask(headers).await;
        assert_eq!((status.as_u16(), message(&body)), (403, words));
    }
}

#[tokio::test]
async fn a_list_of_one_name_needs_that_name_only() {
    let cluster = Cluster::start().await;
    let rules = json!([{ "verbs": ["list", "watch"], "apiGroups": [""],
        "resources": ["configmaps"], "resourceNames": ["a"] }]);
    cluster.grant("joe", rules).await;
    let path =
        |selector: &str| format!("/api/v1/namespaces/default/configmaps?fieldSelector={selector}");
    let joe = user("joe");
    assert_eq!(cluster.get(&joe, &path("metadata.name%3Da")).await, 200);
    for other in ["", "metadata.name%3Db", "metadata.name!%3Da", "metadata.name%3Da%2Fb"] {
        assert_eq!(cluster.get(&joe, &path(other)).await, 403, "{other}");
    }
    let (_, body) = cluster.send(&joe, "GET", &path("metadata.name%3Db"), Value::Null).await;
    assert_eq!(body["details"], json!({ "name": "b", "kind": "configmaps" }));
}

#[tokio::test]
async fn certificates_carry_every_group() {
    let cluster = Cluster::start().await;
    let rules = json!([{ "verbs": ["list"], "apiGroups": [""], "resources": ["configmaps"] }]);
    let role = json!({ "metadata": { "name": "lister" }, "rules": rules });
    cluster.create(&format!("{RBAC}/clusterroles"), role).await;
    let binding = json!({ "metadata": { "name": "lister" },
        "roleRef": { "kind": "ClusterRole", "name": "lister" },
        "subjects": [{ "kind": "Group", "name": "second" }] });
    cluster.create(&format!("{RBAC}/clusterrolebindings"), binding).await;

    let address = cluster.server.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let identity = Identity::new("joe", ["first".to_owned(), "second".to_owned()]);
    let kubeconfig = cluster.server.pki().kubeconfig(address, &identity).unwrap();
    let kubeconfig = kube::config::Kubeconfig::from_yaml(&kubeconfig).unwrap();
    let options = Default::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = kube::Client::try_from(config).unwrap();
    let maps: kube::Api<k8s_openapi::api::core::v1::ConfigMap> = kube::Api::all(client.clone());
    assert!(maps.list(&Default::default()).await.unwrap().items.is_empty());
    let secrets: kube::Api<k8s_openapi::api::core::v1::Secret> = kube::Api::all(client);
    let refused = secrets.list(&Default::default()).await.unwrap_err();
    assert!(refused.to_string().contains("User \"joe\" cannot list resource \"secrets\""));
}
