//! Keeps a [`World`] as the cluster is, with the rights of one client.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource};
use kubewright_hostendpoint::api::{CalicoGroup, HostEndpoint, HostEndpointTemplate};
use kubewright_peerpod::api::PeerPodConfig;
use kubewright_podnet::api::{Network, NetworkAttachmentDefinition};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::world::{Sight, Source, World};

/// How often is looked whether Calico has been installed meanwhile.
const LOOK_FOR_CALICO: Duration = Duration::from_secs(15);

/// Watches everything that the console shows, until it is dropped.
pub(crate) struct Observer {
    world: Arc<RwLock<World>>,
    changes: watch::Receiver<()>,
    _watches: JoinSet<()>,
}

/// Where one watch puts what it sees.
#[derive(Clone)]
struct Sink {
    source: Source,
    world: Arc<RwLock<World>>,
    changed: watch::Sender<()>,
}

impl Observer {
    /// Begins to watch.
    pub(crate) fn start(client: &Client, resource: &str) -> Self {
        let world = Arc::new(RwLock::new(World::new(resource)));
        let (changed, changes) = watch::channel(());
        let mut watches = JoinSet::new();
        let sink = |source| Sink { source, world: Arc::clone(&world), changed: changed.clone() };
        for (source, resource, config) in sources() {
            let api = Api::all_with(client.clone(), &resource);
            watches.spawn(follow(api, config, sink(source)));
        }
        watches.spawn(follow_endpoints(client.clone(), sink(Source::Endpoints)));
        Self { world, changes, _watches: watches }
    }

    /// The world as it is now.
    pub(crate) fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of changes.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.clone()
    }
}

/// Everything but HostEndpoints, whose group has to be found out.
fn sources() -> Vec<(Source, ApiResource, watcher::Config)> {
    use k8s_openapi::api::{certificates::v1, coordination, core, events};
    let all = watcher::Config::default;
    vec![
        (Source::Nodes, erased::<core::v1::Node>(), all()),
        (Source::Pods, erased::<core::v1::Pod>(), all()),
        (Source::Requests, erased::<v1::CertificateSigningRequest>(), all()),
        (Source::Events, erased::<events::v1::Event>(), all()),
        // Leases of nodes are as many, and change every few seconds.
        (
            Source::Leases,
            erased::<coordination::v1::Lease>(),
            all().fields("metadata.namespace!=kube-node-lease"),
        ),
        (Source::Templates, erased::<HostEndpointTemplate>(), all()),
        (Source::Configs, erased::<PeerPodConfig>(), all()),
        (Source::Networks, erased::<Network>(), all()),
        (Source::Definitions, erased::<NetworkAttachmentDefinition>(), all()),
    ]
}

fn erased<K: Resource<DynamicType = ()>>() -> ApiResource {
    ApiResource::erase::<K>(&())
}

/// Watches one kind for good. Objects are read as JSON: a shape that is not expected must not end
/// the watch.
async fn follow(api: Api<DynamicObject>, config: watcher::Config, sink: Sink) {
    let mut events = watcher(api, config).default_backoff().boxed();
    while let Some(event) = events.next().await {
        sink.take(event);
    }
}

/// Watches HostEndpoints in the group in which they are served.
async fn follow_endpoints(client: Client, sink: Sink) {
    let group = loop {
        match find_group(&client).await {
            Ok(Some(group)) => break group,
            Ok(None) => sink.fails(Sight::Absent),
            Err(error) => sink.fails(sight(&error)),
        }
        tokio::time::sleep(LOOK_FOR_CALICO).await;
    };
    sink.world.write().unwrap_or_else(PoisonError::into_inner).set_group(group);
    let resource = ApiResource::erase::<HostEndpoint>(&group);
    let api = Api::all_with(client, &resource);
    follow(api, watcher::Config::default(), sink).await;
}

/// The group that serves HostEndpoints. Where both do, they serve the same objects.
async fn find_group(client: &Client) -> kube::Result<Option<CalicoGroup>> {
    for group in [CalicoGroup::CrdV1, CalicoGroup::ProjectV3] {
        match client.list_api_group_resources(group.api_version()).await {
            Ok(list) if list.resources.iter().any(|kind| kind.name == "hostendpoints") => {
                return Ok(Some(group));
            }
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

impl Sink {
    fn take(&self, event: watcher::Result<watcher::Event<DynamicObject>>) {
        let now = Timestamp::now();
        let news = {
            let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
            match event {
                Ok(watcher::Event::Init) => {
                    world.list_begins(self.source);
                    false
                }
                Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                    world.apply(self.source, &json(object), now)
                }
                Ok(watcher::Event::InitDone) => world.list_ends(self.source, now),
                Ok(watcher::Event::Delete(object)) => world.remove(self.source, &json(object), now),
                Err(error) => match failure(error) {
                    Some(sight) => world.list_fails(self.source, sight),
                    None => false,
                },
            }
        };
        if news {
            self.changed.send_replace(());
        }
    }

    fn fails(&self, sight: Sight) {
        let news = {
            let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
            world.list_fails(self.source, sight)
        };
        if news {
            self.changed.send_replace(());
        }
    }
}

fn json(object: DynamicObject) -> Value {
    // What was JSON a moment ago can be JSON again.
    serde_json::to_value(object).unwrap_or_default()
}

/// What a failed watch says about a kind. One that was interrupted, or whose version is too old,
/// is begun again at once and says nothing.
fn failure(error: watcher::Error) -> Option<Sight> {
    match error {
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) => {
            Some(sight(&error))
        }
        watcher::Error::WatchError(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => None,
    }
}

fn sight(error: &kube::Error) -> Sight {
    match error {
        kube::Error::Api(status) if status.code == 404 => Sight::Absent,
        kube::Error::Api(status) if status.code == 403 => Sight::Forbidden,
        kube::Error::Api(status) if status.code == 401 => {
            Sight::Failed("the credentials are not accepted any more; sign in again".to_owned())
        }
        kube::Error::Api(status) => Sight::Failed(status.message.clone()),
        // The causes may hold addresses and nothing that is secret.
        error => Sight::Failed(error.to_string()),
    }
}
