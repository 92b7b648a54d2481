#![allow(clippy::unwrap_used)]
use kube::CustomResourceExt;

use super::*;

#[test]
fn crd_of_the_template() {
    insta::assert_yaml_snapshot!(HostEndpointTemplate::crd());
}

#[test]
fn every_list_of_the_crd_declares_its_type() {
    fn walk(path: &str, schema: &serde_json::Value, missing: &mut Vec<String>) {
        if schema["type"] == "array" && schema.get("x-kubernetes-list-type").is_none() {
            missing.push(path.to_owned());
        }
        if let Some(properties) = schema["properties"].as_object() {
            for (name, property) in properties {
                walk(&format!("{path}.{name}"), property, missing);
            }
        }
        if schema.get("items").is_some() {
            walk(&format!("{path}[]"), &schema["items"], missing);
        }
    }
    let crd = serde_json::to_value(HostEndpointTemplate::crd()).unwrap();
    let mut missing = Vec::new();
    walk("", &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn template_defaults_are_those_of_the_crd() {
    let spec: HostEndpointTemplateSpec =
        serde_json::from_value(serde_json::json!({"interfaces": [{"name": "eth0"}]})).unwrap();
    assert_eq!(spec.endpoint_name, "{node}-{interface}");
    assert_eq!(spec.adopt, AdoptPolicy::Never);
    assert_eq!(spec.lockout, LockoutPolicy::Refuse);
    assert_eq!(spec.pre_creation.expire_after_seconds, 3600);
}

#[test]
fn port_protocols_are_names_or_numbers() {
    let spec: HostEndpointSpec = serde_json::from_value(serde_json::json!({
        "node": "n1", "interfaceName": "eth0",
        "ports": [{"name": "a", "protocol": "UDP", "port": 53}, {"name": "b", "protocol": 6, "port": 80}],
    }))
    .unwrap();
    assert_eq!(spec.ports[0].protocol, PortProtocol::Name("UDP".into()));
    assert_eq!(spec.ports[1].protocol, PortProtocol::Number(6));
    assert_eq!(serde_json::to_value(&spec).unwrap()["ports"][1]["protocol"], 6);
}

#[test]
fn calico_metadata_keeps_what_it_does_not_know() {
    let text = r#"{"uid":"u1","creationTimestamp":null,"labels":{"a":"b"}}"#;
    let mut metadata = CalicoMetadata::parse(text);
    metadata.labels.insert("c".into(), "d".into());
    assert_eq!(
        metadata.render(),
        r#"{"labels":{"a":"b","c":"d"},"creationTimestamp":null,"uid":"u1"}"#
    );
    assert_eq!(CalicoMetadata::parse("{broken"), CalicoMetadata::default());
}

#[test]
fn groups_are_parsed_with_and_without_version() {
    assert_eq!("projectcalico.org/v3".parse::<CalicoGroup>().unwrap(), CalicoGroup::ProjectV3);
    assert_eq!("crd.projectcalico.org".parse::<CalicoGroup>().unwrap(), CalicoGroup::CrdV1);
    assert!("calico.org".parse::<CalicoGroup>().is_err());
}
