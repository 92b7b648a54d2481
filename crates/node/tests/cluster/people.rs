//! Removing nodes, and requests that nobody should accept.

use std::collections::BTreeMap;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use kubewright_node::acceptance::{self, AcceptError, Removal, RemovalError};
use kubewright_node::embedded::CONTROL_PLANE_LABEL;
use kubewright_node::join::{Ended, LEASES, beat};
use kubewright_node::token;
use kubewright_operator::Shutdown;

use crate::fixture;
use crate::fixture::{PATIENCE, joining};

#[tokio::test(flavor = "multi_thread")]
async fn the_only_control_plane_node_is_removed_by_force_only() {
    let server = kubewright_apiserver::Server::builder().start().await.unwrap();
    let client = server.client();
    let nodes = Api::<Node>::all(client.clone());
    let make = async |name: &str| {
        let labels = BTreeMap::from([(CONTROL_PLANE_LABEL.to_owned(), String::new())]);
        let metadata =
            ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..Default::default() };
        let node = Node { metadata, ..Node::default() };
        nodes.create(&PostParams::default(), &node).await.unwrap();
    };
    let removal = |node: &str, force: bool| Removal {
        node: node.parse().unwrap(),
        patience: PATIENCE,
        force,
        keep_token: false,
    };
    make("one").await;
    let only = |error: &RemovalError| matches!(error, RemovalError::OnlyControlPlane { .. });
    assert!(only(&acceptance::check(&client, &removal("one", false)).await.unwrap_err()));
    let refused = acceptance::remove(&client, &removal("one", false)).await.unwrap_err();
    assert!(only(&refused) && refused.to_string().contains("`kubewright node reset`"), "{refused}");
    let node = nodes.get("one").await.unwrap();
    assert_eq!(node.spec.unwrap().unschedulable, None, "it is not cordoned either");
    // One of two is a node like any other.
    make("two").await;
    assert!(acceptance::remove(&client, &removal("one", false)).await.unwrap().node);
    assert!(acceptance::remove(&client, &removal("two", true)).await.unwrap().node);
}

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

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_under_a_name_is_withdrawn_by_its_key() {
    fixture!(fixture);
    let folders =
        [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let node = fixture.unique("a");
    let token = fixture.token().await;
    let machines = folders.each_ref().map(|it| fixture.machine(it.path(), &node, &token));
    let keys = async || {
        let pending = acceptance::pending(&fixture.client).await.unwrap();
        pending.into_iter().filter_map(|(_, it)| Some(it.ok()?.fingerprint)).collect::<Vec<_>>()
    };
    // The first is rejected before the second asks, and both before the third does.
    let mut rejected = Vec::new();
    for machine in &machines[..2] {
        let waiting = joining(machine);
        fixture.until_asked(&node).await;
        let [key] = <[_; 1]>::try_from(keys().await).unwrap();
        acceptance::reject(&fixture.client, &node, Some(&key), "not expected").await.unwrap();
        waiting.await.unwrap().err().unwrap();
        rejected.push(key);
    }
    // Which of them is meant has to be said.
    let error = acceptance::accept(&fixture.client, &node, None).await.unwrap_err();
    assert!(matches!(error, AcceptError::Ambiguous { .. }), "{error}");
    let third = joining(&machines[2]);
    fixture.until_asked(&node).await;
    let decided = acceptance::accept(&fixture.client, &node, Some(&rejected[0])).await.unwrap();
    assert!(decided.withdrawn);
    assert_eq!(decided.request.fingerprint, rejected[0]);
    // It may ask again, the other one is still told no, and the third waits.
    let first = joining(&machines[0]);
    let both = async {
        while keys().await.len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, both).await.expect("both ask");
    let error = joining(&machines[1]).await.unwrap().err().unwrap();
    assert!(fixture::told(&error).contains("not expected"), "{error}");
    acceptance::accept(&fixture.client, &node, Some(&rejected[0])).await.unwrap();
    first.await.unwrap().unwrap();
    assert!(!third.is_finished());
    let key = keys().await.remove(0);
    acceptance::reject(&fixture.client, &node, Some(&key), "too late").await.unwrap();
    let error = third.await.unwrap().err().unwrap();
    assert!(fixture::told(&error).contains("too late"), "{error}");
    // A key that nobody has is told so.
    let nobody = acceptance::accept(&fixture.client, &node, Some(&fixture.pin())).await;
    assert!(matches!(nobody.unwrap_err(), AcceptError::NotPending { .. }));
    fixture.finish().await;
}
