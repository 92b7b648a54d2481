#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::{pod_only, pod_spec, pod_status, template};

fn spec(mut spec: Value) -> Value {
    pod_spec(&mut spec);
    spec
}

#[test]
fn volumes() {
    for (sent, stored) in [
        (json!({}), json!({"emptyDir": {}})),
        (
            json!({"secret": {"secretName": "s"}}),
            json!({"secret": {"secretName": "s", "defaultMode": 420}}),
        ),
        (json!({"configMap": {"defaultMode": 0}}), json!({"configMap": {"defaultMode": 0}})),
        (json!({"hostPath": {"path": "/x"}}), json!({"hostPath": {"path": "/x", "type": ""}})),
        (
            json!({"projected": {"sources": [
                {"serviceAccountToken": {"path": "t"}},
                {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            ]}}),
            json!({"projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}},
                {"downwardAPI": {"items": [
                    {"path": "n", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
                ]}},
            ]}}),
        ),
        (
            json!({"downwardAPI": {"items": [{"path": "c", "resourceFieldRef": {"resource": "limits.cpu"}}]}}),
            json!({"downwardAPI": {"defaultMode": 420, "items": [
                {"path": "c", "resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}},
            ]}}),
        ),
        (json!({"iscsi": {}}), json!({"iscsi": {"iscsiInterface": "default"}})),
        (
            json!({"ephemeral": {"volumeClaimTemplate": {}}}),
            json!({"ephemeral": {"volumeClaimTemplate": {
                "metadata": {"creationTimestamp": null},
                "spec": {"volumeMode": "Filesystem", "resources": {}},
            }}}),
        ),
    ] {
        let spec = spec(json!({"volumes": [sent]}));
        assert_eq!(spec["volumes"][0], stored);
    }
}

#[test]
fn containers() {
    let spec = spec(json!({"containers": [{
        "name": "c", "image": "a.io/x",
        "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 80}],
        "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "livenessProbe": {"httpGet": {"port": 80}},
        "readinessProbe": {"grpc": {"port": 1}, "periodSeconds": 3},
        "lifecycle": {"preStop": {"httpGet": {"port": 1}}},
        "resources": {"limits": {"cpu": "100u"}},
    }]}));
    assert_eq!(
        spec["containers"][0],
        json!({
            "name": "c", "image": "a.io/x", "imagePullPolicy": "Always",
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 80, "protocol": "TCP"}],
            "env": [{"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}],
            "livenessProbe": {
                "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
                "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
            },
            "readinessProbe": {
                "grpc": {"port": 1, "service": ""},
                "timeoutSeconds": 1, "periodSeconds": 3, "successThreshold": 1, "failureThreshold": 3,
            },
            "lifecycle": {"preStop": {"httpGet": {"path": "/", "port": 1, "scheme": "HTTP"}}},
            "resources": {"limits": {"cpu": "1m"}},
        })
    );
}

#[test]
fn a_template_has_no_pod_only_defaults() {
    let container = json!({"name": "c", "image": "x", "ports": [{"containerPort": 80}],
                           "resources": {"limits": {"cpu": "1"}}});
    let inner = json!({"hostNetwork": true, "containers": [container]});
    let mut object = json!({"template": {"spec": inner}});
    template(&mut object, "template");
    let spec = &mut object["template"]["spec"];
    assert_eq!(spec.get("enableServiceLinks"), None);
    assert_eq!(spec["containers"][0]["resources"], json!({"limits": {"cpu": "1"}}));
    assert_eq!(spec["containers"][0]["ports"][0].get("hostPort"), None);
    pod_only(spec);
    assert_eq!(spec["enableServiceLinks"], true);
    assert_eq!(spec["containers"][0]["resources"]["requests"], json!({"cpu": "1"}));
    assert_eq!(spec["containers"][0]["ports"][0]["hostPort"], 80);
    assert_eq!(object["template"]["metadata"], json!({"creationTimestamp": null}));
}

#[test]
fn addresses_of_a_pod_agree() {
    for (sent, stored) in [
        (json!({"podIP": "a"}), json!({"podIP": "a", "podIPs": [{"ip": "a"}]})),
        (json!({"podIPs": [{"ip": "a"}]}), json!({"podIP": "a", "podIPs": [{"ip": "a"}]})),
        (
            json!({"podIP": "b", "podIPs": [{"ip": "a"}, {"ip": "c"}]}),
            json!({"podIP": "b", "podIPs": [{"ip": "b"}]}),
        ),
    ] {
        let mut status = sent;
        pod_status(&mut status);
        assert_eq!(status, stored);
    }
}
