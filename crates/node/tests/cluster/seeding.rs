//! Seeding once more, when it was done.

use std::sync::Mutex;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::ListParams;
use kubewright_apiserver::Server;
use kubewright_node::discovery::Cluster;
use kubewright_node::embedded::{self, ControlPlane, InitError, Running, Seed, Seeded};
use kubewright_node::service::{self, Role};

use crate::fixture::{seed, told};

/// A control plane in this process that notes what it was started with, as the service does.
struct Here {
    server: Server,
    served: Mutex<Vec<String>>,
}

impl ControlPlane for Here {
    async fn ensure(
        &self,
        seed: &Seed,
    ) -> Result<Running, Box<dyn std::error::Error + Send + Sync>> {
        let Seed { address, names, node, .. } = seed.clone();
        service::assign(&seed.state, &Role::Seeder { address, names, node })?;
        self.served.lock().unwrap().push(address.to_string());
        let authority = self.server.pki().certificate_pem().to_owned();
        let cluster = Cluster { server: format!("https://{address}"), authority };
        Ok(Running { client: self.server.client(), cluster })
    }
}

async fn init(seed: &Seed, here: &Here) -> Result<Seeded, InitError> {
    embedded::init(seed, here, None).await
}

async fn tokens(here: &Here) -> usize {
    let secrets: Api<Secret> = Api::namespaced(here.server.client(), "kube-system");
    secrets.list(&ListParams::default()).await.unwrap().items.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seeder_that_has_lost_its_journal_is_still_that_seeder() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let server = Server::builder().start().await.unwrap();
    let here = Here { server, served: Mutex::default() };
    let first = init(&seed(&state, Some(false)), &here).await.unwrap();
    assert!(!first.before && first.token.is_some());
    first.shown().unwrap();
    assert_eq!(tokens(&here).await, 1);
    let journal = state.join("init.journal.json");
    for corrupt in [true, false] {
        let lose = || match corrupt {
            true => std::fs::write(&journal, "{").unwrap(),
            false => std::fs::remove_file(&journal).unwrap(),
        };
        lose();
        let again = init(&seed(&state, None), &here).await.unwrap();
        assert!(again.before && !again.auto_approve && again.token.is_none(), "{again:?}");
        assert_eq!(again.set_aside.is_some(), corrupt);
        assert_eq!(tokens(&here).await, 1);
        // From then on it is on record as it was made.
        assert!(init(&seed(&state, Some(false)), &here).await.unwrap().before);
        let error = init(&seed(&state, Some(true)), &here).await.unwrap_err();
        assert!(told(&error).contains("another clusterFormation.autoApprove"), "{error}");

        // Nor does it move away from its nodes.
        lose();
        let moved = Seed { address: ([10, 1, 2, 3], 7443).into(), ..seed(&state, None) };
        let error = init(&moved, &here).await.unwrap_err();
        assert!(told(&error).contains("another network.bind.port"), "{error}");
        lose();
        let error = init(&seed(&state, Some(true)), &here).await.unwrap_err();
        assert!(told(&error).contains("another clusterFormation.autoApprove"), "{error}");
    }
    assert!(here.served.lock().unwrap().iter().all(|address| address.ends_with(":6443")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seeder_that_was_not_finished_is_corrected_though_its_journal_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let server = Server::builder().start().await.unwrap();
    let here = Here { server, served: Mutex::default() };
    // Killed before the first step was on record.
    here.ensure(&seed(&state, None)).await.unwrap();
    let moved = Seed { address: ([10, 1, 2, 3], 7443).into(), ..seed(&state, None) };
    let seeded = init(&moved, &here).await.unwrap();
    assert!(!seeded.before && seeded.token.is_some() && seeded.auto_approve, "{seeded:?}");
    assert!(seeded.cluster.server.ends_with(":7443"));
}

/// Whoever says nothing leaves it to the cluster; that is what is on record then.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_cluster_has_is_on_record_where_nobody_says() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let server = Server::builder().start().await.unwrap();
    let here = Here { server, served: Mutex::default() };
    init(&seed(&state, Some(false)), &here).await.unwrap();
    // Killed right before the end.
    let path = state.join("init.journal.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"finished\": true", "\"finished\": false")).unwrap();
    let again = init(&seed(&state, None), &here).await.unwrap();
    assert!(!again.before && !again.auto_approve, "{again:?}");
    assert!(init(&seed(&state, Some(false)), &here).await.unwrap().before);
    init(&seed(&state, Some(true)), &here).await.unwrap_err();
}
