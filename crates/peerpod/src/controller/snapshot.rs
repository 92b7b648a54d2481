//! The cluster at one moment, for plans. Nothing is written.

use std::fmt::Debug;

use jiff::Timestamp;
use kube::api::{Api, ListParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use super::decide::survey;
use super::sighting::record::{NodeRecord, PodRecord, PrunedNode, PrunedPod};
use super::sighting::{Object, Sighting, key};
use super::world::World;
use crate::api::PeerPodConfig;
use crate::mutation::PEER_POD_LABEL;
use crate::options::Options;
use crate::report::Report;

/// Objects of one page; 5,000 nodes in one answer would be a heavy one.
const PAGE: u32 = 500;

/// Why the cluster cannot be seen.
#[derive(Debug, thiserror::Error)]
#[error("cannot list {what}")]
pub struct SnapshotError {
    /// What was asked for.
    what: &'static str,
    #[source]
    source: kube::Error,
}

/// What the controller would make of the cluster as it is now. Obstacles count at once: what will
/// be after [`Options::patience`] is what there is to know.
///
/// # Errors
/// [`SnapshotError`].
pub async fn snapshot(client: &Client, options: &Options) -> Result<Report, SnapshotError> {
    let mut options = options.clone();
    options.patience = std::time::Duration::ZERO;
    let (mut world, resource) = (World::default(), options.resource.as_str());
    let configs = ApiResource::erase::<PeerPodConfig>(&());
    let configs = Api::<DynamicObject>::all_with(client.clone(), &configs);
    let mut see = |key, object| {
        world.take(Sighting::There(key, Box::new(object)));
    };
    each("peerpodconfigs", &configs, &ListParams::default(), |config| {
        see(key(&config), Object::Config(config));
    })
    .await?;
    let nodes = Api::<PrunedNode>::all(client.clone());
    each("nodes", &nodes, &ListParams::default(), |node| {
        see(key(&node), Object::Node(NodeRecord::of(node, resource)));
    })
    .await?;
    let pods = Api::<PrunedPod>::all(client.clone());
    let peer_pods = ListParams::default().labels(&format!("{PEER_POD_LABEL}=true"));
    each("pods", &pods, &peer_pods, |pod| {
        see(key(&pod), Object::Pod(PodRecord::of(pod, resource)));
    })
    .await?;
    Ok(Report::of(&survey(&world, &options, Timestamp::now()), &world))
}

async fn each<K: Resource + Clone + Debug + DeserializeOwned>(
    what: &'static str,
    api: &Api<K>,
    parameters: &ListParams,
    mut take: impl FnMut(K),
) -> Result<(), SnapshotError> {
    let mut parameters = parameters.clone().limit(PAGE);
    loop {
        let list = api.list(&parameters).await;
        let list = list.map_err(|source| SnapshotError { what, source })?;
        list.items.into_iter().for_each(&mut take);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(()),
        }
    }
}
