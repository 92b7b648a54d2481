//! What is installed in a cluster, as Kubernetes objects. Pure: settings in, objects out.

mod access;
mod agent;
mod deployment;

use std::collections::BTreeMap;

use anyhow::Result;
use clap::ValueEnum;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use kube::api::ObjectMeta;
use kubewright_hostendpoint::api::HostEndpointTemplate;
use kubewright_hostendpoint::defaults::Defaults;
use serde::Serialize;
use serde_json::{Value, json};

/// Namespace of the controllers.
pub(crate) const NAMESPACE: &str = "kubewright-system";
/// Image that holds kubewright.
pub(crate) const IMAGE: &str = concat!("kubewright:", env!("CARGO_PKG_VERSION"));
/// Name of what belongs to the controllers.
pub(crate) const CONTROLLERS: &str = "kubewright-controllers";
/// Name of what belongs to the agent of pod networks.
pub(crate) const AGENT: &str = "kubewright-podnet";

/// A part of kubewright.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Area {
    /// HostEndpoints of nodes, and the boot guard.
    Hostendpoint,
    /// Networks of running pods.
    Podnet,
    /// Capacity for peer pods, their adaptor and their webhook.
    Peerpod,
    /// Requests of nodes for certificates, answered as a policy says.
    Node,
}

/// What becomes of the plugin that attaches pods as they start, on each node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PodnetPlugin {
    /// It is the node's first CNI configuration.
    #[default]
    Install,
    /// The node gets its previous one back; pods that run are attached all the same.
    Uninstall,
}

/// What may differ from cluster to cluster.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) area: Option<Area>,
    pub(crate) namespace: String,
    pub(crate) image: String,
    pub(crate) replicas: i32,
    pub(crate) podnet_plugin: PodnetPlugin,
    pub(crate) defaults: Defaults,
}

impl Settings {
    /// Whether an area is asked for.
    fn has(&self, area: Area) -> bool {
        self.area.is_none_or(|only| only == area)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            area: None,
            namespace: NAMESPACE.to_owned(),
            image: IMAGE.to_owned(),
            replicas: 2,
            podnet_plugin: PodnetPlugin::default(),
            defaults: Defaults::default(),
        }
    }
}

/// Labels of everything that belongs to the controllers.
fn labels() -> BTreeMap<String, String> {
    labels_of("controllers")
}

/// Labels of everything that belongs to the agent of pod networks.
fn agent_labels() -> BTreeMap<String, String> {
    labels_of("podnet")
}

fn labels_of(component: &str) -> BTreeMap<String, String> {
    let pairs =
        [("app.kubernetes.io/name", "kubewright"), ("app.kubernetes.io/component", component)];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// Metadata of an object in `namespace`, or of none.
fn metadata(name: &str, namespace: Option<&str>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        labels: Some(labels()),
        ..ObjectMeta::default()
    }
}

/// Our CustomResourceDefinitions.
pub(crate) fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = vec![HostEndpointTemplate::crd()];
    crds.extend(kubewright_peerpod::crds());
    crds.extend(kubewright_podnet::api::crds());
    crds
}

fn namespace(settings: &Settings) -> Result<Value> {
    let metadata = metadata(&settings.namespace, None);
    Ok(serde_json::to_value(Namespace { metadata, ..Namespace::default() })?)
}

/// Everything that runs the controllers, in the order in which it is to be applied.
pub(crate) fn controllers(settings: &Settings) -> Result<Vec<Value>> {
    let account = metadata(CONTROLLERS, Some(&settings.namespace));
    let account = ServiceAccount { metadata: account, ..ServiceAccount::default() };
    let mut objects = vec![namespace(settings)?, serde_json::to_value(account)?];
    objects.extend(access::objects(settings)?);
    objects.push(serde_json::to_value(deployment::deployment(settings))?);
    Ok(objects)
}

/// Everything that runs the agent of pod networks, in the order in which it is to be applied.
pub(crate) fn podnet(settings: &Settings) -> Result<Vec<Value>> {
    let mut account = metadata(AGENT, Some(&settings.namespace));
    account.labels = Some(agent_labels());
    let account = ServiceAccount { metadata: account, ..ServiceAccount::default() };
    let mut objects = vec![namespace(settings)?, serde_json::to_value(account)?];
    objects.extend(access::of_agent(settings)?);
    objects.push(serde_json::to_value(agent::daemon_set(settings))?);
    Ok(objects)
}

/// The unit of systemd that runs the agent of pod networks.
pub(crate) fn podnet_unit() -> String {
    agent::unit()
}

/// The templates that the product is installed with.
pub(crate) fn templates(settings: &Settings) -> Vec<HostEndpointTemplate> {
    if settings.has(Area::Hostendpoint) { settings.defaults.templates() } else { Vec::new() }
}

/// Everything, or everything of an area.
pub(crate) fn all(settings: &Settings) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    if settings.area != Some(Area::Podnet) {
        objects.extend(controllers(settings)?);
        for template in templates(settings) {
            objects.push(serde_json::to_value(template)?);
        }
    }
    if settings.has(Area::Podnet) {
        for object in podnet(settings)? {
            // The namespace may be there already.
            if !objects.contains(&object) {
                objects.push(object);
            }
        }
    }
    Ok(objects)
}

/// Objects as one.
pub(crate) fn list(objects: &[impl Serialize]) -> Result<Value> {
    Ok(json!({ "apiVersion": "v1", "kind": "List", "items": serde_json::to_value(objects)? }))
}

/// Kinds and names.
pub(crate) fn table(objects: &[Value]) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows: Vec<_> = objects
        .iter()
        .map(|object| (text(&object["kind"]), text(&object["metadata"]["name"])))
        .collect();
    let width = rows.iter().map(|(kind, _)| kind.len()).max().unwrap_or_default();
    rows.iter().map(|(kind, name)| format!("{kind:<width$}  {name}\n")).collect()
}

#[cfg(test)]
mod tests;
