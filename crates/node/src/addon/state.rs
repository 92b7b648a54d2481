//! Whether an add-on works.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde::Serialize;

use super::Addon;

/// How an add-on is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddonState {
    /// Its name.
    pub name: String,
    /// Whether all its pods are ready.
    pub ready: bool,
    /// What is missing, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// Waits until the workloads of an add-on are ready, and tells how it is.
pub async fn state(client: &Client, addon: &Addon, patience: Duration) -> AddonState {
    let end = tokio::time::Instant::now() + patience;
    let mut missing = Vec::new();
    for object in &addon.objects {
        let (kind, name) = (object["kind"].as_str(), object["metadata"]["name"].as_str());
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
        let (Some(kind), Some(name)) = (kind, name) else { continue };
        let ready = match kind {
            "DaemonSet" => {
                let sets = Api::<DaemonSet>::namespaced(client.clone(), namespace);
                let waiting =
                    await_condition(sets, name, |set: Option<&DaemonSet>| set.is_some_and(all_run));
                matches!(tokio::time::timeout_at(end, waiting).await, Ok(Ok(_)))
            }
            "Deployment" => {
                let sets = Api::<Deployment>::namespaced(client.clone(), namespace);
                let waiting = await_condition(sets, name, |set: Option<&Deployment>| {
                    set.is_some_and(available)
                });
                matches!(tokio::time::timeout_at(end, waiting).await, Ok(Ok(_)))
            }
            _ => continue,
        };
        if !ready {
            let why = why(client, namespace, object).await;
            missing.push(format!("{kind} {namespace}/{name} is not ready: {why}"));
        }
    }
    AddonState {
        name: addon.name.clone(),
        ready: missing.is_empty(),
        missing: (!missing.is_empty()).then(|| missing.join("; ")),
    }
}

fn all_run(set: &DaemonSet) -> bool {
    set.status.as_ref().is_some_and(|status| {
        status.observed_generation == set.metadata.generation
            && status.desired_number_scheduled > 0
            && status.number_ready == status.desired_number_scheduled
    })
}

fn available(set: &Deployment) -> bool {
    let wanted = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    set.status.as_ref().is_some_and(|status| {
        status.observed_generation == set.metadata.generation
            && status.available_replicas.unwrap_or_default() >= wanted
    })
}

/// What the first pod that is not ready says.
async fn why(client: &Client, namespace: &str, object: &serde_json::Value) -> String {
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let pairs = labels.into_iter().flatten();
    let selector: Vec<String> =
        pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let pods = match pods.list(&ListParams::default().labels(&selector.join(","))).await {
        Ok(pods) if pods.items.is_empty() => return "it has no pods yet".to_owned(),
        Ok(pods) => pods,
        Err(_) => return "its pods cannot be listed".to_owned(),
    };
    let waiting = pods.items.iter().find_map(|pod| {
        let status = pod.status.as_ref()?;
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let statuses =
            status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
        let mut waiting = statuses.filter_map(|container| {
            let state = container.state.as_ref()?.waiting.as_ref()?;
            Some((container.name.as_str(), state.reason.as_deref()?))
        });
        waiting
            .next()
            .map(|(container, reason)| format!("container {container} of pod {name}: {reason}"))
    });
    waiting.unwrap_or_else(|| "its pods are starting".to_owned())
}
