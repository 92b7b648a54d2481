//! From a token to a node.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::PostParams;
use kubewright_node::acceptance;
use kubewright_node::embedded::JoinError;
use kubewright_node::join::{EnrolError, LEASES};
use kubewright_node::token;

use crate::fixture;
use crate::fixture::{code, join, joining, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_accepted_joins() {
    fixture!(fixture);
    let folder = tempfile::tempdir().unwrap();
    let node = fixture.unique("a");
    let token = fixture.token().await;
    let machine = fixture.machine(folder.path(), &node, &token);
    let waiting = joining(&machine);
    fixture.until_asked(&node).await;

    // What people see of it.
    let pending = acceptance::pending(&fixture.client).await.unwrap();
    let request = pending.into_iter().find_map(|(_, it)| it.ok().filter(|it| it.node == node));
    let request = request.unwrap();
    assert_eq!(request.address, machine.address);
    assert_eq!(request.token_id(), Some(token.id()));
    assert!(!waiting.is_finished(), "nobody has accepted it");

    acceptance::accept(&fixture.client, &node, Some(&request.fingerprint)).await.unwrap();
    let joined = waiting.await.unwrap().unwrap();
    fixture.until_ready(&node).await;
    let leases: Api<Lease> = Api::namespaced(fixture.client.clone(), LEASES);
    let lease = leases.get(node.as_str()).await.unwrap();
    assert_eq!(lease.metadata.owner_references.unwrap()[0].kind, "Node");

    // It is that node and no other.
    let nodes: Api<Node> = Api::all(joined.client.clone());
    let mut other: Node = nodes.get(node.as_str()).await.unwrap();
    other.metadata = kube::api::ObjectMeta {
        name: Some(fixture.unique("other").to_string()),
        ..Default::default()
    };
    assert_eq!(code(nodes.create(&PostParams::default(), &other).await), 403);

    // Nobody else reads its files, and the token is in none of them.
    for entry in std::fs::read_dir(&machine.state).unwrap() {
        let path = entry.unwrap().path();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(token.secret()), "{}", path.display());
    }
    assert_eq!(std::fs::metadata(&machine.state).unwrap().permissions().mode() & 0o777, 0o700);

    // Done is done.
    let before = nodes.get(node.as_str()).await.unwrap().metadata.resource_version;
    let mut fastest = Duration::MAX;
    for _ in 0..10 {
        let begin = Instant::now();
        assert!(join(&machine).await.unwrap().before);
        fastest = fastest.min(begin.elapsed());
    }
    // Others use this machine, too.
    assert!(fastest < Duration::from_millis(100), "{fastest:?}");
    assert_eq!(nodes.get(node.as_str()).await.unwrap().metadata.resource_version, before);
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_node_is_told_why_and_may_be_accepted_later() {
    fixture!(fixture);
    let folder = tempfile::tempdir().unwrap();
    let node = fixture.unique("a");
    let token = fixture.token().await;
    let machine = fixture.machine(folder.path(), &node, &token);
    let waiting = joining(&machine);
    fixture.until_asked(&node).await;
    acceptance::reject(&fixture.client, &node, None, "not before Monday").await.unwrap();
    let error = waiting.await.unwrap().err().unwrap();
    assert!(matches!(error, JoinError::Enrol(EnrolError::Rejected { .. })), "{error}");
    assert!(told(&error).contains("not before Monday"), "{}", told(&error));
    // Asking again with the same key does not help.
    let error = join(&machine).await.err().unwrap();
    assert!(told(&error).contains("not before Monday"), "{}", told(&error));

    let decided = acceptance::accept(&fixture.client, &node, None).await.unwrap();
    assert!(decided.withdrawn);
    let waiting = joining(&machine);
    fixture.until_asked(&node).await;
    acceptance::accept(&fixture.client, &node, None).await.unwrap();
    waiting.await.unwrap().unwrap();
    fixture.until_ready(&node).await;
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_living_node_cannot_be_taken() {
    fixture!(fixture);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let node = fixture.unique("a");
    let token = fixture.token().await;
    // Asks while there is none of that name, and waits.
    let late = fixture.machine(folders[1].path(), &node, &token);
    let first = fixture.machine(folders[0].path(), &node, &token);
    let waiting = joining(&first);
    fixture.until_asked(&node).await;
    let key = acceptance::pending(&fixture.client).await.unwrap();
    let key = key.into_iter().find_map(|(_, it)| it.ok()).unwrap().fingerprint;
    let second = joining(&late);
    let both = async {
        while acceptance::pending(&fixture.client).await.unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(fixture::PATIENCE, both).await.expect("both ask");
    let error = acceptance::accept(&fixture.client, &node, None).await.unwrap_err();
    assert!(matches!(error, acceptance::AcceptError::Ambiguous { .. }), "{error}");
    acceptance::accept(&fixture.client, &node, Some(&key)).await.unwrap();
    waiting.await.unwrap().unwrap();
    fixture.until_ready(&node).await;
    let error = acceptance::accept(&fixture.client, &node, None).await.unwrap_err();
    assert!(matches!(error, acceptance::AcceptError::Taken { .. }), "{error}");
    second.abort();
    let _ = second.await;

    // One that begins now is told at once.
    let third = tempfile::tempdir().unwrap();
    let error = join(&fixture.machine(third.path(), &node, &token)).await.err().unwrap();
    assert!(matches!(error, JoinError::Enrol(EnrolError::Taken { .. })), "{error}");
    assert!(told(&error).contains("--name"), "{}", told(&error));
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_or_the_token_goes_meanwhile() {
    fixture!(fixture);
    let folder = tempfile::tempdir().unwrap();
    let node = fixture.unique("a");
    let token = fixture.token().await;
    let mut machine = fixture.machine(folder.path(), &node, &token);
    machine.search.patience = Duration::from_secs(2);
    let error = join(&machine).await.err().unwrap();
    assert!(matches!(error, JoinError::Enrol(EnrolError::Pending { .. })), "{error}");
    assert!(told(&error).contains("kubewright node accept"), "{}", told(&error));
    // The next run goes on where this one was; without the token it cannot.
    token::delete(&fixture.client, token.id()).await.unwrap();
    let error = join(&machine).await.err().unwrap();
    assert!(matches!(error, JoinError::Enrol(EnrolError::Unknown { .. })), "{error}");
    // Another token does.
    machine.search.token = fixture.token().await;
    machine.search.patience = fixture::PATIENCE;
    let waiting = joining(&machine);
    acceptance::accept(&fixture.client, &node, None).await.unwrap();
    waiting.await.unwrap().unwrap();
    fixture.until_ready(&node).await;
    fixture.finish().await;
}
