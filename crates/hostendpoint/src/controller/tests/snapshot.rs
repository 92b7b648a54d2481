//! Plans of the present state, without a controller.

use kubewright_testkit::require;
use serde_json::json;

use super::cluster::{Cluster, at_once};
use crate::{
    api::CalicoGroup,
    calico_import,
    controller::{SnapshotError, snapshot},
    defaults::Defaults,
    plan::plan_with_problems,
    report::Report,
};

async fn report(
    cluster: &Cluster,
    templates: Option<&[crate::api::HostEndpointTemplate]>,
) -> Report {
    let observed = snapshot(&cluster.spied(), &at_once(), templates).await.unwrap().observed;
    let (actions, plans) = plan_with_problems(&observed, jiff::Timestamp::now());
    Report::new(&observed, &actions, &plans)
}

#[tokio::test]
async fn a_plan_says_what_the_controller_then_does() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    cluster.worker("n1").await;
    let ours = json!({
        "app.kubernetes.io/managed-by": "kubewright-hostendpoint",
        "kubewright.io/host-endpoint-template": "worker-ingress",
    });
    let old = json!({
        "apiVersion": "crd.projectcalico.org/v1", "kind": "HostEndpoint",
        "metadata": {"name": "gone-bond0", "labels": ours},
        "spec": {"node": "gone", "interfaceName": "bond0"},
    });
    cluster.create(&cluster.endpoints(), old).await;
    let planned = report(&cluster, None).await;
    let text = planned.render(false);
    assert_eq!(cluster.spy.writes(), Vec::<String>::new(), "a plan writes nothing");
    for line in [
        "- delete hostendpoint/gone-bond0 (the node is gone)",
        "+ create hostendpoint/n1-bond0 (template worker-ingress)",
        "+ create hostendpoint/n1-tunl0 (template worker-tunnel)",
        "2 to create, 0 to adopt, 0 to repair, 1 to delete",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let running = cluster.run(at_once());
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    running.stop().await;
    assert!(report(&cluster, None).await.is_empty());
}

#[tokio::test]
async fn templates_can_be_tried_out_before_they_are_installed() {
    require!(let cluster = Cluster::start().await);
    cluster.worker("n1").await;
    let defaults = Defaults { interface: "ens3".into(), ..Defaults::default() }.templates();
    let text = report(&cluster, Some(&defaults)).await.render(false);
    assert!(text.contains("+ create hostendpoint/n1-ens3"), "{text}");
    let configuration =
        json!({"spec": {"controllers": {"node": {"hostEndpoint": {"autoCreate": "Enabled"}}}}});
    let imported = calico_import::import(&configuration).templates;
    let text = report(&cluster, Some(&imported)).await.render(false);
    assert!(text.contains("+ create hostendpoint/n1-auto-hep (template calico-default)"), "{text}");
}

#[tokio::test]
async fn a_plan_without_calico_says_what_is_missing() {
    require!(let cluster = Cluster::bare(CalicoGroup::CrdV1).await);
    let error = snapshot(&cluster.client, &at_once(), None).await.unwrap_err();
    assert!(matches!(error, SnapshotError::NoHostEndpoints), "{error}");
}

#[tokio::test]
async fn templates_are_judged_and_planned_before_calico_is_installed() {
    require!(let cluster = Cluster::bare(CalicoGroup::CrdV1).await);
    cluster.worker("n1").await;
    let mut templates = Defaults::default().templates();
    templates[1].spec.endpoint_name = "{interface}".to_owned();
    let seen = snapshot(&cluster.client, &at_once(), Some(&templates)).await.unwrap();
    assert!(!seen.served);
    let text = report(&cluster, Some(&templates)).await.render(false);
    for line in [
        "+ create hostendpoint/n1-bond0 (template worker-ingress)",
        "! template worker-tunnel: spec.endpointName: ",
        "1 to create, 0 to adopt, 0 to repair, 0 to delete",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
