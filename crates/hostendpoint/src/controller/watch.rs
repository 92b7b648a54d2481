//! The watches: a task per kind, which goes on whatever the others do.

use std::{fmt::Debug, time::Duration};

use futures::StreamExt;
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{ApiResource, DynamicObject},
    runtime::{WatchStreamExt, utils::Backoff as _, watcher},
};
use kubewright_operator::Pause;
use serde::de::DeserializeOwned;
use tokio::{sync::mpsc, task::JoinSet};

use super::sighting::{Object, Sighting, Trouble, qualified_name};
use crate::{
    api::{CalicoGroup, HostEndpointTemplate},
    endpoint::PrunedEndpoint,
    events,
    observed::Kind,
    precreation::{KUBELET_CLIENT_SIGNER, MACHINE_GROUP, machines},
};

/// How long a kind that may never be served is left alone.
const RARE: Duration = Duration::from_secs(30);

/// The most that lies between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where sightings go.
pub(super) type Sightings = mpsc::Sender<Sighting>;

/// Starts all watches; they end when the set is dropped.
pub(super) fn start(
    client: &Client,
    group: Option<CalicoGroup>,
    sightings: &Sightings,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let nodes = Api::all(client.clone());
    tasks.spawn(forever(
        nodes,
        watcher::Config::default(),
        Kind::Nodes,
        Object::Node,
        sightings.clone(),
    ));
    let templates = ApiResource::erase::<HostEndpointTemplate>(&());
    let templates = Api::all_with(client.clone(), &templates);
    tasks.spawn(forever(
        templates,
        watcher::Config::default(),
        Kind::Templates,
        Object::Template,
        sightings.clone(),
    ));
    let requests = Api::all(client.clone());
    let config =
        watcher::Config::default().fields(&format!("spec.signerName={KUBELET_CLIENT_SIGNER}"));
    tasks.spawn(forever(
        requests,
        config,
        Kind::Certificates,
        Object::Certificate,
        sightings.clone(),
    ));
    tasks.spawn(calico(client.clone(), group, sightings.clone()));
    tasks.spawn(cluster_api(client.clone(), sightings.clone()));
    tasks
}

/// Watches a kind, with short pauses after errors, until nobody listens.
async fn forever<K>(
    api: Api<K>,
    config: watcher::Config,
    kind: Kind,
    object: fn(K) -> Object,
    sightings: Sightings,
) where
    K: Resource + ResourceExt + Clone + Debug + DeserializeOwned + Send + 'static,
{
    // Watching ends when the kind is not served; here it is expected to come.
    let mut pause = Pause::up_to(LONGEST_PAUSE);
    while watch_while_served(&api, &config, kind, object, &sightings).await {
        tokio::time::sleep(pause.next_pause()).await;
    }
}

/// Watches a kind until it is not served (true) or nobody listens (false).
async fn watch_while_served<K>(
    api: &Api<K>,
    config: &watcher::Config,
    kind: Kind,
    object: fn(K) -> Object,
    sightings: &Sightings,
) -> bool
where
    K: Resource + ResourceExt + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut stream =
        watcher(api.clone(), config.clone()).backoff(Pause::up_to(LONGEST_PAUSE)).boxed();
    while let Some(event) = stream.next().await {
        let (sighting, served) = match event {
            Ok(watcher::Event::Init) => (Sighting::ListBegins(kind), true),
            Ok(watcher::Event::InitDone) => (Sighting::ListEnds(kind), true),
            Ok(watcher::Event::InitApply(found) | watcher::Event::Apply(found)) => {
                (Sighting::There(Box::new(object(found))), true)
            }
            Ok(watcher::Event::Delete(gone)) => (Sighting::Gone(kind, qualified_name(&gone)), true),
            Err(error) => {
                let source = match &error {
                    watcher::Error::InitialListFailed(source) => source,
                    // A watch that is resumed later goes on where it was, and
                    // nothing tells that all is well again; so this is no
                    // trouble yet, unless the kind itself has gone.
                    watcher::Error::WatchStartFailed(source) if is_not_served(source) => source,
                    error => {
                        tracing::debug!(?kind, %error, "watch ended");
                        continue;
                    }
                };
                (Sighting::Trouble(kind, trouble(source)), !is_not_served(source))
            }
        };
        if sightings.send(sighting).await.is_err() {
            return false;
        }
        if !served {
            return true;
        }
    }
    true
}

/// Finds the group of Calico's resources and watches them in it; again when
/// they cease to be served.
async fn calico(client: Client, fixed: Option<CalicoGroup>, sightings: Sightings) {
    let mut pause = Pause::up_to(LONGEST_PAUSE);
    loop {
        match fixed_or_found(&client, fixed).await {
            Ok(Some(group)) => {
                if sightings.send(Sighting::Group(group)).await.is_err() {
                    return;
                }
                pause.reset();
                let mut others = JoinSet::new();
                for (resource, kind, object) in [
                    (
                        group.global_network_policies(),
                        Kind::Policies,
                        Object::Policy as fn(DynamicObject) -> Object,
                    ),
                    (group.felix_configurations(), Kind::Felix, Object::Felix),
                ] {
                    let api = Api::all_with(client.clone(), &resource);
                    others.spawn(optional(api, kind, object, sightings.clone()));
                }
                let endpoints = Api::<PrunedEndpoint>::all_with(client.clone(), &group);
                let config = watcher::Config::default();
                if !watch_while_served(
                    &endpoints,
                    &config,
                    Kind::Endpoints,
                    Object::Endpoint,
                    &sightings,
                )
                .await
                {
                    return;
                }
            }
            Ok(None) => {
                let trouble = Trouble {
                    reason: events::NOT_SERVED,
                    message: "the API server serves HostEndpoints neither in crd.projectcalico.org/v1 nor in projectcalico.org/v3".to_owned(),
                };
                if sightings.send(Sighting::Trouble(Kind::Endpoints, trouble)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                let trouble = Sighting::Trouble(Kind::Endpoints, trouble(&error));
                if sightings.send(trouble).await.is_err() {
                    return;
                }
            }
        }
        tokio::time::sleep(pause.next_pause()).await;
    }
}

async fn fixed_or_found(
    client: &Client,
    fixed: Option<CalicoGroup>,
) -> kube::Result<Option<CalicoGroup>> {
    match fixed {
        Some(group) => Ok(Some(group)),
        None => find_group(client).await,
    }
}

/// The group that HostEndpoints are served in. The CRDs come first: where both
/// are served, v3 is a view of them through Calico's own API server.
pub(super) async fn find_group(client: &Client) -> kube::Result<Option<CalicoGroup>> {
    let groups = client.list_api_groups().await?;
    for group in [CalicoGroup::CrdV1, CalicoGroup::ProjectV3] {
        let served = groups.groups.iter().any(|served| {
            served.name == group.group()
                && served.versions.iter().any(|version| version.version == group.version())
        });
        if served {
            let resources = client.list_api_group_resources(group.api_version()).await?;
            if resources.resources.iter().any(|resource| resource.name == "hostendpoints") {
                return Ok(Some(group));
            }
        }
    }
    Ok(None)
}

/// Watches a kind that may as well not be served: then there are no objects.
async fn optional(
    api: Api<DynamicObject>,
    kind: Kind,
    object: fn(DynamicObject) -> Object,
    sightings: Sightings,
) {
    loop {
        if !watch_while_served(&api, &watcher::Config::default(), kind, object, &sightings).await {
            return;
        }
        for sighting in [Sighting::ListBegins(kind), Sighting::ListEnds(kind)] {
            if sightings.send(sighting).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(RARE).await;
    }
}

/// Watches Machines where Cluster API is installed.
async fn cluster_api(client: Client, sightings: Sightings) {
    loop {
        let groups = client.list_api_groups().await;
        let version = groups.ok().and_then(|groups| {
            let group = groups.groups.into_iter().find(|group| group.name == MACHINE_GROUP)?;
            Some(group.preferred_version.or_else(|| group.versions.into_iter().next())?.version)
        });
        if let Some(version) = version {
            let api = Api::all_with(client.clone(), &machines(&version));
            let config = watcher::Config::default();
            if !watch_while_served(&api, &config, Kind::Machines, Object::Machine, &sightings).await
            {
                return;
            }
        }
        tokio::select! {
            () = sightings.closed() => return,
            () = tokio::time::sleep(RARE) => {}
        }
    }
}

fn is_not_served(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

fn trouble(error: &kube::Error) -> Trouble {
    let reason = match error {
        error if is_not_served(error) => events::NOT_SERVED,
        kube::Error::Api(status) if status.code == 403 => events::FORBIDDEN,
        _ => events::UNAVAILABLE,
    };
    Trouble { reason, message: error.to_string() }
}
