#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

fn names(crd: &Value) -> Vec<&Value> {
    let names = &crd["spec"]["names"];
    vec![&crd["metadata"]["name"], &names["kind"], &names["singular"], &names["shortNames"]]
}

#[test]
fn the_names_are_those_that_kubectl_users_know() {
    let [network, definition] = crds().map(|crd| serde_json::to_value(crd).unwrap());
    assert_eq!(
        names(&network),
        [
            &json!("networks.networks.kaloom.com"),
            &json!("Network"),
            &json!("network"),
            &json!(["net"])
        ]
    );
    assert_eq!(
        names(&definition),
        [
            &json!("network-attachment-definitions.k8s.cni.cncf.io"),
            &json!("NetworkAttachmentDefinition"),
            &json!("network-attachment-definition"),
            &json!(["net-attach-def"])
        ]
    );
    let schema = |crd: &Value| crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    assert_eq!(schema(&definition)["required"], Value::Null, "a spec may be missing");
    assert_eq!(schema(&network)["required"], json!(["spec"]));
    for crd in [network, definition] {
        assert_eq!(crd["spec"]["scope"], "Namespaced");
        let version = &crd["spec"]["versions"][0];
        assert_eq!((&version["name"], &version["storage"]), (&json!("v1"), &json!(true)));
    }
}

#[test]
fn objects_of_the_peers_are_read() {
    let network: Network = serde_json::from_value(json!({
        "apiVersion": "networks.kaloom.com/v1", "kind": "Network", "metadata": { "name": "data" },
        "spec": { "plugin": "bridge", "config": "{\"type\":\"bridge\"}" } }))
    .unwrap();
    assert_eq!(network.spec.plugin, "bridge");
    let definition: NetworkAttachmentDefinition = serde_json::from_value(json!({
        "apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
        "metadata": { "name": "data" }, "spec": {} }))
    .unwrap();
    assert_eq!(definition.spec.config, "");
}
