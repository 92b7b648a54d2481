//! Checking a template. All errors are collected: a user mends them at once.

use regex::{Regex, RegexBuilder};

use super::{Blueprint, Cidr, CidrError, Confirmation, Glob, Rule, Template};
use crate::{
    api::{
        CONFIRM_MASS_DELETE_ANNOTATION, HostEndpointTemplate, HostEndpointTemplateSpec,
        InterfaceRule, MANAGED_BY, MANAGED_BY_LABEL, TEMPLATE_LABEL,
    },
    labels::Interner,
    naming::{NameError, NameTemplate},
    selection::{Selection, SelectionError},
    validate::{self, FieldError},
};

/// Why a template cannot be used. Each message begins with the field.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TemplateError {
    /// The object does not have the shape of a template at all.
    #[error("the template cannot be read: {message}")]
    Unreadable {
        /// What the decoder says.
        message: String,
    },
    /// A label selector.
    #[error("spec.{field}: {source}")]
    Selector {
        /// Which one.
        field: &'static str,
        /// What is wrong.
        #[source]
        source: SelectionError,
    },
    /// A regular expression.
    #[error("spec.{field}: {message}")]
    Pattern {
        /// Which one.
        field: String,
        /// What is wrong.
        message: String,
    },
    /// A network.
    #[error("spec.interfaces[{index}].cidrs: {source}")]
    Cidr {
        /// Index of the rule.
        index: usize,
        /// What is wrong.
        #[source]
        source: CidrError,
    },
    /// Not exactly one of the four ways to find interfaces.
    #[error("spec.interfaces[{index}]: exactly one of name, pattern, cidrs and all must be given")]
    Ambiguous {
        /// Index of the rule.
        index: usize,
    },
    /// No rule at all.
    #[error("spec.interfaces: at least one rule is needed")]
    NoInterfaces,
    /// The name template.
    #[error("spec.endpointName: {source}")]
    Name {
        /// What is wrong.
        #[source]
        source: NameError,
    },
    /// A label that is ours.
    #[error("spec.labels: {key} is set by the controller")]
    ReservedLabel {
        /// Its key.
        key: String,
    },
    /// A field that ends up in the endpoints would be refused there.
    #[error("spec.{source}")]
    Field {
        /// What is wrong.
        #[source]
        source: FieldError,
    },
}

/// A regular expression from a template may not take more memory than this,
/// in bytes, when compiled; `(.{1000}){1000}` would.
const REGEX_SIZE_LIMIT: usize = 1 << 20;

/// Checks a template.
pub fn compile(template: &HostEndpointTemplate, interner: &mut Interner) -> Template {
    let annotations = template.metadata.annotations.as_ref();
    let name = interner.share(template.metadata.name.as_deref().unwrap_or_default());
    Template {
        uid: template.metadata.uid.clone(),
        generation: template.metadata.generation,
        static_nodes: template.spec.pre_creation.nodes.clone(),
        compiled: blueprint(&name, &template.spec),
        name,
        confirmation: Confirmation::parse(
            annotations
                .and_then(|annotations| annotations.get(CONFIRM_MASS_DELETE_ANNOTATION))
                .map(String::as_str),
        ),
    }
}

fn blueprint(name: &str, spec: &HostEndpointTemplateSpec) -> Result<Blueprint, Vec<TemplateError>> {
    let mut errors = Vec::new();
    let selection = selection("nodeSelector", &spec.node_selector, &mut errors);
    let rules = rules(&spec.interfaces, &mut errors);
    let many = rules.len() > 1 || rules.iter().any(|rule| matches!(rule, Rule::Pattern(_)));
    let endpoint_name = NameTemplate::compile(&spec.endpoint_name, many)
        .map_err(|source| errors.push(TemplateError::Name { source }))
        .ok();
    for key in spec.labels.keys() {
        if key == MANAGED_BY_LABEL || key == TEMPLATE_LABEL {
            errors.push(TemplateError::ReservedLabel { key: key.clone() });
        }
    }
    let fields = validate::labels("labels", &spec.labels)
        .chain(validate::annotations("annotations", &spec.annotations))
        .chain(validate::ports(&spec.ports))
        .chain(validate::profiles(&spec.profiles));
    errors.extend(fields.map(|source| TemplateError::Field { source }));
    let expected_certificates = spec.pre_creation.certificates.as_ref().and_then(|certificates| {
        pattern(
            "preCreation.certificates.namePattern".to_owned(),
            &certificates.name_pattern,
            &mut errors,
        )
    });
    let expected_machines = spec.pre_creation.machines.as_ref().map(|machines| {
        self::selection("preCreation.machines.selector", &machines.selector, &mut errors)
    });
    let mut labels = spec.labels.clone();
    labels.insert(MANAGED_BY_LABEL.to_owned(), MANAGED_BY.to_owned());
    labels.insert(TEMPLATE_LABEL.to_owned(), name.to_owned());
    match endpoint_name {
        Some(endpoint_name) if errors.is_empty() => Ok(Blueprint {
            selection,
            rules,
            endpoint_name,
            labels: labels.into(),
            copy_allow: spec.copy_labels.allow.iter().map(|glob| Glob::new(glob)).collect(),
            copy_deny: spec.copy_labels.deny.iter().map(|glob| Glob::new(glob)).collect(),
            annotations: spec.annotations.clone().into(),
            profiles: spec.profiles.clone(),
            ports: spec.ports.clone(),
            expected_ips: spec.expected_ips.clone(),
            adopt: spec.adopt,
            lockout: spec.lockout,
            expected_certificates,
            expected_machines,
            expire_after_seconds: spec.pre_creation.expire_after_seconds,
        }),
        _ => Err(errors),
    }
}

fn rules(rules: &[InterfaceRule], errors: &mut Vec<TemplateError>) -> Vec<Rule> {
    if rules.is_empty() {
        errors.push(TemplateError::NoInterfaces);
    }
    let mut compiled = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let alias = |default: &str| rule.alias.clone().unwrap_or_else(|| default.to_owned());
        match (&rule.name, &rule.pattern, &rule.cidrs, rule.all == Some(true)) {
            (Some(name), None, None, false) => {
                if let Err(source) =
                    validate::interface_name(&format!("interfaces[{index}].name"), name)
                {
                    errors.push(TemplateError::Field { source });
                }
                compiled.push(Rule::Name { name: name.clone(), alias: alias(name) });
            }
            (None, Some(text), None, false) => {
                compiled.extend(
                    pattern(format!("interfaces[{index}].pattern"), text, errors)
                        .map(Rule::Pattern),
                );
            }
            (None, None, Some(texts), false) => {
                let mut cidrs = Vec::new();
                for text in texts {
                    match text.parse::<Cidr>() {
                        Ok(cidr) => cidrs.push(cidr),
                        Err(source) => errors.push(TemplateError::Cidr { index, source }),
                    }
                }
                compiled.push(Rule::Cidrs { cidrs, alias: alias("cidr") });
            }
            (None, None, None, true) => compiled.push(Rule::All { alias: alias("all") }),
            _ => errors.push(TemplateError::Ambiguous { index }),
        }
    }
    compiled
}

fn selection(
    field: &'static str,
    selector: &k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector,
    errors: &mut Vec<TemplateError>,
) -> Selection {
    Selection::compile(selector).unwrap_or_else(|source| {
        errors.push(TemplateError::Selector { field, source });
        Selection::default()
    })
}

/// A pattern that has to match the whole text.
fn pattern(field: String, text: &str, errors: &mut Vec<TemplateError>) -> Option<Regex> {
    // On its own first: `a)(b` would otherwise pass inside the group.
    let compiled = RegexBuilder::new(text).size_limit(REGEX_SIZE_LIMIT).build().and_then(|_| {
        RegexBuilder::new(&format!("^(?:{text})$")).size_limit(REGEX_SIZE_LIMIT).build()
    });
    match compiled {
        Ok(regex) => Some(regex),
        Err(error) => {
            // The error of the regex crate is a drawing of several lines.
            let message = error.to_string();
            let reason = message.lines().last().unwrap_or_default().trim_start_matches("error: ");
            errors.push(TemplateError::Pattern {
                field,
                message: format!("{text:?} is not a regular expression: {reason}"),
            });
            None
        }
    }
}
