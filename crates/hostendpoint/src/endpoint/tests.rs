#![allow(clippy::unwrap_used)]
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::api::{AdoptPolicy, FIELD_MANAGER, LockoutPolicy};

fn wanted() -> Wanted {
    Wanted {
        name: "n1-bond0".into(),
        template: "workers".into(),
        node: "n1".into(),
        interface: "bond0".into(),
        expected_ips: Some(vec!["10.0.0.1".into()]),
        profiles: Vec::new(),
        ports: Vec::new(),
        labels: Arc::new(BTreeMap::from([
            (MANAGED_BY_LABEL.to_owned(), MANAGED_BY.to_owned()),
            (TEMPLATE_LABEL.to_owned(), "workers".to_owned()),
            ("host-endpoint".to_owned(), "ingress".to_owned()),
        ])),
        annotations: Arc::new(BTreeMap::from([("note".to_owned(), "1".to_owned())])),
        adopt: AdoptPolicy::Never,
        lockout: LockoutPolicy::Warn,
    }
}

fn observed(change: impl FnOnce(&mut Value)) -> Endpoint {
    let mut object = wanted().manifest(CalicoGroup::CrdV1, None).to_value();
    object["metadata"]["uid"] = json!("u1");
    object["metadata"]["resourceVersion"] = json!("7");
    object["metadata"]["managedFields"] = json!([{
        "manager": FIELD_MANAGER, "operation": "Apply", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {
            "f:labels": {"f:host-endpoint": {}, (format!("f:{MANAGED_BY_LABEL}")): {}, (format!("f:{TEMPLATE_LABEL}")): {}},
            "f:annotations": {"f:note": {}},
        }},
    }]);
    change(&mut object);
    Endpoint::new(
        &serde_json::from_value(object).unwrap(),
        CalicoGroup::CrdV1,
        &mut Interner::default(),
    )
}

#[test]
fn an_endpoint_as_it_was_applied_has_no_drift() {
    let endpoint = observed(|_| {});
    assert_eq!(endpoint.drift(&wanted()), Vec::<String>::new());
    assert!(endpoint.is_managed());
    assert_eq!(endpoint.template(), Some("workers"));
}

#[test]
fn drift_in_every_owned_field_is_seen() {
    let cases: &[(&str, Value, &str)] = &[
        ("/spec/node", json!("n2"), "spec.node"),
        ("/spec/interfaceName", json!("eth0"), "spec.interfaceName"),
        ("/spec/expectedIPs", json!([]), "spec.expectedIPs"),
        ("/metadata/labels/host-endpoint", json!("tunl"), "metadata.labels[host-endpoint]"),
        ("/metadata/annotations/note", json!("2"), "metadata.annotations[note]"),
    ];
    for (path, value, field) in cases {
        let endpoint = observed(|object| *object.pointer_mut(path).unwrap() = value.clone());
        assert_eq!(endpoint.drift(&wanted()), [*field]);
    }
    let endpoint =
        observed(|object| object["spec"]["profiles"] = json!(["projectcalico-default-allow"]));
    assert_eq!(endpoint.drift(&wanted()), ["spec.profiles"]);
    assert_eq!(
        wanted().manifest(CalicoGroup::CrdV1, Some(&endpoint)).to_value()["spec"]["profiles"],
        json!([])
    );
    let endpoint = observed(|object| {
        object["spec"]["ports"] = json!([{"name": "a", "protocol": "TCP", "port": 1}])
    });
    assert_eq!(endpoint.drift(&wanted()), ["spec.ports"]);
}

#[test]
fn labels_of_others_are_no_drift() {
    let endpoint = observed(|object| object["metadata"]["labels"]["team"] = json!("a"));
    assert!(endpoint.drift(&wanted()).is_empty());
}

#[test]
fn labels_that_are_no_longer_wanted_are_drift() {
    let mut fewer = wanted();
    Arc::make_mut(&mut fewer.labels).remove("host-endpoint");
    Arc::make_mut(&mut fewer.annotations).clear();
    let drift = observed(|_| {}).drift(&fewer);
    assert_eq!(drift, ["metadata.labels[host-endpoint]", "metadata.annotations[note]"]);
}

#[test]
fn unknown_addresses_keep_those_that_stand_there() {
    let mut unknown = wanted();
    unknown.expected_ips = None;
    let endpoint = observed(|_| {});
    assert!(endpoint.drift(&unknown).is_empty());
    assert_eq!(
        unknown.manifest(CalicoGroup::CrdV1, Some(&endpoint)).to_value()["spec"]["expectedIPs"],
        json!(["10.0.0.1"])
    );
}

#[test]
fn calicos_annotation_is_kept_right_and_wins() {
    let with = |annotation: &str| {
        let annotation = json!(annotation);
        observed(|object| {
            object["metadata"]["annotations"]["projectcalico.org/metadata"] = annotation
        })
    };
    // Calico sees neither our labels nor our annotation.
    let endpoint = with(r#"{"labels":{"theirs":"x"},"uid":"calico"}"#);
    assert!(endpoint.is_managed(), "the mark in the labels still counts");
    assert_eq!(endpoint.drift(&wanted()).len(), 4);
    let manifest = wanted().manifest(CalicoGroup::CrdV1, Some(&endpoint)).to_value();
    let annotation =
        manifest["metadata"]["annotations"]["projectcalico.org/metadata"].as_str().unwrap();
    let calico = CalicoMetadata::parse(annotation);
    assert_eq!(calico.labels["theirs"], "x");
    assert_eq!(calico.labels["host-endpoint"], "ingress");
    assert_eq!(calico.rest["uid"], "calico");
    // Written back, there is nothing left to do.
    assert!(with(annotation).drift(&wanted()).is_empty());
    // Without the annotation none is written.
    assert!(
        wanted().manifest(CalicoGroup::CrdV1, None).to_value()["metadata"]["annotations"]
            .get("projectcalico.org/metadata")
            .is_none()
    );
}

#[test]
fn the_annotation_means_nothing_in_v3() {
    let mut object = wanted().manifest(CalicoGroup::ProjectV3, None).to_value();
    object["metadata"]["annotations"]["projectcalico.org/metadata"] = json!("{}");
    let endpoint = Endpoint::new(
        &serde_json::from_value(object).unwrap(),
        CalicoGroup::ProjectV3,
        &mut Interner::default(),
    );
    assert!(endpoint.drift(&wanted()).is_empty());
}

#[test]
fn an_unmarked_endpoint_is_not_ours() {
    let endpoint = observed(|object| {
        object["metadata"]["labels"] =
            json!({"host-endpoint": "ingress", (TEMPLATE_LABEL): "workers"});
    });
    assert!(!endpoint.is_managed());
    assert_eq!(endpoint.template(), None);
}
