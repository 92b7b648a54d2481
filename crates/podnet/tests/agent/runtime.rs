//! A container runtime whose sandboxes are network namespaces that the test makes and ends.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use kubewright_cri::label;
use kubewright_cri::message::*;
use kubewright_cri::server::{self, Runtime, Status};
use kubewright_testkit::Netns;
use serde_json::json;
use tokio::net::UnixListener;

struct Made {
    uid: String,
    netns: Netns,
    ready: bool,
    host: bool,
    listed: bool,
    created_at: i64,
}

/// The runtime.
#[derive(Default)]
pub(crate) struct Sandboxes {
    made: Mutex<BTreeMap<String, Made>>,
    /// Calls that ask for one pod.
    pub(crate) asked: AtomicUsize,
    /// Calls that ask for all of them.
    pub(crate) lists: AtomicUsize,
}

impl Sandboxes {
    pub(crate) fn serve(socket: &Path) -> Arc<Self> {
        let all = Arc::new(Self::default());
        let listener = UnixListener::bind(socket).unwrap();
        tokio::spawn(server::serve(listener, all.clone(), std::future::pending()));
        all
    }

    /// A sandbox for a pod; its id.
    pub(crate) fn make(&self, uid: &str) -> String {
        self.add(uid, false, true)
    }

    /// One with the network of the node.
    pub(crate) fn make_on_host(&self, uid: &str) -> String {
        self.add(uid, true, true)
    }

    /// One that the runtime is making: it has a namespace, and is not listed yet.
    pub(crate) fn begin(&self, uid: &str) -> String {
        self.add(uid, false, false)
    }

    /// The runtime has made it.
    pub(crate) fn finish(&self, id: &str) {
        self.made.lock().unwrap().get_mut(id).unwrap().listed = true;
    }

    fn add(&self, uid: &str, host: bool, listed: bool) -> String {
        let netns = Netns::new().unwrap();
        let mut made = self.made.lock().unwrap();
        let id = format!("sandbox{}x{}", made.len(), uid.replace('-', ""));
        let created_at = i64::try_from(made.len()).unwrap();
        let sandbox = Made { uid: uid.to_owned(), netns, ready: true, host, listed, created_at };
        made.insert(id.clone(), sandbox);
        id
    }

    /// Stops a sandbox as runtimes do: its namespace goes.
    pub(crate) fn stop(&self, id: &str) {
        let mut made = self.made.lock().unwrap();
        let sandbox = made.get_mut(id).unwrap();
        sandbox.ready = false;
        sandbox.netns = Netns::new().unwrap();
    }

    /// Removes one, as if it had never been.
    pub(crate) fn remove(&self, id: &str) {
        self.made.lock().unwrap().remove(id).unwrap();
    }

    pub(crate) fn netns(&self, id: &str) -> std::path::PathBuf {
        self.made.lock().unwrap()[id].netns.path()
    }

    /// The interfaces in a sandbox, the loopback left out, with their hardware addresses.
    pub(crate) fn links(&self, id: &str) -> BTreeMap<String, String> {
        let made = self.made.lock().unwrap();
        let text = made[id].netns.exec("ip", &["-j", "link"]).unwrap();
        let links: serde_json::Value = serde_json::from_str(&text).unwrap();
        let word = |link: &serde_json::Value, field: &str| link[field].as_str().unwrap().to_owned();
        let links = links.as_array().unwrap().iter();
        let links = links.map(|link| (word(link, "ifname"), word(link, "address")));
        links.filter(|(name, _)| name != "lo").collect()
    }

    fn sandbox(id: &str, made: &Made) -> PodSandbox {
        PodSandbox {
            id: id.to_owned(),
            state: Self::state(made),
            created_at: made.created_at,
            labels: [(label::POD_UID.to_owned(), made.uid.clone())].into(),
            ..Default::default()
        }
    }

    fn state(made: &Made) -> i32 {
        let state = if made.ready { PodSandboxState::Ready } else { PodSandboxState::NotReady };
        state.into()
    }
}

impl Runtime for Sandboxes {
    async fn version(&self, _: VersionRequest) -> Result<VersionResponse, Status> {
        Ok(VersionResponse::default())
    }
    async fn status(&self, _: StatusRequest) -> Result<StatusResponse, Status> {
        Ok(StatusResponse::default())
    }
    async fn run_pod_sandbox(
        &self,
        _: RunPodSandboxRequest,
    ) -> Result<RunPodSandboxResponse, Status> {
        Err(Status::unimplemented("the test makes sandboxes"))
    }
    async fn stop_pod_sandbox(
        &self,
        _: StopPodSandboxRequest,
    ) -> Result<StopPodSandboxResponse, Status> {
        Err(Status::unimplemented("the test stops sandboxes"))
    }
    async fn remove_pod_sandbox(
        &self,
        _: RemovePodSandboxRequest,
    ) -> Result<RemovePodSandboxResponse, Status> {
        Err(Status::unimplemented("the test removes sandboxes"))
    }
    async fn pod_sandbox_status(
        &self,
        request: PodSandboxStatusRequest,
    ) -> Result<PodSandboxStatusResponse, Status> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let all = self.made.lock().unwrap();
        let id = request.pod_sandbox_id;
        let made = all.get(&id).ok_or_else(|| Status::not_found("no such sandbox"))?;
        let network = if made.host { NamespaceMode::Node } else { NamespaceMode::Pod };
        let options = NamespaceOption { network: network.into(), ..Default::default() };
        let status = PodSandboxStatus {
            id,
            state: Self::state(made),
            linux: Some(LinuxPodSandboxStatus {
                namespaces: Some(Namespace { options: Some(options) }),
            }),
            ..Default::default()
        };
        let namespaces = json!([{ "type": "network", "path": made.netns.path() }]);
        let info = json!({ "runtimeSpec": { "linux": { "namespaces": namespaces } } });
        let info = [("info".to_owned(), info.to_string())].into();
        Ok(PodSandboxStatusResponse { status: Some(status), info })
    }
    async fn list_pod_sandbox(
        &self,
        request: ListPodSandboxRequest,
    ) -> Result<ListPodSandboxResponse, Status> {
        let filter = request.filter.unwrap_or_default();
        match filter.label_selector.is_empty() {
            true => self.lists.fetch_add(1, Ordering::Relaxed),
            false => self.asked.fetch_add(1, Ordering::Relaxed),
        };
        let all = self.made.lock().unwrap();
        let items = all.iter().filter(|(_, made)| made.listed);
        let items = items.map(|(id, made)| Self::sandbox(id, made));
        Ok(ListPodSandboxResponse { items: items.filter(|it| filter.matches(it)).collect() })
    }
    async fn list_containers(
        &self,
        _: ListContainersRequest,
    ) -> Result<ListContainersResponse, Status> {
        Ok(ListContainersResponse::default())
    }
}
