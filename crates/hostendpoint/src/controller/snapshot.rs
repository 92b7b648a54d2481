//! The world at one moment, for `plan`: everything is listed once.

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use kube::{
    Api, Client, Resource,
    api::ListParams,
    core::{ApiResource, DynamicObject},
};
use serde::de::DeserializeOwned;

use super::{sighting::Object, watch::find_group};
use crate::{
    api::{CalicoGroup, HostEndpointTemplate},
    endpoint::PrunedEndpoint,
    node::PrunedNode,
    observed::{Kind, Observed},
    options::Options,
    preflight::Preflight,
};

/// Why the world cannot be seen.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Discovery failed.
    #[error("cannot ask the API server what it serves")]
    Discovery(#[source] kube::Error),
    /// HostEndpoints are not served.
    #[error(
        "the API server serves HostEndpoints neither in crd.projectcalico.org/v1 nor in projectcalico.org/v3; install Calico's CRDs first"
    )]
    NoHostEndpoints,
    /// A kind cannot be listed.
    #[error("cannot list {plural}")]
    List {
        /// The kind's plural.
        plural: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

/// The world to plan from.
#[derive(Debug)]
pub struct Snapshot {
    /// What was seen.
    pub observed: Observed,
    /// Whether HostEndpoints are served. If they are not, there are none, and
    /// plans are made as if Calico's CRDs were installed.
    pub served: bool,
}

/// Lists everything that a plan depends on. `templates` stands in for those
/// of the cluster if it is given, for trying some out; they can be tried out
/// before Calico is installed, too.
///
/// Nodes that are gone count as if their grace time were over: a plan says
/// what comes of the present state if it stays.
///
/// # Errors
/// If nodes, templates or endpoints cannot be listed. Policies that cannot be
/// are unknown to the preflight.
pub async fn snapshot(
    client: &Client,
    options: &Options,
    templates: Option<&[HostEndpointTemplate]>,
) -> Result<Snapshot, SnapshotError> {
    let found = match options.group {
        Some(group) => Some(group),
        None => find_group(client).await.map_err(SnapshotError::Discovery)?,
    };
    if found.is_none() && templates.is_none() {
        return Err(SnapshotError::NoHostEndpoints);
    }
    let group = found.unwrap_or(CalicoGroup::CrdV1);
    let mut observed = Observed::new(group, options.limits, Preflight::new(options.api_port));
    let resource = ApiResource::erase::<HostEndpointTemplate>(&());
    match templates {
        Some(templates) => templates.iter().for_each(|template| observed.apply_template(template)),
        None => {
            let api = Api::all_with(client.clone(), &resource);
            take(&mut observed, api, "hostendpointtemplates", Object::Template).await?;
        }
    }
    let nodes = Api::<PrunedNode>::all(client.clone());
    take(&mut observed, nodes, "nodes", Object::Node).await?;
    if found.is_some() {
        let endpoints = Api::<PrunedEndpoint>::all_with(client.clone(), &group);
        take(&mut observed, endpoints, "hostendpoints", Object::Endpoint).await?;
    }
    for kind in [Kind::Templates, Kind::Nodes, Kind::Endpoints] {
        observed.list_ends(kind);
    }
    preflight(&mut observed, client, group).await;
    let now = Timestamp::now();
    let ago = now.saturating_sub(options.limits.grace).unwrap_or(Timestamp::MIN);
    for node in observed.settle(ago) {
        observed.confirm_absence(&node);
    }
    observed.settle(now);
    Ok(Snapshot { observed, served: found.is_some() })
}

async fn preflight(observed: &mut Observed, client: &Client, group: CalicoGroup) {
    let policies = Api::<DynamicObject>::all_with(client.clone(), &group.global_network_policies());
    match take(observed, policies, "globalnetworkpolicies", Object::Policy).await {
        Ok(()) => observed.list_ends(Kind::Policies),
        Err(SnapshotError::List { source, .. }) if matches!(&*source, kube::Error::Api(status) if status.code == 404) =>
        {
            observed.list_ends(Kind::Policies);
        }
        Err(error) => tracing::warn!(%error, "the lockout preflight knows nothing"),
    }
    let felix = Api::<DynamicObject>::all_with(client.clone(), &group.felix_configurations());
    if let Err(error) = take(observed, felix, "felixconfigurations", Object::Felix).await {
        tracing::debug!(%error, "the lockout preflight assumes Felix's default failsafe ports");
    }
}

async fn take<K>(
    observed: &mut Observed,
    api: Api<K>,
    plural: &str,
    object: fn(K) -> Object,
) -> Result<(), SnapshotError>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let pages = stream::try_unfold(Some(String::new()), |token| async {
        let Some(token) = token else {
            return Ok(None);
        };
        let mut parameters = ListParams::default().limit(500);
        if !token.is_empty() {
            parameters = parameters.continue_token(&token);
        }
        let page = api.list(&parameters).await?;
        let next = page.metadata.continue_.clone().filter(|token| !token.is_empty());
        Ok::<_, kube::Error>(Some((page.items, next)))
    });
    let mut pages = pages.boxed();
    while let Some(items) = pages.try_next().await.map_err(|source| SnapshotError::List {
        plural: plural.to_owned(),
        source: Box::new(source),
    })? {
        for item in items {
            object(item).apply(observed);
        }
    }
    Ok(())
}
