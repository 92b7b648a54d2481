//! The templates that are installed with the product. They do what the script
//! did that this controller replaces: on every node labelled
//! `node.kubernetes.io/node` an endpoint for the main interface and one for
//! the IP-in-IP tunnel, and on VPN nodes two more.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::api::{
    AdoptPolicy, HostEndpointTemplate, HostEndpointTemplateSpec, InterfaceRule, LockoutPolicy,
};

/// Label of the nodes that get endpoints.
pub const NODE_LABEL: &str = "node.kubernetes.io/node";

/// What may differ from the script's fixed names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// The main interface.
    pub interface: String,
    /// The tunnel.
    pub tunnel: String,
    /// The interfaces of VPN nodes.
    pub vpn: Vec<String>,
    /// Whether endpoints of these names that exist already are taken over,
    /// for moving from the script to this controller.
    pub adopt: AdoptPolicy,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            interface: "bond0".to_owned(),
            tunnel: "tunl0".to_owned(),
            vpn: vec!["vti1".to_owned(), "vti2".to_owned()],
            adopt: AdoptPolicy::Never,
        }
    }
}

impl Defaults {
    /// The templates: `worker-ingress`, `worker-tunnel` and `worker-vpn`.
    pub fn templates(&self) -> Vec<HostEndpointTemplate> {
        let template = |name: &str, role: &str, interfaces: &[String], nodetype: Option<&str>| {
            HostEndpointTemplate::new(name, self.spec(role, interfaces, nodetype))
        };
        vec![
            template("worker-ingress", "ingress", std::slice::from_ref(&self.interface), None),
            template("worker-tunnel", "tunl", std::slice::from_ref(&self.tunnel), None),
            template("worker-vpn", "vpn", &self.vpn, Some("vpn")),
        ]
    }

    fn spec(
        &self,
        role: &str,
        interfaces: &[String],
        nodetype: Option<&str>,
    ) -> HostEndpointTemplateSpec {
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        HostEndpointTemplateSpec {
            node_selector: LabelSelector {
                match_labels: nodetype.map(|nodetype| labels(&[("nodetype", nodetype)])),
                match_expressions: Some(vec![LabelSelectorRequirement {
                    key: NODE_LABEL.to_owned(),
                    operator: "Exists".to_owned(),
                    values: None,
                }]),
            },
            interfaces: interfaces
                .iter()
                .map(|name| InterfaceRule { name: Some(name.clone()), ..InterfaceRule::default() })
                .collect(),
            endpoint_name: "{node}-{interface}".to_owned(),
            // VPN endpoints too are `nodetype: worker`, as the script had it.
            labels: labels(&[("host-endpoint", role), ("nodetype", "worker")]),
            adopt: self.adopt,
            // The script asked nobody; refusing would leave nodes without
            // their endpoints after the move.
            lockout: LockoutPolicy::Warn,
            ..HostEndpointTemplateSpec::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_templates() {
        insta::assert_yaml_snapshot!(Defaults::default().templates());
    }
}
