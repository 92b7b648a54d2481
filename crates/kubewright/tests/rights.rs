//! The rights in the manifests suffice: everything that the controllers ask the API server for is
//! granted to them.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use k8s_openapi::api::core::v1::Node;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client};
use kubewright_apiserver::{Identity, Server};
use kubewright_hostendpoint::api::{CalicoGroup, HostEndpoint, UNPROTECTED_TAINT};
use kubewright_hostendpoint::controller::HostEndpoints;
use kubewright_hostendpoint::options::{NodeCondition, Options};
use kubewright_operator::lease::ElectionOptions;
use kubewright_operator::request::RequestInfo;
use kubewright_operator::{Manager, ManagerOptions, Shutdown};
use sandbox::Sandbox;
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

type Asked = BTreeSet<(String, String, &'static str)>;

/// A client whose requests are written down: group, resource, verb.
fn recording(server: &Server, asked: &Arc<Mutex<Asked>>) -> Client {
    let asked = Arc::clone(asked);
    let record = move |request: Request, next: Next| {
        let info = RequestInfo::of(request.method(), request.uri());
        if !info.resource.is_empty() {
            asked.lock().unwrap().insert((info.group, info.resource, info.verb));
        }
        next.run(request)
    };
    let router = server.router().layer(from_fn(record)).layer(axum::Extension(Identity::admin()));
    Client::new(router.into_service::<kube::client::Body>(), "default")
}

/// Objects that `kubewright` prints.
fn printed(arguments: &[&str]) -> Vec<Value> {
    let line = [arguments, &["-o", "json"]].concat();
    let list: Value = serde_json::from_str(&Sandbox::new().kubewright(&line).ok()).unwrap();
    list["items"].as_array().unwrap().clone()
}

fn allows(rules: &[Value], (group, resource, verb): &(String, String, &'static str)) -> bool {
    rules.iter().any(|rule| {
        let names = |field: &str, word: &str| {
            rule[field].as_array().unwrap().iter().any(|item| item == word)
        };
        names("apiGroups", group) && names("resources", resource) && names("verbs", verb)
    })
}

async fn apply(client: &Client, object: &Value) {
    let (group, version) = match object["apiVersion"].as_str().unwrap().split_once('/') {
        Some((group, version)) => (group, version),
        None => ("", object["apiVersion"].as_str().unwrap()),
    };
    let gvk = kube::core::GroupVersionKind::gvk(group, version, object["kind"].as_str().unwrap());
    let resource = kube::core::ApiResource::from_gvk(&gvk);
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let name = object["metadata"]["name"].as_str().unwrap();
    api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_controllers_ask_for_nothing_that_is_not_granted() {
    let server = Server::builder().start().await.unwrap();
    let admin = server.client();
    let manifests = printed(&["manifests"]);
    let calico = include_str!("../../local/calico/hostendpoints.yaml");
    for crd in printed(&["crds"]).into_iter().chain([serde_saphyr::from_str(calico).unwrap()]) {
        apply(&admin, &crd).await;
        let name = crd["metadata"]["name"].as_str().unwrap();
        let served =
            await_condition(Api::all(admin.clone()), name, conditions::is_crd_established());
        tokio::time::timeout(MINUTE, served).await.unwrap().unwrap();
    }
    for template in manifests.iter().filter(|object| object["kind"] == "HostEndpointTemplate") {
        apply(&admin, template).await;
    }

    let asked = Arc::default();
    let client = recording(&server, &asked);
    let mut options = Options::default();
    options.limits.grace = jiff::SignedDuration::ZERO;
    options.node_condition = NodeCondition::Always;
    let settings = ManagerOptions {
        election: Some(ElectionOptions::new("default", "test")),
        ..ManagerOptions::default()
    };
    let manager = Manager::bind(client, settings).await.unwrap();
    let shutdown = Shutdown::new();
    let running = tokio::spawn(manager.controller(HostEndpoints { options }).run(shutdown.clone()));

    // A life: a node with the startup taint comes up, its guard reports, an endpoint is tampered
    // with, and the node goes.
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "a",
            "labels": { "node.kubernetes.io/node": "" },
            "annotations": { "kubewright.io/host-guard": "released/boot" } },
        "spec": { "taints": [{ "key": UNPROTECTED_TAINT, "effect": "NoSchedule" }] } });
    apply(&admin, &node).await;
    let nodes: Api<Node> = Api::all(admin.clone());
    let info = json!({ "status": { "nodeInfo": { "architecture": "", "bootID": "boot",
        "containerRuntimeVersion": "", "kernelVersion": "", "kubeProxyVersion": "",
        "kubeletVersion": "", "machineID": "", "operatingSystem": "", "osImage": "",
        "systemUUID": "" } } });
    nodes.patch_status("a", &PatchParams::default(), &Patch::Merge(&info)).await.unwrap();
    let open = |node: Option<&Node>| {
        let taints = node.and_then(|node| node.spec.as_ref()?.taints.as_ref());
        taints.is_none_or(|taints| taints.is_empty())
    };
    let opened = await_condition(nodes.clone(), "a", open);
    tokio::time::timeout(MINUTE, opened).await.expect("the taint goes").unwrap();
    let endpoints: Api<HostEndpoint> = Api::all_with(admin.clone(), &CalicoGroup::CrdV1);
    endpoints.delete("a-bond0", &DeleteParams::default()).await.unwrap();
    let watched = Api::<DynamicObject>::all_with(
        admin.clone(),
        &CalicoGroup::CrdV1.resource("HostEndpoint", "hostendpoints"),
    );
    let back =
        await_condition(watched.clone(), "a-bond0", |it: Option<&DynamicObject>| it.is_some());
    tokio::time::timeout(MINUTE, back).await.expect("the endpoint is back").unwrap();
    nodes.delete("a", &DeleteParams::default()).await.unwrap();
    let gone = await_condition(watched, "a-bond0", |it: Option<&DynamicObject>| it.is_none());
    tokio::time::timeout(MINUTE, gone).await.expect("the endpoint goes").unwrap();
    shutdown.trigger();
    running.await.unwrap().unwrap();

    let controllers = |object: &&Value| {
        let name = object["metadata"]["name"].as_str().unwrap();
        name != "kubewright-guard" && object["rules"].is_array()
    };
    let rules: Vec<Value> = manifests
        .iter()
        .filter(controllers)
        .flat_map(|role| role["rules"].as_array().unwrap().clone())
        .collect();
    let asked = asked.lock().unwrap().clone();
    let refused: Vec<_> = asked.iter().filter(|request| !allows(&rules, request)).collect();
    assert!(refused.is_empty(), "not granted: {refused:?}");
    // It was a life in which what matters was asked for.
    for (group, resource, verb) in [
        ("", "nodes", "get"),
        ("", "nodes", "patch"),
        ("", "nodes/status", "patch"),
        ("crd.projectcalico.org", "hostendpoints", "patch"),
        ("crd.projectcalico.org", "hostendpoints", "delete"),
        ("kubewright.io", "hostendpointtemplates/status", "patch"),
        ("coordination.k8s.io", "leases", "create"),
        ("coordination.k8s.io", "leases", "update"),
    ] {
        let request = (group.to_owned(), resource.to_owned(), verb);
        assert!(asked.contains(&request), "{request:?} was never asked for: {asked:?}");
    }
}
