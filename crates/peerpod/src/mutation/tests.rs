#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const VCPUS: &str = "io.katacontainers.config.hypervisor.default_vcpus";
const MEMORY: &str = "io.katacontainers.config.hypervisor.default_memory";

fn peer_pod(containers: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
        "spec": {"runtimeClassName": "kata-remote", "containers": containers},
    })
}

fn web() -> Value {
    json!({"name": "web", "image": "web:1", "resources": {
        "requests": {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "1Gi"},
        "limits": {"cpu": "1500m", "memory": "1Gi", "example.com/fpga": "1"},
        "claims": [{"name": "device"}],
    }})
}

fn mutated(pod: &Value) -> Value {
    mutate(pod, &Settings::default()).unwrap().unwrap()
}

fn annotation<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    pod["metadata"]["annotations"][name].as_str()
}

#[test]
fn other_pods_are_not_touched() {
    let mut pod = peer_pod(json!([web()]));
    for class in [Value::Null, json!("runc"), json!("kata-remote-cc")] {
        pod["spec"]["runtimeClassName"] = class;
        assert_eq!(mutate(&pod, &Settings::default()), Ok(None));
    }
}

#[test]
fn what_containers_ask_for_becomes_the_size_of_the_vm() {
    let pod = mutated(&peer_pod(json!([web(), {"name": "log"}])));
    assert_eq!(annotation(&pod, VCPUS), Some("2"));
    assert_eq!(annotation(&pod, MEMORY), Some("1024"));
    assert_eq!(pod["metadata"]["labels"], json!({PEER_POD_LABEL: "true"}));
    assert_eq!(
        pod["spec"]["containers"][0]["resources"],
        json!({
            "requests": {"ephemeral-storage": "1Gi", "kata.peerpods.io/vm": "1"},
            "limits": {"example.com/fpga": "1", "kata.peerpods.io/vm": "1"},
            "claims": [{"name": "device"}],
        })
    );
    assert_eq!(pod["spec"]["containers"][1], json!({"name": "log"}));
}

#[test]
fn a_pod_that_asks_for_nothing_is_lent_one_all_the_same() {
    let pod = mutated(&peer_pod(json!([{"name": "web"}])));
    let one = json!({"kata.peerpods.io/vm": "1"});
    assert_eq!(pod["spec"]["containers"][0]["resources"], json!({"requests": one, "limits": one}));
    assert_eq!(annotation(&pod, VCPUS), None);
    assert_eq!(annotation(&pod, MEMORY), None);
}

#[test]
fn annotations_of_the_user_win() {
    let mut pod = peer_pod(json!([web()]));
    pod["metadata"]["annotations"] = json!({VCPUS: "16", INSTANCE_TYPE: "large"});
    let settings = Settings { instance_type: Some("small".to_owned()), ..Settings::default() };
    let pod = mutate(&pod, &settings).unwrap().unwrap();
    assert_eq!(annotation(&pod, VCPUS), Some("16"));
    assert_eq!(annotation(&pod, MEMORY), Some("1024"));
    assert_eq!(annotation(&pod, INSTANCE_TYPE), Some("large"));
    // Asked again, the annotation is still the user's.
    assert_eq!(annotation(&mutated(&pod), VCPUS), Some("16"));
}

#[test]
fn the_instance_type_is_set_where_asked_for() {
    let settings = Settings { instance_type: Some("small".to_owned()), ..Settings::default() };
    let pod = mutate(&peer_pod(json!([web()])), &settings).unwrap().unwrap();
    assert_eq!(annotation(&pod, INSTANCE_TYPE), Some("small"));
    assert_eq!(annotation(&mutated(&peer_pod(json!([web()]))), INSTANCE_TYPE), None);
}

#[test]
fn a_container_put_in_later_is_added() {
    let mut pod = mutated(&peer_pod(json!([web()])));
    let proxy =
        json!({"name": "proxy", "resources": {"requests": {"cpu": "1", "memory": "128Mi"}}});
    pod["spec"]["containers"].as_array_mut().unwrap().insert(0, proxy);
    let pod = mutated(&pod);
    assert_eq!(annotation(&pod, VCPUS), Some("3"));
    assert_eq!(annotation(&pod, MEMORY), Some("1152"));
    assert_eq!(pod["spec"]["containers"][0], json!({"name": "proxy", "resources": {}}));
    // The one that was lent stays where it is.
    assert_eq!(pod["spec"]["containers"][1]["resources"]["limits"]["kata.peerpods.io/vm"], "1");
}

#[test]
fn a_pod_takes_one_only() {
    let one =
        json!({"requests": {"kata.peerpods.io/vm": "2"}, "limits": {"kata.peerpods.io/vm": "2"}});
    let containers =
        json!([{"name": "a"}, {"name": "b", "resources": one}, {"name": "c", "resources": one}]);
    let pod = mutated(&peer_pod(containers));
    let lent = |index: usize| {
        pod["spec"]["containers"][index]["resources"]["limits"].get("kata.peerpods.io/vm").cloned()
    };
    assert_eq!([lent(0), lent(1), lent(2)], [None, Some(json!("1")), None]);
}

#[test]
fn resources_of_the_pod_are_taken_too() {
    let mut pod = peer_pod(json!([web()]));
    pod["spec"]["resources"] = json!({"requests": {"cpu": "7"}, "limits": {"cpu": "7"}});
    let pod = mutated(&pod);
    assert_eq!(annotation(&pod, VCPUS), Some("7"));
    assert_eq!(pod["spec"]["resources"], json!({}));
    assert_eq!(annotation(&mutated(&pod), VCPUS), Some("7"));
}

#[test]
fn what_cannot_work_is_refused_with_the_reason() {
    let refused = |pod: &Value| mutate(pod, &Settings::default()).unwrap_err().to_string();
    assert!(refused(&peer_pod(json!([]))).starts_with("a peer pod needs at least one container"));
    let mut host = peer_pod(json!([web()]));
    host["spec"]["hostNetwork"] = json!(true);
    assert!(refused(&host).starts_with("spec.hostNetwork is true"));
    let pages = json!([{"name": "db", "resources": {"limits": {"hugepages-2Mi": "64Mi"}}}]);
    assert!(refused(&peer_pod(pages)).starts_with("container \"db\" asks for hugepages-2Mi"));
    let mut odd = peer_pod(json!([web()]));
    odd["metadata"]["annotations"] = json!([]);
    assert_eq!(refused(&odd), "metadata.annotations is not an object");
}

/// Amounts as users write them, and as nobody should.
#[test]
fn odd_amounts_are_counted_or_refused() {
    let cases = [
        (json!("100u"), Some("1")),
        (json!("1e1"), Some("10")),
        (json!("2k"), Some("2000")),
        (json!(3), Some("3")),
        (json!(0.5), Some("1")),
        (json!("0"), None),
        (json!(null), None),
        // Beyond what any quantity may be: as much as there is, not nothing.
        (json!("1e30"), Some("9223372036854775807")),
        (json!("1e999999999"), Some("9223372036854775807")),
    ];
    for (cpu, vcpus) in cases {
        let pod = peer_pod(json!([{"name": "a", "resources": {"requests": {"cpu": cpu}}}]));
        match mutate(&pod, &Settings::default()) {
            Ok(pod) => assert_eq!(annotation(&pod.unwrap(), VCPUS), vcpus, "{cpu}"),
            Err(refusal) => panic!("{cpu}: {refusal}"),
        }
    }
    for cpu in [
        json!(""),
        json!("-1"),
        json!("1 "),
        json!("0x10"),
        json!([]),
        json!({"a": 1}),
        json!(true),
    ] {
        let pod = peer_pod(json!([{"name": "a", "resources": {"limits": {"cpu": cpu}}}]));
        let refusal = mutate(&pod, &Settings::default()).unwrap_err().to_string();
        assert!(refusal.starts_with("spec.containers[0].resources.limits[cpu] is "), "{refusal}");
    }
    // Sums that no number holds.
    let most = |name: &str| json!({"name": name, "resources": {"limits": {"memory": "9223372036854775807"}}});
    let pod = mutated(&peer_pod(json!([most("a"), most("b"), most("c")])));
    assert_eq!(annotation(&pod, MEMORY), Some("8796093022208"));
}

/// What the runtime costs its node is the node's, whatever the VM is.
#[test]
fn overhead_and_what_else_is_the_nodes_stays() {
    let mut pod = peer_pod(json!([web()]));
    pod["spec"]["overhead"] = json!({"cpu": "250m", "memory": "120Mi"});
    pod["spec"]["initContainers"] = json!([
        {"name": "proxy", "restartPolicy": "Always", "resizePolicy": [
            {"resourceName": "cpu", "restartPolicy": "NotRequired"},
        ], "resources": {"requests": {"cpu": "1", "example.com/fpga": "1"}}},
    ]);
    let made = mutated(&pod);
    assert_eq!(made["spec"]["overhead"], pod["spec"]["overhead"]);
    let proxy = &made["spec"]["initContainers"][0];
    assert_eq!(proxy["resources"], json!({"requests": {"example.com/fpga": "1"}}));
    assert_eq!(proxy["resizePolicy"], pod["spec"]["initContainers"][0]["resizePolicy"]);
    assert_eq!(annotation(&made, VCPUS), Some("3"), "the sidecar runs beside the container");
}

/// The largest pod that an API server takes.
#[test]
fn a_pod_of_thousands_of_containers_is_counted() {
    let resources = json!({"requests": {"cpu": "100m"}, "limits": {"memory": "1Mi"}});
    let containers: Vec<_> =
        (0..5_000).map(|n| json!({"name": format!("c{n}"), "resources": resources})).collect();
    let pod = mutated(&peer_pod(json!(containers)));
    assert_eq!(annotation(&pod, VCPUS), Some("500"));
    assert_eq!(annotation(&pod, MEMORY), Some("5000"));
}

fn container(index: usize) -> impl Strategy<Value = Value> {
    let amounts = prop_oneof![
        Just(json!({})),
        (0u32..9_000, 0u32..9_000).prop_map(|(cpu, memory)| {
            json!({"cpu": format!("{cpu}m"), "memory": format!("{memory}Mi"), "example.com/a": "1"})
        }),
    ];
    (amounts.clone(), amounts).prop_map(move |(requests, limits)| {
        json!({"name": format!("c{index}"), "resources": {"requests": requests, "limits": limits}})
    })
}

fn pods() -> impl Strategy<Value = Value> {
    let list = |from: usize, count: usize| (from..from + count).map(container).collect::<Vec<_>>();
    (1usize..4, 0usize..4).prop_flat_map(move |(containers, starting)| {
        (list(0, containers), list(10, starting)).prop_map(|(containers, starting)| {
            let mut pod = peer_pod(json!(containers));
            pod["spec"]["initContainers"] = json!(starting);
            pod
        })
    })
}

proptest! {
    #[test]
    fn doing_it_again_changes_nothing(pod in pods()) {
        let once = mutated(&pod);
        prop_assert_eq!(mutated(&once), once);
    }

    #[test]
    fn the_order_of_calls_does_not_matter(pod in pods(), late in container(5)) {
        let mut at_once = pod.clone();
        at_once["spec"]["containers"].as_array_mut().unwrap().push(late.clone());
        let mut in_two = mutated(&pod);
        in_two["spec"]["containers"].as_array_mut().unwrap().push(late);
        prop_assert_eq!(mutated(&in_two), mutated(&at_once));
    }

    #[test]
    fn the_node_is_asked_for_one_and_for_nothing_that_the_vm_has(pod in pods()) {
        let pod = mutated(&pod);
        let mut lent = 0;
        for container in containers(&pod["spec"]) {
            for list in ["requests", "limits"] {
                for (resource, amount) in container["resources"][list].as_object().into_iter().flatten() {
                    prop_assert!(Kind::of(resource).is_none());
                    if resource == "kata.peerpods.io/vm" {
                        prop_assert_eq!(amount, "1");
                        lent += 1;
                    }
                }
            }
        }
        prop_assert_eq!(lent, 2, "one request and one limit");
    }
}
