//! What is wrong with one thing is said on that thing, and stops nothing else.

use http::{Method, StatusCode};
use k8s_openapi::api::events::v1::Event;
use kube::{Api, CustomResourceExt, api::PostParams};
use kubewright_testkit::require;
use serde_json::json;

use super::cluster::{Cluster, at_once, calico_crd, until};
use crate::api::{CalicoGroup, HostEndpointTemplate};

#[tokio::test]
async fn an_impossible_regex_is_said_on_its_template() {
    require!(let cluster = Cluster::start().await);
    cluster.template("bad", json!({"interfaces": [{"pattern": "eth[0-9"}]})).await;
    cluster.defaults().await;
    cluster.worker("n1").await;
    let running = cluster.run(at_once());
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    let message = cluster.condition("bad", "Valid", "False", "InvalidTemplate").await;
    assert!(
        message.contains("spec.interfaces[0].pattern: \"eth[0-9\" is not a regular expression"),
        "{message}"
    );
    cluster.condition("worker-ingress", "Valid", "True", "Valid").await;
    let events = Api::<Event>::all(cluster.client.clone());
    until(&events, |all| {
        all.values().any(|event| {
            event.reason.as_deref() == Some("InvalidTemplate")
                && event
                    .regarding
                    .as_ref()
                    .is_some_and(|object| object.name.as_deref() == Some("bad"))
        })
    })
    .await;
    // Mended, it works.
    cluster
        .merge(
            &cluster.templates(),
            "bad",
            json!({"spec": {"interfaces": [{"name": "eth0"}], "lockout": "Ignore"}}),
        )
        .await;
    cluster.has(&["n1-bond0", "n1-eth0", "n1-tunl0"]).await;
    cluster.condition("bad", "Ready", "True", "AllEndpointsPresent").await;
    running.stop().await;
}

#[tokio::test]
async fn an_interface_name_of_40_characters_is_refused_by_the_crd() {
    require!(let cluster = Cluster::start().await);
    let template: HostEndpointTemplate = serde_json::from_value(json!({
        "apiVersion": "kubewright.io/v1alpha1", "kind": "HostEndpointTemplate",
        "metadata": {"name": "long"}, "spec": {"interfaces": [{"name": "e".repeat(40)}]},
    }))
    .unwrap();
    let error = cluster.templates().create(&PostParams::default(), &template).await.unwrap_err();
    let kube::Error::Api(status) = error else { panic!("{error}") };
    assert_eq!(status.code, 422);
    assert!(status.message.contains("spec.interfaces[0].name"), "{}", status.message);
}

#[tokio::test]
async fn an_endpoint_name_that_is_too_long_is_said_on_node_and_template() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    let long = format!("{0}.{0}.{0}.{1}", "n".repeat(63), "n".repeat(60));
    cluster.worker(&long).await;
    cluster.worker("short").await;
    let running = cluster.run(at_once());
    cluster.has(&["short-bond0", "short-tunl0"]).await;
    let message = cluster.condition("worker-ingress", "Ready", "False", "InvalidName").await;
    assert!(message.contains("258 characters long, at most 253 are allowed"), "{message}");
    let events = Api::<Event>::all(cluster.client.clone());
    until(&events, |all| {
        all.values().any(|event| {
            event.reason.as_deref() == Some("InvalidName")
                && event
                    .regarding
                    .as_ref()
                    .is_some_and(|object| object.name.as_ref() == Some(&long))
        })
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn a_missing_crd_is_said_and_picked_up_when_it_comes() {
    require!(let cluster = Cluster::bare(CalicoGroup::CrdV1).await);
    let running = cluster.run(at_once());
    cluster.worker("n1").await;
    // First ours comes, then Calico's.
    cluster.install(HostEndpointTemplate::crd()).await;
    cluster.defaults().await;
    let message =
        cluster.condition("worker-ingress", "Ready", "False", "HostEndpointsNotServed").await;
    assert!(
        message.contains("neither in crd.projectcalico.org/v1 nor in projectcalico.org/v3"),
        "{message}"
    );
    cluster.install(calico_crd(cluster.group, "HostEndpoint", "hostendpoints")).await;
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    cluster.condition("worker-ingress", "Ready", "True", "AllEndpointsPresent").await;
    running.stop().await;
}

#[tokio::test]
async fn rbac_that_forbids_is_said_and_stops_nothing_else() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    cluster.worker("n1").await;
    cluster.worker("n2").await;
    cluster.spy.refuse(|method, path| {
        (*method == Method::PATCH && path.ends_with("/n1-bond0"))
            .then_some((StatusCode::FORBIDDEN, "Forbidden"))
    });
    let running = cluster.run(at_once());
    cluster.has(&["n1-tunl0", "n2-bond0", "n2-tunl0"]).await;
    let message = cluster.condition("worker-ingress", "Ready", "False", "Forbidden").await;
    assert!(message.starts_with("cannot apply hostendpoint/n1-bond0: "), "{message}");
    cluster.condition("worker-tunnel", "Ready", "True", "AllEndpointsPresent").await;
    cluster.spy.allow();
    cluster.has(&["n1-bond0", "n1-tunl0", "n2-bond0", "n2-tunl0"]).await;
    cluster.condition("worker-ingress", "Ready", "True", "AllEndpointsPresent").await;
    running.stop().await;
}

#[tokio::test]
async fn endpoints_that_cannot_be_listed_are_said_and_nothing_is_written() {
    require!(let cluster = Cluster::start().await);
    cluster.defaults().await;
    cluster.worker("n1").await;
    cluster.spy.refuse(|method, path| {
        (*method == Method::GET && path.ends_with("/hostendpoints"))
            .then_some((StatusCode::FORBIDDEN, "Forbidden"))
    });
    let running = cluster.run(at_once());
    cluster.condition("worker-ingress", "Ready", "False", "HostEndpointsForbidden").await;
    assert_eq!(cluster.spy.writes_to("/hostendpoints"), 0);
    cluster.spy.allow();
    cluster.has(&["n1-bond0", "n1-tunl0"]).await;
    running.stop().await;
}
