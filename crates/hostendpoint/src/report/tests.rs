#![allow(clippy::unwrap_used)]
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{
    api::CalicoGroup,
    observed::{Kind, Limits},
    plan::plan_with_problems,
    preflight::Preflight,
};

fn observed() -> Observed {
    let mut observed = Observed::new(CalicoGroup::CrdV1, Limits::default(), Preflight::new(6443));
    let template = |name: &str, spec: Value| {
        serde_json::from_value(json!({
            "apiVersion": "kubewright.io/v1alpha1", "kind": "HostEndpointTemplate",
            "metadata": {"name": name}, "spec": spec,
        }))
        .unwrap()
    };
    observed.apply_template(&template("bad", json!({"interfaces": [{"pattern": "("}]})));
    observed.apply_template(&template("edge", json!({
        "interfaces": [{"name": "eth0"}], "labels": {"role": "edge"}, "adopt": "Matching", "lockout": "Ignore",
    })));
    for name in ["n1", "n2", "n3"] {
        observed.apply_node(&serde_json::from_value(json!({"metadata": {"name": name}})).unwrap());
    }
    let ours = json!({"app.kubernetes.io/managed-by": "kubewright-hostendpoint", "kubewright.io/host-endpoint-template": "edge", "role": "odd"});
    for (name, node, interface, labels) in [
        ("n2-eth0", "n2", "eth0", &json!({"team": "a"})),
        ("n3-eth0", "n3", "eth9", &ours),
        ("n3-old", "n3", "eth1", &ours),
    ] {
        observed.apply_endpoint(
            &serde_json::from_value(json!({
                "metadata": {"name": name, "labels": labels, "uid": name},
                "spec": {"node": node, "interfaceName": interface, "profiles": ["p"]},
            }))
            .unwrap(),
        );
    }
    for kind in [Kind::Nodes, Kind::Templates, Kind::Endpoints, Kind::Policies] {
        observed.list_ends(kind);
    }
    observed.settle(Timestamp::UNIX_EPOCH);
    observed
}

fn report() -> Report {
    let observed = observed();
    let (actions, plans) = plan_with_problems(&observed, Timestamp::UNIX_EPOCH);
    Report::new(&observed, &actions, &plans)
}

#[test]
fn plan_as_a_diff() {
    insta::assert_snapshot!(report().render(false));
}

#[test]
fn plan_as_data() {
    insta::assert_yaml_snapshot!(report());
}

#[test]
fn colours_only_when_asked() {
    assert!(!report().render(false).contains('\u{1b}'));
    let colored = report().render(true);
    assert!(colored.contains("\u{1b}[32m+ create hostendpoint/n1-eth0"), "{colored}");
}
