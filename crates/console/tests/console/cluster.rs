//! A cluster with something of everything that the console shows.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client, CustomResourceExt as _};
use kubewright_apiserver::Identity;
use kubewright_console::{Access, Approval, Console, Settings};
use kubewright_hostendpoint::api::{HostEndpointTemplate, UNPROTECTED_TAINT};
use kubewright_hostendpoint::controller::HostEndpoints;
use kubewright_operator::{Context, Controller as _, Metrics, Shutdown};
use kubewright_testkit::TestCluster;
use kubewright_testkit::require::Skip;
use kubewright_testkit::until::until;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// A cluster, and a console that looks at it.
pub(crate) struct Fixture {
    pub(crate) cluster: TestCluster,
    pub(crate) client: Client,
    /// Where pods and networks are made.
    pub(crate) namespace: String,
    pub(crate) metrics: Metrics,
    shutdown: Shutdown,
    tasks: JoinSet<()>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.shutdown.trigger();
    }
}

/// The API groups that the console looks into.
const GROUPS: [&str; 5] = [
    "kubewright.io",
    "crd.projectcalico.org",
    "confidentialcontainers.org",
    "networks.kaloom.com",
    "k8s.cni.cncf.io",
];

impl Fixture {
    /// With the definitions of everything, and nothing of it.
    pub(crate) async fn start() -> Result<Self, Skip> {
        let cluster = TestCluster::alone(&GROUPS).await.unwrap()?;
        let client = cluster.client();
        let [networks, definitions] = kubewright_podnet::api::crds();
        let [peer_pods] = &kubewright_peerpod::crds()[..] else { panic!("one definition") };
        let all = [
            HostEndpointTemplate::crd(),
            host_endpoints(),
            peer_pods.clone(),
            networks,
            definitions,
        ];
        for definition in all {
            cluster.install(definition).await;
        }
        let namespace = cluster.namespace().to_owned();
        account(&client, &namespace).await;
        let (metrics, shutdown) = (Metrics::new(), Shutdown::new());
        Ok(Self { namespace, cluster, client, metrics, shutdown, tasks: JoinSet::new() })
    }

    /// Makes pods in a namespace of this name from now on; only for a server of one's own.
    pub(crate) async fn use_namespace(&mut self, name: &str) -> String {
        let object =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        put(&self.client, object).await;
        account(&self.client, name).await;
        self.namespace = name.to_owned();
        self.namespace.clone()
    }

    /// A console for the user of this process.
    pub(crate) async fn console(&mut self) -> String {
        let settings = Settings {
            metrics: vec![kubewright_console::MetricsSource::Here {
                render: Arc::new({
                    let metrics = self.metrics.clone();
                    move || metrics.render()
                }),
            }],
            ..settings(Access::Own(self.client.clone()))
        };
        self.serve(settings).await
    }

    /// A console, until the test ends; its URL.
    pub(crate) async fn serve(&mut self, settings: Settings) -> String {
        let console = Console::bind(settings).await.unwrap();
        let url = console.url();
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move { console.run(shutdown).await });
        url
    }

    /// Creates or replaces an object, and its status where it has one.
    pub(crate) async fn put(&self, object: Value) {
        put(&self.client, object).await;
    }

    /// Runs the controller that makes HostEndpoints.
    pub(crate) fn run_host_endpoints(&mut self) {
        let check = kubewright_operator::health::Readiness::new().check("hostendpoint");
        let (client, shutdown) = (self.client.clone(), self.shutdown.clone());
        let context = Context::new("hostendpoint", client, &self.metrics, check, shutdown);
        self.tasks.spawn(async move {
            let _ = HostEndpoints::default().run(context).await;
        });
    }

    /// A node, ready or not.
    pub(crate) async fn node(&self, name: &str, last: u8, ready: bool, mut extra: Value) {
        let since = ago(if ready { 5 * 3600 } else { 190 });
        let roles = if name.starts_with("control") { "control-plane" } else { "worker" };
        let message =
            if ready { "kubelet is posting ready status" } else { "container runtime is down" };
        let mut node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": name, "labels": {
                "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
                (format!("node-role.kubernetes.io/{roles}")): "" } },
            "spec": {},
            "status": {
                "addresses": [
                    { "type": "InternalIP", "address": format!("10.0.0.{last}") },
                    { "type": "Hostname", "address": name },
                ],
                "nodeInfo": node_info(),
                "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" },
                    "reason": "Kubelet", "message": message,
                    "lastHeartbeatTime": ago(3), "lastTransitionTime": since }],
            },
        });
        if roles == "worker" {
            node["metadata"]["labels"]["node.kubernetes.io/node"] = json!("");
        }
        merge(&mut node, &mut extra);
        self.put(node).await;
    }

    /// A kubelet asks to join as `node`.
    pub(crate) async fn ask(&self, name: &str, node: &str) -> CertificateSigningRequest {
        let server = self.cluster.embedded().unwrap();
        let groups = ["system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token"];
        let kubelet = Identity::new("system:bootstrap:k3xw1p", groups.map(Into::into));
        let requests: Api<CertificateSigningRequest> = Api::all(server.client_as(kubelet));
        grant_bootstrap(&self.client).await;
        let request = serde_json::from_value(json!({
            "metadata": { "name": name },
            "spec": {
                "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
                "request": STANDARD.encode(request_for(node)),
                "usages": ["key encipherment", "digital signature", "client auth"],
            },
        }));
        requests.create(&PostParams::default(), &request.unwrap()).await.unwrap()
    }

    /// Waits until a request is decided, and returns the condition.
    pub(crate) async fn decided(&self, name: &str) -> Value {
        let requests: Api<CertificateSigningRequest> = Api::all(self.client.clone());
        let condition = |request: &CertificateSigningRequest| {
            request.status.as_ref()?.conditions.as_ref()?.first().cloned()
        };
        let all = until(&requests, |all| all.get(name).and_then(condition).is_some()).await;
        serde_json::to_value(condition(&all[name])).unwrap()
    }

    /// A pod with annotations, bound to a node.
    pub(crate) async fn pod(&self, name: &str, node: &str, annotations: Value, seats: u64) {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "namespace": self.namespace, "annotations": annotations },
            "spec": { "nodeName": node, "containers": [{ "name": "main", "image": "registry.example/app:1" }] },
            "status": { "phase": "Running" },
        });
        if seats > 0 {
            let amount = json!({ "kata.peerpods.io/vm": seats.to_string() });
            pod["spec"]["containers"][0]["resources"] =
                json!({ "limits": amount, "requests": amount });
        }
        self.put(pod).await;
    }
}

/// Settings for loopback, with the rights of `access`.
pub(crate) fn settings(access: Access) -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        access,
        certificate: None,
        allow_plain_http: false,
        hosts: Vec::new(),
        cluster: "harbour-1".to_owned(),
        resource: "kata.peerpods.io/vm".to_owned(),
        metrics: Vec::new(),
        acceptance: Arc::new(Approval),
    }
}

/// A time of before.
pub(crate) fn ago(seconds: i64) -> String {
    let then = Timestamp::now() - SignedDuration::from_secs(seconds);
    then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time of before, as Leases have it.
pub(crate) fn ago_micro(seconds: i64) -> String {
    ago(seconds).replace('Z', ".000000Z")
}

fn node_info() -> Value {
    json!({ "kubeletVersion": "v1.33.2", "bootID": "b", "machineID": "m", "systemUUID": "s",
        "kernelVersion": "6.1", "osImage": "Debian 12", "containerRuntimeVersion": "containerd://1.6",
        "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64" })
}

/// The taint of a node that is not protected yet.
pub(crate) fn unprotected() -> Value {
    json!([{ "key": UNPROTECTED_TAINT, "effect": "NoSchedule" }])
}

/// A certificate request of a kubelet, in PEM.
pub(crate) fn request_for(node: &str) -> String {
    let mut parameters = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    let mut subject = rcgen::DistinguishedName::new();
    subject.push(rcgen::DnType::OrganizationName, "system:nodes");
    subject.push(rcgen::DnType::CommonName, format!("system:node:{node}"));
    parameters.distinguished_name = subject;
    let key = rcgen::KeyPair::generate().unwrap();
    parameters.serialize_request(&key).unwrap().pem().unwrap()
}

/// The service account without which pods are not taken; a real cluster makes it by itself.
async fn account(client: &Client, namespace: &str) {
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": "default", "namespace": namespace } });
    put(client, account).await;
}

/// Kubelets with a bootstrap token may ask for certificates.
async fn grant_bootstrap(client: &Client) {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "console-test-bootstrap" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "system:node-bootstrapper" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group",
            "name": "system:bootstrappers" }],
    });
    put(client, binding).await;
}

/// Applies an object, and its status where it has one.
pub(crate) async fn put(client: &Client, object: Value) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let name = text(&object["metadata"]["name"]);
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let resource = resource(group, version, &kind);
    let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let parameters = PatchParams::apply("console-test").force();
    let patched = api.patch(&name, &parameters, &Patch::Apply(&object)).await;
    patched.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
    if object.get("status").is_some() {
        let status = json!({ "apiVersion": object["apiVersion"], "kind": kind,
            "metadata": { "name": name }, "status": object["status"] });
        let patched = api.patch_status(&name, &parameters, &Patch::Apply(&status)).await;
        patched.unwrap_or_else(|error| panic!("status of {kind} {name}: {error}"));
    }
}

fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    let gvk = kube::core::GroupVersionKind::gvk(group, version, kind);
    match kind {
        "NetworkAttachmentDefinition" => {
            ApiResource::from_gvk_with_plural(&gvk, "network-attachment-definitions")
        }
        _ => ApiResource::from_gvk(&gvk),
    }
}

fn merge(into: &mut Value, from: &mut Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.take(),
    }
}

/// Calico's HostEndpoints, as far as a server has to know them.
fn host_endpoints() -> CustomResourceDefinition {
    serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "hostendpoints.crd.projectcalico.org" },
        "spec": {
            "group": "crd.projectcalico.org", "scope": "Cluster",
            "names": { "kind": "HostEndpoint", "listKind": "HostEndpointList",
                "plural": "hostendpoints", "singular": "hostendpoint" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": { "type": "object", "properties": { "spec": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true } } } } }],
        },
    }))
    .unwrap()
}
