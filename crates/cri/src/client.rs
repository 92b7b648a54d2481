//! Calls to a container runtime.

mod error;

use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint as Transport};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

pub use error::{Call, CallError};

use crate::endpoint::Endpoint;
use crate::filter;
use crate::message::{
    Container, ContainerFilter, ListContainersRequest, ListContainersResponse,
    ListPodSandboxRequest, ListPodSandboxResponse, PodSandbox, PodSandboxConfig, PodSandboxFilter,
    PodSandboxStatusRequest, PodSandboxStatusResponse, RemovePodSandboxRequest,
    RemovePodSandboxResponse, RunPodSandboxRequest, RunPodSandboxResponse, RuntimeStatus,
    StatusRequest, StatusResponse, StopPodSandboxRequest, StopPodSandboxResponse, VersionRequest,
    VersionResponse,
};
use crate::method::{self, Method};
use crate::sandbox::Sandbox;

/// A node's list of all sandboxes must fit; the kubelet takes as much.
const LARGEST_ANSWER: usize = 16 << 20;

/// How long calls may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Questions.
    pub ask: Duration,
    /// To make a sandbox: a CNI plugin may wait for an address.
    pub run: Duration,
    /// To stop or remove one.
    pub stop: Duration,
}

impl Default for Timeouts {
    /// Questions are answered in a millisecond by an idle runtime; the others are the kubelet's.
    fn default() -> Self {
        Self {
            ask: Duration::from_secs(10),
            run: Duration::from_secs(240),
            stop: Duration::from_secs(120),
        }
    }
}

/// A container runtime. Cheap to clone; connects when it is first called and again whenever the
/// connection broke.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: Endpoint,
    channel: Channel,
    timeouts: Timeouts,
}

impl Client {
    /// The runtime at `endpoint`, whether or not it serves yet.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        let path = endpoint.path().to_owned();
        let connector = tower::service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        // The name of the host is never looked up; runtimes expect one.
        let channel =
            Transport::from_static("http://localhost").connect_with_connector_lazy(connector);
        Self { endpoint, channel, timeouts: Timeouts::default() }
    }

    /// With other timeouts.
    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Who serves.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn version(&self) -> Result<VersionResponse, CallError> {
        let request = VersionRequest { version: "0.1.0".to_owned() };
        self.call(method::VERSION, Call::new(method::VERSION), self.timeouts.ask, request).await
    }

    /// Whether the runtime and its network are ready.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn status(&self) -> Result<RuntimeStatus, CallError> {
        let call = Call::new(method::STATUS);
        let request = StatusRequest { verbose: false };
        let answer: StatusResponse =
            self.call(method::STATUS, call.clone(), self.timeouts.ask, request).await?;
        answer.status.ok_or_else(|| self.incomplete(call, "a status"))
    }

    /// The sandboxes that match, in no particular order.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn list_sandboxes(
        &self,
        filter: PodSandboxFilter,
    ) -> Result<Vec<PodSandbox>, CallError> {
        let call = Call::new(method::LIST_POD_SANDBOX);
        let request = ListPodSandboxRequest { filter: Some(filter) };
        let answer: ListPodSandboxResponse =
            self.call(method::LIST_POD_SANDBOX, call, self.timeouts.ask, request).await?;
        Ok(answer.items)
    }

    /// The sandbox of the pod with this UID that can be used: the newest of those that are ready.
    /// Of a static pod give the hash of its configuration.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn ready_sandbox(&self, uid: &str) -> Result<Option<PodSandbox>, CallError> {
        let filter = PodSandboxFilter::of_uid(uid).ready();
        let listed = self.list_sandboxes(filter.clone()).await?;
        // A runtime that ignored a part of the filter must not lead to the sandbox of another pod.
        Ok(filter::newest(listed.into_iter().filter(|sandbox| filter.matches(sandbox))))
    }

    /// A sandbox, with its network.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::NotFound`] when there is none with this id.
    pub async fn sandbox(&self, id: &str) -> Result<Sandbox, CallError> {
        let call = Call::of(method::POD_SANDBOX_STATUS, format_args!("sandbox {id}"));
        let request = PodSandboxStatusRequest { pod_sandbox_id: id.to_owned(), verbose: true };
        let answer: PodSandboxStatusResponse =
            self.call(method::POD_SANDBOX_STATUS, call.clone(), self.timeouts.ask, request).await?;
        Sandbox::from_status(answer).ok_or_else(|| self.incomplete(call, "a status"))
    }

    /// The containers that match, in no particular order.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn list_containers(
        &self,
        filter: ContainerFilter,
    ) -> Result<Vec<Container>, CallError> {
        let call = Call::new(method::LIST_CONTAINERS);
        let request = ListContainersRequest { filter: Some(filter) };
        let answer: ListContainersResponse =
            self.call(method::LIST_CONTAINERS, call, self.timeouts.ask, request).await?;
        Ok(answer.containers)
    }

    /// Makes a sandbox and returns its id. An empty `handler` is the runtime's default.
    ///
    /// # Errors
    /// See [`CallError`]; after a timeout or a broken connection the sandbox may exist.
    pub async fn run_sandbox(
        &self,
        config: PodSandboxConfig,
        handler: &str,
    ) -> Result<String, CallError> {
        let pod = config.metadata.clone().unwrap_or_default();
        let pod = format!("a sandbox for pod {}/{}", pod.namespace, pod.name);
        let call = Call::of(method::RUN_POD_SANDBOX, pod);
        let request =
            RunPodSandboxRequest { config: Some(config), runtime_handler: handler.to_owned() };
        let answer: RunPodSandboxResponse =
            self.call(method::RUN_POD_SANDBOX, call.clone(), self.timeouts.run, request).await?;
        match answer.pod_sandbox_id {
            id if id.is_empty() => Err(self.incomplete(call, "the id of the sandbox")),
            id => Ok(id),
        }
    }

    /// Stops a sandbox and gives its network back; nothing to do when it is stopped or gone. (The
    /// interface demands that of the runtime, and containerd answers that it does not find it.)
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn stop_sandbox(&self, id: &str) -> Result<(), CallError> {
        let call = Call::of(method::STOP_POD_SANDBOX, format_args!("sandbox {id}"));
        let request = StopPodSandboxRequest { pod_sandbox_id: id.to_owned() };
        let stopped: Result<StopPodSandboxResponse, _> =
            self.call(method::STOP_POD_SANDBOX, call, self.timeouts.stop, request).await;
        done_when_gone(stopped)
    }

    /// Removes a sandbox; nothing to do when it is gone.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn remove_sandbox(&self, id: &str) -> Result<(), CallError> {
        let call = Call::of(method::REMOVE_POD_SANDBOX, format_args!("sandbox {id}"));
        let request = RemovePodSandboxRequest { pod_sandbox_id: id.to_owned() };
        let removed: Result<RemovePodSandboxResponse, _> =
            self.call(method::REMOVE_POD_SANDBOX, call, self.timeouts.stop, request).await;
        done_when_gone(removed)
    }

    fn incomplete(&self, call: Call, missing: &'static str) -> CallError {
        CallError::Incomplete { endpoint: self.endpoint.clone(), call, missing }
    }

    async fn call<Q, A>(
        &self,
        method: Method,
        call: Call,
        timeout: Duration,
        request: Q,
    ) -> Result<A, CallError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(LARGEST_ANSWER);
        let mut request = Request::new(request);
        // The runtime gives up when we do, and cleans up.
        request.set_timeout(timeout);
        let answer = async {
            grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
            let path = http::uri::PathAndQuery::from_static(method.path);
            grpc.unary(request, path, ProstCodec::<Q, A>::default()).await
        };
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(CallError::from_status(&self.endpoint, call, timeout, &status)),
            Err(_) => Err(CallError::Timeout { endpoint: self.endpoint.clone(), call, timeout }),
        }
    }
}

fn done_when_gone<A>(answer: Result<A, CallError>) -> Result<(), CallError> {
    match answer {
        Err(error) if error.is_not_found() => Ok(()),
        answer => answer.map(drop),
    }
}
