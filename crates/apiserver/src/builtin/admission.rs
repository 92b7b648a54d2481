//! MutatingWebhookConfiguration and ValidatingWebhookConfiguration.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::part::{at, default_to, list, list_mut, raise_generation, text};
use super::{Part, Strategy};
use crate::crd::cel::Condition;
use crate::field::{self, Error};
use crate::webhook::VARIABLES;
use crate::{meta, names};

/// Rules of webhook configurations.
pub struct Webhooks {
    /// MutatingWebhookConfiguration.
    pub mutating: bool,
}

impl Strategy for Webhooks {
    fn default(&self, object: &mut Value) {
        for webhook in list_mut(object, "/webhooks") {
            default_to(webhook, "failurePolicy", "Fail");
            default_to(webhook, "matchPolicy", "Equivalent");
            default_to(webhook, "namespaceSelector", json!({}));
            default_to(webhook, "objectSelector", json!({}));
            default_to(webhook, "timeoutSeconds", 10);
            if self.mutating {
                default_to(webhook, "reinvocationPolicy", "Never");
            }
            for rule in list_mut(webhook, "/rules") {
                default_to(rule, "scope", "*");
            }
            if webhook["clientConfig"]["service"].is_object() {
                default_to(&mut webhook["clientConfig"]["service"], "port", 443);
            }
        }
    }

    fn prepare_create(&self, object: &mut Value) {
        meta::set_generation(object, 1);
    }

    fn prepare_update(&self, _part: Part<'_>, object: &mut Value, stored: &Value) {
        raise_generation(object, stored, &["webhooks"]);
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let mut seen = HashSet::new();
        for (at, webhook) in list(object, "/webhooks").iter().enumerate() {
            let path = field::index("webhooks", at);
            errors.extend(validate_webhook(webhook, &path, self.mutating));
            let name = text(webhook, "/name");
            if !name.is_empty() && !seen.insert(name) {
                errors.push(Error::duplicate(field::child(&path, "name"), &name.into()));
            }
        }
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, _stored: &Value) -> field::Errors {
        self.validate_create(object)
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}

/// A value out of a fixed set; a missing one is not supported either.
fn one_of(webhook: &Value, path: &str, field: &str, allowed: &[&str]) -> Option<Error> {
    let value = webhook[field].as_str().unwrap_or_default();
    (!allowed.contains(&value))
        .then(|| Error::not_supported(field::child(path, field), &value.into(), allowed))
}

fn validate_webhook(webhook: &Value, path: &str, mutating: bool) -> field::Errors {
    let mut errors = Vec::new();
    let child = |name: &str| field::child(path, name);
    errors.extend(validate_qualified(text(webhook, "/name"), &child("name")));
    for (at, rule) in list(webhook, "/rules").iter().enumerate() {
        errors.extend(validate_rule(rule, &field::index(&child("rules"), at)));
    }
    errors.extend(one_of(webhook, path, "failurePolicy", &["Fail", "Ignore"]));
    errors.extend(one_of(webhook, path, "matchPolicy", &["Equivalent", "Exact"]));
    if at(webhook, "/sideEffects").is_none() {
        let detail = "must specify one of None, NoneOnDryRun";
        errors.push(Error::required(child("sideEffects"), detail));
    } else {
        errors.extend(one_of(webhook, path, "sideEffects", &["None", "NoneOnDryRun"]));
    }
    let timeout = &webhook["timeoutSeconds"];
    if !(1..=30).contains(&timeout.as_i64().unwrap_or(10)) {
        let detail = "the timeout value must be between 1 and 30 seconds";
        errors.push(Error::invalid(child("timeoutSeconds"), timeout, detail));
    }
    for name in ["namespaceSelector", "objectSelector"] {
        let selector = webhook.get(name);
        errors.extend(names::validate_label_selector(selector, &child(name), true));
    }
    errors.extend(validate_client(&webhook["clientConfig"], &child("clientConfig")));
    let versions = list(webhook, "/admissionReviewVersions");
    let place = child("admissionReviewVersions");
    if versions.is_empty() {
        errors.push(Error::required(place, "must specify one of v1, v1beta1"));
    } else if !versions.iter().any(|version| *version == "v1" || *version == "v1beta1") {
        let shown: Vec<_> = versions.iter().map(Value::to_string).collect();
        errors.push(Error::invalid_go(
            place,
            format!("[]string{{{}}}", shown.join(", ")),
            "must include at least one of v1, v1beta1",
        ));
    }
    if mutating {
        errors.extend(one_of(webhook, path, "reinvocationPolicy", &["IfNeeded", "Never"]));
    }
    errors.extend(validate_conditions(webhook, &child("matchConditions")));
    errors
}

/// A name with at least three segments.
fn validate_qualified(name: &str, path: &str) -> field::Errors {
    if name.is_empty() {
        return vec![Error::required(path, "")];
    }
    let mut complaints = names::dns_subdomain(name);
    if complaints.is_empty() && name.split('.').count() < 3 {
        let words = "should be a domain with at least three segments separated by dots";
        complaints.push(words.to_owned());
    }
    complaints.into_iter().map(|complaint| Error::invalid(path, &name.into(), complaint)).collect()
}

fn validate_rule(rule: &Value, path: &str) -> field::Errors {
    let mut errors = Vec::new();
    let operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
    for name in ["operations", "apiGroups", "apiVersions", "resources"] {
        let place = field::child(path, name);
        let items = list(rule, &format!("/{name}"));
        if items.is_empty() {
            errors.push(Error::required(place, ""));
            continue;
        }
        if items.len() > 1 && items.contains(&json!("*")) && name != "resources" {
            let shown: Vec<_> = items.iter().map(Value::to_string).collect();
            let detail = "if '*' is present, must not specify other values";
            let shown = format!("[]string{{{}}}", shown.join(", "));
            errors.push(Error::invalid_go(place.clone(), shown, detail));
        }
        for (at, item) in items.iter().enumerate() {
            let place = field::index(&place, at);
            let value = item.as_str().unwrap_or_default();
            if name == "operations" && !operations.contains(&value) {
                errors.push(Error::not_supported(place, item, &operations));
            } else if ["apiVersions", "resources"].contains(&name) && value.is_empty() {
                errors.push(Error::required(place, ""));
            }
        }
    }
    errors.extend(one_of(rule, path, "scope", &["*", "Cluster", "Namespaced"]));
    errors
}

fn validate_client(client: &Value, path: &str) -> field::Errors {
    let mut errors = Vec::new();
    let url = at(client, "/url").and_then(Value::as_str);
    let service = at(client, "/service");
    match (url, service) {
        (Some(url), None) => {
            let place = field::child(path, "url");
            for detail in url_complaints(url) {
                errors.push(Error::invalid(place.clone(), &url.into(), detail));
            }
        }
        (None, Some(service)) => {
            let path = field::child(path, "service");
            for name in ["name", "namespace"] {
                if service[name].as_str().unwrap_or_default().is_empty() {
                    let detail = format!("service {name} is required");
                    errors.push(Error::required(field::child(&path, name), detail));
                }
            }
            let inner = text(service, "/path");
            if !inner.is_empty() && !inner.starts_with('/') {
                let place = field::child(&path, "path");
                errors.push(Error::invalid(place, &inner.into(), "must start with a '/'"));
            }
            let port = &service["port"];
            for complaint in names::port_number(port.as_i64().unwrap_or(443)) {
                let detail = format!("port is not valid: {complaint}");
                errors.push(Error::invalid(field::child(&path, "port"), port, detail));
            }
        }
        _ => errors.push(Error::required(path, "exactly one of url or service is required")),
    }
    errors
}

fn url_complaints(url: &str) -> Vec<&'static str> {
    let mut complaints = Vec::new();
    let Some(rest) = url.strip_prefix("https://") else {
        return vec!["'https' is the only allowed URL scheme; desired format: https://host[/path]"];
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() {
        complaints.push("host must be specified; desired format: https://host[/path]");
    }
    if host.contains('@') {
        complaints.push("user information is not permitted in the URL");
    }
    if rest.contains('#') {
        complaints.push("fragments are not permitted in the URL");
    }
    if rest.contains('?') {
        complaints.push("query parameters are not permitted in the URL");
    }
    complaints
}

fn validate_conditions(webhook: &Value, path: &str) -> field::Errors {
    let mut errors = Vec::new();
    let conditions = list(webhook, "/matchConditions");
    if conditions.len() > 64 {
        errors.push(Error::too_many(path, conditions.len(), 64));
    }
    let mut seen = HashSet::new();
    for (at, condition) in conditions.iter().enumerate() {
        let path = field::index(path, at);
        let name = text(condition, "/name");
        let place = field::child(&path, "name");
        let expression = text(condition, "/expression");
        if expression.trim().is_empty() {
            errors.push(Error::required(field::child(&path, "expression"), ""));
        } else if let Err(why) = Condition::compile(expression, &VARIABLES) {
            let place = field::child(&path, "expression");
            errors.push(Error::invalid(place, &expression.into(), why));
        }
        if name.is_empty() {
            errors.push(Error::required(place, ""));
            continue;
        }
        for complaint in names::qualified_name(name) {
            errors.push(Error::invalid(place.clone(), &name.into(), complaint));
        }
        if !seen.insert(name) {
            errors.push(Error::duplicate(place, &name.into()));
        }
    }
    errors
}
