use serde_json::{Value, json};

use super::*;
use crate::world::Sight;
use crate::world::tests::world;

pub(crate) fn pod(name: &str, networks: &str, status: Value, errors: Value) -> (Source, Value) {
    let mut annotations = json!({});
    for (key, value) in [
        ("k8s.v1.cni.cncf.io/networks", json!(networks)),
        ("k8s.v1.cni.cncf.io/network-status", json!(status.to_string())),
        ("kubewright.io/network-errors", json!(errors.to_string())),
    ] {
        if value != "" && value != "null" {
            annotations[key] = value;
        }
    }
    let object = json!({ "metadata": { "name": name, "namespace": "n", "annotations": annotations },
        "spec": { "nodeName": "worker-0" }, "status": { "phase": "Running" } });
    (Source::Pods, object)
}

fn attached(network: &str, interface: &str, ip: &str) -> Value {
    json!({ "name": network, "interface": interface, "ips": [ip], "mac": "0a:00:00:00:00:01",
        "dns": {} })
}

fn definition(name: &str) -> (Source, Value) {
    let config = json!({ "type": "bridge", "bridge": "br9", "ipam": { "subnet": "10.9.0.0/24" } });
    let object = json!({ "metadata": { "name": name, "namespace": "n" },
        "spec": { "config": config.to_string() } });
    (Source::Definitions, object)
}

#[test]
fn failures_come_first_then_what_is_pending() {
    let error = json!([{ "name": "n/c", "interface": "net3", "reason": "AttachFailed",
        "message": "no link" }]);
    let shown = attachments(
        &world(&[pod(
            "p",
            "a@net1,b@net2,c@net3",
            json!([attached("n/a", "net1", "10.9.0.2")]),
            error,
        )]),
        &Filter::default(),
    );
    let seen: Vec<_> = shown
        .rows
        .iter()
        .map(|row| (row.interface.as_str(), row.state.text.as_str(), row.error.as_str()))
        .collect();
    assert_eq!(
        seen,
        [("net3", "Failed", "no link"), ("net2", "Pending", ""), ("net1", "Attached", "")]
    );
    assert_eq!(shown.rows[2].addresses, ["10.9.0.2"]);
    assert_eq!(shown.notice, None);
}

#[test]
fn an_annotation_that_cannot_be_read_is_a_failure() {
    let shown =
        attachments(&world(&[pod("p", "[{broken", Value::Null, Value::Null)]), &Filter::default());
    assert_eq!(shown.rows[0].state.text, "Failed");
    assert!(!shown.rows[0].error.is_empty());
}

#[test]
fn networks_are_those_defined_and_those_in_use() {
    let status = json!([
        attached("k8s-pod-network", "eth0", "10.1.0.2"),
        attached("n/data", "net1", "10.9.0.2"),
        attached("n/lost", "net2", "10.8.0.2")
    ]);
    let rows = networks(&world(&[
        definition("data"),
        definition("idle"),
        pod("p", "data@net1", status, Value::Null),
    ]));
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.name.as_str(), row.link.as_str(), row.interfaces, row.cluster, row.defined))
        .collect();
    assert_eq!(
        seen,
        [
            ("k8s-pod-network", "", 1, true, false),
            ("n/data", "br9", 1, false, true),
            ("n/idle", "br9", 0, false, true),
            ("n/lost", "", 1, false, false),
        ]
    );
}

#[test]
fn one_of_both_kinds_is_enough() {
    let mut world = world(&[]);
    world.list_fails(Source::Networks, Sight::Absent);
    assert_eq!(notice(&world), None);
    world.list_fails(Source::Definitions, Sight::Absent);
    assert_eq!(notice(&world).map(|it| it.command), Some(Some(INSTALL)));
}
