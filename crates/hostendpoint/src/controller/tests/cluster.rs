//! A cluster of its own, or for its turn, for each test, a spy between the controller and its
//! API server, and waiting by watching.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use http::{Method, Request, Response, StatusCode};
use k8s_openapi::{
    api::core::v1::Node,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, CustomResourceExt, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    client::Body,
    runtime::{watcher, watcher::Event},
};
use kubewright_operator::shutdown::Shutdown;
use kubewright_testkit::{TestCluster, require::Skip, turn::mark};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle};

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

pub(super) struct Cluster {
    /// Stops, or is as before, when it is dropped.
    pub(super) cluster: TestCluster,
    pub(super) client: Client,
    pub(super) group: CalicoGroup,
    pub(super) spy: Spy,
}

/// What the controller has sent, and what is answered in the server's place.
#[derive(Clone, Default)]
pub(super) struct Spy {
    state: Arc<Mutex<SpyState>>,
    requests: watch::Sender<usize>,
}

#[derive(Default)]
struct SpyState {
    writes: Vec<String>,
    refuse: Option<Refuse>,
    tamper: Option<(&'static str, &'static str)>,
}

type Refuse = Box<dyn FnMut(&Method, &str) -> Option<(StatusCode, &'static str)> + Send>;

impl Spy {
    /// Writes so far, as `METHOD path`.
    pub(super) fn writes(&self) -> Vec<String> {
        self.state.lock().unwrap().writes.clone()
    }

    /// Writes to this kind so far.
    pub(super) fn writes_to(&self, plural: &str) -> usize {
        self.writes().iter().filter(|write| write.contains(plural)).count()
    }

    /// Requests of every kind so far.
    pub(super) fn requests(&self) -> usize {
        *self.requests.borrow()
    }

    /// Waits until there have been so many requests.
    pub(super) async fn reached(&self, requests: usize) {
        let mut seen = self.requests.subscribe();
        let reached = seen.wait_for(|seen| *seen >= requests);
        tokio::time::timeout(PATIENCE, reached).await.unwrap().unwrap();
    }

    /// Answers requests in the server's place.
    pub(super) fn refuse(
        &self,
        refuse: impl FnMut(&Method, &str) -> Option<(StatusCode, &'static str)> + Send + 'static,
    ) {
        self.state.lock().unwrap().refuse = Some(Box::new(refuse));
    }

    /// Replaces text in what is written, as an admission webhook could.
    pub(super) fn tamper(&self, from: &'static str, to: &'static str) {
        self.state.lock().unwrap().tamper = Some((from, to));
    }

    async fn tampered(&self, request: Request<Body>) -> Request<Body> {
        let Some((from, to)) = self.state.lock().unwrap().tamper else { return request };
        let (head, body) = request.into_parts();
        let text = String::from_utf8(body.collect_bytes().await.unwrap().to_vec()).unwrap();
        Request::from_parts(head, Body::from(text.replace(from, to).into_bytes()))
    }

    /// Lets everything through again.
    pub(super) fn allow(&self) {
        self.state.lock().unwrap().refuse = None;
    }

    fn client(&self, inner: Client) -> Client {
        let spy = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (inner, spy) = (inner.clone(), spy.clone());
            async move {
                match spy.see(&request) {
                    Some(response) => Ok(response),
                    None => {
                        inner.send(spy.tampered(request).await).await.map_err(tower::BoxError::from)
                    }
                }
            }
        });
        Client::new(service, "default")
    }

    fn see(&self, request: &Request<Body>) -> Option<Response<Body>> {
        let mut state = self.state.lock().unwrap();
        let (method, uri) = (request.method(), request.uri());
        // Watches are told from lists.
        let watches = uri.query().is_some_and(|query| query.contains("watch=true"));
        let path = &if watches { format!("{}?watch", uri.path()) } else { uri.path().to_owned() };
        self.requests.send_modify(|requests| *requests += 1);
        if *method != Method::GET {
            state.writes.push(format!("{method} {path}"));
        }
        let (code, reason) = state.refuse.as_mut()?(method, path)?;
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "reason": reason, "code": code.as_u16(), "message": format!("{method} {path}: {reason} by the test"),
        });
        let body = Body::from(serde_json::to_vec(&status).unwrap());
        let response = Response::builder().status(code).header("content-type", "application/json");
        Some(response.body(body).unwrap())
    }
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
        Ok(Self { client: cluster.client(), cluster, group, spy: Spy::default() })
    }

    /// A namespace that goes with the test.
    pub(super) fn namespace(&self) -> &str {
        self.cluster.namespace()
    }

    /// A client that works through the spy.
    pub(super) fn spied(&self) -> Client {
        self.spy.client(self.client.clone())
    }

    pub(super) async fn install(&self, crd: CustomResourceDefinition) {
        let crds = Api::<CustomResourceDefinition>::all(self.client.clone());
        crds.create(&PostParams::default(), &mark(crd.clone())).await.unwrap();
        let name = crd.name_any();
        until(&crds, |crds| {
            let conditions =
                crds.get(&name).and_then(|crd| crd.status.as_ref()?.conditions.as_ref());
            conditions.is_some_and(|conditions| {
                conditions
                    .iter()
                    .any(|condition| condition.type_ == "Established" && condition.status == "True")
            })
        })
        .await;
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

/// Watches until the objects are as wanted, and returns them.
pub(super) async fn until<K>(
    api: &Api<K>,
    wanted: impl Fn(&BTreeMap<String, K>) -> bool,
) -> BTreeMap<String, K>
where
    K: Resource + ResourceExt + Clone + Debug + Serialize + DeserializeOwned + Send + 'static,
{
    let mut all = BTreeMap::new();
    let mut listed = false;
    let watching = async {
        let mut events = watcher(api.clone(), watcher::Config::default()).boxed();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => {
                    all.clear();
                    listed = false;
                }
                Ok(Event::InitApply(object) | Event::Apply(object)) => {
                    drop(all.insert(object.name_any(), object))
                }
                Ok(Event::Delete(object)) => drop(all.remove(&object.name_any())),
                Ok(Event::InitDone) => listed = true,
                Err(error) => panic!("{error}"),
            }
            if listed && wanted(&all) {
                return;
            }
        }
    };
    if tokio::time::timeout(PATIENCE, watching).await.is_err() {
        panic!("not as wanted: {}", serde_json::to_string_pretty(&all).unwrap());
    }
    all
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
