//! A machine in a folder, with programs that record, and a cluster for it.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use kubewright_apiserver::Server;
use kubewright_node::addon::Extras;
use kubewright_node::config::{Loaded, Source, load};
use kubewright_node::host::Host;
use kubewright_node::kubeadm::{self, EngineError, Herald, Patience, Purpose, Report, Request};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake::{Behaviour, Call};

/// The programs that a machine has.
pub(crate) const PROGRAMS: &[&str] =
    &["kubeadm", "kubelet", "systemctl", "modprobe", "sysctl", "ip", "ctr", "nft", "iptables-save"];

/// The token of all tests.
pub(crate) const TOKEN: &str = "94dcda.c271f4ff502789ca";
/// Its secret half, which nobody may see.
pub(crate) const SECRET: &str = "c271f4ff502789ca";

/// Phases as each version of kubeadm lists them.
const INIT_28: &str = "preflight  x\nkubelet-start  x\ncerts  x\n  /ca  x\nkubeconfig  x\n  /admin  x\netcd  x\n  /local  x\ncontrol-plane  x\n  /apiserver  x\nupload-config  x\n  /kubeadm  x\n  /kubelet  x\nupload-certs  x\nmark-control-plane  x\nbootstrap-token  x\nkubelet-finalize  x\n  /experimental-cert-rotation  x\naddon  x\n  /coredns  x\n  /kube-proxy  x\nshow-join-command  x\n";
const INIT_33: &str = "preflight  x\ncerts  x\n  /ca  x\nkubeconfig  x\n  /admin  x\n  /super-admin  x\netcd  x\n  /local  x\ncontrol-plane  x\n  /apiserver  x\nkubelet-start  x\nwait-control-plane  x\nupload-config  x\n  /kubeadm  x\n  /kubelet  x\nupload-certs  x\nmark-control-plane  x\nbootstrap-token  x\nkubelet-finalize  x\n  /enable-client-cert-rotation  x\naddon  x\n  /coredns  x\n  /kube-proxy  x\nshow-join-command  x\n";
const JOIN_28: &str = "preflight  x\ncontrol-plane-prepare  x\n  /download-certs  x\nkubelet-start  x\ncontrol-plane-join  x\n  /etcd  x\n  /mark-control-plane  x\n";
/// What `etcd` did here is done by a phase that is there and not listed.
const JOIN_33: &str = "preflight  x\ncontrol-plane-prepare  x\n  /download-certs  x\nkubelet-start  x\ncontrol-plane-join  x\n  /etcd  x\n  /mark-control-plane  x\nwait-control-plane  x\n";
const JOIN_35: &str = "preflight  x\ncontrol-plane-prepare  x\n  /download-certs  x\nkubelet-start  x\netcd-join  x\nkubelet-wait-bootstrap  x\ncontrol-plane-join  x\n  /mark-control-plane  x\nwait-control-plane  x\n";

/// The cluster, which may be that of several machines.
pub(crate) struct Cluster {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
}

impl Cluster {
    /// One whose pods run.
    pub(crate) async fn start() -> Arc<Self> {
        let cluster = Self::without_pods().await;
        tokio::spawn(run_pods(cluster.client()));
        cluster
    }

    /// One in which no pod ever becomes ready.
    pub(crate) async fn without_pods() -> Arc<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = Server::builder().start().await.unwrap();
        let address = server.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        Arc::new(Self { server, address })
    }

    pub(crate) fn client(&self) -> Client {
        self.server.client()
    }
}

/// Says of every DaemonSet that its pods are ready, as its controller would.
pub(crate) async fn run_pods(client: Client) {
    let sets = Api::<DaemonSet>::all(client.clone());
    let changes = watcher(sets, watcher::Config::default());
    // The server goes before this does.
    let mut changes = changes.default_backoff().applied_objects().boxed();
    while let Some(change) = changes.next().await {
        let Ok(set) = change else { continue };
        let generation = set.metadata.generation;
        if set.status.as_ref().and_then(|status| status.observed_generation) == generation {
            continue;
        }
        let status = json!({ "status": {
            "observedGeneration": generation, "desiredNumberScheduled": 1,
            "currentNumberScheduled": 1, "numberReady": 1, "numberMisscheduled": 0,
        } });
        let sets = Api::<DaemonSet>::namespaced(client.clone(), &set.namespace().unwrap());
        // One that is gone meanwhile needs no pods.
        let patch = Patch::Merge(status);
        let _ = sets.patch_status(&set.name_any(), &PatchParams::default(), &patch).await;
    }
}

pub(crate) struct World {
    root: TempDir,
    config: PathBuf,
    pub(crate) cluster: Arc<Cluster>,
    _socket: UnixListener,
}

/// How long things may take on a loaded machine.
pub(crate) fn patience() -> Patience {
    let seconds = Duration::from_secs;
    Patience {
        api_server: seconds(60),
        node: seconds(60),
        addon: seconds(60),
        lock: seconds(60),
        joining: None,
    }
}

/// What a configuration is for.
pub(crate) fn purpose(loaded: &Loaded) -> Purpose {
    if loaded.configuration.is_seeder() { Purpose::Init } else { Purpose::Join }
}

pub(crate) fn extras() -> Extras {
    let map = |name: &str| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": "kube-system" } });
    Extras { manager: vec![map("of-manager")], podnet: vec![map("of-podnet")] }
}

/// Versions of kubeadm: how each behaves.
pub(crate) fn kubeadm_of(version: &str) -> Behaviour {
    let minor: u32 = version.split('.').nth(1).unwrap().parse().unwrap();
    Behaviour {
        version: version.to_owned(),
        init: if minor < 29 { INIT_28 } else { INIT_33 }.to_owned(),
        join: match minor {
            ..=30 => JOIN_28,
            31..=34 => JOIN_33,
            _ => JOIN_35,
        }
        .to_owned(),
        local_mode: minor >= 33,
        annotates: minor < 34,
        super_admin: minor >= 29,
        ..Behaviour::default()
    }
}

impl World {
    /// A machine with this kubeadm and configuration.
    pub(crate) async fn new(behaviour: &Behaviour, body: &str) -> Self {
        Self::of(Cluster::start().await, behaviour, body)
    }

    pub(crate) fn of(cluster: Arc<Cluster>, behaviour: &Behaviour, body: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in [".bin", ".fake", "run/containerd", "etc", "proc"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for program in PROGRAMS {
            symlink(std::env::current_exe().unwrap(), at(".bin").join(program)).unwrap();
        }
        fs::write(at("proc/swaps"), "Filename Type Size Used Priority\n").unwrap();
        fs::write(at(".fake/ca.crt"), cluster.server.pki().certificate_pem()).unwrap();
        fs::write(at(".fake/admin.conf"), cluster.server.kubeconfig(cluster.address).unwrap())
            .unwrap();
        let socket = UnixListener::bind(at("run/containerd/containerd.sock")).unwrap();
        let config = at(".fake/node.yaml");
        let world = Self { root, config, cluster, _socket: socket };
        world.behave(behaviour);
        world.configure(body);
        world
    }

    pub(crate) fn behave(&self, behaviour: &Behaviour) {
        let json = serde_json::to_vec(behaviour).unwrap();
        fs::write(self.root().join(".fake/behaviour.json"), json).unwrap();
    }

    pub(crate) fn configure(&self, body: &str) {
        let head =
            "apiVersion: node.kubewright.io/v1alpha1\nkind: NodeConfiguration\nengine: kubeadm\n";
        fs::write(&self.config, format!("{head}{body}")).unwrap();
        fs::set_permissions(&self.config, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    pub(crate) fn host_at(root: &Path) -> Host {
        Host::at(root, &root.join(".bin"))
    }

    pub(crate) fn host(&self) -> Host {
        Self::host_at(self.root())
    }

    pub(crate) fn load(&self) -> Loaded {
        load(&Source { file: Some(self.config.clone()), ..Source::default() }).unwrap()
    }

    /// Runs the engine in this process.
    pub(crate) async fn run(&self) -> Result<Report, EngineError> {
        self.run_with(patience()).await
    }

    pub(crate) async fn run_with(&self, patience: Patience) -> Result<Report, EngineError> {
        self.run_heard(patience, None).await
    }

    pub(crate) async fn run_for(
        &self,
        purpose: Purpose,
        patience: Patience,
    ) -> Result<Report, EngineError> {
        self.run_as(purpose, patience, None).await
    }

    pub(crate) async fn run_heard(
        &self,
        patience: Patience,
        herald: Option<Herald>,
    ) -> Result<Report, EngineError> {
        self.run_as(purpose(&self.load()), patience, herald).await
    }

    async fn run_as(
        &self,
        purpose: Purpose,
        patience: Patience,
        herald: Option<Herald>,
    ) -> Result<Report, EngineError> {
        let (host, loaded) = (self.host(), self.load());
        kubeadm::run(Request {
            host: &host,
            purpose,
            configuration: &loaded.configuration,
            extras: &extras(),
            patience,
            observer: None,
            herald,
        })
        .await
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        let text = fs::read_to_string(self.root().join(".fake/calls")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Phases that kubeadm was asked for, as in `certs all`.
    pub(crate) fn phases(&self) -> Vec<String> {
        let calls = self.calls().into_iter();
        let calls = calls.filter(|call| {
            let what = call.arguments.get(1).map_or("", String::as_str);
            call.program == "kubeadm" && ["phase", "--skip-phases"].contains(&what)
        });
        calls
            .map(|call| {
                let end = call.arguments.iter().position(|word| word == "--config").unwrap();
                call.arguments[1..end].join(" ").replace("phase ", "")
            })
            .collect()
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.root().join(path).exists()
    }

    /// The documents that kubeadm was given.
    pub(crate) fn documents(&self) -> Vec<Value> {
        serde_saphyr::from_multiple(&self.read("var/lib/kubewright/node/kubeadm.yaml")).unwrap()
    }

    /// Every file of the machine with its mode; what is random is named, not shown.
    pub(crate) fn files(&self) -> BTreeMap<String, (u32, String)> {
        let mut files = BTreeMap::new();
        walk(self.root(), self.root(), &mut files);
        files
    }

    /// What is in the cluster, without what differs from run to run.
    pub(crate) async fn objects(&self) -> BTreeMap<String, Value> {
        let client = self.cluster.client();
        let mut objects = BTreeMap::new();
        collect::<Node>(&client, &mut objects).await;
        collect::<ConfigMap>(&client, &mut objects).await;
        collect::<Secret>(&client, &mut objects).await;
        collect::<ServiceAccount>(&client, &mut objects).await;
        collect::<ClusterRole>(&client, &mut objects).await;
        collect::<ClusterRoleBinding>(&client, &mut objects).await;
        collect::<DaemonSet>(&client, &mut objects).await;
        objects
    }
}

fn walk(root: &Path, folder: &Path, files: &mut BTreeMap<String, (u32, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if [".fake", ".bin", "run"].contains(&name.as_str()) {
            continue;
        }
        if metadata.is_dir() {
            walk(root, &path, files);
            continue;
        }
        let mut content = fs::read_to_string(&path).unwrap();
        if name.ends_with("certificate-key") {
            content = "random".to_owned();
        }
        let lines = content.lines().filter(|line| !line.starts_with("certificateKey:"));
        let content = lines.map(|line| format!("{line}\n")).collect();
        files.insert(name, (metadata.permissions().mode() & 0o777, content));
    }
}

async fn collect<K>(client: &Client, objects: &mut BTreeMap<String, Value>)
where
    K: kube::Resource<DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned
        + serde::Serialize,
{
    for object in Api::<K>::all(client.clone()).list(&ListParams::default()).await.unwrap() {
        let name = format!(
            "{} {}/{}",
            K::kind(&()),
            object.namespace().unwrap_or_default(),
            object.name_any()
        );
        let mut value = serde_json::to_value(&object).unwrap();
        let metadata = value["metadata"].as_object_mut().unwrap();
        metadata.retain(|key, _| key == "labels" || key == "annotations");
        if let Some(data) = value["data"].as_object_mut() {
            data.remove("expiration");
        }
        // Signed anew whenever it changes.
        if let Some(data) = value["data"].as_object_mut() {
            data.retain(|key, _| !key.starts_with("jws-kubeconfig-"));
        }
        objects.insert(name, value);
    }
}
