//! `spec.conversion`: none, or a webhook.

use serde_json::Value;

use super::spec::{label, one_of};
use crate::crd::schema::{items, text};
use crate::field::{self, Error, child, index};

/// Findings on `spec.conversion`.
pub(super) fn validate(conversion: &Value, errors: &mut field::Errors) {
    const PATH: &str = "spec.conversion";
    if !conversion.is_object() {
        return;
    }
    let strategy = child(PATH, "strategy");
    one_of(conversion.get("strategy"), &["None", "Webhook"], &strategy, errors);
    let client = &conversion["webhook"]["clientConfig"];
    let client_path = child(PATH, "webhookClientConfig");
    let versions_path = child(PATH, "conversionReviewVersions");
    let versions: Vec<_> = items(&conversion["webhook"], "conversionReviewVersions").collect();
    if text(conversion, "strategy") != Some("Webhook") {
        let detail = "should not be set when strategy is not set to Webhook";
        if client.is_object() {
            errors.push(Error::forbidden(client_path, detail));
        }
        if !versions.is_empty() {
            errors.push(Error::forbidden(versions_path, detail));
        }
        return;
    }
    match (client.get("url").and_then(Value::as_str), client.get("service")) {
        _ if !client.is_object() => {
            let detail = "required when strategy is set to Webhook";
            errors.push(Error::required(client_path, detail));
        }
        (Some(url), None) => webhook_url(url, &child(&client_path, "url"), errors),
        (None, Some(service)) => webhook_service(service, &child(&client_path, "service"), errors),
        _ => {
            let detail = "exactly one of url or service is required";
            errors.push(Error::required(client_path, detail));
        }
    }
    if versions.is_empty() {
        return errors.push(Error::required(versions_path, ""));
    }
    for (at, version) in versions.iter().enumerate() {
        let path = index(&versions_path, at);
        if versions[..at].contains(version) {
            errors.push(Error::invalid(path, version, "duplicate version"));
        } else {
            label(version, version.as_str().unwrap_or_default(), &path, errors);
        }
    }
    if !versions.iter().any(|it| matches!(it.as_str(), Some("v1" | "v1beta1"))) {
        let value = Value::from(versions.into_iter().cloned().collect::<Vec<_>>());
        let detail = "must include at least one of v1, v1beta1";
        errors.push(Error::invalid(versions_path, &value, detail));
    }
}

fn webhook_url(url: &str, path: &str, errors: &mut field::Errors) {
    let form = "desired format: https://host[/path]";
    let mut wrong = |words: String| errors.push(Error::invalid(path, &Value::from(url), words));
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    if scheme != "https" {
        wrong(format!("'https' is the only allowed URL scheme; {form}"));
    }
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() {
        wrong(format!("host must be specified; {form}"));
    }
    if host.contains('@') {
        wrong("user information is not permitted in the URL".to_owned());
    }
    if rest.contains('#') {
        wrong("fragments are not permitted in the URL".to_owned());
    }
    if rest.contains('?') {
        wrong("query parameters are not permitted in the URL".to_owned());
    }
}

fn webhook_service(service: &Value, path: &str, errors: &mut field::Errors) {
    for (name, words) in
        [("name", "service name is required"), ("namespace", "service namespace is required")]
    {
        if text(service, name).is_none() {
            errors.push(Error::required(child(path, name), words));
        }
    }
    let port = service.get("port").and_then(Value::as_i64).unwrap_or(443);
    if !(1..=65535).contains(&port) {
        let words = "port is not valid: must be between 1 and 65535, inclusive";
        errors.push(Error::invalid(child(path, "port"), &Value::from(port), words));
    }
    if let Some(place) = text(service, "path")
        && !place.starts_with('/')
    {
        let words = "must start with a '/'";
        errors.push(Error::invalid(child(path, "path"), &Value::from(place), words));
    }
}
