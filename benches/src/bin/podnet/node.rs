//! The node that is measured: an API server, a container runtime in miniature, the agent, and pods.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{Node as ApiNode, Pod as ApiPod, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::config::Kubeconfig;
use kube::runtime::{conditions, wait::await_condition};
use kube::{Api, Client, CustomResourceExt as _};
use kubewright_benches::server::Process;
use kubewright_cni::{Cache, Cni, NetworkConfig};
use kubewright_cri::message::{PodSandboxConfig, PodSandboxMetadata};
use kubewright_cri::{Client as Cri, label};
use kubewright_local::runtime::{Options as RuntimeOptions, Runtime};
use kubewright_podnet::api::{Network, NetworkAttachmentDefinition};
use kubewright_podnet::options::HEAP;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stamp;

/// The node's name.
const NAME: &str = "bench";

/// The annotation that asks for networks.
const ANNOTATION: &str = "k8s.v1.cni.cncf.io/networks";

/// A node; gone on drop.
pub(crate) struct Node {
    pub(crate) client: Client,
    pub(crate) cri: Cri,
    agent: Child,
    _runtime: Runtime,
    _server: Process,
    dir: TempDir,
}

/// A pod with a sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) sandbox: String,
    pub(crate) netns: PathBuf,
}

impl Node {
    /// Starts everything, with this program as the agent. Its default network is a bridge; so are
    /// the networks `plain` and `stamped` that pods may ask for.
    pub(crate) async fn start(program: &Path) -> Result<Self> {
        let plugins = kubewright_testkit::require::cni_plugins()?;
        let dir = tempfile::Builder::new().prefix("kwb-").tempdir()?;
        for folder in ["bin", "net.d"] {
            std::fs::create_dir(dir.path().join(folder))?;
        }
        for plugin in ["bridge", "host-local", "loopback"] {
            symlink(plugins.join(plugin), dir.path().join("bin").join(plugin))?;
        }
        symlink(std::env::current_exe()?, dir.path().join("bin").join(stamp::TYPE))?;
        let default = bridge("pods", "bridge", dir.path(), 88).to_string();
        std::fs::write(dir.path().join("net.d/10-pods.conflist"), default)?;

        let server = Process::start(None)?;
        let client = server.client().await?;
        define(&client).await?;
        for (name, kind, subnet) in [("plain", "bridge", 89), ("stamped", stamp::TYPE, 90)] {
            let config = bridge(name, kind, dir.path(), subnet).to_string();
            let mut network = NetworkAttachmentDefinition::new(name, Default::default());
            network.spec.config = config;
            let api = Api::<NetworkAttachmentDefinition>::default_namespaced(client.clone());
            api.create(&PostParams::default(), &network).await?;
        }
        // What a controller of Kubernetes makes for each namespace, and pods need.
        let mut account = ServiceAccount::default();
        account.metadata.name = Some("default".to_owned());
        Api::default_namespaced(client.clone()).create(&PostParams::default(), &account).await?;
        let mut node = ApiNode::default();
        node.metadata.name = Some(NAME.to_owned());
        Api::all(client.clone()).create(&PostParams::default(), &node).await?;

        let runtime = Runtime::start(&RuntimeOptions {
            run_dir: dir.path().join("run"),
            conf_dir: dir.path().join("net.d"),
            bin_dirs: vec![dir.path().join("bin")],
        })
        .await?;
        let cri = Cri::new(runtime.endpoint().clone());
        let agent = start_agent(program, &server.kubeconfig, dir.path())?;
        Ok(Self { client, cri, agent, _runtime: runtime, _server: server, dir })
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn bin_dir(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    /// Process id of the agent.
    pub(crate) fn agent(&self) -> u32 {
        self.agent.id()
    }

    /// Calls plugins as the agent does.
    pub(crate) fn cni(&self) -> Cni {
        Cni::new([self.bin_dir()]).with_cache(Cache::new(self.dir.path().join("bare-cache")))
    }

    /// A network with its own bridge and addresses, for calls beside the agent.
    pub(crate) fn network(&self, name: &str, kind: &str, subnet: u8) -> Result<NetworkConfig> {
        Ok(NetworkConfig::from_value(bridge(name, kind, self.dir.path(), subnet))?)
    }

    pub(crate) fn pods(&self) -> Api<ApiPod> {
        Api::default_namespaced(self.client.clone())
    }

    /// Makes pods at the API server only, as the scheduler leaves them.
    pub(crate) async fn declare(&self, name: &str) -> Result<String> {
        let pod: ApiPod = serde_json::from_value(json!({
            "metadata": { "name": name },
            "spec": { "nodeName": NAME, "containers": [{ "name": "c", "image": "i" }] },
        }))?;
        let made = self.pods().create(&PostParams::default(), &pod).await?;
        made.metadata.uid.context("a pod has a uid")
    }

    /// Makes pods with sandboxes.
    pub(crate) async fn run(&self, prefix: &str, count: usize) -> Result<Vec<Pod>> {
        let one = async |number: usize| {
            let name = format!("{prefix}-{number}");
            let uid = self.declare(&name).await?;
            let sandbox = self.cri.run_sandbox(config(&name, &uid), "").await?;
            let netns = self.cri.sandbox(&sandbox).await?.netns()?.to_owned();
            anyhow::Ok(Pod { name, sandbox, netns })
        };
        stream::iter(0..count).map(one).buffered(4).try_collect().await
    }

    /// Writes the annotation of a pod, or takes it away.
    pub(crate) async fn ask(&self, pod: &Pod, networks: Option<&str>) -> Result<()> {
        let patch = json!({ "metadata": { "annotations": { ANNOTATION: networks } } });
        self.pods().patch(&pod.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Waits until the status of a pod tells of an interface, or no longer does.
    pub(crate) async fn reported(&self, pod: &Pod, interface: &str, there: bool) -> Result<()> {
        let quoted = format!("\"{interface}\"");
        let holds = move |pod: Option<&ApiPod>| {
            let annotations = pod.and_then(|pod| pod.metadata.annotations.as_ref());
            let status = annotations.and_then(|it| it.get("k8s.v1.cni.cncf.io/network-status"));
            status.is_some_and(|status| status.contains(&quoted)) == there
        };
        await_condition(self.pods(), &pod.name, holds).await?;
        Ok(())
    }

    /// Ends pods.
    pub(crate) async fn end(&self, pods: &[Pod]) -> Result<()> {
        for pod in pods {
            self.pods().delete(&pod.name, &DeleteParams::default().grace_period(0)).await?;
            self.cri.stop_sandbox(&pod.sandbox).await?;
            self.cri.remove_sandbox(&pod.sandbox).await?;
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
        // Namespaces of sandboxes that are left are mounts, which would keep the folder.
        let left = std::fs::read_dir(self.dir.path().join("run/netns"));
        for entry in left.into_iter().flatten().flatten() {
            let _ = rustix::mount::unmount(entry.path(), rustix::mount::UnmountFlags::DETACH);
        }
    }
}

/// As the kubelet makes it.
fn config(name: &str, uid: &str) -> PodSandboxConfig {
    let labels =
        [(label::POD_NAMESPACE, "default"), (label::POD_NAME, name), (label::POD_UID, uid)];
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: name.to_owned(),
            uid: uid.to_owned(),
            namespace: "default".to_owned(),
            attempt: 0,
        }),
        hostname: name.to_owned(),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..Default::default()
    }
}

fn bridge(name: &str, kind: &str, dir: &Path, subnet: u8) -> Value {
    json!({ "cniVersion": "1.0.0", "name": name, "plugins": [{
        "type": kind, "bridge": format!("br-{name}"),
        "ipam": { "type": "host-local", "dataDir": dir.join("addresses"),
            "ranges": [[{ "subnet": format!("10.{subnet}.0.0/16") }]] } }] })
}

async fn define(client: &Client) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in [NetworkAttachmentDefinition::crd(), Network::crd()] {
        let name = definition.metadata.name.clone().unwrap_or_default();
        definitions.create(&PostParams::default(), &definition).await?;
        await_condition(definitions.clone(), &name, conditions::is_crd_established()).await?;
    }
    Ok(())
}

/// As the DaemonSet and the systemd unit start it.
fn start_agent(program: &Path, kubeconfig: &Kubeconfig, dir: &Path) -> Result<Child> {
    let config = dir.join("kubeconfig");
    std::fs::write(&config, serde_json::to_vec(kubeconfig)?)?;
    let mut command = Command::new(program);
    command.args(["agent", "--node", NAME, "--health-address", "127.0.0.1:0"]);
    let runtime = format!("unix://{}", dir.join("run/socket").display());
    command.args(["--runtime-endpoint", &runtime]).arg("--kubeconfig").arg(&config);
    for (option, name) in [
        ("--cni-bin-dir", "bin"),
        ("--cni-conf-dir", "net.d"),
        ("--cni-cache-dir", "run/cni"),
        ("--state-dir", "state"),
        ("--socket", "cni.sock"),
        ("--pod-resources-socket", "no-kubelet.sock"),
    ] {
        command.arg(option).arg(dir.join(name));
    }
    command.env("GLIBC_TUNABLES", HEAP).env("RUST_LOG", "warn").stdin(Stdio::null());
    command.spawn().with_context(|| format!("starting {}", program.display()))
}
