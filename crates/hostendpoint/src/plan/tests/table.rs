//! What is planned in one situation each.

use serde_json::json;

use super::cluster::Cluster;
use crate::plan::{Action, ApplyReason, plan_with_problems};

fn describe(actions: &[Action]) -> Vec<String> {
    actions
        .iter()
        .map(|action| match action {
            Action::Apply { wanted, reason: ApplyReason::Create } => {
                format!("create {}", wanted.name)
            }
            Action::Apply { wanted, reason: ApplyReason::Adopt(_) } => {
                format!("adopt {}", wanted.name)
            }
            Action::Apply { wanted, reason: ApplyReason::Repair(fields) } => {
                format!("repair {} {}", wanted.name, fields.join(" "))
            }
            Action::ConfirmAbsence { node } => format!("confirm {node}"),
            Action::Delete { name, reason, .. } => format!("delete {name}: {reason}"),
            Action::HoldDeletions { endpoints, nodes, total } => {
                format!("hold {endpoints} of {nodes}/{total}")
            }
        })
        .collect()
}

fn problems(cluster: &mut Cluster) -> Vec<String> {
    cluster.observed.settle(cluster.now);
    plan_with_problems(&cluster.observed, cluster.now)
        .1
        .into_iter()
        .flat_map(|plan| plan.problems)
        .map(|problem| format!("{}/{}: {}", problem.template, problem.node, problem.kind))
        .collect()
}

#[test]
fn what_kinvolk_kept_is_created() {
    let mut cluster = Cluster::new();
    cluster
        .defaults()
        .worker("n1")
        .node("vpn1", &[("node.kubernetes.io/node", ""), ("nodetype", "vpn")]);
    cluster.node("other", &[("nodetype", "vpn")]);
    assert_eq!(
        describe(&cluster.plan()),
        [
            "create n1-bond0",
            "create n1-tunl0",
            "create vpn1-bond0",
            "create vpn1-tunl0",
            "create vpn1-vti1",
            "create vpn1-vti2",
        ]
    );
    cluster.run();
    insta::assert_yaml_snapshot!(
        cluster.endpoints.values().map(|object| json!({
            "name": object["metadata"]["name"], "labels": object["metadata"]["labels"], "spec": object["spec"],
        })).collect::<Vec<_>>()
    );
}

#[test]
fn existing_endpoints_are_adopted_only_if_the_template_says_so() {
    let existing = json!({"metadata": {"name": "n1-eth0", "labels": {"team": "a"}}, "spec": {"node": "n1", "interfaceName": "eth0"}});
    let elsewhere =
        json!({"metadata": {"name": "n1-eth0"}, "spec": {"node": "n2", "interfaceName": "eth0"}});
    for (adopt, object, wanted) in [
        ("Never", &existing, None),
        ("Matching", &existing, Some("adopt n1-eth0")),
        ("Matching", &elsewhere, None),
        ("Always", &elsewhere, Some("adopt n1-eth0")),
    ] {
        let mut cluster = Cluster::new();
        cluster.node("n1", &[]).endpoint(object.clone());
        cluster.template(
            "t",
            json!({"interfaces": [{"name": "eth0"}], "adopt": adopt, "lockout": "Ignore"}),
        );
        let planned = describe(&cluster.plan());
        assert_eq!(planned.first().map(String::as_str), wanted, "{adopt}");
        assert_eq!(problems(&mut cluster).len(), usize::from(wanted.is_none()), "{adopt}");
    }
}

#[test]
fn adoption_keeps_the_labels_of_others_and_calicos_annotation_right() {
    let mut cluster = Cluster::new();
    cluster.node("n1", &[]).endpoint(json!({
        "metadata": {"name": "n1-eth0", "labels": {"team": "a"},
                     "annotations": {"projectcalico.org/metadata": r#"{"labels":{"seen":"x"}}"#}},
        "spec": {"node": "n1", "interfaceName": "eth0", "profiles": ["projectcalico-default-allow"]},
    }));
    cluster.template("t", json!({"interfaces": [{"name": "eth0"}], "labels": {"role": "r"}, "adopt": "Matching", "lockout": "Warn"}));
    cluster.run();
    let object = &cluster.endpoints["n1-eth0"];
    assert_eq!(object["metadata"]["labels"]["team"], "a");
    assert_eq!(object["spec"]["profiles"], json!([]));
    let annotation =
        object["metadata"]["annotations"]["projectcalico.org/metadata"].as_str().unwrap();
    assert!(
        annotation.contains(r#""role":"r""#) && annotation.contains(r#""seen":"x""#),
        "{annotation}"
    );
}

#[test]
fn endpoints_of_calicos_controller_are_never_adopted() {
    let mut cluster = Cluster::new();
    cluster.node("n1", &[]).endpoint(json!({
        "metadata": {"name": "n1-eth0", "labels": {"projectcalico.org/created-by": "calico-kube-controllers"}},
        "spec": {"node": "n1", "interfaceName": "eth0"},
    }));
    cluster.template(
        "t",
        json!({"interfaces": [{"name": "eth0"}], "adopt": "Always", "lockout": "Ignore"}),
    );
    assert!(cluster.plan().is_empty());
    assert!(problems(&mut cluster)[0].contains("disable its autoCreate first"));
}

#[test]
fn a_foreign_endpoint_that_comes_first_is_reported() {
    let mut cluster = Cluster::new();
    cluster.node("n1", &[]).endpoint(
        json!({"metadata": {"name": "a-first"}, "spec": {"node": "n1", "interfaceName": "eth0"}}),
    );
    cluster.template("t", json!({"interfaces": [{"name": "eth0"}], "lockout": "Ignore"}));
    assert!(
        problems(&mut cluster)[0]
            .contains("endpoint n1-eth0 has no effect, a-first covers interface \"eth0\"")
    );
}

#[test]
fn lockout_refuses_or_warns() {
    let spec = |lockout: &str| json!({"interfaces": [{"name": "eth0"}], "lockout": lockout});
    let mut cluster = Cluster::new();
    cluster.node("n1", &[]).template("t", spec("Refuse"));
    assert!(cluster.plan().is_empty());
    let refused = problems(&mut cluster);
    assert!(
        refused[0].contains("is not created, it would cut the node off: no policy selects it"),
        "{refused:?}"
    );
    cluster.template("t", spec("Warn"));
    assert_eq!(describe(&cluster.plan()), ["create n1-eth0"]);
    assert!(problems(&mut cluster)[0].contains("may cut the node off"));
    cluster.template("t", spec("Refuse"));
    cluster.observed.apply_policy("p", &json!({"types": ["Ingress", "Egress"], "ingress": [{"action": "Allow"}], "egress": [{"action": "Allow"}]}));
    assert_eq!(describe(&cluster.plan()), ["create n1-eth0"]);
    assert!(problems(&mut cluster).is_empty());
    // Once it is there, a policy that goes away is reported and nothing else.
    cluster.run().observed.remove(crate::observed::Kind::Policies, "p");
    assert!(cluster.plan().is_empty());
    assert_eq!(cluster.names(), ["n1-eth0"]);
    assert!(problems(&mut cluster)[0].contains("may cut the node off"));
}

#[test]
fn static_names_get_their_endpoints_before_the_node_registers() {
    let mut cluster = Cluster::new();
    let spec = json!({"nodeSelector": {"matchLabels": {"role": "edge"}}, "interfaces": [{"name": "eth0"}],
                      "expectedIPs": ["InternalIP"], "lockout": "Ignore", "preCreation": {"nodes": ["edge-1"]}});
    cluster.template("t", spec);
    assert_eq!(describe(&cluster.plan()), ["create edge-1-eth0"]);
    cluster.run().wait(3600).run();
    assert_eq!(cluster.names(), ["edge-1-eth0"]);
    // Once it registers, what it reports is filled in.
    cluster.node_object(json!({"metadata": {"name": "edge-1", "labels": {"role": "edge"}},
                               "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.9"}]}}));
    assert_eq!(describe(&cluster.plan()), ["repair edge-1-eth0 spec.expectedIPs"]);
    // And if it is not what the template selects, the selector counts.
    cluster.run().node("edge-1", &[("role", "db")]);
    assert_eq!(describe(&cluster.plan()), ["delete edge-1-eth0: the template does not want it"]);
}

#[test]
fn a_changed_endpoint_name_creates_before_it_deletes() {
    let mut cluster = Cluster::new();
    cluster
        .node("n1", &[])
        .template("t", json!({"interfaces": [{"name": "eth0"}], "lockout": "Ignore"}));
    cluster.run();
    cluster.template("t", json!({"interfaces": [{"name": "eth0"}], "endpointName": "hep-{node}-{interface}", "lockout": "Ignore"}));
    assert_eq!(
        describe(&cluster.plan()),
        ["create hep-n1-eth0", "delete n1-eth0: the template does not want it"]
    );
}
