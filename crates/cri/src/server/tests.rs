#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::message::{
    ContainerFilter, PodSandbox, PodSandboxConfig, PodSandboxFilter, PodSandboxMetadata,
    PodSandboxStatus,
};
use crate::{CallError, Client, Endpoint, Network, Timeouts, label};

/// Answers from a list, filters nothing, and fails or hangs where told.
#[derive(Default)]
struct Scripted {
    sandboxes: Mutex<BTreeMap<String, PodSandbox>>,
    hangs: bool,
}

impl Runtime for Scripted {
    async fn version(&self, _: VersionRequest) -> Result<VersionResponse, Status> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Ok(VersionResponse { runtime_name: "scripted".to_owned(), ..Default::default() })
    }
    async fn status(&self, _: StatusRequest) -> Result<StatusResponse, Status> {
        Ok(StatusResponse::default())
    }
    async fn run_pod_sandbox(
        &self,
        request: RunPodSandboxRequest,
    ) -> Result<RunPodSandboxResponse, Status> {
        let config = request.config.unwrap_or_default();
        let Some(metadata) = config.metadata.filter(|of| of.name != "refused") else {
            return Err(Status::unknown("no room"));
        };
        let mut sandboxes = self.sandboxes.lock().unwrap();
        let id = format!("sandbox-{}", sandboxes.len());
        let made = PodSandbox {
            id: id.clone(),
            metadata: Some(metadata),
            created_at: i64::try_from(sandboxes.len()).unwrap(),
            labels: config.labels,
            ..Default::default()
        };
        sandboxes.insert(id.clone(), made);
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
        self.sandboxes.lock().unwrap().remove(&request.pod_sandbox_id);
        Ok(RemovePodSandboxResponse {})
    }
    async fn pod_sandbox_status(
        &self,
        request: PodSandboxStatusRequest,
    ) -> Result<PodSandboxStatusResponse, Status> {
        let sandboxes = self.sandboxes.lock().unwrap();
        let found = sandboxes.get(&request.pod_sandbox_id);
        let sandbox = found.ok_or_else(|| Status::not_found("no such sandbox"))?;
        let status = PodSandboxStatus { id: sandbox.id.clone(), ..Default::default() };
        Ok(PodSandboxStatusResponse { status: Some(status), info: BTreeMap::new() })
    }
    async fn list_pod_sandbox(
        &self,
        _: ListPodSandboxRequest,
    ) -> Result<ListPodSandboxResponse, Status> {
        Ok(ListPodSandboxResponse {
            items: self.sandboxes.lock().unwrap().values().cloned().collect(),
        })
    }
    async fn list_containers(
        &self,
        _: ListContainersRequest,
    ) -> Result<ListContainersResponse, Status> {
        Err(Status::unimplemented("no containers here"))
    }
}

struct Served {
    client: Client,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn serve_at(path: &Path, runtime: Scripted) -> Served {
    let listener = UnixListener::bind(path).unwrap();
    let (end, ended) = oneshot::channel();
    let task = tokio::spawn(async move {
        serve(listener, Arc::new(runtime), async { drop(ended.await) }).await;
    });
    Served { client: Client::new(Endpoint::at(path)), end, task }
}

fn config(name: &str, uid: &str) -> PodSandboxConfig {
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: name.to_owned(),
            namespace: "default".to_owned(),
            ..Default::default()
        }),
        labels: [(label::POD_UID.to_owned(), uid.to_owned())].into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn client_and_server_understand_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let Served { client, end, task } = serve_at(&folder.path().join("s"), Scripted::default());
    assert_eq!(client.version().await.unwrap().runtime_name, "scripted");
    let first = client.run_sandbox(config("web", "uid-1"), "").await.unwrap();
    let second = client.run_sandbox(config("web", "uid-1"), "").await.unwrap();
    client.run_sandbox(config("other", "uid-2"), "").await.unwrap();

    // This runtime ignores filters, so it tests that its word is not taken for it.
    let ready = client.ready_sandbox("uid-1").await.unwrap().unwrap();
    assert_eq!(ready.id, second);
    assert_eq!(client.ready_sandbox("uid-9").await.unwrap(), None);
    assert_eq!(client.list_sandboxes(PodSandboxFilter::default()).await.unwrap().len(), 3);

    client.stop_sandbox(&first).await.unwrap();
    client.remove_sandbox(&first).await.unwrap();
    let sandbox = client.sandbox(&second).await.unwrap();
    assert!(matches!(sandbox.network, Network::Unknown(_)), "{sandbox:?}");

    end.send(()).unwrap();
    task.await.unwrap();
}

#[tokio::test]
async fn errors_name_the_endpoint_the_call_and_the_object() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let served = serve_at(&path, Scripted::default());
    let client = served.client.clone();
    let at = format!("unix://{}", path.display());

    let gone = client.sandbox("none").await.unwrap_err();
    assert!(gone.is_not_found());
    let text = gone.to_string();
    assert!(text.contains(&at) && text.contains("PodSandboxStatus of sandbox none"), "{text}");

    let refused = client.run_sandbox(config("refused", ""), "").await.unwrap_err();
    assert!(matches!(refused, CallError::Failed { code: Code::Unknown, .. }));
    let text = refused.to_string();
    assert!(text.contains("a sandbox for pod default/refused: no room"), "{text}");

    let unknown = client.list_containers(ContainerFilter::default()).await.unwrap_err();
    assert!(matches!(unknown, CallError::Unimplemented { .. }), "{unknown}");
    let incomplete = client.status().await.unwrap_err().to_string();
    assert!(incomplete.ends_with("answered Status without a status"), "{incomplete}");
}

#[tokio::test]
async fn a_runtime_that_hangs_is_given_up_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Scripted { hangs: true, ..Default::default() };
    let served = serve_at(&folder.path().join("s"), runtime);
    let client = served.client.clone();
    let ask = Duration::from_millis(50);
    let client = client.with_timeouts(Timeouts { ask, ..Timeouts::default() });
    let error = client.version().await.unwrap_err();
    assert!(matches!(error, CallError::Timeout { timeout, .. } if timeout == ask), "{error}");
}

#[tokio::test]
async fn a_runtime_that_comes_back_is_reached_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let client = Client::new(Endpoint::at(&path));
    let absent = client.version().await.unwrap_err();
    let CallError::Unreachable { source, .. } = &absent else { panic!("{absent:?}") };
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound, "{source}");

    for _ in 0..2 {
        let Served { end, task, .. } = serve_at(&path, Scripted::default());
        assert_eq!(client.version().await.unwrap().runtime_name, "scripted");
        end.send(()).unwrap();
        task.await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(client.version().await.unwrap_err(), CallError::Unreachable { .. }));
    }
}
