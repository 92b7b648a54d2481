//! A runtime that never answers for one pod.

use std::sync::{Arc, Mutex};

use kubewright_cri::message::{
    ListContainersRequest, ListContainersResponse, ListPodSandboxRequest, ListPodSandboxResponse,
    PodSandbox, PodSandboxNetworkStatus, PodSandboxStatus, PodSandboxStatusRequest,
    PodSandboxStatusResponse, RemovePodSandboxRequest, RemovePodSandboxResponse,
    RunPodSandboxRequest, RunPodSandboxResponse, StatusRequest, StatusResponse,
    StopPodSandboxRequest, StopPodSandboxResponse, VersionRequest, VersionResponse,
};
use kubewright_cri::server::{self, Status};
use kubewright_cri::{Client, Endpoint};
use serde_json::json;
use tokio::net::UnixListener;

use super::in_cluster;

#[derive(Default)]
struct Stuck(Mutex<Vec<PodSandbox>>);

impl server::Runtime for Stuck {
    async fn version(&self, _: VersionRequest) -> Result<VersionResponse, Status> {
        Ok(VersionResponse::default())
    }
    async fn status(&self, _: StatusRequest) -> Result<StatusResponse, Status> {
        Ok(StatusResponse::default())
    }
    async fn run_pod_sandbox(
        &self,
        request: RunPodSandboxRequest,
    ) -> Result<RunPodSandboxResponse, Status> {
        let config = request.config.unwrap_or_default();
        let metadata = config.metadata.unwrap_or_default();
        if metadata.name == "stuck" {
            std::future::pending::<()>().await;
        }
        let id = format!("sandbox-{}", metadata.name);
        self.0.lock().unwrap().push(PodSandbox {
            id: id.clone(),
            metadata: Some(metadata),
            labels: config.labels,
            created_at: 1,
            ..Default::default()
        });
        Ok(RunPodSandboxResponse { pod_sandbox_id: id })
    }
    async fn stop_pod_sandbox(
        &self,
        _: StopPodSandboxRequest,
    ) -> Result<StopPodSandboxResponse, Status> {
        Ok(StopPodSandboxResponse {})
    }
    async fn remove_pod_sandbox(
        &self,
        request: RemovePodSandboxRequest,
    ) -> Result<RemovePodSandboxResponse, Status> {
        self.0.lock().unwrap().retain(|sandbox| sandbox.id != request.pod_sandbox_id);
        Ok(RemovePodSandboxResponse {})
    }
    async fn pod_sandbox_status(
        &self,
        request: PodSandboxStatusRequest,
    ) -> Result<PodSandboxStatusResponse, Status> {
        let all = self.0.lock().unwrap();
        let found = all.iter().find(|sandbox| sandbox.id == request.pod_sandbox_id);
        let found = found.ok_or_else(|| Status::not_found("none"))?;
        let status = PodSandboxStatus {
            id: found.id.clone(),
            metadata: found.metadata.clone(),
            created_at: found.created_at,
            network: Some(PodSandboxNetworkStatus {
                ip: "10.1.0.2".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        Ok(PodSandboxStatusResponse { status: Some(status), info: Default::default() })
    }
    async fn list_pod_sandbox(
        &self,
        _: ListPodSandboxRequest,
    ) -> Result<ListPodSandboxResponse, Status> {
        Ok(ListPodSandboxResponse { items: self.0.lock().unwrap().clone() })
    }
    async fn list_containers(
        &self,
        _: ListContainersRequest,
    ) -> Result<ListContainersResponse, Status> {
        Ok(ListContainersResponse::default())
    }
}

#[tokio::test]
async fn a_pod_that_hangs_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = server::serve(listener, Arc::new(Stuck::default()), std::future::pending());
    let serving = tokio::spawn(serving);
    in_cluster(Client::new(Endpoint::at(path)), async |world| {
        let kubelet = world.kubelet();
        world.create("stuck", json!({})).await;
        // Others come, and go, while it hangs.
        for name in ["before", "after"] {
            let pod = world.create(name, json!({})).await;
            world.running(name).await;
            world.pods.delete(name, &Default::default()).await.unwrap();
            world.gone(&pod).await;
        }
        let stuck = world.pods.get("stuck").await.unwrap();
        assert_eq!(stuck.status.unwrap().phase.as_deref(), Some("Pending"));
        drop(kubelet);
    })
    .await;
    serving.abort();
}
