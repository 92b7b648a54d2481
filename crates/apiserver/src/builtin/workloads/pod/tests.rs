#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::Pod;
use crate::builtin::workloads::tests::{created, findings, updated};
use crate::builtin::{Part, Strategy};

const PODS: (&str, &str) = ("", "pods");

fn pod(more: Value) -> Value {
    let mut pod = json!({"metadata": {"name": "p"}, "spec": {
        "serviceAccountName": "sa",
        "containers": [{"name": "c", "image": "example.com/app:1"}],
    }});
    for (name, value) in more.as_object().unwrap() {
        pod["spec"][name] = value.clone();
    }
    pod
}

#[test]
fn a_pod_is_created_with_its_defaults() {
    let mut sent = pod(json!({}));
    sent["status"] = json!({"phase": "Running"});
    let object = created("", "pods", sent);
    assert_eq!(
        object,
        json!({
            "metadata": {"name": "p"},
            "spec": {
                "containers": [{
                    "name": "c", "image": "example.com/app:1", "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent",
                }],
                "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
                "dnsPolicy": "ClusterFirst", "serviceAccountName": "sa", "serviceAccount": "sa",
                "securityContext": {}, "schedulerName": "default-scheduler",
                "enableServiceLinks": true,
            },
            "status": {"phase": "Pending", "qosClass": "BestEffort"},
        })
    );
}

#[test]
fn both_names_of_the_service_account_are_written() {
    for (sent, stored) in [
        (json!({"serviceAccount": "a", "serviceAccountName": null}), Some("a")),
        (json!({"serviceAccount": "a", "serviceAccountName": "b"}), Some("b")),
        (json!({"serviceAccountName": null}), None),
    ] {
        let object = created("", "pods", pod(sent));
        for name in ["serviceAccount", "serviceAccountName"] {
            assert_eq!(object["spec"].get(name).and_then(Value::as_str), stored);
        }
    }
}

#[test]
fn limits_are_requested_and_classify() {
    let resources = json!({"limits": {"cpu": "1", "memory": "64Mi", "a.io/d": "1"},
                           "requests": {"memory": "32Mi"}});
    let containers = json!([{"name": "c", "image": "x", "resources": resources}]);
    let object = created("", "pods", pod(json!({"containers": containers})));
    assert_eq!(
        object["spec"]["containers"][0]["resources"]["requests"],
        json!({"cpu": "1", "memory": "32Mi", "a.io/d": "1"})
    );
    assert_eq!(object["status"]["qosClass"], "Burstable");
}

#[test]
fn ports_on_the_host_network() {
    let ports = |host: Value| {
        let mut port = json!({"containerPort": 80});
        if !host.is_null() {
            port["hostPort"] = host;
        }
        let containers = json!([{"name": "c", "image": "x", "ports": [port]}]);
        pod(json!({"hostNetwork": true, "containers": containers}))
    };
    let object = created("", "pods", ports(Value::Null));
    let expected = json!([{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]);
    assert_eq!(object["spec"]["containers"][0]["ports"], expected);
    assert_eq!(
        findings("", "pods", ports(json!(81))),
        [("FieldValueInvalid", "spec.containers[0].ports[0].hostPort".to_owned())]
    );
}

#[test]
fn a_gated_pod_says_so() {
    let object = created("", "pods", pod(json!({"schedulingGates": [{"name": "a.io/g"}]})));
    assert_eq!(object["status"]["conditions"][0]["reason"], "SchedulingGated");
    let placed = json!({"schedulingGates": [{"name": "a.io/g"}], "nodeName": "n"});
    let expected = [("FieldValueForbidden", "spec.nodeName".to_owned())];
    assert_eq!(findings("", "pods", pod(placed)), expected);
}

#[test]
fn grace_periods() {
    let scheduled = |seconds: i64, phase: &str| {
        json!({"spec": {"nodeName": "n", "terminationGracePeriodSeconds": seconds},
               "status": {"phase": phase}})
    };
    for (object, requested, expected) in [
        (scheduled(40, "Running"), None, 40),
        (scheduled(40, "Running"), Some(10), 10),
        (scheduled(40, "Running"), Some(0), 0),
        (scheduled(40, "Running"), Some(-5), 1),
        (scheduled(-1, "Running"), None, 1),
        (scheduled(40, "Succeeded"), Some(10), 0),
        (scheduled(40, "Failed"), None, 0),
        (json!({"spec": {"terminationGracePeriodSeconds": 40}}), Some(9), 0),
        (json!({"spec": {"nodeName": "n"}}), None, 0),
    ] {
        assert_eq!(Pod.grace_period(&object, requested), Some(expected), "{object}");
    }
    assert!(Pod.delete_returns_object());
}

#[test]
fn fields_to_select_pods_by() {
    let object = json!({"spec": {"nodeName": "n", "hostNetwork": true},
                        "status": {"phase": "Running", "podIP": "1.2.3.4"}});
    let fields = Pod.selectable_fields(&object);
    let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), 9);
    for (name, value) in [
        ("spec.nodeName", "n"),
        ("spec.restartPolicy", ""),
        ("spec.hostNetwork", "true"),
        ("status.phase", "Running"),
        ("status.podIP", "1.2.3.4"),
    ] {
        assert!(fields.contains(&(name, value.to_owned())), "{name}");
    }
}

#[test]
fn status_and_spec_are_written_apart() {
    let stored = created("", "pods", pod(json!({})));
    let mut object = stored.clone();
    object["metadata"]["labels"] = json!({"via": "status"});
    object["metadata"]["ownerReferences"] = json!([{"name": "x"}]);
    object["spec"]["activeDeadlineSeconds"] = json!(9);
    object["status"] = json!({
        "phase": "Running", "podIP": "10.9.8.7",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "c", "ready": true, "state": {"running": {}}}],
    });
    let (object, errors) = updated(PODS, Part::Sub("status"), object, &stored);
    assert_eq!(errors, []);
    assert_eq!(object["spec"], stored["spec"]);
    assert_eq!(object["metadata"], json!({"name": "p", "labels": {"via": "status"}}));
    assert_eq!(
        object["status"],
        json!({
            "phase": "Running", "podIP": "10.9.8.7", "podIPs": [{"ip": "10.9.8.7"}],
            "conditions": [{"type": "Ready", "status": "True",
                            "lastProbeTime": null, "lastTransitionTime": null}],
            "containerStatuses": [{
                "name": "c", "ready": true, "restartCount": 0, "image": "", "imageID": "",
                "state": {"running": {"startedAt": null}}, "lastState": {},
            }],
        })
    );
    let mut back = object.clone();
    back["status"]["phase"] = json!("Failed");
    let (back, _) = updated(PODS, Part::Main, back, &object);
    assert_eq!(back["status"]["phase"], "Running");
}

#[test]
fn what_may_change_in_a_pod() {
    let stored = created(
        "",
        "pods",
        pod(json!({
            "activeDeadlineSeconds": 30,
            "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute"}],
        })),
    );
    let forbidden = "FieldValueForbidden";
    let invalid = "FieldValueInvalid";
    for (pointer, value, expected) in [
        ("/spec/containers/0/image", json!("new:1"), vec![]),
        (
            "/spec/containers/0/image",
            json!(" x"),
            vec![(invalid, "spec.containers[0].image"), (invalid, "spec.containers[0].image")],
        ),
        ("/spec/activeDeadlineSeconds", json!(20), vec![]),
        ("/spec/activeDeadlineSeconds", json!(40), vec![(invalid, "spec.activeDeadlineSeconds")]),
        ("/spec/tolerations/0/tolerationSeconds", json!(4), vec![]),
        ("/spec/tolerations/0/key", json!("b"), vec![(forbidden, "spec.tolerations")]),
        ("/spec/tolerations/1", json!({"key": "n", "operator": "Exists"}), vec![]),
        ("/spec/containers/0/command", json!(["x"]), vec![(forbidden, "spec")]),
        ("/spec/hostNetwork", json!(true), vec![(forbidden, "spec")]),
        ("/spec/terminationGracePeriodSeconds", json!(1), vec![(forbidden, "spec")]),
        (
            "/spec/containers/1",
            json!({"name": "d", "image": "x"}),
            vec![(forbidden, "spec.containers")],
        ),
        (
            "/spec/ephemeralContainers",
            json!([{"name": "e", "image": "x"}]),
            vec![(forbidden, "spec")],
        ),
        ("/metadata/labels", json!({"a": "b"}), vec![]),
    ] {
        let mut object = stored.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match object.pointer_mut(parent).unwrap() {
            Value::Array(list) => list.push(value.clone()),
            parent => parent[name] = value.clone(),
        }
        let (_, errors) = updated(PODS, Part::Main, object, &stored);
        let errors: Vec<_> = errors.iter().map(|(a, b)| (*a, b.as_str())).collect();
        assert_eq!(errors, expected, "{pointer} {value}");
    }
    let (_, errors) = updated(PODS, Part::Main, pod(json!({})), &stored);
    let fields: Vec<_> = errors.iter().map(|(_, field)| field.as_str()).collect();
    assert_eq!(fields, ["spec.activeDeadlineSeconds", "spec.tolerations"]);
}

#[test]
fn a_negative_grace_period_may_become_one() {
    let stored = created("", "pods", pod(json!({"terminationGracePeriodSeconds": -3})));
    let mut object = stored.clone();
    object["spec"]["terminationGracePeriodSeconds"] = json!(1);
    assert_eq!(updated(PODS, Part::Main, object, &stored).1, []);
}

#[test]
fn ephemeral_containers_are_only_added() {
    let sub = Part::Sub("ephemeralcontainers");
    let stored = created("", "pods", pod(json!({})));
    let mut object = stored.clone();
    object["metadata"]["labels"] = json!({"lost": "yes"});
    object["spec"]["ephemeralContainers"] = json!([{"name": "dbg", "image": "x:1"}]);
    let (first, errors) = updated(PODS, sub, object.clone(), &stored);
    assert_eq!(errors, []);
    assert_eq!(first["metadata"], stored["metadata"]);
    assert_eq!(
        first["spec"]["ephemeralContainers"],
        json!([{
            "name": "dbg", "image": "x:1", "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent",
        }])
    );
    let path = "spec.ephemeralContainers".to_owned();
    object["spec"]["ephemeralContainers"][0]["image"] = json!("x:2");
    for changed in [object, stored] {
        let (_, errors) = updated(PODS, sub, changed, &first);
        assert_eq!(errors, [("FieldValueForbidden", path.clone())]);
    }
}

#[test]
fn features_that_are_off_leave_no_trace() {
    let object = created(
        "",
        "pods",
        pod(json!({
            "hostUsers": false,
            "initContainers": [{"name": "i", "image": "x", "restartPolicy": "Always"}],
            "containers": [{
                "name": "c", "image": "x", "resizePolicy": [{"resourceName": "cpu"}],
                "securityContext": {"procMount": "Default", "privileged": true},
            }],
        })),
    );
    let spec = &object["spec"];
    assert_eq!(spec.get("hostUsers"), None);
    assert_eq!(spec["initContainers"][0].get("restartPolicy"), None);
    assert_eq!(spec["containers"][0].get("resizePolicy"), None);
    assert_eq!(spec["containers"][0]["securityContext"], json!({"privileged": true}));
}
