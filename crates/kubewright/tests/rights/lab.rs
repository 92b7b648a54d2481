//! A server on which the manifests of an area are applied, and clients that are what these say.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::{Condition, await_condition, conditions};
use kube::{Api, Client};
use kubewright_apiserver::{Identity, Server};
use kubewright_operator::lease::ElectionOptions;
use kubewright_operator::manager::ManagerError;
use kubewright_operator::request::RequestInfo;
use kubewright_operator::{Context, Controller, Manager, ManagerOptions, Shutdown};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::sandbox::{self, Sandbox};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// The namespace of the manifests.
pub(crate) const NAMESPACE: &str = "kubewright-system";

/// A request: what is done to what, and to which object where it is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    verb: &'static str,
    group: String,
    resource: String,
    name: Option<String>,
}

pub(crate) struct Lab {
    pub(crate) server: Server,
    pub(crate) admin: Client,
    manifests: Vec<Value>,
    asked: Arc<Mutex<BTreeSet<Asked>>>,
    refused: Arc<Mutex<BTreeSet<Asked>>>,
}

impl Lab {
    /// A cluster with everything that `kubewright crds` and `kubewright manifests AREA` print.
    pub(crate) async fn of(area: &str) -> Self {
        let server = Server::builder().default_service_accounts(true).start().await.unwrap();
        let admin = server.client();
        let manifests = printed(&["manifests", area]);
        let (asked, refused) = (Arc::default(), Arc::default());
        let lab = Self { server, admin, manifests, asked, refused };
        for crd in printed(&["crds"]) {
            lab.define(&crd).await;
        }
        for object in &lab.manifests {
            // There is no kubelet: we are what would run in them.
            if object["kind"] != "Deployment" && object["kind"] != "DaemonSet" {
                lab.apply(object).await;
            }
        }
        lab
    }

    /// Adds a CustomResourceDefinition, and waits until it is served.
    pub(crate) async fn define(&self, crd: &Value) {
        self.apply(crd).await;
        let name = crd["metadata"]["name"].as_str().unwrap();
        let served = conditions::is_crd_established();
        self.wait("the kind is served", Api::all(self.admin.clone()), name, served).await;
    }

    pub(crate) async fn apply(&self, object: &Value) {
        let parse = |object: &Value| serde_json::from_value::<DynamicObject>(object.clone());
        let parsed = parse(object).unwrap();
        let kind = GroupVersionKind::try_from(parsed.types.as_ref().unwrap()).unwrap();
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = match &parsed.metadata.namespace {
            Some(namespace) => Api::namespaced_with(self.admin.clone(), namespace, &resource),
            None => Api::all_with(self.admin.clone(), &resource),
        };
        let name = parsed.metadata.name.as_deref().unwrap();
        let params = PatchParams::apply("test").force();
        api.patch(name, &params, &Patch::Apply(object)).await.unwrap();
    }

    /// Waits until an object is as it should be.
    pub(crate) async fn wait<K>(&self, what: &str, api: Api<K>, name: &str, is: impl Condition<K>)
    where
        K: Clone + std::fmt::Debug + Send + serde::de::DeserializeOwned + kube::Resource + 'static,
    {
        let waiting = tokio::time::timeout(MINUTE, await_condition(api, name, is)).await;
        let waiting =
            waiting.unwrap_or_else(|_| panic!("not within a minute: {what}; {}", self.said()));
        waiting.unwrap();
    }

    fn said(&self) -> String {
        format!("refused: {:?}", self.refused.lock().unwrap())
    }

    /// A client of an account of the manifests.
    pub(crate) fn account(&self, name: &str) -> Client {
        self.client(Identity::service_account(NAMESPACE, name))
    }

    /// A client with the rights of somebody, whose requests are written down.
    pub(crate) fn client(&self, who: Identity) -> Client {
        let (asked, refused) = (Arc::clone(&self.asked), Arc::clone(&self.refused));
        let record = move |request: Request, next: Next| {
            let info = RequestInfo::of(request.method(), request.uri());
            let name = object(request.uri());
            let (asked, refused) = (Arc::clone(&asked), Arc::clone(&refused));
            async move {
                let answer = next.run(request).await;
                if !info.resource.is_empty() {
                    let one = |verb| Asked {
                        verb,
                        group: info.group.clone(),
                        resource: info.resource.clone(),
                        name: name.clone(),
                    };
                    if answer.status() == 403 {
                        refused.lock().unwrap().insert(one(info.verb));
                    }
                    let mut asked = asked.lock().unwrap();
                    asked.insert(one(info.verb));
                    // An apply that makes an object needs the right to create one, by no name.
                    if info.verb == "patch" && answer.status() == 201 {
                        asked.insert(Asked { name: None, ..one("create") });
                    }
                }
                answer
            }
        };
        let router = self.server.router().layer(from_fn(record)).layer(axum::Extension(who));
        Client::new(router.into_service::<kube::client::Body>(), NAMESPACE)
    }

    /// A manager as the program has it, with the Lease of an area where it has one.
    pub(crate) async fn manager(&self, account: &str, lease: Option<&str>) -> Manager {
        let settings = ManagerOptions {
            election: lease.map(|name| ElectionOptions::new(NAMESPACE, name)),
            health: Some(([127, 0, 0, 1], 0).into()),
            ..ManagerOptions::default()
        };
        Manager::bind(self.account(account), settings).await.unwrap()
    }

    /// Another replica, that leads before anybody else and does nothing.
    pub(crate) async fn leader(&self, lease: &str) -> Replica {
        let manager = self.manager("kubewright-controllers", Some(lease)).await.controller(Idle);
        let shutdown = Shutdown::new();
        let running = tokio::spawn(manager.run(shutdown.clone()));
        self.until("a replica leads", |asked| {
            asked.iter().any(|one| (one.verb, one.resource.as_str()) == ("create", "leases"))
        })
        .await;
        Replica { shutdown, running }
    }

    /// The other replica goes as soon as somebody stands by for it.
    pub(crate) async fn hand_over(&self, leader: Replica) {
        self.until("somebody stands by", |asked| {
            asked.iter().any(|one| (one.verb, one.resource.as_str()) == ("watch", "leases"))
        })
        .await;
        leader.shutdown.trigger();
        leader.running.await.unwrap().unwrap();
    }

    /// Waits until so many kinds are watched.
    pub(crate) async fn watched(&self, kinds: usize) {
        let watched = |asked: &BTreeSet<Asked>| {
            let watches = asked.iter().filter(|one| one.verb == "watch");
            watches.map(|one| (&one.group, &one.resource)).collect::<BTreeSet<_>>().len() >= kinds
        };
        self.until("all kinds are watched", watched).await;
    }

    async fn until(&self, what: &str, holds: impl Fn(&BTreeSet<Asked>) -> bool) {
        let waiting = async {
            while !holds(&self.asked.lock().unwrap()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(MINUTE, waiting).await;
        waited.unwrap_or_else(|_| panic!("not within a minute: {what}; {}", self.said()));
    }

    /// Adds what was asked for in another lab.
    pub(crate) fn and(self, other: &Self) -> Self {
        self.asked.lock().unwrap().extend(other.asked.lock().unwrap().iter().cloned());
        self.refused.lock().unwrap().extend(other.refused.lock().unwrap().iter().cloned());
        self
    }

    /// Writes down what the server asked for itself, within a request.
    pub(crate) fn implied(
        &self,
        verb: &'static str,
        group: &str,
        resource: &str,
        name: Option<&str>,
    ) {
        let name = name.map(str::to_owned);
        let (group, resource) = (group.to_owned(), resource.to_owned());
        self.asked.lock().unwrap().insert(Asked { verb, group, resource, name });
    }

    /// Nothing was refused, and there was no right that was not used. Of the roles of which
    /// `belongs` says so by their name.
    pub(crate) fn assert_exact(&self, belongs: impl Fn(&str) -> bool) {
        let refused = self.refused.lock().unwrap();
        assert!(refused.is_empty(), "not granted: {refused:#?}");
        let asked = self.asked.lock().unwrap();
        let (mut unused, mut rights) = (Vec::new(), 0);
        for role in self.manifests.iter().filter(|object| object["rules"].is_array()) {
            let name = role["metadata"]["name"].as_str().unwrap();
            for right in role["rules"].as_array().unwrap().iter().flat_map(rights_of) {
                if belongs(name) {
                    rights += 1;
                    let used = |asked: &Asked| right.name.is_none() || asked.name == right.name;
                    let same = |asked: &&Asked| {
                        (asked.verb, &asked.group, &asked.resource)
                            == (right.verb.as_str(), &right.group, &right.resource)
                    };
                    if !asked.iter().filter(same).any(used) {
                        unused.push((name, right));
                    }
                }
            }
        }
        assert!(rights > 0, "no role is meant");
        assert!(unused.is_empty(), "granted and never used: {unused:#?}\nused: {asked:#?}");
    }
}

/// A manager that runs.
pub(crate) struct Replica {
    shutdown: Shutdown,
    running: JoinHandle<Result<(), ManagerError>>,
}

#[derive(Clone)]
struct Idle;

impl Controller for Idle {
    type Error = Infallible;

    fn name(&self) -> &'static str {
        "idle"
    }

    async fn run(self, context: Context) -> Result<(), Infallible> {
        context.shutdown.triggered().await;
        Ok(())
    }
}

/// One thing that a rule allows.
#[derive(Debug)]
struct Right {
    verb: String,
    group: String,
    resource: String,
    name: Option<String>,
}

fn rights_of(rule: &Value) -> Vec<Right> {
    let words = |field: &str| -> Vec<String> {
        let words = rule[field].as_array().into_iter().flatten();
        words.map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let names: Vec<Option<String>> = match words("resourceNames") {
        names if names.is_empty() => vec![None],
        names => names.into_iter().map(Some).collect(),
    };
    let mut rights = Vec::new();
    for group in words("apiGroups") {
        for resource in words("resources") {
            for verb in words("verbs") {
                rights.extend(names.iter().map(|name| Right {
                    verb: verb.clone(),
                    group: group.clone(),
                    resource: resource.clone(),
                    name: name.clone(),
                }));
            }
        }
    }
    rights
}

/// The object that a request is about: of its path, or of `fieldSelector=metadata.name=…`.
fn object(uri: &axum::http::Uri) -> Option<String> {
    let mut path: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    path.drain(..if path.first() == Some(&"api") { 2 } else { 3 }.min(path.len()));
    if path.first() == Some(&"namespaces") && path.len() > 2 {
        path.drain(..2);
    }
    let selected = || {
        let query = uri.query()?.split('&').find_map(|pair| pair.strip_prefix("fieldSelector="))?;
        query.replace("%3D", "=").strip_prefix("metadata.name=").map(str::to_owned)
    };
    path.get(1).map(|name| (*name).to_owned()).or_else(selected)
}

/// Objects that `kubewright` prints.
pub(crate) fn printed(arguments: &[&str]) -> Vec<Value> {
    let line = [arguments, &["-o", "json"]].concat();
    let list: Value = serde_json::from_str(&Sandbox::new().kubewright(&line).ok()).unwrap();
    list["items"].as_array().unwrap().clone()
}

/// A CustomResourceDefinition of somebody else, that takes anything.
pub(crate) fn foreign(group: &str, version: &str, kind: &str, plural: &str, scope: &str) -> Value {
    let schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{group}") },
        "spec": {
            "group": group,
            "scope": scope,
            "names": { "kind": kind, "plural": plural, "singular": kind.to_lowercase(),
                "listKind": format!("{kind}List") },
            "versions": [{ "name": version, "served": true, "storage": true,
                "schema": { "openAPIV3Schema": schema } }],
        },
    })
}

/// What a program answers to Prometheus.
pub(crate) async fn scraped(address: std::net::SocketAddr) -> String {
    let page = format!("http://{address}/metrics");
    tokio::task::spawn_blocking(move || sandbox::get(&page)).await.unwrap()
}
