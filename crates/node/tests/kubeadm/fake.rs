//! The programs that the engine runs: they record how they were called, and kubeadm does to files
//! and cluster what the real one does, also where it refuses.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Secret};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use rustix::process::{Signal, getppid, kill_process};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::schema;

/// Annotation of a Node with its runtime's socket.
pub(crate) const CRI_SOCKET: &str = "kubeadm.alpha.kubernetes.io/cri-socket";

/// The moment in which a joining kubelet has its certificate, and kubeadm has not seen it.
pub(crate) const CERTIFIED: &str = "(certified)";

/// How the programs behave.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Behaviour {
    pub(crate) version: String,
    /// Phases of `init --help` and `join --help`.
    pub(crate) init: String,
    pub(crate) join: String,
    /// Call of a phase that fails, and what it says.
    pub(crate) fail: Option<(String, String)>,
    /// Call of a phase, or program, after which whoever called it is killed, once.
    pub(crate) kill_after: Option<String>,
    /// It goes on after that until someone opens `.fake/linger`.
    pub(crate) linger: bool,
    /// ControlPlaneKubeletLocalMode: joining etcd and waiting for the kubelet are phases.
    pub(crate) local_mode: bool,
    /// NodeLocalCRISocket is off: the runtime's socket is noted at the Node.
    pub(crate) annotates: bool,
    /// `admin.conf` has no rights until they are given with `super-admin.conf`.
    pub(crate) super_admin: bool,
}

impl Behaviour {
    /// Kills whoever called this, if that is to be, and the first time only. Whether it did.
    fn kill(&self, root: &Path, call: &str) -> bool {
        let marker = root.join(".fake/killed");
        let kills = self.kill_after.as_deref() == Some(call) && !marker.exists();
        if kills {
            fs::write(marker, "").unwrap();
            let _ = kill_process(getppid().unwrap(), Signal::KILL);
            if self.linger {
                fs::read(root.join(".fake/linger")).unwrap();
            }
        }
        kills
    }
}

/// One call of a program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

pub(crate) fn main(name: &str) -> ExitCode {
    let path = PathBuf::from(std::env::args().next().unwrap());
    let root = path.parent().unwrap().parent().unwrap().to_owned();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    record(
        &root,
        &Call {
            program: name.to_owned(),
            arguments: arguments.clone(),
            environment: std::env::vars().collect(),
        },
    );
    let behaviour: Behaviour =
        serde_json::from_slice(&fs::read(root.join(".fake/behaviour.json")).unwrap()).unwrap();
    match name {
        "kubeadm" => kubeadm(&root, &behaviour, &arguments),
        "ip" if arguments.iter().any(|argument| argument == "address") => {
            let own = |address: &str, length: u8| json!({ "local": address, "prefixlen": length });
            let all = json!([own("10.9.8.7", 24), own("fd00::7", 64)]);
            println!("{}", json!([{ "ifname": "eth7", "addr_info": all }]));
            ExitCode::SUCCESS
        }
        "ip" if arguments.iter().any(|argument| argument == "get") => {
            let v6 = arguments.iter().any(|argument| argument == "-6");
            println!("{}", json!([{ "prefsrc": if v6 { "fd00::7" } else { "10.9.8.7" } }]));
            ExitCode::SUCCESS
        }
        "ip" => {
            println!("[]");
            ExitCode::SUCCESS
        }
        _ => {
            behaviour.kill(&root, name);
            let failing = behaviour.fail.filter(|(call, _)| call == name);
            match failing {
                None => ExitCode::SUCCESS,
                Some((_, said)) => {
                    eprintln!("{said}");
                    ExitCode::FAILURE
                }
            }
        }
    }
}

fn record(root: &Path, call: &Call) {
    let line = serde_json::to_string(call).unwrap() + "\n";
    let mut file =
        OpenOptions::new().append(true).create(true).open(root.join(".fake/calls")).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}

fn kubeadm(root: &Path, behaviour: &Behaviour, arguments: &[String]) -> ExitCode {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["version", "-o", "json"] => {
            println!("{}", json!({ "clientVersion": { "gitVersion": behaviour.version } }));
            ExitCode::SUCCESS
        }
        [purpose @ ("init" | "join"), "--help"] => {
            let phases = if *purpose == "init" { &behaviour.init } else { &behaviour.join };
            println!(
                "Run this command\n\nThe \"{purpose}\" command executes the following phases:\n```\n{phases}```\n\nUsage:\n  kubeadm {purpose} [flags]"
            );
            ExitCode::SUCCESS
        }
        ["reset", flags @ ..] => {
            for folder in ["etc/kubernetes", "var/lib/etcd", "var/lib/kubelet"] {
                // The data of any etcd, whether it is that of a control plane or not.
                if folder == "var/lib/etcd" && flags.contains(&"remove-etcd-member") {
                    continue;
                }
                let _ = fs::remove_dir_all(root.join(folder));
            }
            // All that is in it, whosever it is.
            let at = flags.iter().position(|flag| *flag == "--cert-dir").unwrap() + 1;
            let _ = fs::remove_dir_all(root.join(flags[at].trim_start_matches('/')));
            ExitCode::SUCCESS
        }
        ["config", "validate", "--config", config, "--rootfs", _] => {
            let told = behaviour.fail.iter().filter(|(call, _)| call == "validate");
            let told = told.map(|(_, said)| said.clone());
            let mut wrong: Vec<String> = told.collect();
            wrong.extend(schema::wrong(&documents(&root.join(config.trim_start_matches('/')))));
            for fault in &wrong {
                eprintln!("{fault}");
            }
            if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        [purpose @ ("init" | "join"), rest @ ..] => {
            let end = rest.iter().position(|word| *word == "--config").unwrap();
            let call = rest[..end].join(" ");
            let call = call.strip_prefix("phase ").unwrap_or(&call).to_owned();
            assert_eq!(rest[end + 2..], ["--rootfs", root.to_str().unwrap()]);
            let config = root.join(rest[end + 1].trim_start_matches('/'));
            let first = call.split(' ').next().unwrap().to_owned();
            let listed = if *purpose == "init" { &behaviour.init } else { &behaviour.join };
            let named = |line: &str| line.split_whitespace().next() == Some(first.as_str());
            if first != "--skip-phases" && !listed.lines().any(named) {
                eprintln!("unknown command {first:?}: it is hidden, or there is no such phase");
                return ExitCode::FAILURE;
            }
            if let Some((_, said)) = behaviour.fail.as_ref().filter(|(failing, _)| *failing == call)
            {
                eprintln!("{said}");
                return ExitCode::FAILURE;
            }
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let documents = documents(&config);
            let phase = Phase { root, documents: &documents, purpose, behaviour };
            let done = runtime.block_on(phase.run(&call));
            behaviour.kill(root, &call);
            match done {
                Ok(()) => ExitCode::SUCCESS,
                Err(said) => {
                    eprintln!("error execution phase {call}: {said}");
                    ExitCode::FAILURE
                }
            }
        }
        _ => {
            eprintln!("unknown command {words:?}");
            ExitCode::FAILURE
        }
    }
}

fn documents(config: &Path) -> Vec<Value> {
    serde_saphyr::from_multiple(&fs::read_to_string(config).unwrap()).unwrap()
}

struct Phase<'a> {
    root: &'a Path,
    documents: &'a [Value],
    purpose: &'a str,
    behaviour: &'a Behaviour,
}

impl Phase<'_> {
    fn document(&self, kind: &str) -> &Value {
        self.documents.iter().find(|document| document["kind"] == kind).unwrap_or(&Value::Null)
    }

    fn own(&self) -> &Value {
        let kind = if self.purpose == "init" { "InitConfiguration" } else { "JoinConfiguration" };
        self.document(kind)
    }

    fn name(&self) -> String {
        self.own()["nodeRegistration"]["name"].as_str().unwrap().to_owned()
    }

    fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// kubeadm leaves files alone that are there.
    fn put(&self, path: &str, content: &str) {
        let file = self.file(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        if !file.exists() {
            fs::write(file, content).unwrap();
        }
    }

    fn given(&self, name: &str) -> String {
        fs::read_to_string(self.file(".fake").join(name)).unwrap()
    }

    async fn client(&self) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A kubelet has its own way in; for a joining one this stands for it.
        let kubeconfig = Kubeconfig::read_from(self.file(".fake/admin.conf")).unwrap();
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        config.proxy_url = None;
        Client::try_from(config).unwrap()
    }

    async fn run(&self, call: &str) -> Result<(), String> {
        match (self.purpose, call) {
            (_, "preflight") => self.preflight(),
            (_, "certs all") | ("join", "control-plane-prepare all") => {
                let configured = self.document("ClusterConfiguration")["certificatesDir"].as_str();
                let folder = configured.unwrap_or("/etc/kubernetes/pki").trim_start_matches('/');
                self.put(&format!("{folder}/ca.crt"), &self.given("ca.crt"));
                self.put(&format!("{folder}/ca.key"), "key");
                self.put(&format!("{folder}/etcd/ca.crt"), "etcd");
                if self.purpose == "join" {
                    assert_eq!(
                        self.own()["controlPlane"]["certificateKey"].as_str().unwrap().len(),
                        64
                    );
                    self.put("etc/kubernetes/admin.conf", &self.given("admin.conf"));
                    self.put("etc/kubernetes/manifests/kube-apiserver.yaml", "pod");
                }
                Ok(())
            }
            ("init", "kubeconfig all") => {
                self.put("etc/kubernetes/admin.conf", &self.given("admin.conf"));
                if self.behaviour.super_admin {
                    self.put("etc/kubernetes/super-admin.conf", &self.given("admin.conf"));
                }
                self.put("etc/kubernetes/kubelet.conf", "kubelet");
                Ok(())
            }
            ("init", "etcd local") => {
                self.etcd();
                Ok(())
            }
            ("init", "control-plane all") => {
                self.put("etc/kubernetes/manifests/kube-apiserver.yaml", "pod");
                Ok(())
            }
            (_, "kubelet-start") => self.kubelet_start().await,
            ("init", "upload-config kubeadm") => {
                if self.behaviour.super_admin {
                    self.empower_admin().await;
                }
                let cluster = self.document("ClusterConfiguration").to_string();
                self.config_map("kubeadm-config", &cluster).await;
                Ok(())
            }
            ("init", "upload-config kubelet") => {
                if self.node().await.is_none() {
                    return Err("timed out waiting for the condition".to_owned());
                }
                let kubelet = self.document("KubeletConfiguration").to_string();
                self.config_map("kubelet-config", &kubelet).await;
                Ok(())
            }
            ("init", "upload-certs --upload-certs") => {
                assert_eq!(self.own()["certificateKey"].as_str().unwrap().len(), 64);
                self.apply::<Secret>(
                    "kubeadm-certs",
                    json!({
                        "apiVersion": "v1", "kind": "Secret",
                        "metadata": { "name": "kubeadm-certs", "namespace": "kube-system" },
                        "stringData": { "ca.crt": "encrypted" },
                    }),
                )
                .await;
                Ok(())
            }
            ("init", "mark-control-plane") => {
                let labels = json!({ "metadata": { "labels": { "node-role.kubernetes.io/control-plane": "" } } });
                let nodes = Api::<Node>::all(self.client().await);
                nodes
                    .patch(&self.name(), &PatchParams::default(), &Patch::Merge(labels))
                    .await
                    .unwrap();
                Ok(())
            }
            ("init", "bootstrap-token") => self.bootstrap_token().await,
            ("init", "kubelet-finalize all" | "addon all") => Ok(()),
            ("join", "control-plane-join all") => {
                self.join_members().await?;
                if !self.behaviour.local_mode {
                    self.etcd();
                }
                Ok(())
            }
            ("join", "etcd-join") => {
                self.join_members().await?;
                self.etcd();
                Ok(())
            }
            ("join", "kubelet-wait-bootstrap") => self.bootstrapped().await,
            ("join", _) if call.starts_with("--skip-phases ") => self.hidden(call).await,
            _ => Err(format!("unknown phase {call:?}")),
        }
    }

    fn preflight(&self) -> Result<(), String> {
        let manifest = "etc/kubernetes/manifests/kube-apiserver.yaml";
        if self.file(manifest).exists()
            || (self.purpose == "join" && self.file("etc/kubernetes/kubelet.conf").exists())
        {
            return Err(format!(
                "[preflight] Some fatal errors occurred:\n\t[ERROR FileAvailable--{}]: /{manifest} already exists",
                manifest.replace('/', "-")
            ));
        }
        eprintln!("\t[WARNING Hostname]: hostname could not be reached");
        Ok(())
    }

    async fn node(&self) -> Option<Node> {
        Api::<Node>::all(self.client().await).get_opt(&self.name()).await.unwrap()
    }

    async fn kubelet_start(&self) -> Result<(), String> {
        let ready = |node: &Node| {
            let conditions = node.status.as_ref().and_then(|status| status.conditions.clone());
            conditions
                .unwrap_or_default()
                .iter()
                .any(|it| it.type_ == "Ready" && it.status == "True")
        };
        let node = self.node().await;
        if self.purpose == "join" && node.as_ref().is_some_and(ready) {
            return Err(format!(
                "a Node with name {:?} and status \"Ready\" already exists in the cluster",
                self.name()
            ));
        }
        self.put("var/lib/kubelet/config.yaml", "kubelet");
        self.put("var/lib/kubelet/kubeadm-flags.env", "KUBELET_KUBEADM_ARGS=\"\"");
        if self.purpose == "join" {
            self.put("etc/kubernetes/bootstrap-kubelet.conf", "with the token");
            if self.behaviour.local_mode {
                return Ok(());
            }
        }
        self.kubelet_runs().await;
        Ok(())
    }

    /// What it has and does not list: all of the command that is not skipped.
    async fn hidden(&self, call: &str) -> Result<(), String> {
        let skipped: Vec<&str> = call.split(' ').nth(1).unwrap().split(',').collect();
        let listed = self.behaviour.join.lines().filter(|line| !line.starts_with(' '));
        for phase in listed.filter_map(|line| line.split_whitespace().next()) {
            assert!(skipped.contains(&phase), "{phase} would be done a second time");
        }
        if !self.behaviour.local_mode {
            return Ok(());
        }
        if !skipped.contains(&"etcd-join") && !self.own()["controlPlane"].is_null() {
            self.join_members().await?;
            self.etcd();
        }
        self.bootstrapped().await
    }

    fn etcd(&self) {
        self.put(
            "etc/kubernetes/manifests/etcd.yaml",
            "metadata: {annotations: {kubeadm.kubernetes.io/etcd.advertise-client-urls: x}}\n",
        );
    }

    /// The kubelet of a control-plane node talks to its own API server, which needs its etcd.
    async fn bootstrapped(&self) -> Result<(), String> {
        let etcd = self.file("etc/kubernetes/manifests/etcd.yaml").exists();
        if !self.own()["controlPlane"].is_null() && !etcd {
            return Err("timed out waiting for the condition: no etcd".to_owned());
        }
        self.kubelet_runs().await;
        Ok(())
    }

    /// Gives `admin.conf` the rights that it has not by itself.
    async fn empower_admin(&self) {
        assert!(self.file("etc/kubernetes/super-admin.conf").exists());
        let name = "kubeadm:cluster-admins";
        self.apply_cluster::<ClusterRoleBinding>(name, json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": name },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name }],
        }))
        .await;
    }

    /// What a kubelet does once it is started and has its certificate.
    async fn kubelet_runs(&self) {
        let name = self.name();
        self.apply_cluster::<Node>(
            &name,
            json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name } }),
        )
        .await;
        let status = json!({ "status": { "conditions": [{
            "type": "Ready", "status": "True", "reason": "KubeletReady",
            "lastTransitionTime": "2026-01-01T00:00:00Z", "lastHeartbeatTime": "2026-01-01T00:00:00Z",
        }] } });
        let nodes = Api::<Node>::all(self.client().await);
        nodes.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
        self.put("etc/kubernetes/kubelet.conf", &self.given("admin.conf"));
        if self.purpose == "join" {
            if self.behaviour.kill(self.root, CERTIFIED) {
                // The machine has no power.
                std::process::exit(1);
            }
            self.settled().await;
        }
    }

    /// What kubeadm does when a joining kubelet has its certificate.
    async fn settled(&self) {
        if self.behaviour.annotates {
            let socket = &self.own()["nodeRegistration"]["criSocket"];
            let annotation = json!({ "metadata": { "annotations": { CRI_SOCKET: socket } } });
            let nodes = Api::<Node>::all(self.client().await);
            let patch = Patch::Merge(annotation);
            nodes.patch(&self.name(), &PatchParams::default(), &patch).await.unwrap();
        }
        let _ = fs::remove_file(self.file("etc/kubernetes/bootstrap-kubelet.conf"));
    }

    async fn bootstrap_token(&self) -> Result<(), String> {
        let token = self.own()["bootstrapTokens"][0]["token"].as_str().unwrap();
        println!("[bootstrap-token] Using token: {token}");
        let (id, secret) = token.split_once('.').unwrap();
        let name = format!("bootstrap-token-{id}");
        self.apply::<Secret>(
            &name,
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
                "metadata": { "name": name, "namespace": "kube-system" },
                "stringData": { "token-id": id, "token-secret": secret },
            }),
        )
        .await;
        let name = "kubeadm:node-autoapprove-bootstrap";
        self.apply_cluster::<ClusterRoleBinding>(name, json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": { "name": name },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "nodeclient" },
        }))
        .await;
        Ok(())
    }

    /// Only whoever holds the lock may do this.
    async fn join_members(&self) -> Result<(), String> {
        let leases = Api::<Lease>::namespaced(self.client().await, "kube-system");
        for _ in 0..20 {
            let lease = leases.get_opt(kubewright_node::kubeadm::lock::NAME).await.unwrap();
            let holder = lease.and_then(|lease| lease.spec?.holder_identity).unwrap_or_default();
            if holder != self.name() {
                return Err(format!("{} joins while {holder:?} does", self.name()));
            }
        }
        Ok(())
    }

    async fn config_map(&self, name: &str, text: &str) {
        self.apply::<ConfigMap>(
            name,
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": { "name": name, "namespace": "kube-system" },
                "data": { "configuration": text },
            }),
        )
        .await;
    }

    async fn apply<K>(&self, name: &str, object: Value)
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        let api = Api::<K>::namespaced(self.client().await, "kube-system");
        api.patch(name, &PatchParams::apply("kubeadm"), &Patch::Apply(object)).await.unwrap();
    }

    async fn apply_cluster<K>(&self, name: &str, object: Value)
    where
        K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
    {
        let api = Api::<K>::all(self.client().await);
        api.patch(name, &PatchParams::apply("kubeadm"), &Patch::Apply(object)).await.unwrap();
    }
}
