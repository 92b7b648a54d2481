//! The tokens of a cluster.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kubewright_node::join::{with_nothing, with_token};
use kubewright_node::token::{self, Grant, StoreError, Token, Usage};

use crate::fixture;
use crate::fixture::code;

#[tokio::test]
async fn a_token_is_made_listed_shown_and_deleted() {
    fixture!(fixture);
    let client = &fixture.client;
    let now = Timestamp::now();
    let grant = Grant {
        description: Some("for the lab".to_owned()),
        ..Grant::for_nodes(Some(now + Duration::from_secs(3600)))
    };
    let token = token::create(client, None, &grant).await.unwrap();
    let taken = token::create(client, Some(token.clone()), &grant).await.unwrap_err();
    assert!(matches!(taken, StoreError::Taken { .. }), "{taken}");
    assert!(!taken.to_string().contains(token.secret()), "{taken}");

    let listed = token::list(client, now).await.unwrap();
    let info = listed.iter().find(|info| info.id == token.id()).unwrap();
    assert_eq!(info.description.as_deref(), Some("for the lab"));
    assert_eq!(info.usages, [Usage::Signing, Usage::Authentication]);
    assert!(!serde_json::to_string(&listed).unwrap().contains(token.secret()));
    assert_eq!(&token::show(client, token.id(), now).await.unwrap(), info);

    // As kubeadm reads and writes it.
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "kube-system");
    let name = format!("bootstrap-token-{}", token.id());
    let secret = secrets.get(&name).await.unwrap();
    assert_eq!(secret.type_.as_deref(), Some("bootstrap.kubernetes.io/token"));
    let data = secret.data.unwrap();
    let text = |key: &str| String::from_utf8(data[key].0.clone()).unwrap();
    assert_eq!(text("token-id") + "." + &text("token-secret"), token.reveal());
    assert_eq!(
        text("usage-bootstrap-signing") + &text("usage-bootstrap-authentication"),
        "truetrue"
    );
    assert_eq!(text("auth-extra-groups"), token::DEFAULT_GROUP);

    token::delete(client, token.id()).await.unwrap();
    let again = token::delete(client, token.id()).await.unwrap_err();
    assert!(matches!(again, StoreError::Unknown { .. }), "{again}");
    let gone = token::show(client, token.id(), now).await.unwrap_err();
    assert!(matches!(gone, StoreError::Unknown { .. }), "{gone}");
    fixture.finish().await;
}

/// What a token may do, and no more: facts of a real cluster.
#[tokio::test]
async fn a_token_opens_one_door_only() {
    fixture!(fixture);
    let token = fixture.token().await;
    let nobody = with_nothing(&fixture.place).unwrap();
    let client = with_token(&nobody, &token);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "kube-system");
    assert_eq!(code(secrets.list(&Default::default()).await), 403);
    let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(client.clone());
    assert_eq!(code(nodes.list(&Default::default()).await), 403);
    let other: Token = format!("{}.aaaaaaaaaaaaaaaa", token.id()).parse().unwrap();
    let wrong = with_token(&nobody, &other);
    let secrets: Api<Secret> = Api::namespaced(wrong, "kube-system");
    assert_eq!(code(secrets.list(&Default::default()).await), 401);
    token::delete(&fixture.client, token.id()).await.unwrap();
    fixture.finish().await;
}
