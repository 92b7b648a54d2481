//! The watches: a task per kind, which goes on whatever the others do.

use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use kube::api::Api;
use kube::core::{ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::sighting::record::{
    CertificateRecord, NodeRecord, PeerPodRecord, PodRecord, PrunedNode, PrunedPod, SettingsRecord,
};
use super::sighting::{Kind, Object, Sighting, key};
use crate::api::PeerPodConfig;
use crate::mutation::PEER_POD_LABEL;
use crate::objects::{adaptor, webhook};

/// Pause after a watch that cannot begin.
const PAUSE: Duration = Duration::from_secs(2);

/// Starts all watches; they end when the set is dropped.
pub(super) fn start(
    client: &Client,
    namespace: &str,
    resource: &str,
    sightings: &mpsc::Sender<Sighting>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let everything = watcher::Config::default;
    let named = |name: &str| everything().fields(&format!("metadata.name={name}"));
    let dynamic = |resource: &ApiResource| {
        Api::<DynamicObject>::namespaced_with(client.clone(), namespace, resource)
    };

    let configs = ApiResource::erase::<PeerPodConfig>(&());
    let configs = Api::<DynamicObject>::all_with(client.clone(), &configs);
    tasks.spawn(forever(configs, everything(), Kind::Configs, sightings.clone(), Object::Config));

    let name = resource.to_owned();
    let nodes = Api::<PrunedNode>::all(client.clone());
    tasks.spawn(forever(nodes, everything(), Kind::Nodes, sightings.clone(), move |node| {
        Object::Node(NodeRecord::of(node, &name))
    }));

    let pods = Api::<PrunedPod>::all(client.clone());
    let peer_pods = everything().labels(&format!("{PEER_POD_LABEL}=true"));
    let name = resource.to_owned();
    tasks.spawn(forever(pods, peer_pods, Kind::Pods, sightings.clone(), move |pod| {
        Object::Pod(PodRecord::of(pod, &name))
    }));

    let upstream = Api::<DynamicObject>::all_with(client.clone(), &upstream());
    tasks.spawn(forever(upstream, everything(), Kind::PeerPods, sightings.clone(), |object| {
        Object::PeerPod(PeerPodRecord::of(&object))
    }));

    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    tasks.spawn(forever(secrets, everything(), Kind::Secrets, sightings.clone(), |secret| {
        let settings = SettingsRecord::of_secret(&secret);
        let ours = [webhook::AUTHORITIES, webhook::SECRET].contains(&secret.name_any().as_str());
        Object::Secret(settings, ours.then(|| CertificateRecord::of(secret)))
    }));

    let maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    tasks.spawn(forever(maps, everything(), Kind::ConfigMaps, sightings.clone(), |map| {
        Object::ConfigMap(SettingsRecord::of_config_map(&map))
    }));

    for (kind, resource, name) in [
        (Kind::DaemonSets, ApiResource::erase::<DaemonSet>(&()), adaptor::NAME),
        (Kind::Deployments, ApiResource::erase::<Deployment>(&()), webhook::NAME),
        (Kind::Services, ApiResource::erase::<Service>(&()), webhook::NAME),
    ] {
        let owned = move |object| Object::Owned(kind, object);
        tasks.spawn(forever(dynamic(&resource), named(name), kind, sightings.clone(), owned));
    }
    let registrations = ApiResource::erase::<MutatingWebhookConfiguration>(&());
    let registrations = Api::<DynamicObject>::all_with(client.clone(), &registrations);
    let owned = |object| Object::Owned(Kind::Registrations, object);
    let ours = named(webhook::NAME);
    tasks.spawn(forever(registrations, ours, Kind::Registrations, sightings.clone(), owned));
    tasks
}

/// The upstream adaptor's PeerPods.
pub(super) fn upstream() -> ApiResource {
    let group = PeerPodConfig::group(&());
    let kind = kube::core::GroupVersionKind::gvk(&group, "v1alpha1", "PeerPod");
    ApiResource::from_gvk_with_plural(&kind, "peerpods")
}

/// Watches a kind until nobody listens.
async fn forever<K>(
    api: Api<K>,
    config: watcher::Config,
    kind: Kind,
    sightings: mpsc::Sender<Sighting>,
    object: impl Fn(K) -> Object,
) where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    loop {
        let mut stream = watcher(api.clone(), config.clone()).default_backoff().boxed();
        while let Some(event) = stream.next().await {
            let sighting = match event {
                Ok(watcher::Event::Init) => Sighting::ListBegins(kind),
                Ok(watcher::Event::InitDone) => Sighting::ListEnds(kind),
                Ok(watcher::Event::InitApply(found) | watcher::Event::Apply(found)) => {
                    Sighting::There(key(&found), Box::new(object(found)))
                }
                Ok(watcher::Event::Delete(gone)) => Sighting::Gone(kind, key(&gone)),
                Err(watcher::Error::InitialListFailed(error)) => {
                    Sighting::Trouble(kind, error.to_string())
                }
                Err(error) => {
                    tracing::debug!(?kind, %error, "watch ended");
                    continue;
                }
            };
            if sightings.send(sighting).await.is_err() {
                return;
            }
        }
        // The kind is not served; it may come.
        tokio::select! {
            () = sightings.closed() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
