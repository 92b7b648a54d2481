//! The controller that answers in the cluster.

use k8s_openapi::api::core::v1::{ConfigMap, Node};
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::{Api, ResourceExt};
use kubewright_node::acceptance::{self, Policy, Verdict};
use kubewright_node::approver::{Approver, CONFIG_MAP, NAME, Options, World};
use kubewright_node::join::{Answer, answer};
use kubewright_operator::controller::{Context, Controller};
use kubewright_operator::{Metrics, Shutdown};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::json;

use crate::fixture;
use crate::fixture::{Fixture, PATIENCE, joining, told};

struct Running {
    metrics: Metrics,
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(fixture: &Fixture) -> Self {
        let (metrics, shutdown) = (Metrics::new(), Shutdown::new());
        let ready = kubewright_operator::health::Readiness::new().check(NAME);
        let client = fixture.client.clone();
        let context = Context::new(NAME, client, &metrics, ready, shutdown.clone());
        let approver = Approver::new(Options::default(), &metrics);
        let task = tokio::spawn(async move { approver.run(context).await.unwrap() });
        Self { metrics, shutdown, task }
    }

    async fn stop(self) -> String {
        self.shutdown.trigger();
        self.task.await.unwrap();
        self.metrics.render()
    }
}

async fn policy(fixture: &Fixture, rules: &str) {
    let text =
        format!("apiVersion: node.kubewright.io/v1alpha1\nkind: AcceptancePolicy\nrules:\n{rules}");
    let maps: Api<ConfigMap> = Api::default_namespaced(fixture.client.clone());
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": CONFIG_MAP },
        "data": { "policy.yaml": text } });
    let apply = PatchParams::apply("test").force();
    maps.patch(CONFIG_MAP, &apply, &Patch::Apply(map)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_accepts_and_rejects() {
    fixture!(fixture);
    let folder = tempfile::tempdir().unwrap();
    let (good, bad, other) =
        (fixture.unique("good"), fixture.unique("bad"), fixture.unique("other"));
    let token = fixture.token().await;
    let approver = Running::start(&fixture);
    let machines = [&good, &bad, &other].map(|node| fixture.machine(folder.path(), node, &token));
    // Nobody is accepted without a policy, and by one that is wrong.
    policy(&fixture, "- {}").await;
    let [accepted, rejected, waits] = machines.each_ref().map(joining);
    fixture.until_asked(&other).await;
    policy(
        &fixture,
        "- { nodes: ['good-*'], networks: [10.0.0.0/8] }\n- { action: reject, nodes: ['bad-*'], reason: known to be bad }",
    )
    .await;
    accepted.await.unwrap().unwrap();
    fixture.until_ready(&good).await;
    let error = rejected.await.unwrap().err().unwrap();
    assert!(told(&error).contains("known to be bad"), "{}", told(&error));
    assert!(!waits.is_finished());
    waits.abort();

    let events: Api<Event> = Api::namespaced(fixture.client.clone(), "default");
    let reasons: Vec<_> = events
        .list(&Default::default())
        .await
        .unwrap()
        .into_iter()
        .filter(|event| event.action.as_deref() == Some("Accept"))
        .filter_map(|event| event.reason)
        .collect();
    for reason in ["Accepted", "Rejected", "Waiting"] {
        assert!(reasons.iter().any(|it| it == reason), "{reasons:?}");
    }
    let metrics = approver.stop().await;
    for line in [
        "kubewright_node_requests_answered_total{kind=\"client\",answer=\"accepted\"} 1",
        "kubewright_node_requests_answered_total{kind=\"client\",answer=\"rejected\"} 1",
        "kubewright_node_requests_waiting 1",
        "kubewright_node_policy_faults 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn serving_certificates_are_for_the_addresses_of_their_node() {
    fixture!(fixture);
    let folder = tempfile::tempdir().unwrap();
    let node = fixture.unique("a");
    let token = fixture.token().await;
    policy(&fixture, "- { nodes: ['a-*'] }").await;
    let approver = Running::start(&fixture);
    let joined = joining(&fixture.machine(folder.path(), &node, &token)).await.unwrap().unwrap();
    let mut neighbour = fixture.machine(folder.path(), &fixture.unique("a-other"), &token);
    neighbour.address = "10.1.2.4".parse().ok();
    joining(&neighbour).await.unwrap().unwrap();
    let asks = async |stem: &str, names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
        params.distinguished_name.push(DnType::CommonName, node.user());
        let request = params.serialize_request(&KeyPair::generate().unwrap()).unwrap();
        let name = format!("{stem}-{node}");
        let object = json!({ "metadata": { "name": name,
                "labels": { kubewright_testkit::turn::MADE_BY_TEST: "" } },
            "spec": { "signerName": "kubernetes.io/kubelet-serving",
                "usages": ["server auth", "digital signature"],
                "request": k8s_openapi::ByteString(request.pem().unwrap().into_bytes()) } });
        let api = Api::all(joined.client.clone());
        let object = serde_json::from_value(object).unwrap();
        let made: k8s_openapi::api::certificates::v1::CertificateSigningRequest =
            api.create(&PostParams::default(), &object).await.unwrap();
        made.name_any()
    };
    // A node writes its status itself, also when it has fallen.
    let address = |kind: &str, address: &str| json!({ "type": kind, "address": address });
    let status = json!({ "status": { "addresses": [address("Hostname", node.as_str()),
        address("InternalIP", "10.1.2.3"), address("InternalIP", "10.1.2.4"),
        address("InternalDNS", "kubernetes.default.svc")] } });
    let own: Api<Node> = Api::all(joined.client.clone());
    own.patch_status(node.as_str(), &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    let lies = asks("lies", &["10.1.2.3", "kubernetes.default.svc"]).await;
    let as_other = asks("as-other", &["10.1.2.4"]).await;
    let as_server = asks("as-server", &[node.as_str(), "kubernetes.default.svc"]).await;
    let honest = asks("honest", &[node.as_str(), "10.1.2.3"]).await;
    let issued = await_condition(fixture.requests(), &honest, |request: Option<&_>| {
        request.is_some_and(|request| matches!(answer(request), Answer::Issued(_)))
    });
    tokio::time::timeout(PATIENCE, issued).await.expect("it is signed").unwrap();
    for lies in [&lies, &as_other, &as_server] {
        let waits = fixture.requests().get(lies).await.unwrap();
        assert_eq!(answer(&waits), Answer::Pending, "{lies}");
    }
    approver.stop().await;
    for name in [lies, as_other, as_server, honest] {
        fixture.requests().delete(&name, &DeleteParams::default()).await.unwrap();
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_gives_one_name_to_one_machine() {
    fixture!(fixture);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let node = fixture.unique("a");
    let token = fixture.token().await;
    let machines = folders.each_ref().map(|it| fixture.machine(it.path(), &node, &token));
    let everyone = "- { nodes: ['a-*'] }";
    let once = async || {
        let policy = format!(
            "apiVersion: node.kubewright.io/v1alpha1\nkind: AcceptancePolicy\nrules:\n{everyone}"
        );
        let policy = Policy::parse(&policy).unwrap();
        World::observe(&fixture.client, policy, Some("127.0.0.1")).await.unwrap().plan()
    };
    let asked = [joining(&machines[0]), joining(&machines[1])];
    fixture.until_asking(&node, 2).await;
    for planned in once().await {
        assert!(matches!(planned.verdict, Verdict::Wait { .. }), "{:?}", planned.verdict);
    }
    // Somebody compares, and accepts one: its Node holds the name, also when it has fallen silent.
    let first = acceptance::pending(&fixture.client).await.unwrap().remove(0).1.unwrap();
    acceptance::accept(&fixture.client, &node, Some(&first.fingerprint)).await.unwrap();
    fixture.until_ready(&node).await;
    let silent = json!({ "status": { "conditions": [{ "type": "Ready", "status": "Unknown" }] } });
    let nodes = fixture.nodes();
    nodes.patch_status(node.as_str(), &Default::default(), &Patch::Merge(&silent)).await.unwrap();
    policy(&fixture, everyone).await;
    let approver = Running::start(&fixture);
    // Of another name, so that it is seen to have looked.
    let other = fixture.machine(folders[0].path(), &fixture.unique("a-other"), &token);
    joining(&other).await.unwrap().unwrap();
    let [planned] = <[_; 1]>::try_from(once().await).unwrap();
    let Verdict::Wait { why } = &planned.verdict else { panic!("{:?}", planned.verdict) };
    assert!(why.contains("is there already"), "{why}");
    assert_ne!(planned.request.unwrap().fingerprint, first.fingerprint);
    approver.stop().await;
    asked.iter().for_each(tokio::task::JoinHandle::abort);
    fixture.finish().await;
}
