//! With what rights and credentials the agent works.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{DeleteParams, DynamicObject, ListParams};
use kube::config::KubeConfigOptions;
use kube::{Api, Client, Config};
use kubewright_testkit::require;
use serde_json::{Value, json};

use crate::node::{MINUTE, Node};

/// The account of the manifests, with its rights.
async fn grant(node: &Node) {
    let manifests = node.sandbox.kubewright(&["manifests", "podnet", "-o", "json"]).ok();
    let manifests: Value = serde_json::from_str(&manifests).unwrap();
    for object in manifests["items"].as_array().unwrap() {
        let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        if object.types.as_ref().unwrap().kind != "DaemonSet" {
            node.apply(object).await;
        }
    }
}

/// What a service account of the manifests gets: a token, with which the agent may do what it needs
/// and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_for_the_agent_lets_it_work_and_is_its_owners_only() {
    require!(require::root(), require::program("ip"), require::cni_plugins().map(drop));
    let node = Node::start().await;
    let file = node.sandbox.path("agent");
    let to = file.display().to_string();
    let line = ["podnet", "agent", "kubeconfig", "--hours", "2", "-f", &to];
    // Without the account there is advice, and no file.
    let failed = node.kubewright(&line).await;
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.stderr.contains("kubewright manifests podnet"), "{failed:?}");
    assert!(!file.exists());

    grant(&node).await;
    let ended = node.kubewright(&line).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    let written: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(written["users"][0]["user"], json!({ "tokenFile": "agent.token" }));
    let token_file = node.sandbox.path("agent.token");
    assert_eq!(std::fs::metadata(&token_file).unwrap().permissions().mode() & 0o777, 0o600);
    let token = &*std::fs::read_to_string(&token_file).unwrap();
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!said.contains(token) && said.contains("is good until 20"), "{ended:?}");

    // Everything that the agent does goes through that file.
    let agent = Node { kubeconfig: to, ..node };
    let told = agent.kubewright(&["podnet", "attach", "p", "blue", "-n", "default"]).await;
    assert!(told.stderr.contains("there is no pod default/p"), "{told:?}");
    let _agent = agent.agent();
    agent.define("blue", json!({})).await;
    agent.pod("p", json!({ "k8s.v1.cni.cncf.io/networks": "blue@x0" })).await;
    agent.attached("p", "x0").await;
    let events: Api<k8s_openapi::api::events::v1::Event> =
        Api::default_namespaced(agent.client.clone());
    let added = |events: &[k8s_openapi::api::events::v1::Event]| {
        events.iter().any(|event| event.reason.as_deref() == Some("AddedInterface"))
    };
    let told = async {
        while !added(&events.list(&ListParams::default()).await.unwrap().items) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(MINUTE, told).await.expect("an event");
    let config = kube::config::Kubeconfig::read_from(&agent.kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await;
    let own = Client::try_from(config.unwrap()).unwrap();
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::default_namespaced(own.clone());
    let refused = secrets.list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 403), "{refused}");
    let pods: Api<Pod> = Api::default_namespaced(own);
    let refused = pods.delete("p", &DeleteParams::default()).await.unwrap_err();
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 403), "{refused}");
}

/// An account that was made anew has other tokens, as every account has in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_kubeconfig_is_taken_up_by_the_agent_that_runs() {
    require!(require::root(), require::program("ip"), require::cni_plugins().map(drop));
    let node = Node::start().await;
    grant(&node).await;
    let to = node.sandbox.path("agent").display().to_string();
    let line = ["podnet", "agent", "kubeconfig", "-f", &to];
    node.kubewright(&line).await.ok();
    let administrator = node.kubeconfig.clone();
    let mut node = Node { kubeconfig: to.clone(), ..node };
    let _agent = node.agent();
    node.kubeconfig = administrator;
    node.define("blue", json!({})).await;
    node.pod("p", json!({ "k8s.v1.cni.cncf.io/networks": "blue@x0" })).await;
    node.attached("p", "x0").await;

    let old = std::fs::read_to_string(node.sandbox.path("agent.token")).unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(node.client.clone(), "kubewright-system");
    accounts.delete("kubewright-podnet", &DeleteParams::default()).await.unwrap();
    grant(&node).await;
    node.kubewright(&line).await.ok();
    assert_ne!(std::fs::read_to_string(node.sandbox.path("agent.token")).unwrap(), old);
    // The old token is refused, so that only an agent with the new one can tell of it.
    node.pod("q", json!({ "k8s.v1.cni.cncf.io/networks": "blue@y0" })).await;
    node.attached_within("q", "y0", 4 * MINUTE).await;
}
