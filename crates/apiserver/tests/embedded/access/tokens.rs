//! Tokens of service accounts, from their making to their end.

use serde_json::{Value, json};

use super::{Caller, Cluster, admin, message};
use crate::cluster::poll;

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";

async fn whoami(cluster: &Cluster, token: &str) -> (u16, Value) {
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let caller = Caller::Token(token.to_owned());
    let (status, body) = cluster.send(&caller, "POST", path, review).await;
    (status.as_u16(), body["status"]["userInfo"].clone())
}

async fn request(cluster: &Cluster, spec: Value) -> (u16, Value) {
    let request =
        json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec });
    let (status, body) =
        cluster.send(&admin(), "POST", &format!("{ACCOUNTS}/sa/token"), request).await;
    (status.as_u16(), body)
}

#[tokio::test]
async fn a_token_dies_with_its_account_even_if_that_comes_back() {
    let cluster = Cluster::start().await;
    let account = json!({ "metadata": { "name": "sa" } });
    cluster.create(ACCOUNTS, account.clone()).await;
    let (_, body) = request(&cluster, json!({})).await;
    let token = body["status"]["token"].as_str().unwrap();
    let (status, user) = whoami(&cluster, token).await;
    assert_eq!((status, &user["username"]), (201, &json!("system:serviceaccount:default:sa")));
    let path = format!("{ACCOUNTS}/sa");
    cluster.send(&admin(), "DELETE", &path, Value::Null).await;
    assert_eq!(whoami(&cluster, token).await.0, 401);
    cluster.create(ACCOUNTS, account).await;
    assert_eq!(whoami(&cluster, token).await.0, 401);
}

#[tokio::test]
async fn a_token_dies_with_its_secret() {
    let cluster = Cluster::start().await;
    cluster.create(ACCOUNTS, json!({ "metadata": { "name": "sa" } })).await;
    cluster.create(SECRETS, json!({ "metadata": { "name": "s" } })).await;
    let bound = json!({ "boundObjectRef": { "apiVersion": "v1", "kind": "Secret", "name": "s" } });
    let (status, body) = request(&cluster, bound).await;
    assert_eq!(status, 201, "{body}");
    let token = body["status"]["token"].as_str().unwrap();
    assert_eq!(whoami(&cluster, token).await.0, 201);
    cluster.send(&admin(), "DELETE", &format!("{SECRETS}/s"), Value::Null).await;
    assert_eq!(whoami(&cluster, token).await.0, 401);
}

#[tokio::test]
async fn bounds_of_a_request() {
    let cluster = Cluster::start().await;
    cluster.create(ACCOUNTS, json!({ "metadata": { "name": "sa" } })).await;
    for (seconds, wanted) in [(599, 422), (600, 201), (1 << 32, 201), ((1_i64 << 32) + 1, 422)] {
        let (status, body) = request(&cluster, json!({ "expirationSeconds": seconds })).await;
        assert_eq!(status, wanted, "{body}");
    }
    let elsewhere = json!({ "metadata": { "name": "other" }, "spec": {} });
    let (status, body) =
        cluster.send(&admin(), "POST", &format!("{ACCOUNTS}/sa/token"), elsewhere).await;
    assert_eq!(status, 422, "{body}");
    assert_eq!(body["details"]["causes"][0]["field"], "metadata.name");
}

#[tokio::test]
async fn a_review_is_for_the_audiences_it_names() {
    let cluster = Cluster::start().await;
    cluster.create(ACCOUNTS, json!({ "metadata": { "name": "sa" } })).await;
    let (_, body) = request(&cluster, json!({ "audiences": ["vault", "other"] })).await;
    let token = body["status"]["token"].as_str().unwrap();
    assert_eq!(whoami(&cluster, token).await.0, 401, "the server is no audience of it");
    let path = "/apis/authentication.k8s.io/v1/tokenreviews";
    let review = |token: &str| {
        json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "spec": { "token": token, "audiences": ["third", "vault"] } })
    };
    let status = cluster.create(path, review(token)).await["status"].clone();
    assert_eq!((&status["authenticated"], &status["audiences"]), (&json!(true), &json!(["vault"])));
    assert_eq!(status["user"]["username"], "system:serviceaccount:default:sa");
    let status = cluster.create(path, review("nonsense")).await["status"].clone();
    assert_eq!(status, json!({ "user": {}, "error": "invalid bearer token" }));
}

#[tokio::test]
async fn secrets_made_for_tokens_are_filled_and_go_with_the_account() {
    use base64::Engine;
    let cluster = Cluster::start().await;
    cluster.create(ACCOUNTS, json!({ "metadata": { "name": "sa" } })).await;
    let secret = |name: &str, account: &str| {
        json!({ "metadata": { "name": name, "annotations": { "kubernetes.io/service-account.name": account } },
            "type": "kubernetes.io/service-account-token" })
    };
    cluster.create(SECRETS, secret("s", "sa")).await;
    cluster.create(SECRETS, secret("lost", "nobody")).await;
    let read = async |name: &str| {
        let path = format!("{SECRETS}/{name}");
        let (status, body) = cluster.send(&admin(), "GET", &path, Value::Null).await;
        status.is_success().then_some(body)
    };
    poll("the token is there", async || {
        read("s").await.is_some_and(|secret| secret["data"]["token"].is_string())
    })
    .await;
    let filled = read("s").await.unwrap();
    let field = |name: &str| {
        let text = filled["data"][name].as_str().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(field("namespace"), "default");
    assert_eq!(field("ca.crt"), cluster.server.pki().certificate_pem());
    let (status, user) = whoami(&cluster, &field("token")).await;
    assert_eq!((status, &user["username"]), (201, &json!("system:serviceaccount:default:sa")));

    poll("a secret for nobody is gone", async || read("lost").await.is_none()).await;
    cluster.send(&admin(), "DELETE", &format!("{ACCOUNTS}/sa"), Value::Null).await;
    assert_eq!(whoami(&cluster, &field("token")).await.0, 401);
    poll("the secret goes with the account", async || read("s").await.is_none()).await;
}

#[tokio::test]
async fn others_can_check_tokens_by_themselves() {
    let cluster = Cluster::start().await;
    cluster.create(ACCOUNTS, json!({ "metadata": { "name": "sa" } })).await;
    let (_, body) = request(&cluster, json!({})).await;
    let token = Caller::Token(body["status"]["token"].as_str().unwrap().to_owned());
    let configuration = "/.well-known/openid-configuration";
    let (status, body) = cluster.send(&token, "GET", configuration, Value::Null).await;
    assert_eq!((status.as_u16(), &body["issuer"]), (200, &json!("https://kubernetes.default.svc")));
    let (status, body) = cluster.send(&token, "GET", "/openid/v1/jwks", Value::Null).await;
    let key = &body["keys"][0];
    assert_eq!((status.as_u16(), &key["kty"], &key["alg"]), (200, &json!("EC"), &json!("ES256")));
    let (status, body) = cluster.send(&Caller::Nobody, "GET", configuration, Value::Null).await;
    let words = "forbidden: User \"system:anonymous\" cannot get path \"/.well-known/openid-configuration\"";
    assert_eq!((status.as_u16(), message(&body)), (403, words));
}
