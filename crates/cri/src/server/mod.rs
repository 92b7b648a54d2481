//! The other side: a runtime of one's own, served over a Unix socket.
//!
//! What a runtime does not know is answered as gRPC demands, so that crictl and the kubelet say what
//! is missing.

mod dispatch;

use std::future::Future;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
pub use tonic::{Code, Status};

use crate::message::{
    ListContainersRequest, ListContainersResponse, ListPodSandboxRequest, ListPodSandboxResponse,
    PodSandboxStatusRequest, PodSandboxStatusResponse, RemovePodSandboxRequest,
    RemovePodSandboxResponse, RunPodSandboxRequest, RunPodSandboxResponse, StatusRequest,
    StatusResponse, StopPodSandboxRequest, StopPodSandboxResponse, VersionRequest, VersionResponse,
};

/// A container runtime, as far as sandboxes go. What each call means, and which can be repeated, is
/// told in [api.proto](https://github.com/kubernetes/cri-api/blob/master/pkg/apis/runtime/v1/api.proto).
pub trait Runtime: Send + Sync + 'static {
    /// Who serves.
    fn version(&self, request: VersionRequest) -> impl Answer<VersionResponse>;
    /// Whether it is ready, and its network.
    fn status(&self, request: StatusRequest) -> impl Answer<StatusResponse>;
    /// Makes a sandbox and starts it.
    fn run_pod_sandbox(&self, request: RunPodSandboxRequest) -> impl Answer<RunPodSandboxResponse>;
    /// Stops one.
    fn stop_pod_sandbox(
        &self,
        request: StopPodSandboxRequest,
    ) -> impl Answer<StopPodSandboxResponse>;
    /// Removes one.
    fn remove_pod_sandbox(
        &self,
        request: RemovePodSandboxRequest,
    ) -> impl Answer<RemovePodSandboxResponse>;
    /// One as it is.
    fn pod_sandbox_status(
        &self,
        request: PodSandboxStatusRequest,
    ) -> impl Answer<PodSandboxStatusResponse>;
    /// Those that match.
    fn list_pod_sandbox(
        &self,
        request: ListPodSandboxRequest,
    ) -> impl Answer<ListPodSandboxResponse>;
    /// Containers that match.
    fn list_containers(
        &self,
        request: ListContainersRequest,
    ) -> impl Answer<ListContainersResponse>;
}

/// An answer to come.
pub trait Answer<T>: Future<Output = Result<T, Status>> + Send {}

impl<T, F: Future<Output = Result<T, Status>> + Send> Answer<T> for F {}

/// Serves `runtime` to everyone who connects, until `shutdown` is ready. Calls that were begun by
/// then are answered; no new ones are taken.
pub async fn serve<R: Runtime>(
    listener: UnixListener,
    runtime: Arc<R>,
    shutdown: impl Future<Output = ()>,
) {
    let (ended, ending) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let stream = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Too many open files, say: those that are open may be closed meanwhile.
                    tracing::warn!(%error, "a connection to the container runtime was not taken");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        // Only to forget those that have ended.
        while connections.try_join_next().is_some() {}
        connections.spawn(converse(stream, Arc::clone(&runtime), ending.clone()));
    }
    drop(ended);
    connections.join_all().await;
}

async fn converse<R: Runtime>(
    stream: tokio::net::UnixStream,
    runtime: Arc<R>,
    mut ending: watch::Receiver<()>,
) {
    let service = hyper::service::service_fn(move |request| {
        let runtime = Arc::clone(&runtime);
        async move { Ok::<_, std::convert::Infallible>(dispatch::answer(&*runtime, request).await) }
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = &mut connection => served,
        // The sender says nothing; it is dropped.
        _ = ending.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the container runtime broke");
    }
}

#[cfg(test)]
mod tests;
