//! What is installed in a cluster, as Kubernetes objects. Pure: settings in, objects out.
//!
//! ```text
//!  Settings ─▶ access      ServiceAccounts' rights, an area each
//!           ├▶ deployment  the controllers, and how many may be missing
//!           ├▶ agent       the DaemonSet of pod networks
//!           ├▶ traffic     NetworkPolicies
//!           └▶ monitoring  ServiceMonitors and the dashboard, where they are asked for
//!  the same, with places for values in it ─▶ chart: deploy/helm
//! ```

mod access;
mod agent;
mod chart;
mod dashboard;
mod deployment;
mod monitoring;
mod policy;
mod traffic;

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

pub(crate) use chart::files as chart;
pub(crate) use dashboard::dashboard;

/// Namespace of the controllers.
pub(crate) const NAMESPACE: &str = "kubewright-system";
/// Repository of the image that holds kubewright.
const REPOSITORY: &str = "kubewright";
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
    /// Roles for the users of the console; it runs wherever its user starts it.
    Console,
}

impl Area {
    /// Those with a controller, by its name in `kubewright controllers --only`.
    const CONTROLLERS: [(Self, &'static str); 3] =
        [(Self::Hostendpoint, "hostendpoint"), (Self::Peerpod, "peerpod"), (Self::Node, "node")];
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
    /// All, where none is named.
    pub(crate) areas: Vec<Area>,
    pub(crate) namespace: String,
    pub(crate) image: String,
    pub(crate) replicas: i32,
    pub(crate) podnet_plugin: PodnetPlugin,
    pub(crate) defaults: Defaults,
    /// ServiceMonitors, whose kind is the Prometheus operator's.
    pub(crate) service_monitors: bool,
    /// The policy that keeps each agent to the pods of its node.
    pub(crate) podnet_policy: bool,
    /// The dashboard, as Grafana's sidecar looks for it.
    pub(crate) dashboard: bool,
}

impl Settings {
    /// Whether an area is asked for.
    fn has(&self, area: Area) -> bool {
        self.areas.is_empty() || self.areas.contains(&area)
    }

    /// The names of the controllers that are asked for.
    fn controllers(&self) -> Vec<&'static str> {
        let asked = Area::CONTROLLERS.into_iter().filter(|(area, _)| self.has(*area));
        asked.map(|(_, name)| name).collect()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            areas: Vec::new(),
            namespace: NAMESPACE.to_owned(),
            image: IMAGE.to_owned(),
            replicas: 2,
            podnet_plugin: PodnetPlugin::default(),
            defaults: Defaults::default(),
            podnet_policy: false,
            service_monitors: false,
            dashboard: false,
        }
    }
}

/// What an object belongs to, by its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Component {
    Controllers,
    Agent,
    Console,
}

impl Component {
    fn name(self) -> &'static str {
        match self {
            Self::Controllers => "controllers",
            Self::Agent => "podnet",
            Self::Console => "console",
        }
    }

    fn labels(self) -> BTreeMap<String, String> {
        let pairs = [
            ("app.kubernetes.io/name", "kubewright"),
            ("app.kubernetes.io/component", self.name()),
        ];
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    /// Metadata of an object in `namespace`, or of none.
    fn metadata(self, name: &str, namespace: Option<&str>) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.to_owned()),
            namespace: namespace.map(str::to_owned),
            labels: Some(self.labels()),
            ..ObjectMeta::default()
        }
    }
}

/// Our CustomResourceDefinitions.
pub(crate) fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = vec![HostEndpointTemplate::crd()];
    crds.extend(kubewright_peerpod::crds());
    crds.extend(kubewright_podnet::api::crds());
    crds
}

/// The namespace. Each area needs the level `privileged` where Pod Security is enforced: for the
/// agent, for the network of the nodes, and for the adaptors of peer pods.
fn namespace(settings: &Settings) -> Result<Value> {
    let mut metadata = Component::Controllers.metadata(&settings.namespace, None);
    let label = ("pod-security.kubernetes.io/enforce".to_owned(), "privileged".to_owned());
    metadata.labels.get_or_insert_default().extend([label]);
    Ok(serde_json::to_value(Namespace { metadata, ..Namespace::default() })?)
}

fn account(component: Component, name: &str, settings: &Settings) -> Result<Value> {
    let metadata = component.metadata(name, Some(&settings.namespace));
    Ok(serde_json::to_value(ServiceAccount { metadata, ..ServiceAccount::default() })?)
}

/// Everything that runs the controllers, in the order in which it is to be applied.
pub(crate) fn controllers(settings: &Settings) -> Result<Vec<Value>> {
    let mut objects =
        vec![namespace(settings)?, account(Component::Controllers, CONTROLLERS, settings)?];
    for (area, _) in Area::CONTROLLERS.into_iter().filter(|(area, _)| settings.has(*area)) {
        objects.extend(access::of_area(settings, area)?);
    }
    objects.push(traffic::of_controllers(settings)?);
    if settings.has(Area::Peerpod) {
        objects.push(traffic::of_webhook(settings)?);
    }
    objects.push(serde_json::to_value(deployment::disruption_budget(settings))?);
    objects.push(serde_json::to_value(deployment::deployment(settings))?);
    if settings.service_monitors {
        objects.extend(monitoring::of_controllers(settings)?);
        if settings.has(Area::Peerpod) {
            objects.extend(monitoring::of_webhook(settings)?);
        }
    }
    Ok(objects)
}

/// Everything that runs the agent of pod networks, in the order in which it is to be applied.
pub(crate) fn podnet(settings: &Settings) -> Result<Vec<Value>> {
    let mut objects = vec![namespace(settings)?, account(Component::Agent, AGENT, settings)?];
    objects.extend(access::of_area(settings, Area::Podnet)?);
    if settings.podnet_policy {
        objects.extend(policy::of_agent(settings)?);
    }
    objects.push(serde_json::to_value(agent::daemon_set(settings))?);
    if settings.service_monitors {
        objects.extend(monitoring::of_agent(settings)?);
    }
    Ok(objects)
}

/// The roles of the users of the console.
pub(crate) fn console(settings: &Settings) -> Result<Vec<Value>> {
    access::of_area(settings, Area::Console)
}

/// The unit of systemd that runs the agent of pod networks.
pub(crate) fn podnet_unit() -> String {
    agent::unit()
}

/// The templates that the product is installed with.
pub(crate) fn templates(settings: &Settings) -> Vec<HostEndpointTemplate> {
    if !settings.has(Area::Hostendpoint) {
        return Vec::new();
    }
    let labelled = |template: HostEndpointTemplate| {
        let labels = Some(Component::Controllers.labels());
        let metadata = ObjectMeta { labels, ..template.metadata };
        HostEndpointTemplate { metadata, ..template }
    };
    settings.defaults.templates().into_iter().map(labelled).collect()
}

/// Everything, or everything of the areas that are asked for.
pub(crate) fn all(settings: &Settings) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    if !settings.controllers().is_empty() {
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
    if settings.has(Area::Console) {
        objects.extend(console(settings)?);
    }
    if settings.dashboard {
        objects.push(monitoring::dashboard(settings)?);
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
