//! What is installed in a cluster, as Kubernetes objects. Pure: settings in, objects out.

mod access;
mod deployment;

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

/// A part of kubewright.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Area {
    /// HostEndpoints of nodes, and the boot guard.
    Hostendpoint,
}

/// What may differ from cluster to cluster.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) area: Option<Area>,
    pub(crate) namespace: String,
    pub(crate) image: String,
    pub(crate) replicas: i32,
    pub(crate) defaults: Defaults,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            area: None,
            namespace: NAMESPACE.to_owned(),
            image: IMAGE.to_owned(),
            replicas: 2,
            defaults: Defaults::default(),
        }
    }
}

/// Labels of everything here.
fn labels() -> std::collections::BTreeMap<String, String> {
    let pairs =
        [("app.kubernetes.io/name", "kubewright"), ("app.kubernetes.io/component", "controllers")];
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
    vec![HostEndpointTemplate::crd()]
}

/// Everything that runs the controllers, in the order in which it is to be applied.
pub(crate) fn controllers(settings: &Settings) -> Result<Vec<Value>> {
    let namespace = settings.namespace.as_str();
    let mut objects = vec![
        serde_json::to_value(Namespace {
            metadata: metadata(namespace, None),
            ..Namespace::default()
        })?,
        serde_json::to_value(ServiceAccount {
            metadata: metadata(CONTROLLERS, Some(namespace)),
            ..ServiceAccount::default()
        })?,
    ];
    objects.extend(access::objects(settings)?);
    objects.push(serde_json::to_value(deployment::deployment(settings))?);
    Ok(objects)
}

/// The templates that the product is installed with.
pub(crate) fn templates(settings: &Settings) -> Vec<HostEndpointTemplate> {
    settings.defaults.templates()
}

/// [`controllers`] and [`templates`].
pub(crate) fn all(settings: &Settings) -> Result<Vec<Value>> {
    let mut objects = controllers(settings)?;
    for template in templates(settings) {
        objects.push(serde_json::to_value(template)?);
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
