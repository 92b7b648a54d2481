//! Removing nodes, and requests that nobody should accept.

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kubewright_node::acceptance::{self, AcceptError, Removal, RemovalError};
use kubewright_node::join::{Ended, LEASES, beat};
use kubewright_node::token;
use kubewright_operator::Shutdown;

use crate::fixture;
use crate::fixture::{PATIENCE, joining};

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_node_is_gone_with_all_that_stands_for_it() {
    fixture!(fixture);
    let folder = tempfile::tempdir().unwrap();
    let node = fixture.unique("a");
    let token = fixture.token().await;
    let machine = fixture.machine(folder.path(), &node, &token);
    let waiting = joining(&machine);
    fixture.until_asked(&node).await;
    acceptance::accept(&fixture.client, &node, None).await.unwrap();
    let joined = waiting.await.unwrap().unwrap();

    let removal =
        Removal { node: node.clone(), patience: PATIENCE, force: false, keep_token: false };
    let removed = acceptance::remove(&fixture.client, &removal).await.unwrap();
    assert!(removed.node && removed.lease, "{removed:?}");
    assert_eq!(removed.tokens, [token.id()]);
    assert_eq!(removed.requests.len(), 1);
    assert_eq!(removed.certificate_until, Some(joined.certificate.expires()));
    assert!(fixture.nodes().get_opt(node.as_str()).await.unwrap().is_none());
    let leases: Api<Lease> = Api::namespaced(fixture.client.clone(), LEASES);
    assert!(leases.get_opt(node.as_str()).await.unwrap().is_none());
    let now = jiff::Timestamp::now();
    assert!(token::show(&fixture.client, token.id(), now).await.is_err());

    // The machine sees it, and does not come back by itself.
    let stop = Shutdown::new();
    let heartbeats = beat(&joined.registration, &joined.client, jiff::Timestamp::MAX, &stop);
    let ended = tokio::time::timeout(PATIENCE, heartbeats).await.unwrap();
    assert_eq!(ended, Ended::Removed);
    assert!(fixture.nodes().get_opt(node.as_str()).await.unwrap().is_none());

    let again = acceptance::remove(&fixture.client, &removal).await.unwrap_err();
    assert!(matches!(again, RemovalError::Unknown { .. }), "{again}");
    fixture.finish().await;
}

#[tokio::test]
async fn who_does_not_ask_cannot_be_accepted() {
    fixture!(fixture);
    let node = fixture.unique("nobody");
    let error = acceptance::accept(&fixture.client, &node, None).await.unwrap_err();
    assert!(matches!(error, AcceptError::NotPending { .. }), "{error}");
    let error = acceptance::reject(&fixture.client, &node, None, "no").await.unwrap_err();
    assert!(error.to_string().contains("node pending"), "{error}");
    fixture.finish().await;
}
