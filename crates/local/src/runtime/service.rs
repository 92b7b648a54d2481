//! The sandboxes as CRI has them.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use kubewright_cri::message::{
    LinuxPodSandboxStatus, ListContainersRequest, ListContainersResponse, ListPodSandboxRequest,
    ListPodSandboxResponse, Namespace, NamespaceMode, NamespaceOption, PodIp, PodSandbox,
    PodSandboxMetadata, PodSandboxNetworkStatus, PodSandboxState, PodSandboxStatus,
    PodSandboxStatusRequest, PodSandboxStatusResponse, RemovePodSandboxRequest,
    RemovePodSandboxResponse, RunPodSandboxRequest, RunPodSandboxResponse, RuntimeCondition,
    RuntimeStatus, StatusRequest, StatusResponse, StopPodSandboxRequest, StopPodSandboxResponse,
    VersionRequest, VersionResponse,
};
use kubewright_cri::sandbox::INFO;
use kubewright_cri::server::{Runtime, Status};
use serde_json::json;

use super::record::Pod;
use super::sandboxes::{SandboxError, Sandboxes, Seen};

/// What [`VersionResponse`] calls this runtime.
pub(super) const NAME: &str = "kubewright";

/// Serves the sandboxes.
pub(super) struct Service(pub(super) Arc<Sandboxes>);

impl Runtime for Service {
    async fn version(&self, _: VersionRequest) -> Result<VersionResponse, Status> {
        Ok(VersionResponse {
            version: "0.1.0".to_owned(),
            runtime_name: NAME.to_owned(),
            runtime_version: env!("CARGO_PKG_VERSION").to_owned(),
            runtime_api_version: "v1".to_owned(),
        })
    }

    async fn status(&self, _: StatusRequest) -> Result<StatusResponse, Status> {
        let network = blocking(&self.0, |all| Ok(all.networks.current().err())).await?;
        let condition = |name: &str, why: Option<String>| RuntimeCondition {
            r#type: name.to_owned(),
            status: why.is_none(),
            reason: why.as_ref().map_or_else(String::new, |_| format!("{name}Not")),
            message: why.unwrap_or_default(),
        };
        let network = network.map(|error| with_causes(&error));
        let conditions = vec![condition("RuntimeReady", None), condition("NetworkReady", network)];
        Ok(StatusResponse { status: Some(RuntimeStatus { conditions }), info: Default::default() })
    }

    async fn run_pod_sandbox(
        &self,
        request: RunPodSandboxRequest,
    ) -> Result<RunPodSandboxResponse, Status> {
        let RunPodSandboxRequest { config, runtime_handler } = request;
        let config = config.unwrap_or_default();
        let made = blocking(&self.0, move |all| all.run(config, &runtime_handler));
        Ok(RunPodSandboxResponse { pod_sandbox_id: made.await? })
    }

    async fn stop_pod_sandbox(
        &self,
        request: StopPodSandboxRequest,
    ) -> Result<StopPodSandboxResponse, Status> {
        blocking(&self.0, move |all| all.stop(&request.pod_sandbox_id)).await?;
        Ok(StopPodSandboxResponse {})
    }

    async fn remove_pod_sandbox(
        &self,
        request: RemovePodSandboxRequest,
    ) -> Result<RemovePodSandboxResponse, Status> {
        blocking(&self.0, move |all| all.remove(&request.pod_sandbox_id)).await?;
        Ok(RemovePodSandboxResponse {})
    }

    async fn pod_sandbox_status(
        &self,
        request: PodSandboxStatusRequest,
    ) -> Result<PodSandboxStatusResponse, Status> {
        let seen = blocking(&self.0, move |all| all.get(&request.pod_sandbox_id)).await?;
        let info = request.verbose.then(|| (INFO.to_owned(), info(&seen)));
        Ok(PodSandboxStatusResponse {
            status: Some(status(seen)),
            info: info.into_iter().collect(),
        })
    }

    async fn list_pod_sandbox(
        &self,
        request: ListPodSandboxRequest,
    ) -> Result<ListPodSandboxResponse, Status> {
        let filter = request.filter.unwrap_or_default();
        let all = blocking(&self.0, |all| Ok(all.list())).await?;
        let mut items: Vec<_> = all.into_iter().map(listed).collect();
        items.retain(|sandbox| filter.matches(sandbox));
        Ok(ListPodSandboxResponse { items })
    }

    /// It runs none.
    async fn list_containers(
        &self,
        _: ListContainersRequest,
    ) -> Result<ListContainersResponse, Status> {
        Ok(ListContainersResponse::default())
    }
}

/// Does blocking work to its end, also when nobody waits for it any more.
async fn blocking<T: Send + 'static>(
    all: &Arc<Sandboxes>,
    work: impl FnOnce(&Sandboxes) -> Result<T, SandboxError> + Send + 'static,
) -> Result<T, Status> {
    let all = Arc::clone(all);
    match tokio::task::spawn_blocking(move || work(&all)).await {
        Ok(done) => done.map_err(|error| refusal(&error)),
        Err(error) => Err(Status::internal(error.to_string())),
    }
}

fn refusal(error: &SandboxError) -> Status {
    let text = with_causes(error);
    match error {
        SandboxError::Incomplete(_) | SandboxError::Handler(_) => Status::invalid_argument(text),
        SandboxError::Exists { .. } => Status::already_exists(text),
        SandboxError::NotFound(_) => Status::not_found(text),
        SandboxError::Network { .. }
        | SandboxError::Namespace { .. }
        | SandboxError::Result(_)
        | SandboxError::Record(_) => Status::unknown(text),
    }
}

/// CRI has one message for an error.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn listed(seen: Seen) -> PodSandbox {
    let Seen { record, ready, .. } = seen;
    PodSandbox {
        id: record.id,
        metadata: Some(metadata(record.pod)),
        state: state(ready),
        created_at: record.created_at,
        labels: record.labels,
        annotations: record.annotations,
        runtime_handler: record.runtime_handler,
    }
}

fn status(seen: Seen) -> PodSandboxStatus {
    let Seen { record, ready, .. } = seen;
    let mode = match &record.network {
        None => NamespaceMode::Node,
        Some(_) => NamespaceMode::Pod,
    };
    let options = NamespaceOption { network: mode.into(), ..Default::default() };
    let attached = record.network.filter(|_| ready);
    PodSandboxStatus {
        id: record.id,
        metadata: Some(metadata(record.pod)),
        state: state(ready),
        created_at: record.created_at,
        network: attached.map(|attached| addresses(&attached.addresses)),
        linux: Some(LinuxPodSandboxStatus {
            namespaces: Some(Namespace { options: Some(options) }),
        }),
        labels: record.labels,
        annotations: record.annotations,
        runtime_handler: record.runtime_handler,
    }
}

fn metadata(pod: Pod) -> PodSandboxMetadata {
    let Pod { namespace, name, uid, attempt } = pod;
    PodSandboxMetadata { name, uid, namespace, attempt }
}

fn state(ready: bool) -> i32 {
    let state = if ready { PodSandboxState::Ready } else { PodSandboxState::NotReady };
    state.into()
}

fn addresses(all: &[IpAddr]) -> PodSandboxNetworkStatus {
    let mut texts = all.iter().map(ToString::to_string);
    PodSandboxNetworkStatus {
        ip: texts.next().unwrap_or_default(),
        additional_ips: texts.map(|ip| PodIp { ip }).collect(),
    }
}

/// In the form of containerd and cri-o, as far as there is something to tell.
fn info(seen: &Seen) -> String {
    let network = seen.netns.iter().map(|path| json!({ "type": "network", "path": path }));
    let namespaces: Vec<_> = network.collect();
    let result = seen.record.network.as_ref().and_then(|attached| attached.result.as_ref());
    json!({
        "netNamespaceClosed": seen.netns.is_some() && !seen.open,
        "runtimeSpec": { "linux": { "namespaces": namespaces } },
        "cniResult": result,
    })
    .to_string()
}
