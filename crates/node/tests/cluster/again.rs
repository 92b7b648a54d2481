//! Joining once more, when it was done.

use std::path::Path;

use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kubewright_apiserver::Server;
use kubewright_node::acceptance::{self, Removal};
use kubewright_node::discovery::{Cluster, Pin, Trusted};
use kubewright_node::embedded::{self, Forgotten, Join, JoinError, Joined, Progress};
use kubewright_node::formation::{Approval, Formation, publish};
use kubewright_node::join::Place;
use kubewright_node::token::{self, Grant};

use crate::fixture;
use crate::fixture::{Fixture, PATIENCE, join, joining, told};

/// Joins as `machine`, accepted by people.
async fn accepted(fixture: &Fixture, machine: &Join) -> Joined {
    let waiting = joining(machine);
    fixture.until_asked(&machine.node).await;
    acceptance::accept(&fixture.client, &machine.node, None).await.unwrap();
    waiting.await.unwrap().unwrap()
}

/// A machine that has joined a cluster of its own, which a test may stop.
async fn member(server: &Server, folder: &Path, node: &str) -> (Cluster, Join) {
    let cluster = fixture::served(server).await;
    let client = server.client();
    let token = token::create(&client, None, &Grant::for_nodes(None)).await.unwrap();
    Formation::new(Approval::Everything).apply(&client).await.unwrap();
    publish(&client, &cluster).await.unwrap();
    let machine = fixture::machine(&cluster, folder, &node.parse().unwrap(), &token);
    join(&machine).await.unwrap();
    (cluster, machine)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_node_is_told_so_and_joins_again_with_a_token() {
    fixture!(fixture);
    let folder = tempfile::tempdir().unwrap();
    let node = fixture.unique("a");
    let token = fixture.token().await;
    let mut machine = fixture.machine(folder.path(), &node, &token);
    accepted(&fixture, &machine).await;
    fixture.until_ready(&node).await;
    machine.given.token = false;
    let removal =
        Removal { node: node.clone(), patience: PATIENCE, force: false, keep_token: true };
    acceptance::remove(&fixture.client, &removal).await.unwrap();

    // Nobody who restarts a service brings it back.
    let error = join(&machine).await.err().unwrap();
    let removed = |error: &JoinError| {
        matches!(error, JoinError::Forgotten { why: Forgotten::Removed { .. } })
    };
    assert!(removed(&error), "{error}");
    assert!(told(&error).contains("kubewright node token create"), "{}", told(&error));
    assert!(fixture.nodes().get_opt(node.as_str()).await.unwrap().is_none());

    machine.given.token = true;
    let before = std::fs::read_to_string(Place::at(&machine.state).kubeconfig()).unwrap();
    let joined = accepted(&fixture, &machine).await;
    assert!(!joined.before);
    fixture.until_ready(&node).await;
    let after = std::fs::read_to_string(Place::at(&machine.state).kubeconfig()).unwrap();
    assert_ne!(before, after, "a key of its own");
    // And that is done, too.
    assert!(join(&machine).await.unwrap().before);
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_lost_its_journal_is_still_that_node() {
    fixture!(fixture);
    let folder = tempfile::tempdir().unwrap();
    let node = fixture.unique("a");
    let token = fixture.token().await;
    let machine = fixture.machine(folder.path(), &node, &token);
    accepted(&fixture, &machine).await;
    fixture.until_ready(&node).await;
    let kubeconfig = || std::fs::read_to_string(Place::at(&machine.state).kubeconfig()).unwrap();
    let before = kubeconfig();
    std::fs::write(machine.state.join("join.journal.json"), "{").unwrap();
    let mut aside = Vec::new();
    let mut hear = |progress: &Progress<'_>| {
        if let Progress::SetAside(path) = progress {
            aside.push(path.to_path_buf());
        }
    };
    assert!(embedded::join(&machine, None, &mut hear).await.unwrap().before);
    assert_eq!(aside, [machine.state.join("join.journal.json.corrupt-1")]);
    assert_eq!(kubeconfig(), before);
    // From then on it is on record again.
    assert!(kubewright_node::journal::is_finished(&machine.state, embedded::JOIN));
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_lost_its_journal_becomes_no_other() {
    let server = Server::builder().approve_kubelet_clients(true);
    let server = server.start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (cluster, machine) = member(&server, folder.path(), "b").await;
    let mut renamed = machine.clone();
    renamed.node = "c".parse().unwrap();
    let mut elsewhere = machine.clone();
    elsewhere.search.trust = Trusted::Pins(vec![Pin::of_key(b"another")]);
    for asked in [renamed, elsewhere] {
        std::fs::remove_file(machine.state.join("join.journal.json")).unwrap();
        let error = join(&asked).await.err().unwrap();
        let wanted = format!("is node b of {}", cluster.server);
        assert!(told(&error).contains(&wanted), "{}", told(&error));
        assert!(told(&error).contains("kubewright node reset"), "{}", told(&error));
        assert!(join(&machine).await.unwrap().before);
    }
    let nodes: Api<Node> = Api::all(server.client());
    assert!(nodes.get_opt("c").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_does_not_answer_has_forgotten_nobody() {
    let server = Server::builder().approve_kubelet_clients(true);
    let server = server.start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_, machine) = member(&server, folder.path(), "a").await;
    server.stop().await;
    let mut unsure = 0;
    let mut hear = |progress: &Progress<'_>| {
        unsure += usize::from(matches!(progress, Progress::Unsure(_)));
    };
    assert!(embedded::join(&machine, None, &mut hear).await.unwrap().before);
    assert_eq!(unsure, 1, "it is said that this cannot be told");
}
