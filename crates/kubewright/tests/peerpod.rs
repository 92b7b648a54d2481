//! `kubewright peerpod` through the real binary.
#![allow(clippy::unwrap_used)]

mod panels;
mod sandbox;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Node;
use kube::api::{ListParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client};
use kubewright_apiserver::Server;
use kubewright_peerpod::api::PeerPodConfig;
use kubewright_peerpod::webhook::certificate::{Certificate, Lifetimes};
use sandbox::{Ended, KUBEWRIGHT, Running, Sandbox};
use serde_json::{Value, json};

struct Cluster {
    sandbox: Sandbox,
    client: Client,
    kubeconfig: String,
    _server: Server,
}

impl Cluster {
    async fn start() -> Self {
        kubewright_operator::client::install_crypto_provider();
        let server = Server::builder().start().await.unwrap();
        let address = server.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
        let sandbox = Sandbox::new();
        let path = sandbox.path("kubeconfig");
        std::fs::write(&path, server.kubeconfig(address).unwrap()).unwrap();
        let client = server.client();
        for crd in kubewright_peerpod::crds() {
            let name = crd.metadata.name.clone().unwrap();
            let api = Api::all(client.clone());
            api.create(&PostParams::default(), &crd).await.unwrap();
            await_condition(api, &name, conditions::is_crd_established()).await.unwrap();
        }
        Self { sandbox, client, kubeconfig: path.display().to_string(), _server: server }
    }

    async fn node(&self, name: &str, capacity: Option<&str>) {
        let mut amounts = json!({"cpu": "4"});
        if let Some(capacity) = capacity {
            amounts["kata.peerpods.io/vm"] = json!(capacity);
        }
        let node = json!({
            "metadata": {"name": name, "labels": {"kata": "yes"}},
            "status": {"capacity": amounts, "conditions": [{"type": "Ready", "status": "True"}]},
        });
        let node: Node = serde_json::from_value(node).unwrap();
        Api::all(self.client.clone()).create(&PostParams::default(), &node).await.unwrap();
    }

    /// The version that every write moves on.
    async fn version(&self) -> String {
        let nodes: Api<Node> = Api::all(self.client.clone());
        nodes.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap()
    }

    async fn plan(&self, arguments: &[&str]) -> Ended {
        let line = [&["peerpod", "plan", "--kubeconfig", &self.kubeconfig], arguments].concat();
        let mut command = self.sandbox.program(KUBEWRIGHT);
        command.args(line);
        tokio::task::spawn_blocking(move || sandbox::run(&mut command)).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_who_gets_how_many_and_writes_nothing() {
    let cluster = Cluster::start().await;
    let ended = cluster.plan(&[]).await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "there is no PeerPodConfig, and no node has capacity of one\n")
    );
    cluster.node("a", None).await;
    cluster.node("b", Some("9")).await;
    let config = json!({
        "metadata": {"name": "peer-pods"},
        "spec": {"limit": "5", "nodeSelector": {"matchLabels": {"kata": "yes"}}},
    });
    let config: PeerPodConfig = serde_json::from_value(json!({
        "apiVersion": "confidentialcontainers.org/v1alpha1", "kind": "PeerPodConfig",
        "metadata": config["metadata"], "spec": config["spec"],
    }))
    .unwrap();
    let configs = Api::<PeerPodConfig>::default_namespaced(cluster.client.clone());
    configs.create(&PostParams::default(), &config).await.unwrap();

    let before = cluster.version().await;
    let table = cluster.plan(&[]).await;
    assert_eq!(table.code, Some(2), "{table:?}");
    insta::assert_snapshot!(table.stdout);
    let json = cluster.plan(&["-o", "json"]).await;
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["configs"][0]["total"], 5);
    assert_eq!(report["configs"][0]["nodes"][1]["now"], 9);
    let yaml = cluster.plan(&["-o", "yaml"]).await;
    let same: Value = serde_saphyr::from_str(&yaml.stdout).unwrap();
    assert_eq!(same, report);
    assert_eq!(cluster.version().await, before, "a plan writes nothing");
}

/// The process that the webhook's Deployment runs: by its certificate, and by the next one.
#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_serves_what_lies_in_its_folder() {
    kubewright_operator::client::install_crypto_provider();
    let sandbox = Sandbox::new();
    let tls = sandbox.path("tls");
    std::fs::create_dir(&tls).unwrap();
    let now = jiff::Timestamp::now();
    let authority = Certificate::authority(now, Lifetimes::default()).unwrap();
    let pair = authority.sign(&["127.0.0.1".to_owned()], now, Lifetimes::default()).unwrap();
    std::fs::write(tls.join("tls.crt"), &pair.certificate).unwrap();
    std::fs::write(tls.join("tls.key"), pair.key()).unwrap();
    let health = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = sandbox.program(KUBEWRIGHT);
    command
        .args(["peerpod", "webhook", "--listen=127.0.0.1:0", "--log-format=json", "--tls-dir"])
        .arg(&tls)
        .arg(format!("--health-address=127.0.0.1:{health}"))
        .env("TARGET_RUNTIMECLASS", "mine")
        .env("POD_VM_EXTENDED_RESOURCE", "example.com/vm")
        .env("KUBEWRIGHT_PEERPOD_INSTANCE_TYPE", "t3.large")
        .stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let mut lines = BufReader::new(running.0.stderr.take().unwrap()).lines();
    let line = lines.find(|line| line.as_ref().unwrap().contains("serving the webhook"));
    let line = line.unwrap().unwrap();
    let after = line.split("127.0.0.1:").nth(1).unwrap();
    let port: String = after.chars().take_while(char::is_ascii_digit).collect();

    let mut config = kube::Config::new(format!("https://127.0.0.1:{port}").parse().unwrap());
    let der: Vec<String> = authority
        .certificate
        .lines()
        .filter(|line| !line.contains("-----"))
        .map(str::to_owned)
        .collect();
    config.root_cert = Some(vec![STANDARD.decode(der.concat()).unwrap()]);
    let client = Client::try_from(config).unwrap();
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": "u", "operation": "CREATE", "object": {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
            "spec": {"runtimeClassName": "mine", "containers": [{"name": "a", "image": "a"}]},
        }},
    });
    let request = axum::http::Request::post("/mutate")
        .header("content-type", "application/json")
        .body(review.to_string().into_bytes())
        .unwrap();
    let answer: Value = client.request(request).await.unwrap();
    assert_eq!(answer["response"]["allowed"], true);
    let patch = STANDARD.decode(answer["response"]["patch"].as_str().unwrap()).unwrap();
    let patch = String::from_utf8(patch).unwrap();
    assert!(patch.contains("example.com/vm") && patch.contains("t3.large"), "{patch}");

    let page = format!("http://127.0.0.1:{health}/metrics");
    let metrics = tokio::task::spawn_blocking(move || sandbox::get(&page)).await.unwrap();
    panels::assert_exposed(&["kubewright_peerpod_webhook_"], &metrics);

    running.terminate();
    let ended = tokio::task::spawn_blocking(move || running.0.wait().unwrap());
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap().unwrap();
    assert!(ended.success(), "{ended}");
}

#[test]
fn what_is_missing_is_named() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.path("nowhere").display().to_string();
    let ended = sandbox.kubewright(&["peerpod", "webhook", "--tls-dir", &nowhere]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("nowhere/tls.crt"), "{ended:?}");
    let ended = sandbox.kubewright(&["peerpod", "webhook", "--tls-dir", "/", "--listen", "nine"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("not ADDRESS:PORT, [ADDRESS]:PORT or :PORT"), "{ended:?}");
    let ended = sandbox.kubewright(&["controllers", "--dry-run"]);
    assert!(ended.stderr.contains("add --only hostendpoint"), "{ended:?}");
}
