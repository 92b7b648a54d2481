//! How Prometheus and Grafana find us, where their operators and sidecars are.

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kubewright_peerpod::objects::webhook;
use serde_json::{Value, json};

use super::{AGENT, CONTROLLERS, Component, Settings, agent, deployment};

/// Name of the dashboard's ConfigMap.
pub(super) const DASHBOARD: &str = "kubewright-dashboard";

/// File of the dashboard in its ConfigMap.
pub(super) const DASHBOARD_FILE: &str = "kubewright.json";

/// Label by which the sidecar of Grafana's chart finds dashboards.
pub(super) const DASHBOARD_LABEL: (&str, &str) = ("grafana_dashboard", "1");

/// Label of the Services of which a ServiceMonitor speaks.
const MONITORED: &str = "kubewright.io/metrics";

/// How often is asked.
pub(super) const INTERVAL: &str = "30s";

pub(super) fn of_controllers(settings: &Settings) -> Result<Vec<Value>> {
    let component = Component::Controllers;
    of(component, CONTROLLERS, component.labels(), deployment::HEALTH, settings)
}

pub(super) fn of_agent(settings: &Settings) -> Result<Vec<Value>> {
    let component = Component::Agent;
    of(component, AGENT, component.labels(), agent::HEALTH, settings)
}

/// Of the webhook that the controller of peer pods deploys.
pub(super) fn of_webhook(settings: &Settings) -> Result<Vec<Value>> {
    let (component, pods) = (Component::Controllers, webhook::labels());
    of(component, webhook::NAME, pods, webhook::HEALTH.into(), settings)
}

/// A Service without an address, for each pod is asked by itself, and what tells Prometheus of it.
fn of(
    component: Component,
    name: &str,
    pods: BTreeMap<String, String>,
    port: i32,
    settings: &Settings,
) -> Result<Vec<Value>> {
    let mut metadata = component.metadata(&format!("{name}-metrics"), Some(&settings.namespace));
    // By which the monitor tells this Service from the others of the component.
    let label = (MONITORED.to_owned(), name.to_owned());
    metadata.labels.get_or_insert_default().extend([label.clone()]);
    let service = Service {
        metadata: metadata.clone(),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            selector: Some(pods),
            ports: Some(vec![ServicePort {
                name: Some("metrics".to_owned()),
                port,
                target_port: Some(IntOrString::String("health".to_owned())),
                protocol: Some("TCP".to_owned()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    };
    let monitor = json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": metadata,
        "spec": {
            "selector": { "matchLabels": BTreeMap::from([label]) },
            "endpoints": [{ "port": "metrics", "path": "/metrics", "interval": INTERVAL }],
        },
    });
    Ok(vec![serde_json::to_value(service)?, monitor])
}

/// The dashboard as a ConfigMap.
pub(super) fn dashboard(settings: &Settings) -> Result<Value> {
    let mut metadata = Component::Controllers.metadata(DASHBOARD, Some(&settings.namespace));
    let (label, value) = DASHBOARD_LABEL;
    metadata.labels.get_or_insert_default().insert(label.to_owned(), value.to_owned());
    let text = super::dashboard()?;
    let data = Some([(DASHBOARD_FILE.to_owned(), text)].into());
    Ok(serde_json::to_value(ConfigMap { metadata, data, ..ConfigMap::default() })?)
}
