#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use kubewright_cri::message::PodSandboxMetadata;
use kubewright_cri::sandbox::{Network, Sandbox};
use serde_json::{Value, json};

use super::*;
use crate::kubelet::Place;

fn pod(with: Value) -> Pod {
    let mut pod = json!({ "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "web", "namespace": "default", "uid": "uid-1" },
        "spec": { "containers": [{ "name": "main", "image": "none" }] } });
    json_patch::merge(&mut pod, &with);
    serde_json::from_value(pod).unwrap()
}

fn sandbox(id: &str, attempt: u32, ready: bool) -> PodSandbox {
    let state = if ready { PodSandboxState::Ready } else { PodSandboxState::NotReady };
    PodSandbox {
        id: id.to_owned(),
        metadata: Some(PodSandboxMetadata {
            uid: "uid-1".to_owned(),
            attempt,
            ..Default::default()
        }),
        state: state.into(),
        created_at: i64::from(attempt) * 1_000_000_000 + 1,
        ..Default::default()
    }
}

fn steps(pod: Option<Pod>, sandboxes: &[PodSandbox]) -> Vec<Step> {
    plan(&Observed { pod: pod.map(Arc::new), sandboxes: sandboxes.to_vec() })
}

fn end(id: &str) -> Step {
    Step::End(id.to_owned())
}

/// The pod as it is once its status tells of this sandbox.
fn reported(sandbox: &PodSandbox) -> Pod {
    let seen = Sandbox {
        id: sandbox.id.clone(),
        pod: sandbox.metadata.clone().unwrap(),
        ready: true,
        created_at: sandbox.created_at,
        labels: Default::default(),
        annotations: Default::default(),
        addresses: vec!["10.1.0.2".parse().unwrap()],
        network: Network::Namespace("/run/netns/x".into()),
        pid: None,
    };
    let place = Place { node: "worker-0".to_owned(), address: "10.0.0.10".to_owned() };
    let status = status::running(&pod(json!({})), &seen, &place, Timestamp::UNIX_EPOCH);
    pod(json!({ "status": status }))
}

#[test]
fn a_pod_gets_one_sandbox_and_its_status_tells_of_it() {
    let one = sandbox("a", 0, true);
    assert_eq!(steps(Some(pod(json!({}))), &[]), [Step::Run { attempt: 0 }]);
    assert_eq!(
        steps(Some(pod(json!({}))), std::slice::from_ref(&one)),
        [Step::Report("a".to_owned())]
    );
    assert_eq!(steps(Some(reported(&one)), &[one]), []);
}

#[test]
fn a_sandbox_that_ended_is_replaced_and_goes() {
    let (old, new) = (sandbox("a", 0, false), sandbox("b", 1, true));
    let pod = || Some(reported(&sandbox("a", 0, true)));
    assert_eq!(steps(pod(), std::slice::from_ref(&old)), [end("a"), Step::Run { attempt: 1 }]);
    assert_eq!(steps(pod(), &[old, new.clone()]), [end("a"), Step::Report("b".to_owned())]);
    assert_eq!(
        steps(Some(reported(&new)), &[sandbox("a", 0, true), new]),
        [end("a")],
        "the newest of two that are ready"
    );
}

#[test]
fn a_pod_that_goes_or_has_ended_has_its_sandboxes_ended_first() {
    let all = [sandbox("a", 0, false), sandbox("b", 1, true)];
    let going = |grace: i64| {
        pod(json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z",
            "deletionGracePeriodSeconds": grace } }))
    };
    assert_eq!(steps(Some(going(30)), &all), [end("a"), end("b"), Step::Finish]);
    assert_eq!(steps(Some(going(30)), &[]), [Step::Finish]);
    assert_eq!(steps(Some(going(0)), &[]), [], "held by a finalizer");
    for phase in ["Succeeded", "Failed"] {
        let ended = pod(json!({ "status": { "phase": phase } }));
        assert_eq!(steps(Some(ended.clone()), &all), [end("a"), end("b")]);
        assert_eq!(steps(Some(ended), &[]), []);
    }
}

#[test]
fn a_sandbox_without_a_pod_is_ended_and_a_mirror_is_no_pod() {
    let orphan = sandbox("a", 0, true);
    assert_eq!(steps(None, std::slice::from_ref(&orphan)), [end("a")]);
    let mirror = pod(json!({ "metadata": { "uid": "mirror",
        "annotations": { "kubernetes.io/config.mirror": "hash" } } }));
    let other = pod(json!({ "metadata": { "uid": "uid-2" } }));
    let all = by_pod([Arc::new(mirror), Arc::new(other)], [orphan]);
    let uids: Vec<_> = all.iter().map(|(uid, observed)| (uid.as_str(), plan(observed))).collect();
    assert_eq!(uids, [("uid-1", vec![end("a")]), ("uid-2", vec![Step::Run { attempt: 0 }])]);
}
