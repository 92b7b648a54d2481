#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

fn demand(spec: Value) -> [u64; 3] {
    let mut originals = Originals::default();
    originals.take_in(&spec).unwrap();
    originals.demand(&spec).unwrap().0
}

fn container(name: &str, cpu: &str, memory: &str) -> Value {
    json!({"name": name, "resources": {"requests": {"cpu": cpu, "memory": memory}}})
}

fn sidecar(name: &str, cpu: &str, memory: &str) -> Value {
    let mut sidecar = container(name, cpu, memory);
    sidecar["restartPolicy"] = json!("Always");
    sidecar
}

#[test]
fn containers_add_up_and_are_rounded_up_once() {
    let spec =
        json!({"containers": [container("a", "250m", "100M"), container("b", "800m", "1Gi")]});
    assert_eq!(demand(spec), [2, 1120, 0]);
}

#[test]
fn the_limit_counts_where_it_covers_the_request() {
    let resources = |requests: Value, limits: Value| {
        json!({"containers": [
            {"name": "a", "resources": {"requests": requests, "limits": limits}}
        ]})
    };
    let both =
        resources(json!({"cpu": "2", "memory": "4Gi"}), json!({"cpu": "3", "memory": "5Gi"}));
    assert_eq!(demand(both), [3, 5120, 0]);
    let limit_alone = resources(json!({}), json!({"nvidia.com/gpu": "2", "cpu": "1500m"}));
    assert_eq!(demand(limit_alone), [2, 0, 2]);
    let other_limit = resources(json!({"cpu": "2"}), json!({"memory": "1Mi"}));
    assert_eq!(demand(other_limit), [2, 1, 0]);
}

#[test]
fn of_init_containers_the_largest_counts() {
    let spec = json!({
        "initContainers": [container("i", "4", "64Mi"), container("j", "1", "128Mi")],
        "containers": [container("a", "1", "256Mi"), container("b", "1", "256Mi")],
    });
    assert_eq!(demand(spec), [4, 512, 0]);
}

#[test]
fn sidecars_run_beside_what_is_started_after_them() {
    let spec = json!({
        "initContainers": [
            container("before", "3", "1Mi"), sidecar("s", "1", "10Mi"), container("after", "3", "1Mi"),
        ],
        "containers": [container("a", "1", "100Mi")],
    });
    assert_eq!(demand(spec), [4, 110, 0]);
}

#[test]
fn resources_of_the_pod_win_over_the_sum() {
    let spec = json!({
        "resources": {"requests": {"cpu": "8"}, "limits": {"cpu": "8"}},
        "containers": [container("a", "1", "100Mi")],
    });
    assert_eq!(demand(spec), [8, 100, 0]);
}

#[test]
fn a_container_that_asks_for_nothing_keeps_what_it_asked_for() {
    let mut originals = Originals::default();
    originals.take_in(&json!({"containers": [container("a", "1", "1Gi")]})).unwrap();
    let later = json!({"containers": [{"name": "a"}, container("b", "2", "1Gi")]});
    originals.take_in(&later).unwrap();
    assert_eq!(originals.demand(&later).unwrap().0, [3, 2048, 0]);
    // One that is gone does not count.
    let fewer = json!({"containers": [{"name": "b"}]});
    assert_eq!(originals.demand(&fewer).unwrap().0, [2, 1024, 0]);
}

#[test]
fn amounts_that_are_none_are_named() {
    let spec = json!({"initContainers": [container("i", "many", "1")]});
    let error = Originals::default().take_in(&spec).unwrap_err().to_string();
    assert!(
        error.starts_with("spec.initContainers[0].resources.requests[cpu] is \"many\""),
        "{error}"
    );
    let spec = json!({"containers": [container("i", "-1", "1")]});
    let error = Originals::default().take_in(&spec).unwrap_err().to_string();
    assert!(error.ends_with("it is negative"), "{error}");
}

#[test]
fn the_annotation_reads_back() {
    let mut originals = Originals::default();
    let spec = json!({"containers": [container("a", "1500m", "1Gi")]});
    originals.take_in(&spec).unwrap();
    originals.remember(Kind::Cpu, "2".to_owned());
    let pod = json!({"metadata": {"annotations": {ORIGINALS: originals.to_annotation()}}});
    assert_eq!(Originals::of_annotation(&pod).unwrap(), originals);
}

#[test]
fn an_annotation_of_somebody_else_is_refused() {
    for text in ["", r#"{"vms": {}}"#, r#"{"pod": {"cpu": "lots"}}"#] {
        let pod = json!({"metadata": {"annotations": {ORIGINALS: text}}});
        let error = Originals::of_annotation(&pod).unwrap_err();
        assert!(matches!(error, Refusal::Originals { .. }), "{text}: {error}");
    }
}
