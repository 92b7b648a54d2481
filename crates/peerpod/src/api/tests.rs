#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use kube::CustomResourceExt;
use serde_json::json;

use super::*;

fn spec(fields: Value) -> PeerPodConfigSpec {
    serde_json::from_value(fields).unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_custom_resource_definition() {
    insta::assert_yaml_snapshot!(PeerPodConfig::crd());
}

#[test]
fn the_sample_of_the_replaced_controller_is_read() {
    let spec = spec(json!({
        "cloudSecretName": "peer-pods-secret", "configMapName": "peer-pods-cm", "limit": "20",
        "nodeSelector": {"matchLabels": {"node-role.kubernetes.io/worker": ""}},
    }));
    assert_eq!(spec.limit(), Some(20));
    let selector = spec.selector().unwrap();
    assert!(selector.selects(&labels(&[("node-role.kubernetes.io/worker", "")])));
    assert!(!selector.selects(&labels(&[])));
}

#[test]
fn a_config_of_a_limit_alone_has_the_defaults_it_had() {
    let spec = spec(json!({"limit": "1"}));
    assert_eq!(spec.cloud_secret_name, "peer-pods-secret");
    assert_eq!(spec.config_map_name, "peer-pods-cm");
    assert_eq!(spec.limit_scope, LimitScope::Cluster);
    assert!(spec.adaptor.enabled && spec.webhook.enabled);
    assert_eq!(spec.webhook.runtime_class_name, "kata-remote");
    assert!(spec.selector().unwrap().selects(&labels(&[])));
}

#[test]
fn three_spellings_of_the_selector() {
    let expression = json!({"matchExpressions": [{"key": "kata", "operator": "Exists"}]});
    let shapes = [
        json!({"limit": "1", "labelSelector": expression}),
        json!({"limit": "1", "nodeSelector": expression}),
        json!({"limit": "1", "nodeSelector": {"kata": "yes"}}),
    ];
    for shape in shapes {
        let selector = spec(shape.clone()).selector().unwrap();
        assert!(selector.selects(&labels(&[("kata", "yes")])), "{shape}");
        assert!(!selector.selects(&labels(&[("gpu", "yes")])), "{shape}");
    }
    // A label that is named like a field.
    let odd = spec(json!({"limit": "1", "nodeSelector": {"matchLabels": "odd"}}));
    assert!(odd.selector().unwrap().selects(&labels(&[("matchLabels", "odd")])));
}

#[test]
fn selectors_that_select_nothing_say_why() {
    let wrong = [
        (json!({"labelSelector": {}, "nodeSelector": {}}), "exclude each other"),
        (json!({"nodeSelector": {"matchLables": {}}}), "it has a field \"matchLables\""),
        (json!({"nodeSelector": {"matchLabels": ["a"]}}), "neither a label selector"),
        (
            json!({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}),
            "cannot be read",
        ),
        (
            json!({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "NotIn"}]}}),
            "NotIn of label \"a\", which needs values",
        ),
        (
            json!({"nodeSelector": {"matchExpressions": [
                {"key": "a", "operator": "Exists", "values": ["b"]},
            ]}}),
            "takes no values",
        ),
    ];
    for (mut fields, reason) in wrong {
        fields["limit"] = json!("1");
        let error = spec(fields.clone()).selector().unwrap_err().to_string();
        assert!(error.contains(reason), "{fields}: {error}");
    }
}

#[test]
fn limits_that_were_misread_are_none() {
    for text in ["", "ten", "010", "-1", "+1", "1.5", "0x10"] {
        assert_eq!(spec(json!({"limit": text})).limit(), None, "{text:?}");
    }
    assert_eq!(spec(json!({"limit": "0"})).limit(), Some(0));
}

/// What is offered to copy is understood, and selects something.
#[test]
fn the_samples_are_configs() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/samples");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if !text.contains("kind: PeerPodConfig") {
            continue;
        }
        let sample: PeerPodConfig = serde_saphyr::from_str(&text).unwrap();
        crate::plan::capacity(&sample.spec, &[]).unwrap();
        read += 1;
    }
    assert_eq!(read, 2);
}
