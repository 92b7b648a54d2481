#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

fn review(operation: &str, object: &Value) -> Vec<u8> {
    serde_json::to_vec(&json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": "u-1", "operation": operation, "object": object, "dryRun": false},
    }))
    .unwrap()
}

fn answered(operation: &str, object: &Value) -> (Value, Verdict) {
    let (bytes, verdict) = answer(&review(operation, object), &Settings::default()).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), verdict)
}

fn pod(class: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
        "spec": {"runtimeClassName": class, "containers": [
            {"name": "web", "resources": {"requests": {"cpu": "1", "a/b": "1"}}},
        ]},
    })
}

#[test]
fn the_patch_makes_the_pod_a_peer_pod() {
    let mut pod = pod("kata-remote");
    let (answer, verdict) = answered("CREATE", &pod);
    assert_eq!(verdict, Verdict::Mutated);
    assert_eq!(answer["response"]["uid"], "u-1");
    assert_eq!(answer["response"]["allowed"], true);
    assert_eq!(answer["response"]["patchType"], "JSONPatch");
    let patch = STANDARD.decode(answer["response"]["patch"].as_str().unwrap()).unwrap();
    let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
    json_patch::patch(&mut pod, &patch).unwrap();
    // Names with a slash are keys like any other.
    assert_eq!(
        pod["spec"]["containers"][0]["resources"]["requests"],
        json!({"a/b": "1", "kata.peerpods.io/vm": "1"})
    );
    assert_eq!(answered("CREATE", &pod).1, Verdict::Unchanged);
}

#[test]
fn other_pods_pass_as_they_are() {
    let (answer, verdict) = answered("CREATE", &pod("runc"));
    assert_eq!(verdict, Verdict::Ignored);
    assert_eq!(answer["response"], json!({"uid": "u-1", "allowed": true}));
    assert_eq!(answered("UPDATE", &pod("kata-remote")).1, Verdict::Ignored);
    assert_eq!(answered("CREATE", &Value::Null).1, Verdict::Ignored);
}

#[test]
fn a_refusal_says_why() {
    let mut pod = pod("kata-remote");
    pod["spec"]["containers"] = json!([]);
    let (answer, verdict) = answered("CREATE", &pod);
    assert_eq!(verdict, Verdict::Denied);
    assert_eq!(answer["response"]["allowed"], false);
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.starts_with("a peer pod needs at least one container"), "{message}");
}

#[test]
fn what_is_no_review_is_an_error() {
    for body in [&b""[..], b"{}", b"[]", b"\xff", br#"{"apiVersion":"admission.k8s.io/v1"}"#] {
        assert!(matches!(answer(body, &Settings::default()), Err(ReviewError::Body(_))));
    }
    let old = br#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"1","operation":"CREATE"}}"#;
    let error = answer(old, &Settings::default()).unwrap_err().to_string();
    assert!(error.starts_with("admission.k8s.io/v1beta1 AdmissionReview is not"), "{error}");
}
