//! Watches in, answers out.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::stream::{BoxStream, SelectAll};
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt};
use kubewright_operator::Event as Told;
use kubewright_operator::controller::Context;
use tokio::time::Instant;

use super::events::{self, ACCEPT, READ};
use super::places::{
    Change, INFO, KUBEADM, Places, SERVICE, Source, of_info, of_kubeadm, of_service, of_slice,
};
use super::{ApproverMetrics, Options, POLICY_KEY, World};
use crate::acceptance::{AnswerError, Verdict, approve, deny};

/// How soon an answer that was not taken is tried again.
const RETRY: Duration = Duration::from_secs(5);

enum Sighting {
    Request(Event<CertificateSigningRequest>),
    /// Much the largest.
    Node(Box<Event<Node>>),
    Policy(Event<ConfigMap>),
    Server(Source, Change),
}

/// Which watches have told everything at least once.
#[derive(Default)]
struct Synced {
    requests: bool,
    nodes: bool,
    policy: bool,
}

pub(super) struct Engine {
    context: Context,
    metrics: ApproverMetrics,
    sightings: SelectAll<BoxStream<'static, Sighting>>,
    world: World,
    synced: Synced,
    /// Names that a list in progress has told.
    listed: (BTreeSet<String>, BTreeSet<String>),
    policy_map: Option<ConfigMap>,
    places: Places,
    /// Where this process reaches the API server.
    server: Option<String>,
}

fn sightings<K>(
    api: Api<K>,
    config: watcher::Config,
    sighting: fn(Event<K>) -> Sighting,
) -> BoxStream<'static, Sighting>
where
    K: Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let events = watcher(api, config).default_backoff();
    let told = events.filter_map(move |event| {
        let told = event.inspect_err(|error| {
            // Tried again, ever later.
            tracing::warn!(%error, "a watch of the approver was interrupted");
        });
        std::future::ready(told.ok().map(sighting))
    });
    told.boxed()
}

impl Engine {
    pub(super) fn new(mut context: Context, options: &Options, metrics: ApproverMetrics) -> Self {
        context.events = context.events.listed(events::CATALOGUE);
        let client = &context.client;
        let all = watcher::Config::default;
        let only = |name: &str| all().fields(&format!("metadata.name={name}"));
        let policy = only(&options.config_map);
        let namespace = client.default_namespace().to_owned();
        let services = Api::namespaced(client.clone(), SERVICE.0);
        let slices = Api::namespaced(client.clone(), SERVICE.0);
        let infos = Api::namespaced(client.clone(), INFO.0);
        let kubeadms = Api::namespaced(client.clone(), KUBEADM.0);
        let sightings = SelectAll::from_iter([
            sightings(Api::all(client.clone()), all(), Sighting::Request),
            sightings(Api::all(client.clone()), all(), |event| Sighting::Node(Box::new(event))),
            sightings(Api::namespaced(client.clone(), &namespace), policy, Sighting::Policy),
            sightings(services, only(SERVICE.1), |event: Event<Service>| {
                Sighting::Server(Source::Service, Change::of(event, of_service))
            }),
            sightings(slices, only(SERVICE.1), |event: Event<EndpointSlice>| {
                Sighting::Server(Source::Slice, Change::of(event, of_slice))
            }),
            sightings(infos, only(INFO.1), |event: Event<ConfigMap>| {
                Sighting::Server(Source::Info, Change::of(event, of_info))
            }),
            sightings(kubeadms, only(KUBEADM.1), |event: Event<ConfigMap>| {
                Sighting::Server(Source::Kubeadm, Change::of(event, of_kubeadm))
            }),
        ]);
        Self {
            context,
            metrics,
            sightings,
            world: World::default(),
            synced: Synced::default(),
            listed: (BTreeSet::new(), BTreeSet::new()),
            policy_map: None,
            places: Places::default(),
            server: options.server.clone(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut retry: Option<Instant> = None;
        loop {
            let shutdown = self.context.shutdown.clone();
            let again = retry;
            let pause = async move {
                match again {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.triggered() => return,
                sighting = self.sightings.next() => match sighting {
                    Some(sighting) => self.see(sighting).await,
                    None => return,
                },
                () = pause => {}
            }
            // What came meanwhile is looked at together.
            while let Some(Some(sighting)) = self.sightings.next().now_or_never() {
                self.see(sighting).await;
            }
            let Synced { requests, nodes, policy } = self.synced;
            if requests && nodes && policy {
                let metrics = self.context.metrics.clone();
                let looked = metrics.reconcile(self.look()).await;
                retry = looked.is_err().then(|| Instant::now() + RETRY);
            }
        }
    }

    async fn see(&mut self, sighting: Sighting) {
        match sighting {
            Sighting::Request(event) => self.see_request(event),
            Sighting::Node(event) => self.see_node(*event),
            Sighting::Policy(event) => self.see_policy(event).await,
            Sighting::Server(source, change) => self.see_server(source, change),
        }
    }

    fn see_request(&mut self, event: Event<CertificateSigningRequest>) {
        match event {
            Event::Init => self.listed.0.clear(),
            Event::InitApply(object) => {
                self.listed.0.insert(object.name_any());
                self.world.request(object);
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed.0);
                self.world.keep_requests(|name| listed.contains(name));
                self.synced.requests = true;
            }
            Event::Apply(object) => self.world.request(object),
            Event::Delete(object) => {
                self.context.events.forget(&object.object_ref(&()));
                self.world.forget_request(&object.name_any());
            }
        }
    }

    fn see_node(&mut self, event: Event<Node>) {
        match event {
            Event::Init => self.listed.1.clear(),
            Event::InitApply(node) => {
                self.listed.1.insert(node.name_any());
                self.world.node(node);
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed.1);
                self.world.keep_nodes(|name| listed.contains(name));
                self.synced.nodes = true;
            }
            Event::Apply(node) => self.world.node(node),
            Event::Delete(node) => self.world.forget_node(&node.name_any()),
        }
    }

    fn see_server(&mut self, source: Source, change: Change) {
        self.places.see(source, change);
        let mut known = self.places.known();
        if let (Some(places), Some(host)) = (&mut known, &self.server) {
            places.reached_at(host);
        }
        self.world.set_server(known);
    }

    async fn see_policy(&mut self, event: Event<ConfigMap>) {
        match event {
            Event::Init => {
                self.policy_map = None;
                return;
            }
            Event::InitApply(map) => {
                self.policy_map = Some(map);
                return;
            }
            Event::InitDone => self.synced.policy = true,
            Event::Apply(map) => self.policy_map = Some(map),
            Event::Delete(_) => self.policy_map = None,
        }
        let read = self.world.policy(self.policy_map.as_ref());
        self.metrics.policy(read.is_err());
        let Some(map) = &self.policy_map else { return };
        let about = map.object_ref(&());
        match read {
            Ok(()) => self.context.events.settled(&about, READ, ""),
            Err(error) => {
                tracing::warn!(%error, key = POLICY_KEY, "the acceptance policy accepts no node");
                let told = Told::warning(READ, "WrongPolicy", error.to_string());
                self.context.events.publish(&about, told).await;
            }
        }
    }

    /// Answers what can be answered.
    async fn look(&mut self) -> Result<(), AnswerError> {
        let (mut waiting, mut failure) = (0, None);
        for answered in self.world.plan() {
            let (object, name) = (&answered.object, answered.object.name_any());
            let about = object.object_ref(&());
            let client = &self.context.client;
            let (said, told, word) = match &answered.verdict {
                Verdict::Wait { why } => {
                    waiting += 1;
                    let told = Told::normal(ACCEPT, "Waiting", why);
                    self.context.events.publish(&about, told).await;
                    continue;
                }
                Verdict::Accept { why } => {
                    let told = Told::normal(ACCEPT, "Accepted", why);
                    (approve(client, object, why).await, told, "accepted")
                }
                Verdict::Reject { why } => {
                    let told = Told::warning(ACCEPT, "Rejected", why);
                    (deny(client, object, why).await, told, "rejected")
                }
            };
            match said {
                Ok(()) => {
                    match answered.verdict {
                        Verdict::Accept { .. } => self.world.accepted_request(&name),
                        _ => self.world.forget_request(&name),
                    }
                    if let Ok(request) = &answered.request {
                        tracing::info!(node = %request.node, request = name, "{word}");
                        self.metrics.answered(request.kind, word);
                    }
                    self.context.events.publish(&about, told).await;
                }
                // The watch will tell what it is now.
                Err(AnswerError::Changed { .. }) => self.world.accepted_request(&name),
                Err(error) => {
                    tracing::warn!(request = name, %error, "cannot answer; trying again");
                    failure = Some(error);
                }
            }
        }
        self.metrics.waiting(waiting);
        failure.map_or(Ok(()), Err)
    }
}
