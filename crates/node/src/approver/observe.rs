//! The world as it is now, for those who look once.

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client};

use super::World;
use super::places::{INFO, KUBEADM, SERVICE, of_info, of_kubeadm, of_service, of_slice};
use crate::acceptance::{Policy, ServerPlaces};

/// A part of the world could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {what}")]
pub struct ObserveError {
    /// The objects.
    pub what: &'static str,
    /// The answer.
    #[source]
    pub source: Box<kube::Error>,
}

fn failed(what: &'static str) -> impl FnOnce(kube::Error) -> ObserveError {
    move |source| ObserveError { what, source: Box::new(source) }
}

impl World {
    /// What a policy is to be followed in. `server` is the host at which `client` reaches the API
    /// server.
    ///
    /// # Errors
    /// What the API server answers; only where it is itself, somebody may be kept from reading.
    pub async fn observe(
        client: &Client,
        policy: Policy,
        server: Option<&str>,
    ) -> Result<Self, ObserveError> {
        let mut world = Self::following(policy);
        world.set_server(read_places(client, server).await?);
        let nodes: Api<Node> = Api::all(client.clone());
        let nodes = nodes.list(&ListParams::default()).await.map_err(failed("the nodes"))?;
        nodes.into_iter().for_each(|node| world.node(node));
        // Last: of who was let in meanwhile the request tells.
        let requests: Api<CertificateSigningRequest> = Api::all(client.clone());
        let requests = requests.list(&ListParams::default()).await;
        let requests = requests.map_err(failed("the requests for certificates"))?;
        requests.into_iter().for_each(|object| world.request(object));
        Ok(world)
    }
}

async fn read_places(
    client: &Client,
    server: Option<&str>,
) -> Result<Option<ServerPlaces>, ObserveError> {
    let services: Api<Service> = Api::namespaced(client.clone(), SERVICE.0);
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), SERVICE.0);
    let infos: Api<ConfigMap> = Api::namespaced(client.clone(), INFO.0);
    let kubeadms: Api<ConfigMap> = Api::namespaced(client.clone(), KUBEADM.0);
    let read = async {
        let mut places = ServerPlaces::default();
        server.into_iter().for_each(|host| places.reached_at(host));
        let service = services.get_opt(SERVICE.1).await?;
        places.add(&service.as_ref().map(of_service).unwrap_or_default());
        let slice = slices.get_opt(SERVICE.1).await?;
        places.add(&slice.as_ref().map(of_slice).unwrap_or_default());
        let info = infos.get_opt(INFO.1).await?;
        places.add(&info.as_ref().map(of_info).unwrap_or_default());
        let kubeadm = kubeadms.get_opt(KUBEADM.1).await?;
        places.add(&kubeadm.as_ref().map(of_kubeadm).unwrap_or_default());
        Ok(Some(places))
    };
    match read.await {
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(None),
        read => read.map_err(failed("where the API server is")),
    }
}
