//! Import of Calico's `KubeControllersConfiguration`: what its automatic host
//! endpoints do, as templates of ours.
//!
//! Differences that remain are reported, not hidden: a selector that
//! Kubernetes cannot say is an error of that one template, and Calico's own
//! controller has to be switched off before the templates take its place.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    api::{
        AddressKind, HostEndpointTemplate, HostEndpointTemplateSpec, InterfaceRule, LabelCopy,
        LockoutPolicy,
    },
    selector::{Inexpressible, Selector, SelectorError},
};

/// The result of an import.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// The templates.
    pub templates: Vec<HostEndpointTemplate>,
    /// Templates that cannot be imported.
    pub errors: Vec<ImportError>,
    /// What is different afterwards.
    pub remarks: Vec<String>,
}

/// Why one of Calico's templates cannot be imported.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ImportError {
    /// Its node selector cannot be read.
    #[error("template {template}: nodeSelector {selector:?}: {source}")]
    Selector {
        /// `generateName` of the template.
        template: String,
        /// The selector.
        selector: String,
        /// What is wrong.
        #[source]
        source: SelectorError,
    },
    /// Its node selector can be read, and not be said in Kubernetes' terms.
    #[error("template {template}: nodeSelector {selector:?}: {source}")]
    Inexpressible {
        /// `generateName` of the template.
        template: String,
        /// The selector.
        selector: String,
        /// What is wrong.
        #[source]
        source: Inexpressible,
    },
    /// It finds no interfaces.
    #[error("template {template} has neither interfaceCIDRs nor interfacePattern")]
    NoInterfaces {
        /// `generateName` of the template.
        template: String,
    },
}

/// Profile that Calico's automatic endpoints always have.
const DEFAULT_ALLOW_PROFILE: &str = "projectcalico-default-allow";

/// Converts a KubeControllersConfiguration (the whole object, of either API
/// group). Without `autoCreate: Enabled` there is nothing to convert.
pub fn import(configuration: &Value) -> Import {
    let endpoint = &configuration["spec"]["controllers"]["node"]["hostEndpoint"];
    let mut import = Import::default();
    if endpoint["autoCreate"] != "Enabled" {
        import.remarks.push(
            "automatic host endpoints are not enabled, there is nothing to import".to_owned(),
        );
        return import;
    }
    import.remarks.push(
        "set spec.controllers.node.hostEndpoint.autoCreate to Disabled before these templates are applied, Calico's controller would fight them".to_owned(),
    );
    // The default is Enabled, from the time before the field existed.
    if endpoint["createDefaultHostEndpoint"] != "Disabled" {
        let rule = InterfaceRule {
            all: Some(true),
            alias: Some("auto-hep".to_owned()),
            ..InterfaceRule::default()
        };
        let spec = HostEndpointTemplateSpec { interfaces: vec![rule], ..base() };
        import.templates.push(HostEndpointTemplate::new("calico-default", spec));
    }
    for template in endpoint["templates"].as_array().into_iter().flatten() {
        match convert(template) {
            Ok(template) => import.templates.push(template),
            Err(error) => import.errors.push(error),
        }
    }
    import
}

/// What all automatic endpoints have in common.
fn base() -> HostEndpointTemplateSpec {
    HostEndpointTemplateSpec {
        endpoint_name: "{node}-{interface}".to_owned(),
        copy_labels: LabelCopy { allow: vec!["*".to_owned()], deny: Vec::new() },
        profiles: vec![DEFAULT_ALLOW_PROFILE.to_owned()],
        expected_ips: vec![
            AddressKind::Bgp,
            AddressKind::Tunnel,
            AddressKind::WireGuard,
            AddressKind::InternalIp,
        ],
        lockout: LockoutPolicy::Refuse,
        ..HostEndpointTemplateSpec::default()
    }
}

fn convert(template: &Value) -> Result<HostEndpointTemplate, ImportError> {
    let text = |field: &str| template[field].as_str().unwrap_or_default();
    let name = text("generateName").to_owned();
    let selector = text("nodeSelector").to_owned();
    let node_selector = Selector::parse(&selector)
        .map_err(|source| ImportError::Selector {
            template: name.clone(),
            selector: selector.clone(),
            source,
        })?
        .to_label_selector()
        .map_err(|source| ImportError::Inexpressible {
            template: name.clone(),
            selector: selector.clone(),
            source,
        })?;
    let cidrs: Vec<String> = template["interfaceCIDRs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|cidr| cidr.as_str().map(str::to_owned))
        .collect();
    let pattern = text("interfacePattern");
    let mut interfaces = Vec::new();
    if !cidrs.is_empty() {
        interfaces.push(InterfaceRule { cidrs: Some(cidrs), ..InterfaceRule::default() });
    }
    if !pattern.is_empty() {
        interfaces.push(InterfaceRule {
            // Calico matches anywhere in the name, we match the whole.
            pattern: Some(format!(".*(?:{pattern}).*")),
            ..InterfaceRule::default()
        });
    }
    if interfaces.is_empty() {
        return Err(ImportError::NoInterfaces { template: name });
    }
    let map = |field: &str| -> BTreeMap<String, String> {
        template[field]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect()
    };
    let endpoint_name = if pattern.is_empty() {
        format!("{{node}}-{name}")
    } else {
        format!("{{node}}-{name}-{{interface}}")
    };
    let spec = HostEndpointTemplateSpec {
        node_selector,
        interfaces,
        endpoint_name,
        labels: map("labels"),
        annotations: map("annotations"),
        ..base()
    };
    Ok(HostEndpointTemplate::new(&format!("calico-{name}"), spec))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::{labels::Interner, templates::compile};

    fn configuration(endpoint: Value) -> Value {
        json!({
            "apiVersion": "projectcalico.org/v3", "kind": "KubeControllersConfiguration",
            "metadata": {"name": "default"},
            "spec": {"controllers": {"node": {"hostEndpoint": endpoint}}},
        })
    }

    #[test]
    fn templates_of_calico_become_ours() {
        let import = import(&configuration(json!({
            "autoCreate": "Enabled",
            "templates": [
                {"generateName": "internal", "interfaceCIDRs": ["10.0.0.0/8"], "nodeSelector": "has(role) && role != 'db'", "labels": {"a": "b"}},
                {"generateName": "nics", "interfacePattern": "eth0|eth1"},
                {"generateName": "odd", "interfacePattern": "x", "nodeSelector": "a == 'x' || b == 'y'"},
                {"generateName": "broken", "interfacePattern": "x", "nodeSelector": "a ="},
                {"generateName": "empty"},
            ],
        })));
        insta::assert_yaml_snapshot!(import.templates);
        let errors: Vec<_> = import.errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                "template odd: nodeSelector \"a == 'x' || b == 'y'\": || cannot be said in a Kubernetes label selector",
                "template broken: nodeSelector \"a =\": unexpected \"=\" at 2",
                "template empty has neither interfaceCIDRs nor interfacePattern",
            ]
        );
        assert!(import.remarks[0].contains("autoCreate to Disabled"));
        for template in &import.templates {
            assert!(compile(template, &mut Interner::default()).compiled.is_ok(), "{template:?}");
        }
    }

    #[test]
    fn the_default_endpoint_can_be_off_and_everything_too() {
        let none = import(&configuration(json!({"autoCreate": "Disabled"})));
        assert!(none.templates.is_empty() && none.remarks.len() == 1);
        let off = import(&configuration(
            json!({"autoCreate": "Enabled", "createDefaultHostEndpoint": "Disabled"}),
        ));
        assert!(off.templates.is_empty());
    }
}
