#![allow(clippy::unwrap_used)]

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kubewright_testkit::TestCluster;

use super::*;
use kubewright_attachment::annotation::{KALOOM as KALOOM_NETWORKS, STANDARD as NETWORKS};

const MINUTE: Duration = Duration::from_secs(60);

fn network(text: &str) -> NetworkName {
    text.parse().unwrap()
}

fn attach(text: &str) -> Change {
    Change::Attach { network: network(text), wish: Wish::default() }
}

fn detach(text: &str) -> Change {
    Change::Detach { network: network(text), interface: None }
}

async fn pod(cluster: &TestCluster, name: &str, annotations: Value) -> PodKey {
    // Without it no pod is admitted; a real cluster has it, or gets it any moment.
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client(), cluster.namespace());
    let account = json!({ "metadata": { "name": "default" } });
    let account = serde_json::from_value(account).unwrap();
    match accounts.create(&PostParams::default(), &account).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        made => drop(made.unwrap()),
    }
    let api: Api<Pod> = Api::namespaced(cluster.client(), cluster.namespace());
    let pod = json!({ "metadata": { "name": name, "annotations": annotations },
        "spec": { "containers": [{ "name": "a", "image": "a" }] } });
    api.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    PodKey::new(cluster.namespace(), name)
}

async fn annotate(cluster: &TestCluster, pod: &PodKey, annotations: Value) {
    let api: Api<Pod> = Api::namespaced(cluster.client(), &pod.namespace);
    let patch = json!({ "metadata": { "annotations": annotations } });
    api.patch(&pod.name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

async fn annotation(cluster: &TestCluster, pod: &PodKey, name: &str) -> Option<String> {
    let api: Api<Pod> = Api::namespaced(cluster.client(), &pod.namespace);
    api.get(&pod.name).await.unwrap().metadata.annotations?.remove(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_at_the_same_time_are_all_kept() {
    let cluster = TestCluster::start().await.unwrap();
    let pod = pod(&cluster, "p", json!({ KALOOM_NETWORKS: "[{\"name\":\"first\"}]" })).await;
    let edits = (0..12).map(|number| {
        let (client, pod) = (cluster.client(), pod.clone());
        async move { apply(&client, &pod, &attach(&format!("n{number}")), false).await.unwrap() }
    });
    futures::future::join_all(edits).await;
    let text = annotation(&cluster, &pod, KALOOM_NETWORKS).await.unwrap();
    let names: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(names.len(), 13, "{text}");
    let changed = apply(&cluster.client(), &pod, &detach("first"), true).await.unwrap();
    assert_eq!(changed.before, Some(text.clone()));
    assert_eq!(annotation(&cluster, &pod, KALOOM_NETWORKS).await, Some(text), "a dry run");
    cluster.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_annotations_gets_the_form_of_the_definition() {
    let cluster = TestCluster::start().await.unwrap();
    let client = cluster.client();
    let pod = pod(&cluster, "p", Value::Null).await;
    let error = apply(&client, &pod, &attach("green"), false).await.unwrap_err();
    assert!(matches!(error, ChangeError::NotDefined { .. }), "{error}");
    let absent = apply(&client, &pod, &detach("green"), false).await.unwrap_err();
    assert!(matches!(absent, ChangeError::Edit { .. }), "{absent}");
    served(&client).await;
    let definition = NetworkAttachmentDefinition::new("green", Default::default());
    let api: Api<NetworkAttachmentDefinition> =
        Api::namespaced(client.clone(), cluster.namespace());
    api.create(&PostParams::default(), &definition).await.unwrap();
    let changed = apply(&client, &pod, &attach("green"), false).await.unwrap();
    assert_eq!((changed.annotation, changed.after.as_deref()), (NETWORKS, Some("green")));
    assert_eq!(annotation(&cluster, &pod, NETWORKS).await.as_deref(), Some("green"));
    let changed = apply(&client, &pod, &detach("green"), false).await.unwrap();
    assert_eq!(changed.after, None);
    assert_eq!(annotation(&cluster, &pod, NETWORKS).await, None);
    let nobody = apply(&client, &PodKey::new(&pod.namespace, "q"), &attach("a"), false).await;
    assert!(matches!(nobody, Err(ChangeError::NoPod(_))), "{nobody:?}");
    cluster.finish().await.unwrap();
}

/// Installs both kinds.
async fn served(client: &Client) {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    use kube::CustomResourceExt as _;
    use kube::runtime::wait::{await_condition, conditions};
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in [NetworkAttachmentDefinition::crd(), Network::crd()] {
        let name = crd.metadata.name.clone().unwrap();
        let params = PatchParams::apply("test").force();
        api.patch(&name, &params, &Patch::Apply(&crd)).await.unwrap();
        let there = await_condition(api.clone(), &name, conditions::is_crd_established());
        tokio::time::timeout(MINUTE, there).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_with_what_the_agent_says() {
    let cluster = TestCluster::start().await.unwrap();
    let client = cluster.client();
    let old = r#"[{"name":"x/y","reason":"AttachFailed","message":"old"}]"#;
    let annotations = json!({ NETWORKS: "other", NETWORK_ERRORS: old });
    let pod = pod(&cluster, "p", annotations).await;
    let change = attach("green");
    let changed = apply(&client, &pod, &change, false).await.unwrap();
    let waiting = settled(&client, &changed, &change, MINUTE);
    let answer = async {
        let status = json!([{ "name": format!("{}/green", pod.namespace), "interface": "net1",
            "ips": ["10.0.0.1"], "dns": {} }]);
        annotate(&cluster, &pod, json!({ NETWORK_STATUS: status.to_string() })).await;
    };
    let (entries, ()) = tokio::join!(waiting, answer);
    assert_eq!(entries.unwrap()[0].interface, "net1");

    let change = attach("red");
    let changed = apply(&client, &pod, &change, false).await.unwrap();
    let waiting = settled(&client, &changed, &change, MINUTE);
    let answer = async {
        let errors = json!([{ "name": format!("{}/red", pod.namespace), "reason": "NetworkNotFound",
            "message": "there is none" }]);
        annotate(&cluster, &pod, json!({ NETWORK_ERRORS: errors.to_string() })).await;
    };
    let (failed, ()) = tokio::join!(waiting, answer);
    assert!(failed.unwrap_err().to_string().ends_with("there is none (NetworkNotFound)"));

    let change = detach("other");
    let changed = apply(&client, &pod, &change, false).await.unwrap();
    assert_eq!(
        settled(&client, &changed, &change, MINUTE).await.unwrap(),
        [],
        "it never was there"
    );
    let change = detach("green");
    let changed = apply(&client, &pod, &change, false).await.unwrap();
    let soon = settled(&client, &changed, &change, Duration::from_millis(50)).await;
    assert!(matches!(soon, Err(ChangeError::Silent { .. })), "{soon:?}");
    cluster.finish().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_taken_out_of_the_form_that_names_it() {
    let cluster = TestCluster::start().await.unwrap();
    let both = json!({ NETWORKS: "a,b", KALOOM_NETWORKS: "[{\"name\":\"c\"},{\"name\":\"d\"}]" });
    let pod = pod(&cluster, "p", both).await;
    let changed = apply(&cluster.client(), &pod, &detach("d"), false).await.unwrap();
    assert_eq!(changed.annotation, KALOOM_NETWORKS);
    assert!(annotation(&cluster, &pod, KALOOM_NETWORKS).await.unwrap().contains("\"c\""));
    let changed = apply(&cluster.client(), &pod, &detach("a"), false).await.unwrap();
    assert_eq!(changed.annotation, NETWORKS);
    let absent = apply(&cluster.client(), &pod, &detach("e"), false).await;
    assert!(matches!(absent, Err(ChangeError::Edit { .. })), "{absent:?}");
    cluster.finish().await.unwrap();
}

#[test]
fn the_networks_of_both_forms_are_listed() {
    let annotations = BTreeMap::from([
        (NETWORKS.to_owned(), "a".to_owned()),
        (KALOOM_NETWORKS.to_owned(), "[{\"name\":\"green\"}]".to_owned()),
        (
            NETWORK_STATUS.to_owned(),
            "[{\"name\":\"default/green\",\"interface\":\"net1\",\"dns\":{}}]".to_owned(),
        ),
    ]);
    let all = attachments("pods", &annotations).unwrap();
    let told: Vec<_> = all.iter().map(|a| (a.network.as_str(), a.state)).collect();
    assert_eq!(told, [("pods/a", State::Pending), ("default/green", State::Attached)]);
}

#[test]
fn a_pods_networks_are_listed_with_how_it_is_about_them() {
    let status = json!([
        { "name": "br", "interface": "eth0", "default": true, "dns": {} },
        { "name": "pods/a", "interface": "net1", "ips": ["10.0.0.1"], "mac": "m", "dns": {} },
        { "name": "pods/old", "interface": "net9", "dns": {} },
    ]);
    let errors =
        json!([{ "name": "pods/b", "interface": "x", "reason": "AttachFailed", "message": "no" }]);
    let annotations = BTreeMap::from([
        (NETWORKS.to_owned(), "a,b@x,e/c".to_owned()),
        (NETWORK_STATUS.to_owned(), status.to_string()),
        (NETWORK_ERRORS.to_owned(), errors.to_string()),
    ]);
    let all = attachments("pods", &annotations).unwrap();
    let told: Vec<_> =
        all.iter().map(|a| (a.network.as_str(), a.interface.as_str(), a.state)).collect();
    assert_eq!(
        told,
        [
            ("pods/a", "net1", State::Attached),
            ("pods/b", "x", State::Failed),
            ("e/c", "", State::Pending),
            ("br", "eth0", State::Attached),
            ("pods/old", "net9", State::Unasked),
        ]
    );
    assert_eq!(all[1].message, "no");
}

/// The status tells them in the order in which they were attached.
#[test]
fn what_names_its_interface_is_listed_with_that_one() {
    let status = json!([
        { "name": "pods/green", "interface": "g2", "dns": {} },
        { "name": "pods/green", "interface": "net9f27410725ab", "dns": {} },
    ]);
    let annotations = BTreeMap::from([
        (NETWORKS.to_owned(), "green,green@g2".to_owned()),
        (NETWORK_STATUS.to_owned(), status.to_string()),
    ]);
    let all = attachments("pods", &annotations).unwrap();
    let told: Vec<_> = all.iter().map(|it| (it.interface.as_str(), it.state)).collect();
    assert_eq!(told, [("net9f27410725ab", State::Attached), ("g2", State::Attached)]);
}

/// `list` shows an interface that the annotation does not name; `detach` takes it.
#[test]
fn an_interface_is_detached_by_the_name_it_got() {
    let status = json!([{ "name": "pods/green", "interface": "net3", "dns": {} },
        { "name": "pods/red", "interface": "net4", "dns": {} }]);
    let annotations = BTreeMap::from([
        (NETWORKS.to_owned(), "green,green@g2,red".to_owned()),
        (NETWORK_STATUS.to_owned(), status.to_string()),
    ]);
    let detach = |interface: &str| {
        let change =
            Change::Detach { network: network("green"), interface: Some(interface.to_owned()) };
        edited(Dialect::Standard, &annotations, "pods", &change)
    };
    for unnamed in ["net3", "net9f27410725ab"] {
        assert_eq!(detach(unnamed).unwrap().as_deref(), Some("green@g2,red"), "{unnamed}");
    }
    assert_eq!(detach("g2").unwrap().as_deref(), Some("green,red"));
    // Of another network, or of none.
    for other in ["net4", "net5"] {
        assert!(matches!(detach(other), Err(EditError::Absent { .. })), "{other}");
    }
}
