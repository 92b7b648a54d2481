//! What holds whatever the cluster looks like.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::cluster::Cluster;
use crate::{
    observed::Kind,
    plan::{Action, plan},
};

fn spec() -> impl Strategy<Value = Value> {
    let rule = prop_oneof![
        Just(json!({"name": "bond0"})),
        Just(json!({"name": "Tun_0"})),
        Just(json!({"pattern": "e.*"})),
        Just(json!({"pattern": "("})),
        Just(json!({"cidrs": ["10.0.0.0/8"]})),
        Just(json!({"all": true})),
    ];
    let selector = prop_oneof![
        Just(json!({})),
        Just(json!({"matchLabels": {"role": "a"}})),
        Just(json!({"matchExpressions": [{"key": "role", "operator": "NotIn", "values": ["a"]}]})),
        Just(json!({"matchExpressions": [{"key": "role", "operator": "Nonsense"}]})),
    ];
    let name = prop_oneof![Just("{node}-{interface}"), Just("{template}-{node}-{interface}")];
    let adopt = prop_oneof![Just("Never"), Just("Matching"), Just("Always")];
    let lockout = prop_oneof![Just("Refuse"), Just("Warn"), Just("Ignore")];
    (
        proptest::collection::vec(rule, 1..3),
        (selector, name, adopt, lockout, any::<bool>(), any::<bool>()),
    )
        .prop_map(|(rules, (selector, name, adopt, lockout, profile, copy))| {
            json!({
                "nodeSelector": selector, "interfaces": rules, "endpointName": name,
                "adopt": adopt, "lockout": lockout, "expectedIPs": ["InternalIP"],
                "profiles": if profile { json!(["projectcalico-default-allow"]) } else { json!([]) },
                "copyLabels": {"allow": if copy { json!(["*"]) } else { json!([]) }},
                "labels": {"made": "here"},
            })
        })
}

fn node() -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("a"), Just("a-e"), Just("b"), Just("Odd_Node"), Just("c.example")];
    let interfaces = prop_oneof![
        Just(None),
        Just(Some(r#"[{"name":"eth0","addresses":["10.0.0.7"]},{"name":"e_1"}]"#)),
        Just(Some(r#"[{"name":"e-e0"},{"name":"e0"}]"#)),
        Just(Some("nonsense")),
    ];
    (name, interfaces, any::<Option<bool>>(), any::<bool>()).prop_map(
        |(name, interfaces, role, address)| {
            let mut node =
                json!({"metadata": {"name": name, "labels": {}, "annotations": {}}, "status": {}});
            if let Some(role) = role {
                node["metadata"]["labels"]["role"] = json!(if role { "a" } else { "b" });
            }
            if let Some(interfaces) = interfaces {
                node["metadata"]["annotations"]["projectcalico.org/Interfaces"] = json!(interfaces);
            }
            if address {
                node["status"]["addresses"] =
                    json!([{"type": "InternalIP", "address": "10.0.0.1"}]);
            }
            node
        },
    )
}

fn endpoint() -> impl Strategy<Value = Value> {
    let name =
        prop_oneof![Just("a-bond0"), Just("a-e-e0"), Just("0-first"), Just("b-all"), Just("zz")];
    let node = prop_oneof![Just("a"), Just("b"), Just("gone")];
    let labels = prop_oneof![
        Just(json!({})),
        Just(
            json!({"app.kubernetes.io/managed-by": "kubewright-hostendpoint", "kubewright.io/host-endpoint-template": "t0"})
        ),
        Just(
            json!({"app.kubernetes.io/managed-by": "kubewright-hostendpoint", "kubewright.io/host-endpoint-template": "was"})
        ),
        Just(json!({"projectcalico.org/created-by": "calico-kube-controllers"})),
    ];
    (name, node, labels, any::<bool>()).prop_map(|(name, node, labels, calico)| {
        let mut object = json!({
            "metadata": {"name": name, "labels": labels, "annotations": {}},
            "spec": {"node": node, "interfaceName": "bond0", "profiles": ["p"]},
        });
        if calico {
            object["metadata"]["annotations"]["projectcalico.org/metadata"] =
                json!(r#"{"labels":{"x":"y"}}"#);
        }
        object
    })
}

fn cluster(templates: &[Value], nodes: &[Value], endpoints: &[Value]) -> Cluster {
    let mut cluster = Cluster::new();
    for (index, spec) in templates.iter().enumerate() {
        cluster.template(&format!("t{index}"), spec.clone());
    }
    for node in nodes {
        cluster.node_object(node.clone());
    }
    for endpoint in endpoints {
        cluster.endpoint(endpoint.clone());
    }
    cluster
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn applying_a_plan_leaves_nothing_to_do(
        templates in proptest::collection::vec(spec(), 0..4),
        nodes in proptest::collection::vec(node(), 0..5),
        endpoints in proptest::collection::vec(endpoint(), 0..5),
    ) {
        let mut cluster = cluster(&templates, &nodes, &endpoints);
        cluster.run();
        prop_assert_eq!(cluster.plan(), Vec::<Action>::new());
        cluster.wait(86_400).run();
        prop_assert_eq!(cluster.plan(), Vec::<Action>::new());
    }

    #[test]
    fn nothing_is_deleted_that_is_not_ours(
        templates in proptest::collection::vec(spec(), 0..4),
        nodes in proptest::collection::vec(node(), 0..5),
        endpoints in proptest::collection::vec(endpoint(), 0..5),
    ) {
        let mut cluster = cluster(&templates, &nodes, &endpoints);
        let foreign: Vec<_> = cluster
            .endpoints
            .iter()
            .filter(|(_, object)| object["metadata"]["labels"]["app.kubernetes.io/managed-by"].is_null())
            .map(|(name, _)| name.clone())
            .collect();
        cluster.run().wait(86_400).run();
        for name in foreign {
            prop_assert!(cluster.endpoints.contains_key(&name), "{} is gone", name);
        }
    }

    #[test]
    fn nothing_is_deleted_on_missing_information(
        templates in proptest::collection::vec(spec(), 0..4),
        nodes in proptest::collection::vec(node(), 0..5),
        endpoints in proptest::collection::vec(endpoint(), 0..5),
        missing in prop_oneof![Just(Kind::Nodes), Just(Kind::Templates), Just(Kind::Endpoints)],
    ) {
        let mut whole = cluster(&templates, &nodes, &endpoints);
        whole.run();
        let mut blind = Cluster::unlisted();
        for (index, spec) in templates.iter().enumerate() {
            blind.template(&format!("t{index}"), spec.clone());
        }
        for endpoint in whole.endpoints.values() {
            blind.endpoint(endpoint.clone());
        }
        for kind in [Kind::Nodes, Kind::Templates, Kind::Endpoints] {
            if kind != missing {
                if kind == Kind::Nodes {
                    for node in &nodes {
                        blind.node_object(node.clone());
                    }
                }
                blind.observed.list_ends(kind);
            }
        }
        blind.plan();
        blind.wait(86_400);
        let gone: Vec<_> = blind
            .plan()
            .into_iter()
            .filter(|action| matches!(action, Action::Delete { .. } | Action::ConfirmAbsence { .. }))
            .collect();
        prop_assert_eq!(gone, Vec::<Action>::new());
    }

    #[test]
    fn a_bad_template_changes_nothing_for_the_others(
        templates in proptest::collection::vec(spec(), 0..3),
        nodes in proptest::collection::vec(node(), 0..5),
        endpoints in proptest::collection::vec(endpoint(), 0..5),
    ) {
        let mut without = cluster(&templates, &nodes, &endpoints);
        let mut with = cluster(&templates, &nodes, &endpoints);
        with.template("a-bad-one", json!({"interfaces": [{"pattern": "("}], "nodeSelector": {}}));
        without.observed.settle(without.now);
        with.observed.settle(with.now);
        prop_assert_eq!(plan(&without.observed, without.now), plan(&with.observed, with.now));
    }

    #[test]
    fn plans_do_not_depend_on_the_order_of_events(
        templates in proptest::collection::vec(spec(), 0..4),
        nodes in proptest::collection::vec(node(), 0..5),
        endpoints in proptest::collection::vec(endpoint(), 0..5),
    ) {
        let mut forward = cluster(&templates, &nodes, &[]);
        let mut other = Cluster::new();
        for (index, spec) in templates.iter().enumerate().rev() {
            other.template(&format!("t{index}"), spec.clone());
            other.plan();
        }
        for node in &nodes {
            other.node_object(node.clone());
            other.plan();
        }
        for endpoint in endpoints.iter() {
            forward.endpoint(endpoint.clone());
            other.endpoint(endpoint.clone());
            other.plan();
        }
        forward.observed.settle(forward.now);
        let known = other.plan();
        prop_assert_eq!(plan(&forward.observed, forward.now), known);
    }
}
