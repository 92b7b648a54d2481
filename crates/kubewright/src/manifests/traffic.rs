//! Who may speak to our pods, and to whom they may speak: to nobody but these.
//!
//! Pods that share the node's network (the agent always, the controllers where they must) are beyond
//! NetworkPolicies; for those it depends on the cluster's network whether anything comes of them.
//! Other pods of the namespace, those of adaptors for example, are none of our business.

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kubewright_peerpod::objects::webhook;
use serde_json::Value;

use super::{CONTROLLERS, Component, Settings, deployment};

/// Where API servers listen: behind their Service, and as kubeadm has them. No selector reaches
/// them, as they are no pods.
pub(super) const API_SERVER_PORTS: [i32; 2] = [443, 6443];

const DNS: i32 = 53;

/// The controllers ask the API server and are asked for their metrics and their health.
pub(super) fn of_controllers(settings: &Settings) -> Result<Value> {
    let names = [port("TCP", DNS), port("UDP", DNS)];
    let servers = API_SERVER_PORTS.map(|number| port("TCP", number));
    let asked = servers.into_iter().chain(names).collect();
    let labels = Component::Controllers.labels();
    policy(settings, CONTROLLERS, labels, &[deployment::HEALTH], Some(asked))
}

/// The webhook is asked by API servers, for its metrics and for its health, and asks nobody.
pub(super) fn of_webhook(settings: &Settings) -> Result<Value> {
    let answers = [webhook::PORT, webhook::HEALTH].map(i32::from);
    policy(settings, webhook::NAME, webhook::labels(), &answers, None)
}

fn policy(
    settings: &Settings,
    name: &str,
    pods: BTreeMap<String, String>,
    answers: &[i32],
    asks: Option<Vec<NetworkPolicyPort>>,
) -> Result<Value> {
    let policy = NetworkPolicy {
        metadata: Component::Controllers.metadata(name, Some(&settings.namespace)),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(pods),
                ..LabelSelector::default()
            }),
            policy_types: Some(["Ingress", "Egress"].map(str::to_owned).into()),
            ingress: Some(vec![NetworkPolicyIngressRule {
                ports: Some(answers.iter().map(|&number| port("TCP", number)).collect()),
                ..NetworkPolicyIngressRule::default()
            }]),
            egress: asks.map(|ports| {
                vec![NetworkPolicyEgressRule {
                    ports: Some(ports),
                    ..NetworkPolicyEgressRule::default()
                }]
            }),
        }),
    };
    Ok(serde_json::to_value(policy)?)
}

fn port(protocol: &str, number: i32) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(number)),
        end_port: None,
    }
}
