//! Elections, events and kubeconfig files against an API server over TLS: the embedded one, or a
//! real cluster's.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use k8s_openapi::api::events::v1::Event as KubernetesEvent;
use kube::api::{ListParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use kubewright_apiserver::Identity;
use kubewright_operator::Shutdown;
use kubewright_operator::client::ClientArgs;
use kubewright_operator::events::{Event, Events};
use kubewright_operator::lease::{Election, ElectionOptions, Leadership, is_not_leading};
use kubewright_testkit::cluster::KUBECONFIG;
use kubewright_testkit::{TestCluster, require};
use tokio::task::JoinHandle;

/// Long enough for a loaded machine; nothing waits this long unless it failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longer than [`PATIENCE`]: who leads in time did not wait for it to pass.
const LONG: Duration = Duration::from_secs(600);

struct Cluster {
    cluster: TestCluster,
    client: Client,
}

impl Cluster {
    /// A client by way of a kubeconfig file, as for a controller.
    async fn start() -> Self {
        let cluster = TestCluster::start().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = match cluster.embedded() {
            Ok(server) => {
                let address = server.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
                let file = directory.path().join("kubeconfig");
                std::fs::write(&file, server.kubeconfig(address).unwrap()).unwrap();
                file
            }
            Err(_) => std::env::var_os(KUBECONFIG).unwrap().into(),
        };
        let client = ClientArgs::file(&file).client().await.unwrap();
        Self { cluster, client }
    }

    fn namespace(&self) -> &str {
        self.cluster.namespace()
    }

    fn candidate(&self, lease: Duration) -> Candidate {
        let options = ElectionOptions::new(self.namespace(), "controllers")
            .timing(lease, lease / 2, (lease / 10).min(Duration::from_secs(1)))
            .unwrap();
        let identity = options.identity.to_string();
        let (election, leadership) = Election::new(self.client.clone(), options);
        let shutdown = Shutdown::new();
        let running = tokio::spawn(election.run(shutdown.clone()));
        Candidate { leadership, shutdown, running, identity }
    }

    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), self.namespace())
    }
}

struct Candidate {
    leadership: Leadership,
    shutdown: Shutdown,
    running: JoinHandle<()>,
    identity: String,
}

impl Candidate {
    async fn leads(&mut self) {
        tokio::time::timeout(PATIENCE, self.leadership.acquired()).await.unwrap();
    }
}

/// Looks all the time whether two are certain at once.
struct Referee {
    stop: Arc<AtomicBool>,
    watching: std::thread::JoinHandle<bool>,
}

impl Referee {
    fn of(candidates: &[&Candidate]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let all: Vec<_> = candidates.iter().map(|one| one.leadership.clone()).collect();
        let done = stop.clone();
        let watching = std::thread::spawn(move || {
            let mut two = false;
            while !done.load(Ordering::Relaxed) {
                // Asked in both orders: the first answer may be old when the second comes.
                let certain = |one: &&Leadership| one.is_certain();
                let there = all.iter().filter(certain).count();
                let back = all.iter().rev().filter(certain).count();
                two |= there > 1 && back > 1;
                std::thread::yield_now();
            }
            two
        });
        Self { stop, watching }
    }

    fn saw_two(self) -> bool {
        self.stop.store(true, Ordering::Relaxed);
        self.watching.join().unwrap()
    }
}

#[tokio::test]
async fn a_release_hands_over_at_once() {
    let cluster = Cluster::start().await;
    let mut first = cluster.candidate(LONG);
    first.leads().await;
    let mut second = cluster.candidate(LONG);
    let referee = Referee::of(&[&first, &second]);
    let held = cluster.leases().get("controllers").await.unwrap().spec.unwrap();
    assert_eq!(held.holder_identity.as_ref(), Some(&first.identity));
    assert!(!second.leadership.is_certain());

    first.shutdown.trigger();
    tokio::time::timeout(PATIENCE, first.running).await.unwrap().unwrap();
    second.leads().await;
    let held = cluster.leases().get("controllers").await.unwrap().spec.unwrap();
    assert_eq!(held.holder_identity.as_ref(), Some(&second.identity));
    assert_eq!(held.lease_transitions, Some(1));
    assert!(!referee.saw_two());
}

#[tokio::test]
async fn a_leader_that_dies_is_followed_when_its_lease_ends() {
    let cluster = Cluster::start().await;
    let lease = Duration::from_secs(2);
    let mut first = cluster.candidate(lease);
    first.leads().await;
    let mut second = cluster.candidate(lease);
    let referee = Referee::of(&[&first, &second]);
    let map = |name: &str| ConfigMap {
        metadata: kube::core::ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
        ..ConfigMap::default()
    };
    let gated: Api<ConfigMap> =
        Api::namespaced(second.leadership.gate(cluster.client.clone()), cluster.namespace());
    let refused = gated.create(&PostParams::default(), &map("early")).await.unwrap_err();
    assert!(is_not_leading(&refused), "{refused}");

    first.running.abort();
    second.leads().await;
    assert!(!first.leadership.is_certain());
    gated.create(&PostParams::default(), &map("now")).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), cluster.namespace());
    assert_eq!(maps.get_opt("early").await.unwrap(), None);
    assert!(!referee.saw_two());
}

#[tokio::test]
async fn of_many_candidates_one_leads_at_a_time_until_none_is_left() {
    let cluster = Cluster::start().await;
    let mut waiting: Vec<Candidate> = (0..5).map(|_| cluster.candidate(LONG)).collect();
    let referee = Referee::of(&waiting.iter().collect::<Vec<_>>());
    let mut leaders = Vec::new();
    while !waiting.is_empty() {
        let acquired = waiting.iter().map(|one| {
            let mut leadership = one.leadership.clone();
            Box::pin(async move { drop(leadership.acquired().await) })
        });
        let acquired = futures::future::select_all(acquired);
        let ((), at, _) = tokio::time::timeout(PATIENCE, acquired).await.unwrap();
        let leader = waiting.remove(at);
        leader.shutdown.trigger();
        tokio::time::timeout(PATIENCE, leader.running).await.unwrap().unwrap();
        leaders.push(leader.identity);
    }
    assert_eq!(leaders.len(), 5);
    assert!(!referee.saw_two());
    let spec = cluster.leases().get("controllers").await.unwrap().spec.unwrap();
    assert!(spec.holder_identity.unwrap_or_default().is_empty(), "nobody holds it any more");
}

#[tokio::test]
async fn events_are_accepted_in_both_groups_and_once() {
    let cluster = Cluster::start().await;
    let events = Events::new(cluster.client.clone(), "gardener");
    let subject = ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("ConfigMap".to_owned()),
        name: Some("bed".to_owned()),
        namespace: Some(cluster.namespace().to_owned()),
        ..ObjectReference::default()
    };
    let event = Event::warning("Water", "Dry", "no water since Monday");
    events.publish(&subject, event.clone()).await;
    events.publish(&subject, event).await;
    let new: Api<KubernetesEvent> = Api::namespaced(cluster.client.clone(), cluster.namespace());
    let found = new.list(&ListParams::default()).await.unwrap().items;
    let [event] = &found[..] else { panic!("{found:?}") };
    assert_eq!(event.reason.as_deref(), Some("Dry"));
    assert_eq!(event.regarding.as_ref(), Some(&subject));
    assert_eq!(event.reporting_controller.as_deref(), Some("kubewright.io/gardener"));
    let old: Api<k8s_openapi::api::core::v1::Event> =
        Api::namespaced(cluster.client.clone(), cluster.namespace());
    let fields = "involvedObject.name=bed,reason=Dry,type=Warning";
    let found = old.list(&ListParams::default().fields(fields)).await.unwrap().items;
    assert_eq!(found[0].message.as_deref(), Some("no water since Monday"));
}

#[tokio::test]
async fn a_kubeconfig_names_its_user_and_a_stranger_is_refused() {
    let cluster = Cluster::start().await;
    cluster.leases().list(&ListParams::default()).await.unwrap();
    require!(let server = cluster.cluster.embedded());
    let nobody = Identity::new("system:anonymous", ["system:unauthenticated".to_owned()]);
    let stranger: Api<Lease> = Api::namespaced(server.client_as(nobody), cluster.namespace());
    match stranger.list(&ListParams::default()).await {
        Err(kube::Error::Api(status)) => assert_eq!(status.code, 403),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_watch_ends_with_its_server() {
    let cluster = Cluster::start().await;
    require!(cluster.cluster.embedded());
    let events = cluster.leases().watch(&WatchParams::default(), "0").await.unwrap();
    cluster.cluster.finish().await.unwrap();
    let rest = tokio::time::timeout(PATIENCE, events.collect::<Vec<_>>()).await.unwrap();
    let is_change =
        |event: &Result<WatchEvent<Lease>, _>| matches!(event, Ok(WatchEvent::Added(_)));
    assert!(!rest.iter().any(is_change));
}
