//! Networks that pods can be attached to: both kinds that define them carry CNI configuration.

use serde_json::Value;

use super::{list, text};

/// A network.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Network {
    /// The CNI plugin that makes its interfaces, such as `bridge`; empty where it is not told.
    pub(crate) plugin: String,
    /// The bridge, or the link that interfaces are made on.
    pub(crate) link: String,
    /// Where addresses come from: subnets.
    pub(crate) subnets: Vec<String>,
}

impl Network {
    /// What is shown of a `Network` or a `NetworkAttachmentDefinition`.
    pub(crate) fn of(object: &Value) -> Self {
        let spec = &object["spec"];
        let config: Value = spec["config"]
            .as_str()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let first = match &config["plugins"] {
            Value::Array(plugins) => plugins.first().unwrap_or(&Value::Null),
            _ => &config,
        };
        let plugin = match first["type"].as_str() {
            Some(plugin) => plugin.to_owned(),
            None => text(&spec["plugin"]),
        };
        let links = ["bridge", "master"].map(|field| first[field].as_str());
        let link = links.into_iter().flatten().next();
        // What the plugin does when its configuration does not name one.
        let link = link.or((plugin == "bridge").then_some("cni0"));
        Self { link: link.unwrap_or_default().to_owned(), subnets: subnets(&first["ipam"]), plugin }
    }
}

/// Subnets as `host-local` and its kin spell them.
fn subnets(ipam: &Value) -> Vec<String> {
    let own = ipam["subnet"].as_str();
    let ranges = list(&ipam["ranges"]).flat_map(list).filter_map(|range| range["subnet"].as_str());
    let fixed = list(&ipam["addresses"]).filter_map(|address| address["address"].as_str());
    let mut found: Vec<String> =
        own.into_iter().chain(ranges).chain(fixed).map(Into::into).collect();
    found.dedup();
    found
}
