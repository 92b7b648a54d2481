#![allow(clippy::unwrap_used)]

mod properties;

use serde_json::{Value, json};

use super::strategy;
use crate::builtin::Part;
use crate::field;

/// All kinds of this area: group, version, resource, kind.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("", "v1", "pods", "Pod"),
    ("", "v1", "podtemplates", "PodTemplate"),
    ("", "v1", "replicationcontrollers", "ReplicationController"),
    ("apps", "v1", "deployments", "Deployment"),
    ("apps", "v1", "replicasets", "ReplicaSet"),
    ("apps", "v1", "statefulsets", "StatefulSet"),
    ("apps", "v1", "daemonsets", "DaemonSet"),
    ("apps", "v1", "controllerrevisions", "ControllerRevision"),
    ("batch", "v1", "jobs", "Job"),
    ("batch", "v1", "cronjobs", "CronJob"),
    ("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
];

/// What is stored after a create.
pub(super) fn created(group: &str, resource: &str, mut object: Value) -> Value {
    let strategy = strategy(group, resource).unwrap();
    strategy.default(&mut object);
    strategy.prepare_create(&mut object);
    object
}

/// Reasons and fields of the findings on a create.
pub(super) fn findings(group: &str, resource: &str, object: Value) -> Vec<(&'static str, String)> {
    let object = created(group, resource, object);
    brief(&strategy(group, resource).unwrap().validate_create(&object))
}

/// An update of `stored` through `part`: the result and the findings.
pub(super) fn updated(
    (group, resource): (&str, &str),
    part: Part<'_>,
    mut object: Value,
    stored: &Value,
) -> (Value, Vec<(&'static str, String)>) {
    let strategy = strategy(group, resource).unwrap();
    strategy.default(&mut object);
    strategy.prepare_update(part, &mut object, stored);
    let findings = brief(&strategy.validate_update(part, &object, stored));
    (object, findings)
}

pub(super) fn brief(errors: &field::Errors) -> Vec<(&'static str, String)> {
    errors.iter().map(|error| (error.reason(), error.field.clone())).collect()
}

/// A small valid template.
pub(super) fn template() -> Value {
    json!({"metadata": {"labels": {"app": "d"}},
           "spec": {"containers": [{"name": "c", "image": "example.com/app:1"}]}})
}

fn workload(kind: &str, more: Value) -> Value {
    let mut object = json!({"kind": kind, "metadata": {"name": "d", "uid": "u"}, "spec": {
        "selector": {"matchLabels": {"app": "d"}}, "template": template(),
    }});
    for (name, value) in more.as_object().unwrap() {
        object["spec"][name] = value.clone();
    }
    object
}

fn stored_template() -> Value {
    json!({
        "metadata": {"creationTimestamp": null, "labels": {"app": "d"}},
        "spec": {
            "containers": [{
                "name": "c", "image": "example.com/app:1", "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent",
            }],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst", "securityContext": {},
            "schedulerName": "default-scheduler",
        },
    })
}

#[test]
fn controllers_are_created_with_their_defaults() {
    let selector = json!({"matchLabels": {"app": "d"}});
    let template = stored_template();
    for (resource, spec, status) in [
        (
            "deployments",
            json!({
                "replicas": 1, "selector": selector, "template": template,
                "strategy": {"type": "RollingUpdate",
                             "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
                "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            }),
            json!({}),
        ),
        (
            "replicasets",
            json!({"replicas": 1, "selector": selector, "template": template}),
            json!({"replicas": 0}),
        ),
        (
            "statefulsets",
            json!({
                "replicas": 1, "selector": selector, "template": template, "serviceName": "",
                "podManagementPolicy": "OrderedReady",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "revisionHistoryLimit": 10,
                "persistentVolumeClaimRetentionPolicy":
                    {"whenDeleted": "Retain", "whenScaled": "Retain"},
            }),
            json!({"replicas": 0, "availableReplicas": 0}),
        ),
        (
            "daemonsets",
            json!({
                "selector": selector, "template": template, "revisionHistoryLimit": 10,
                "updateStrategy": {"type": "RollingUpdate",
                                   "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
            }),
            json!({"currentNumberScheduled": 0, "numberMisscheduled": 0,
                   "desiredNumberScheduled": 0, "numberReady": 0}),
        ),
    ] {
        let mut object = workload("", json!({}));
        object["status"] = json!({"replicas": 7});
        assert_eq!(findings("apps", resource, object.clone()), [], "{resource}");
        let object = created("apps", resource, object);
        assert_eq!(object["spec"], spec, "{resource}");
        assert_eq!(object["status"], status, "{resource}");
        assert_eq!(object["metadata"]["generation"], 1, "{resource}");
    }
}

#[test]
fn generation_rises_with_the_spec_only() {
    for resource in ["deployments", "replicasets", "statefulsets", "daemonsets"] {
        let of = ("apps", resource);
        let stored = created("apps", resource, workload("", json!({})));
        let mut labelled = stored.clone();
        labelled["metadata"]["labels"] = json!({"a": "b"});
        labelled["metadata"]["generation"] = json!(9);
        labelled["status"] = json!({"replicas": 3});
        let (object, errors) = updated(of, Part::Main, labelled, &stored);
        assert_eq!(errors, [], "{resource}");
        assert_eq!(object["metadata"]["generation"], 1, "{resource}");
        assert_eq!(object["status"], stored["status"], "{resource}");

        let mut waiting = stored.clone();
        waiting["spec"]["minReadySeconds"] = json!(3);
        let (object, errors) = updated(of, Part::Main, waiting.clone(), &stored);
        assert_eq!(errors, [], "{resource}");
        assert_eq!(object["metadata"]["generation"], 2, "{resource}");

        waiting["status"]["replicas"] = json!(2);
        let (object, _) = updated(of, Part::Sub("status"), waiting, &stored);
        assert_eq!(object["spec"], stored["spec"], "{resource}");
        assert_eq!(object["status"]["replicas"], 2, "{resource}");
        assert_eq!(object["metadata"]["generation"], 1, "{resource}");
    }
}

#[test]
fn annotations_of_a_deployment_count_and_its_status_keeps_labels() {
    let of = ("apps", "deployments");
    let stored = created("apps", "deployments", workload("", json!({})));
    let mut object = stored.clone();
    object["metadata"]["annotations"] = json!({"a": "b"});
    let (object, _) = updated(of, Part::Main, object, &stored);
    assert_eq!(object["metadata"]["generation"], 2);
    let mut object = stored.clone();
    object["metadata"]["labels"] = json!({"x": "y"});
    let (object, _) = updated(of, Part::Sub("status"), object, &stored);
    assert_eq!(object["metadata"].get("labels"), None);
}

#[test]
fn a_daemon_set_counts_changes_of_its_template() {
    let stored = created("apps", "daemonsets", workload("", json!({})));
    let key = "deprecated.daemonset.template.generation";
    assert_eq!(stored["metadata"]["annotations"][key], "1");
    let mut object = stored.clone();
    object["metadata"]["annotations"] = json!({});
    object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("x:2");
    let (object, _) = updated(("apps", "daemonsets"), Part::Main, object, &stored);
    assert_eq!(object["metadata"]["annotations"][key], "2");
    assert_eq!(object["metadata"]["generation"], 2);
}

#[test]
fn refused_controllers() {
    let required = "FieldValueRequired";
    let invalid = "FieldValueInvalid";
    let forbidden = "FieldValueForbidden";
    let unsupported = "FieldValueNotSupported";
    let labels = "spec.template.metadata.labels";
    let mut other = template();
    other["metadata"]["labels"] = json!({"app": "z"});
    let mut once = template();
    once["spec"]["restartPolicy"] = json!("Never");
    once["spec"]["activeDeadlineSeconds"] = json!(5);
    let recreate = json!({"type": "Recreate", "rollingUpdate": {"maxSurge": 1}});
    let stuck = json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}});
    let much = json!({"rollingUpdate": {"maxUnavailable": "101%", "maxSurge": "x"}});
    let both = json!({"rollingUpdate": {"maxSurge": 1}});
    let policy = "spec.template.spec.restartPolicy";
    let deadline = "spec.template.spec.activeDeadlineSeconds";
    for (resource, more, expected) in [
        ("deployments", json!({"template": other}), vec![(invalid, labels)]),
        (
            "deployments",
            json!({"replicas": -1, "template": once}),
            vec![(invalid, "spec.replicas"), (unsupported, policy), (forbidden, deadline)],
        ),
        ("deployments", json!({"selector": {}}), vec![(invalid, "spec.selector")]),
        (
            "deployments",
            json!({"strategy": recreate}),
            vec![(forbidden, "spec.strategy.rollingUpdate")],
        ),
        (
            "deployments",
            json!({"strategy": stuck}),
            vec![(invalid, "spec.strategy.rollingUpdate.maxUnavailable")],
        ),
        (
            "deployments",
            json!({"strategy": much}),
            vec![
                (invalid, "spec.strategy.rollingUpdate.maxUnavailable"),
                (invalid, "spec.strategy.rollingUpdate.maxSurge"),
            ],
        ),
        (
            "deployments",
            json!({"strategy": {"type": "X"}}),
            vec![(unsupported, "spec.strategy.type")],
        ),
        (
            "deployments",
            json!({"progressDeadlineSeconds": 5, "minReadySeconds": 5}),
            vec![(invalid, "spec.progressDeadlineSeconds")],
        ),
        ("replicasets", json!({"template": other}), vec![(invalid, labels)]),
        ("statefulsets", json!({"template": {"metadata": {"labels": {"app": "d"}}}}), vec![]),
        (
            "statefulsets",
            json!({"podManagementPolicy": "X", "updateStrategy": {"type": "Y"}}),
            vec![(invalid, "spec.podManagementPolicy"), (invalid, "spec.updateStrategy")],
        ),
        (
            "statefulsets",
            json!({"ordinals": {"start": -1}}),
            vec![(invalid, "spec.ordinals.start")],
        ),
        (
            "daemonsets",
            json!({"updateStrategy": both}),
            vec![(invalid, "spec.updateStrategy.rollingUpdate.maxSurge")],
        ),
        ("daemonsets", json!({"selector": null}), vec![(invalid, labels)]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|(a, b)| (a, b.to_owned())).collect();
        let object = workload("", more.clone());
        assert_eq!(findings("apps", resource, object), expected, "{resource} {more}");
    }
    let empty = json!({"metadata": {"name": "d"}, "spec": {}});
    let expected = [
        (required, "spec.selector".to_owned()),
        (invalid, labels.to_owned()),
        (required, "spec.template.spec.containers".to_owned()),
    ];
    assert_eq!(findings("apps", "deployments", empty), expected);
}

#[test]
fn selectors_and_claims_stay() {
    let invalid = ("FieldValueInvalid", "spec.selector".to_owned());
    for resource in ["deployments", "replicasets", "daemonsets"] {
        let stored = created("apps", resource, workload("", json!({})));
        let mut object = stored.clone();
        object["spec"]["selector"]["matchLabels"] = json!({"app": "z"});
        let (_, errors) = updated(("apps", resource), Part::Main, object, &stored);
        assert!(errors.contains(&invalid), "{resource}: {errors:?}");
    }
    let stored = created("apps", "statefulsets", workload("", json!({})));
    let mut object = stored.clone();
    object["spec"]["serviceName"] = json!("other");
    let (_, errors) = updated(("apps", "statefulsets"), Part::Main, object, &stored);
    assert_eq!(errors, [("FieldValueForbidden", "spec".to_owned())]);
}

#[test]
fn counts_in_a_status_fit_together() {
    let stored = created("apps", "deployments", workload("", json!({})));
    let mut object = stored.clone();
    object["status"] = json!({"replicas": -1});
    let (_, errors) = updated(("apps", "deployments"), Part::Sub("status"), object, &stored);
    let fields: Vec<_> = errors.iter().map(|(_, field)| field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "status.replicas",
            "status.updatedReplicas",
            "status.readyReplicas",
            "status.availableReplicas",
        ]
    );
}

#[test]
fn claim_templates_are_whole_objects() {
    let claim = json!({"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"]}});
    let object =
        created("apps", "statefulsets", workload("", json!({"volumeClaimTemplates": [claim]})));
    assert_eq!(
        object["spec"]["volumeClaimTemplates"][0],
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "c", "creationTimestamp": null},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {}, "volumeMode": "Filesystem"},
            "status": {"phase": "Pending"},
        })
    );
}

#[test]
fn a_replication_controller_takes_labels_from_its_template() {
    let object = json!({"metadata": {"name": "r"}, "spec": {"template": template()}});
    assert_eq!(findings("", "replicationcontrollers", object.clone()), []);
    let object = created("", "replicationcontrollers", object);
    assert_eq!(object["spec"]["selector"], json!({"app": "d"}));
    assert_eq!(object["metadata"]["labels"], json!({"app": "d"}));
    let bare = json!({"metadata": {"name": "r"}, "spec": {}});
    assert_eq!(
        findings("", "replicationcontrollers", bare),
        [
            ("FieldValueRequired", "spec.selector".to_owned()),
            ("FieldValueRequired", "spec.template".to_owned()),
        ]
    );
}

#[test]
fn budgets_bound_one_side() {
    let budget = |spec: Value| json!({"metadata": {"name": "p"}, "spec": spec});
    for (spec, fields) in [
        (json!({"minAvailable": 1}), vec![]),
        (json!({"minAvailable": 1, "maxUnavailable": "10%"}), vec!["spec"]),
        (json!({"minAvailable": "101%"}), vec!["spec.minAvailable"]),
        (json!({"maxUnavailable": -1}), vec!["spec.maxUnavailable"]),
        (json!({"unhealthyPodEvictionPolicy": "X"}), vec!["spec.unhealthyPodEvictionPolicy"]),
    ] {
        let found = findings("policy", "poddisruptionbudgets", budget(spec.clone()));
        let found: Vec<_> = found.iter().map(|(_, field)| field.as_str()).collect();
        assert_eq!(found, fields, "{spec}");
    }
    let stored = created("policy", "poddisruptionbudgets", budget(json!({"minAvailable": 1})));
    let changed = budget(json!({"minAvailable": "50%"}));
    let (object, _) = updated(("policy", "poddisruptionbudgets"), Part::Main, changed, &stored);
    assert_eq!(object["metadata"]["generation"], 2);
}

#[test]
fn every_kind_of_the_area_has_rules_and_no_other() {
    for (group, _, resource, _) in KINDS {
        assert!(strategy(group, resource).is_some(), "{resource}");
    }
    assert!(strategy("", "services").is_none());
    assert!(strategy("extensions", "deployments").is_none());
}
