//! A machine towards its cluster: as the administrator whom kubeadm leaves on it, and as the node
//! that its kubelet has become.

use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;

use super::context::{ADMIN, Context};
use super::{ContextError, EngineError, Purpose, WorkError, secret, wait};
use crate::discovery::{Cluster, Endpoint, Pin};
use crate::file::{self, FileError};

/// How long the cluster may take to say whether it knows this machine.
const ANSWER: Duration = Duration::from_secs(10);
/// Where the kubelet puts its kubeconfig when it has its certificate.
const KUBELET: &str = "/etc/kubernetes/kubelet.conf";
/// The kubeconfig with which the kubelet asks for it; the token is in it.
const BOOTSTRAP: &str = "/etc/kubernetes/bootstrap-kubelet.conf";
/// With it a Node says where its runtime is, for the kubeadm that comes later.
const CRI_SOCKET: &str = "kubeadm.alpha.kubernetes.io/cri-socket";

impl Context<'_> {
    /// Whether the kubelet has the certificate already that this step waits for.
    pub(super) fn has_joined(&self, step: &str) -> bool {
        self.purpose == Purpose::Join && step == "kubelet-start" && self.host.path(KUBELET).exists()
    }

    /// Whether this is a worker that has joined the cluster that is asked for, by its own
    /// credentials. Of a control-plane node they do not tell whether it was finished.
    ///
    /// # Errors
    /// When it is in another cluster, or its own does not answer: then it is left as it is.
    pub(super) async fn is_worker(&self) -> Result<bool, EngineError> {
        let formation = &self.configuration.cluster_formation;
        if self.purpose != Purpose::Join || formation.control_plane {
            return Ok(false);
        }
        let (Some(cluster), Ok(client)) = (self.joined(), self.client_of(KUBELET).await) else {
            return Ok(false);
        };
        if !self.asks_for(&cluster)? {
            return Err(EngineError::Elsewhere { server: cluster.server });
        }
        let nodes = Api::<Node>::all(client);
        match tokio::time::timeout(ANSWER, nodes.get_opt(&self.name)).await {
            Ok(Ok(found)) => Ok(found.is_some()),
            // It does not know these credentials, or they are those of another node.
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 401 | 403) => Ok(false),
            Ok(Err(_)) | Err(_) => Err(EngineError::Silent { server: cluster.server }),
        }
    }

    /// The cluster of the kubelet; nothing, if it has no credentials that can be used.
    fn joined(&self) -> Option<Cluster> {
        let known = self.kubeconfig(KUBELET).ok()?.clusters.into_iter().next()?.cluster?;
        Cluster::new(&known.server?, &known.certificate_authority_data?).ok()
    }

    /// Whether a cluster is the one that is asked for: by its authority, where one is given, else by
    /// its address. Who asks for none means that in which the machine is.
    fn asks_for(&self, cluster: &Cluster) -> Result<bool, ContextError> {
        let pins = match secret::pins(self.host, self.configuration) {
            Err(ContextError::NoPin) => Vec::new(),
            pins => pins?,
        };
        if !pins.is_empty() {
            let known = Pin::of_pem(&cluster.authority).unwrap_or_default();
            return Ok(known.iter().any(|pin| pins.contains(pin)));
        }
        if self.configuration.is_seeder() {
            return Ok(true);
        }
        let seeder = self.configuration.cluster_formation.seeder.parse::<Endpoint>();
        let seeder = seeder.map_err(|_| ContextError::Seeder)?;
        Ok(cluster.endpoint().is_ok_and(|endpoint| endpoint == seeder))
    }

    /// Does what kubeadm does when the kubelet has its certificate: the Node says where its runtime
    /// is, and the kubeconfig with the token goes.
    pub(super) async fn settle(&self, patience: Duration) -> Result<(), WorkError> {
        if self.version.annotates_nodes() {
            let client = self.client_of(KUBELET).await?;
            wait::for_node(&client, &self.name, patience).await?;
            let socket = self.configuration.runtime.endpoint();
            let patch = json!({ "metadata": { "annotations": { CRI_SOCKET: socket } } });
            let nodes = Api::<Node>::all(client);
            let patched = nodes
                .patch_metadata(&self.name, &PatchParams::default(), &Patch::Merge(patch))
                .await;
            patched.map_err(|source| WorkError::Node {
                name: self.name.clone(),
                source: Box::new(source),
            })?;
        }
        let path = self.host.path(BOOTSTRAP);
        file::remove(&path).map_err(FileError::of("remove", &path))?;
        Ok(())
    }

    /// A client for the administrator of the cluster.
    pub(super) async fn client(&self) -> Result<Client, ContextError> {
        self.client_of(ADMIN).await
    }

    async fn client_of(&self, file: &'static str) -> Result<Client, ContextError> {
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(self.kubeconfig(file)?, &options).await;
        let mut config = config.map_err(unusable(file))?;
        // The cluster is reached without the proxy, also by whoever has one in his environment.
        config.proxy_url = None;
        kubewright_operator::install_crypto_provider();
        Client::try_from(config).map_err(unusable(file))
    }

    pub(super) fn kubeconfig(&self, file: &'static str) -> Result<Kubeconfig, ContextError> {
        Kubeconfig::read_from(self.host.path(file)).map_err(unusable(file))
    }
}

fn unusable<E>(file: &'static str) -> impl FnOnce(E) -> ContextError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    move |error| ContextError::Kubeconfig { file, source: error.into() }
}
