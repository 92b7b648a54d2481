//! The rights in the manifests suffice: everything that the controllers ask the API server for is
//! granted to them.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use k8s_openapi::api::core::v1::{Node, Pod, ServiceAccount};
use k8s_openapi::api::events::v1::Event as KubernetesEvent;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client};
use kubewright_apiserver::{Identity, Server};
use kubewright_hostendpoint::api::{CalicoGroup, HostEndpoint, UNPROTECTED_TAINT};
use kubewright_hostendpoint::controller::HostEndpoints;
use kubewright_hostendpoint::options::{NodeCondition, Options};
use kubewright_operator::lease::ElectionOptions;
use kubewright_operator::request::RequestInfo;
use kubewright_operator::{Manager, ManagerOptions, Shutdown};
use kubewright_peerpod::api::PeerPodConfig;
use kubewright_peerpod::options::WebhookMode;
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

/// Nothing was asked for that is not granted; and it was a life in which what matters was asked for.
fn assert_asked_and_granted(
    asked: &Asked,
    rules: &[Value],
    mattering: &[(&str, &str, &'static str)],
) {
    let refused: Vec<_> = asked.iter().filter(|request| !allows(rules, request)).collect();
    assert!(refused.is_empty(), "not granted: {refused:?}");
    for &(group, resource, verb) in mattering {
        let request = (group.to_owned(), resource.to_owned(), verb);
        assert!(asked.contains(&request), "{request:?} was never asked for: {asked:?}");
    }
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

/// A life of a config: its capacity, adaptor and webhook come, and go with it.
#[tokio::test(flavor = "multi_thread")]
async fn peer_pods_ask_for_nothing_that_is_not_granted() {
    let server = Server::builder().start().await.unwrap();
    let admin = server.client();
    let crds = printed(&["crds"]);
    for crd in crds.iter().filter(|crd| crd["spec"]["names"]["kind"] == "PeerPodConfig") {
        apply(&admin, crd).await;
        let name = crd["metadata"]["name"].as_str().unwrap();
        let served =
            await_condition(Api::all(admin.clone()), name, conditions::is_crd_established());
        tokio::time::timeout(MINUTE, served).await.unwrap().unwrap();
    }
    apply(&admin, &json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "a" } }))
        .await;
    let asked = Arc::default();
    let client = recording(&server, &asked);
    let mut options = kubewright_peerpod::options::Options::default();
    options.namespace = "default".to_owned();
    options.webhook = WebhookMode::Deployed { image: "kubewright".to_owned() };
    let shutdown = Shutdown::new();
    let controller = kubewright_peerpod::Controller::new(client, options);
    let running = tokio::spawn(controller.run(shutdown.clone()));
    let configs = Api::<PeerPodConfig>::namespaced(admin.clone(), "default");
    let config = json!({
        "apiVersion": "confidentialcontainers.org/v1alpha1", "kind": "PeerPodConfig",
        "metadata": { "name": "c" }, "spec": { "limit": "3", "adaptor": { "image": "i" } },
    });
    configs.patch("c", &PatchParams::apply("test"), &Patch::Apply(config)).await.unwrap();
    let advertised = await_condition(configs.clone(), "c", |config: Option<&PeerPodConfig>| {
        let status = config.and_then(|config| config.status.as_ref());
        status.is_some_and(|status| {
            let reason = |reason: &str| status.conditions.iter().any(|one| one.reason == reason);
            status.advertised == 0 && status.nodes == 1 && reason("Unavailable")
        })
    });
    tokio::time::timeout(MINUTE, advertised).await.expect("everything is made").unwrap();
    let node = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True" }] } });
    let nodes: Api<Node> = Api::all(admin.clone());
    nodes.patch_status("a", &PatchParams::default(), &Patch::Merge(&node)).await.unwrap();
    let advertised = await_condition(configs.clone(), "c", |config: Option<&PeerPodConfig>| {
        config.and_then(|config| config.status.as_ref()).is_some_and(|it| it.advertised == 3)
    });
    tokio::time::timeout(MINUTE, advertised).await.expect("the node advertises").unwrap();
    configs.delete("c", &DeleteParams::default()).await.unwrap();
    let gone = await_condition(configs, "c", |config: Option<&PeerPodConfig>| config.is_none());
    tokio::time::timeout(MINUTE, gone).await.expect("the config goes").unwrap();
    shutdown.trigger();
    running.await.unwrap().unwrap();

    let roles = printed(&["manifests", "peerpod"]);
    let rules: Vec<Value> =
        roles.iter().filter_map(|object| object["rules"].as_array().cloned()).flatten().collect();
    let mattering = [
        ("", "nodes/status", "patch"),
        ("", "secrets", "patch"),
        ("apps", "daemonsets", "patch"),
        ("apps", "daemonsets", "delete"),
        ("apps", "deployments", "delete"),
        ("", "services", "delete"),
        ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "delete"),
        ("confidentialcontainers.org", "peerpodconfigs/status", "patch"),
        ("events.k8s.io", "events", "create"),
    ];
    assert_asked_and_granted(&asked.lock().unwrap(), &rules, &mattering);
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
        !["kubewright-guard", "kubewright-podnet"].contains(&name) && object["rules"].is_array()
    };
    let rules: Vec<Value> = manifests
        .iter()
        .filter(controllers)
        .flat_map(|role| role["rules"].as_array().unwrap().clone())
        .collect();
    let mattering = [
        ("", "nodes", "get"),
        ("", "nodes", "patch"),
        ("", "nodes/status", "patch"),
        ("crd.projectcalico.org", "hostendpoints", "patch"),
        ("crd.projectcalico.org", "hostendpoints", "delete"),
        ("kubewright.io", "hostendpointtemplates/status", "patch"),
        ("coordination.k8s.io", "leases", "create"),
        ("coordination.k8s.io", "leases", "update"),
    ];
    assert_asked_and_granted(&asked.lock().unwrap(), &rules, &mattering);
}

/// Pods, definitions, a conflict and its repair: the agent of pod networks does with what its role
/// grants.
#[tokio::test(flavor = "multi_thread")]
async fn the_agent_of_pod_networks_asks_for_nothing_that_is_not_granted() {
    let server = Server::builder().start().await.unwrap();
    let admin = server.client();
    for crd in printed(&["crds"]) {
        apply(&admin, &crd).await;
        let name = crd["metadata"]["name"].as_str().unwrap();
        let served =
            await_condition(Api::all(admin.clone()), name, conditions::is_crd_established());
        tokio::time::timeout(MINUTE, served).await.unwrap().unwrap();
    }
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": { "name": "default", "namespace": "default" } });
    let account: ServiceAccount = serde_json::from_value(account).unwrap();
    let accounts: Api<ServiceAccount> = Api::default_namespaced(admin.clone());
    accounts.create(&PostParams::default(), &account).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let options = kubewright_local::runtime::Options {
        run_dir: path("runtime"),
        conf_dir: path("net.d"),
        bin_dirs: Vec::new(),
    };
    let runtime = kubewright_local::runtime::Runtime::start(&options).await.unwrap();
    let asked = Arc::default();
    let client = recording(&server, &asked);
    let mut options = kubewright_podnet::options::Options::new("node", runtime.endpoint().clone());
    options.state_dir = path("state");
    options.cache_dir = path("cache");
    options.socket = path("cni.sock");
    let manager = Manager::bind(client, ManagerOptions::default()).await.unwrap();
    let shutdown = Shutdown::new();
    let agent = kubewright_podnet::agent::Agent::new(options);
    let running = tokio::spawn(manager.controller(agent).run(shutdown.clone()));

    // What it has to say of a pod that no sandbox is needed for.
    let pods: Api<Pod> = Api::default_namespaced(admin.clone());
    let pod = json!({ "metadata": { "name": "p", "annotations": { "networks": "[{\"name\":\"a\"}]" } },
        "spec": { "nodeName": "node", "hostNetwork": true,
            "containers": [{ "name": "a", "image": "a" }] } });
    let pod: Pod = serde_json::from_value(pod).unwrap();
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let refused = |pod: Option<&Pod>| {
        let annotations = pod.and_then(|pod| pod.metadata.annotations.as_ref());
        annotations.is_some_and(|all| all.contains_key("kubewright.io/network-errors"))
    };
    let told = await_condition(pods.clone(), "p", refused);
    tokio::time::timeout(MINUTE, told).await.expect("it is told").unwrap();
    let events: Api<KubernetesEvent> = Api::default_namespaced(admin.clone());
    let event = async {
        while events.list(&Default::default()).await.unwrap().items.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(MINUTE, event).await.expect("there is an event");
    shutdown.trigger();
    running.await.unwrap().unwrap();

    let manifests = printed(&["manifests", "podnet"]);
    let rules: Vec<Value> = manifests
        .iter()
        .filter_map(|object| object["rules"].as_array())
        .flat_map(|rules| rules.clone())
        .collect();
    let mattering = [
        ("", "pods", "list"),
        ("", "pods", "watch"),
        ("", "pods", "patch"),
        ("k8s.cni.cncf.io", "network-attachment-definitions", "watch"),
        ("networks.kaloom.com", "networks", "watch"),
        ("events.k8s.io", "events", "create"),
    ];
    assert_asked_and_granted(&asked.lock().unwrap(), &rules, &mattering);
}

/// A policy that is wrong and then accepts and rejects: the approver does with what its role grants.
#[tokio::test(flavor = "multi_thread")]
async fn the_approver_of_nodes_asks_for_nothing_that_is_not_granted() {
    use kubewright_node::acceptance::is_ready;
    use kubewright_node::approver::{Approver, CONFIG_MAP, POLICY_KEY};
    use kubewright_node::discovery::{Cluster, Pin, Search, Trusted};
    use kubewright_node::embedded::{self, Join};
    use kubewright_node::formation::{Formation, publish};
    use kubewright_node::token::{self, Grant};

    let server = Server::builder().start().await.unwrap();
    let admin = server.client();
    let address = server.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let authority = server.pki().certificate_pem().to_owned();
    let place = Cluster { server: format!("https://{address}"), authority };
    Formation::new(false).apply(&admin).await.unwrap();
    publish(&admin, &place).await.unwrap();
    let token = token::create(&admin, None, &Grant::for_nodes(None)).await.unwrap();

    let asked = Arc::default();
    let client = recording(&server, &asked);
    let settings = ManagerOptions {
        election: Some(ElectionOptions::new("default", "test")),
        ..ManagerOptions::default()
    };
    let manager = Manager::bind(client, settings).await.unwrap();
    let approver = Approver::new(Default::default(), manager.metrics());
    let shutdown = Shutdown::new();
    let running = tokio::spawn(manager.controller(approver).run(shutdown.clone()));
    let policy = |rules: &str| {
        let text = format!(
            "apiVersion: node.kubewright.io/v1alpha1\nkind: AcceptancePolicy\nrules: [{rules}]"
        );
        json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": CONFIG_MAP }, "data": { POLICY_KEY: text } })
    };
    let maps: Api<DynamicObject> = Api::default_namespaced_with(
        admin.clone(),
        &kube::core::ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&()),
    );
    let put = async |rules: &str| {
        let params = PatchParams::apply("test").force();
        maps.patch(CONFIG_MAP, &params, &Patch::Apply(policy(rules))).await.unwrap();
    };
    put("{}").await;
    put("{ nodes: [good] }, { nodes: [bad], action: reject }").await;
    let folder = tempfile::tempdir().unwrap();
    let join = async |node: &str| {
        let machine = Join {
            state: folder.path().join(node),
            search: Search {
                seeder: place.endpoint().unwrap(),
                token: token.clone(),
                trust: Trusted::Pins(Pin::of_pem(&place.authority).unwrap()),
                patience: MINUTE,
            },
            node: node.parse().unwrap(),
            address: None,
            labels: Default::default(),
            expiration: None,
        };
        embedded::join(&machine, None, &mut |_| {}).await
    };
    join("good").await.unwrap();
    assert!(join("bad").await.err().unwrap().to_string().contains("rejected"));
    let nodes: Api<Node> = Api::all(admin);
    assert!(is_ready(&nodes.get("good").await.unwrap()));
    shutdown.trigger();
    running.await.unwrap().unwrap();

    let manifests = printed(&["manifests", "node"]);
    let rules: Vec<Value> = manifests
        .iter()
        .filter_map(|object| object["rules"].as_array())
        .flat_map(|rules| rules.clone())
        .collect();
    let mattering = [
        ("", "nodes", "watch"),
        ("", "configmaps", "watch"),
        ("certificates.k8s.io", "certificatesigningrequests", "watch"),
        ("certificates.k8s.io", "certificatesigningrequests/approval", "patch"),
        ("events.k8s.io", "events", "create"),
        ("coordination.k8s.io", "leases", "update"),
    ];
    assert_asked_and_granted(&asked.lock().unwrap(), &rules, &mattering);
}
