//! Devices that the kubelet has allocated to a pod, from its pod-resources socket.
//!
//! A device plugin hands out devices to containers before the sandbox is made; which, only the
//! kubelet knows. The messages are those of `k8s.io/kubelet/pkg/apis/podresources/v1`, as far as
//! they are read here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::pod::PodKey;

/// Where the kubelet listens, unless its root folder is elsewhere.
pub const DEFAULT_SOCKET: &str = "/var/lib/kubelet/pod-resources/kubelet.sock";

/// The kubelet answers from memory.
const PATIENCE: Duration = Duration::from_secs(5);

/// A list of all pods with all their devices must fit.
const LARGEST_ANSWER: usize = 16 << 20;

const GET: &str = "/v1.PodResourcesLister/Get";
const LIST: &str = "/v1.PodResourcesLister/List";

/// Ids of allocated devices by the name of their resource, in the order of their containers.
pub type Devices = BTreeMap<String, Vec<String>>;

/// The kubelet does not tell.
#[derive(Debug, thiserror::Error)]
pub enum PodResourcesError {
    /// No answer, or an error.
    #[error(
        "the kubelet at {} does not tell which devices pod {pod} has; mount the folder of its socket or name it with --pod-resources-socket", socket.display()
    )]
    Unavailable {
        /// Where it was asked.
        socket: PathBuf,
        /// For whom.
        pod: PodKey,
        /// What it said.
        #[source]
        source: Box<Status>,
    },
    /// It does not know the pod.
    #[error("the kubelet has allocated no devices to pod {0} yet")]
    Unknown(PodKey),
}

/// The kubelet's pod-resources service. Cheap to clone; connects when it is first asked.
#[derive(Clone, Debug)]
pub struct PodResources {
    socket: PathBuf,
    channel: Channel,
}

impl PodResources {
    /// The service at this socket, whether or not it is there yet.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(socket: &Path) -> Self {
        let path = socket.to_owned();
        let connector = tower::service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let channel =
            Endpoint::from_static("http://localhost").connect_with_connector_lazy(connector);
        Self { socket: socket.to_owned(), channel }
    }

    /// The devices of a pod.
    ///
    /// # Errors
    /// When the kubelet does not tell, or does not know the pod.
    pub async fn devices(&self, pod: &PodKey) -> Result<Devices, PodResourcesError> {
        let request = GetRequest { name: pod.name.clone(), namespace: pod.namespace.clone() };
        let found = match self.call::<_, GetResponse>(GET, request).await {
            Ok(answer) => answer.pod_resources,
            // Get is behind a feature gate and says in words that it is closed.
            Err(status) if status.code() != Code::Unavailable => {
                let answer: ListResponse =
                    self.call(LIST, ListRequest {}).await.map_err(|status| {
                        PodResourcesError::Unavailable {
                            socket: self.socket.clone(),
                            pod: pod.clone(),
                            source: Box::new(status),
                        }
                    })?;
                let same = |of: &Resources| of.name == pod.name && of.namespace == pod.namespace;
                answer.pod_resources.into_iter().find(same)
            }
            Err(status) => {
                let (socket, pod) = (self.socket.clone(), pod.clone());
                return Err(PodResourcesError::Unavailable {
                    socket,
                    pod,
                    source: Box::new(status),
                });
            }
        };
        let found = found.ok_or_else(|| PodResourcesError::Unknown(pod.clone()))?;
        let mut devices = Devices::new();
        for allocated in found.containers.into_iter().flat_map(|container| container.devices) {
            devices.entry(allocated.resource_name).or_default().extend(allocated.device_ids);
        }
        Ok(devices)
    }

    async fn call<Q, A>(&self, path: &'static str, request: Q) -> Result<A, Status>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(LARGEST_ANSWER);
        let answer = async {
            let ready = grpc.ready().await;
            ready.map_err(|error| Status::unavailable(error.to_string()))?;
            let path = http::uri::PathAndQuery::from_static(path);
            grpc.unary(Request::new(request), path, ProstCodec::<Q, A>::default()).await
        };
        let late = |_| Status::unavailable(format!("no answer within {PATIENCE:?}"));
        let answer = tokio::time::timeout(PATIENCE, answer).await.map_err(late)?;
        Ok(answer?.into_inner())
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct GetRequest {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    namespace: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GetResponse {
    #[prost(message, optional, tag = "1")]
    pod_resources: Option<Resources>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ListRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct ListResponse {
    #[prost(message, repeated, tag = "1")]
    pod_resources: Vec<Resources>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Resources {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    namespace: String,
    #[prost(message, repeated, tag = "3")]
    containers: Vec<Container>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Container {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    devices: Vec<Allocated>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Allocated {
    #[prost(string, tag = "1")]
    resource_name: String,
    #[prost(string, repeated, tag = "2")]
    device_ids: Vec<String>,
}

#[cfg(test)]
mod tests;
