//! A cluster of its own, or for its turn, for each test, a spy between the controller and its
//! API server, and waiting by watching.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use k8s_openapi::{
    api::core::v1::Node,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, CustomResourceExt, Resource,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use kubewright_operator::{
    rbac::{of_election, of_events},
    shutdown::Shutdown,
};
use kubewright_testkit::{TestCluster, require::Skip, spy::Spy, turn::mark};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

pub(super) use kubewright_testkit::until::until;

use crate::{
    api::{CalicoGroup, HostEndpoint, HostEndpointTemplate},
    controller::Controller,
    defaults::Defaults,
    observed::Limits,
    options::Options,
};

/// Long enough for any machine; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// API groups that a test may define: whoever has them already is left alone.
const GROUPS: [&str; 4] =
    ["kubewright.io", "crd.projectcalico.org", "projectcalico.org", "cluster.x-k8s.io"];

/// The account that the controller runs as.
const ACCOUNT: &str = "kubewright-test";

/// The Lease that it may compete for.
pub(super) const LEASE: &str = "hostendpoint";

pub(super) struct Cluster {
    /// Stops, or is as before, when it is dropped.
    pub(super) cluster: TestCluster,
    pub(super) client: Client,
    pub(super) group: CalicoGroup,
    pub(super) spy: Spy,
}

impl Cluster {
    /// With both CRDs, Calico's in its own group.
    pub(super) async fn start() -> Result<Self, Skip> {
        Self::start_in(CalicoGroup::CrdV1).await
    }

    pub(super) async fn start_in(group: CalicoGroup) -> Result<Self, Skip> {
        let cluster = Self::bare(group).await?;
        cluster.install(HostEndpointTemplate::crd()).await;
        cluster.install(calico_crd(group, "HostEndpoint", "hostendpoints")).await;
        Ok(cluster)
    }

    /// Without any CRD.
    pub(super) async fn bare(group: CalicoGroup) -> Result<Self, Skip> {
        let cluster = TestCluster::alone(&GROUPS).await.unwrap()?;
        let own = [("default", of_events()), (cluster.namespace(), of_election(LEASE))];
        cluster.grant(ACCOUNT, &crate::rbac::rules(), &own).await;
        Ok(Self { client: cluster.client(), cluster, group, spy: Spy::default() })
    }

    /// A namespace that goes with the test.
    pub(super) fn namespace(&self) -> &str {
        self.cluster.namespace()
    }

    /// A client that works through the spy, with the rights of the generated roles and no others.
    pub(super) fn spied(&self) -> Client {
        self.spy.client(self.cluster.client_of(ACCOUNT))
    }

    pub(super) async fn install(&self, crd: CustomResourceDefinition) {
        self.cluster.install(crd).await;
    }

    /// Starts the controller; it works through the spy.
    pub(super) fn run(&self, options: Options) -> Running {
        let shutdown = Shutdown::new();
        let controller = Controller::new(self.spied(), options);
        Running { task: tokio::spawn(controller.run(shutdown.clone())), shutdown }
    }

    pub(super) fn endpoints(&self) -> Api<HostEndpoint> {
        Api::all_with(self.client.clone(), &self.group)
    }

    pub(super) fn nodes(&self) -> Api<Node> {
        Api::all(self.client.clone())
    }

    pub(super) fn templates(&self) -> Api<HostEndpointTemplate> {
        Api::all(self.client.clone())
    }

    pub(super) async fn defaults(&self) {
        for template in Defaults::default().templates() {
            self.create(&self.templates(), json!(template)).await;
        }
    }

    pub(super) async fn template(&self, name: &str, spec: Value) {
        let template = json!({
            "apiVersion": "kubewright.io/v1alpha1", "kind": "HostEndpointTemplate",
            "metadata": {"name": name}, "spec": spec,
        });
        self.create(&self.templates(), template).await;
    }

    pub(super) async fn worker(&self, name: &str) {
        self.node(name, json!({"node.kubernetes.io/node": ""})).await;
    }

    pub(super) async fn node(&self, name: &str, labels: Value) {
        self.create(&self.nodes(), json!({"metadata": {"name": name, "labels": labels}})).await;
    }

    pub(super) async fn create<K>(&self, api: &Api<K>, object: Value) -> K
    where
        K: Resource + Clone + Debug + Serialize + DeserializeOwned,
    {
        let object: K = serde_json::from_value(object).unwrap();
        api.create(&PostParams::default(), &mark(object)).await.unwrap()
    }

    pub(super) async fn delete_node(&self, name: &str) {
        self.nodes().delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub(super) async fn merge<K>(&self, api: &Api<K>, name: &str, patch: Value)
    where
        K: Resource + Clone + Debug + DeserializeOwned,
    {
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Waits until there are exactly these endpoints.
    pub(super) async fn has(&self, names: &[&str]) -> BTreeMap<String, HostEndpoint> {
        until(&self.endpoints(), |all| all.keys().eq(names)).await
    }

    /// Waits for a condition of a template.
    pub(super) async fn condition(
        &self,
        template: &str,
        kind: &str,
        status: &str,
        reason: &str,
    ) -> String {
        let find = |all: &BTreeMap<String, HostEndpointTemplate>| {
            let conditions = &all.get(template)?.status.as_ref()?.conditions;
            let found = conditions.iter().find(|condition| condition.type_ == kind)?;
            (found.status == status && found.reason == reason).then(|| found.message.clone())
        };
        let all = until(&self.templates(), |all| find(all).is_some()).await;
        find(&all).unwrap()
    }
}

/// A controller at work.
pub(super) struct Running {
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends it in order.
    pub(super) async fn stop(self) {
        self.shutdown.trigger();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }

    /// Ends it without any order, as SIGKILL would.
    pub(super) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// No grace time, everything else as usual.
pub(super) fn at_once() -> Options {
    Options {
        limits: Limits { grace: jiff::SignedDuration::ZERO, ..Limits::default() },
        ..Options::default()
    }
}

/// One of Calico's CRDs, as far as it matters here.
pub(super) fn calico_crd(group: CalicoGroup, kind: &str, plural: &str) -> CustomResourceDefinition {
    let strings = json!({"type": "array", "items": {"type": "string"}});
    let spec = if kind == "HostEndpoint" {
        json!({"type": "object", "properties": {
            "node": {"type": "string"},
            "interfaceName": {"type": "string"},
            "expectedIPs": strings,
            "profiles": strings,
            "ports": {"type": "array", "items": {"type": "object", "required": ["name", "port", "protocol"], "properties": {
                "name": {"type": "string"},
                "port": {"type": "integer"},
                "protocol": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": true},
            }}},
        }})
    } else {
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    };
    serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{}", group.group())},
        "spec": {
            "group": group.group(), "scope": "Cluster",
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": kind.to_lowercase()},
            "versions": [{
                "name": group.version(), "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}, "spec": spec,
                }}},
            }],
        },
    }))
    .unwrap()
}
