//! ConfigMap, Secret and ServiceAccount.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::part::{at, default_to, remove, text};
use super::{Part, Strategy};
use crate::field::{self, Error};
use crate::{meta, names};

/// Most bytes that the values of one object may have together.
const SIZE_MAX: usize = 1024 * 1024;

fn entries<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    object.get(field).and_then(Value::as_object).into_iter().flatten()
}

/// Bytes of a base64 text.
fn decoded_length(text: &str) -> usize {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

fn validate_keys(object: &Value, field: &str) -> field::Errors {
    let mut errors = Vec::new();
    for (key, _) in entries(object, field) {
        for complaint in names::config_key(key) {
            let path = field::key(field, key);
            errors.push(Error::invalid(path, &key.as_str().into(), complaint));
        }
    }
    errors
}

/// An object marked `immutable` keeps the mark and its data.
fn validate_immutable(object: &Value, stored: &Value, data: &[&str]) -> field::Errors {
    let mut errors = Vec::new();
    if stored["immutable"] != json!(true) {
        return errors;
    }
    let detail = "field is immutable when `immutable` is set";
    if object["immutable"] != json!(true) {
        errors.push(Error::forbidden("immutable", detail));
    }
    for field in data {
        if object.get(*field) != stored.get(*field) {
            errors.push(Error::forbidden(*field, detail));
        }
    }
    errors
}

/// Rules of ConfigMaps.
pub struct ConfigMap;

impl Strategy for ConfigMap {
    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let mut size = 0;
        for (key, value) in entries(object, "data") {
            let path = field::key("data", key);
            let shown = Value::from(key.as_str());
            for complaint in names::config_key(key) {
                errors.push(Error::invalid(path.clone(), &shown, complaint));
            }
            if object["binaryData"].get(key).is_some() {
                let detail = "duplicate of key present in binaryData";
                errors.push(Error::invalid(path, &shown, detail));
            }
            size += value.as_str().map_or(0, str::len);
        }
        errors.extend(validate_keys(object, "binaryData"));
        for (_, value) in entries(object, "binaryData") {
            size += value.as_str().map_or(0, decoded_length);
        }
        if size > SIZE_MAX {
            errors.push(Error::too_long("", SIZE_MAX));
        }
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        let mut errors = validate_immutable(object, stored, &["data", "binaryData"]);
        errors.extend(self.validate_create(object));
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }
}

/// Rules of Secrets.
pub struct Secret;

impl Strategy for Secret {
    fn default(&self, object: &mut Value) {
        default_to(object, "type", "Opaque");
        // `stringData` wins over `data`, and is never stored.
        let plain = object.as_object_mut().and_then(|map| map.remove("stringData"));
        if let Some(Value::Object(plain)) = plain
            && !plain.is_empty()
        {
            let data = meta::child_mut(object, "data");
            for (key, value) in plain {
                let text = value.as_str().unwrap_or_default();
                data.insert(key, STANDARD.encode(text).into());
            }
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = validate_keys(object, "data");
        let size: usize = entries(object, "data")
            .map(|(_, value)| value.as_str().map_or(0, decoded_length))
            .sum();
        if size > SIZE_MAX {
            errors.push(Error::too_long("data", SIZE_MAX));
        }
        let value = |key: &str| object["data"].get(key).and_then(Value::as_str);
        let required = |key: &str| Error::required(field::key("data", key), "");
        match text(object, "/type") {
            "kubernetes.io/service-account-token" => {
                let key = "kubernetes.io/service-account.name";
                if meta::annotation(object, key).unwrap_or_default().is_empty() {
                    let path = field::key("metadata.annotations", key);
                    errors.push(Error::required(path, ""));
                }
            }
            kind @ ("kubernetes.io/dockercfg" | "kubernetes.io/dockerconfigjson") => {
                let key = if kind == "kubernetes.io/dockercfg" {
                    ".dockercfg"
                } else {
                    ".dockerconfigjson"
                };
                match value(key) {
                    None => errors.push(required(key)),
                    Some(text) => {
                        let bytes = STANDARD.decode(text).unwrap_or_default();
                        if let Err(error) = serde_json::from_slice::<Value>(&bytes) {
                            errors.push(Error::invalid(
                                field::key("data", key),
                                &"<secret contents redacted>".into(),
                                error.to_string(),
                            ));
                        }
                    }
                }
            }
            "kubernetes.io/basic-auth"
                if value("username").is_none() && value("password").is_none() =>
            {
                errors.push(required("username"));
                errors.push(required("password"));
            }
            "kubernetes.io/ssh-auth" if value("ssh-privatekey").unwrap_or_default().is_empty() => {
                errors.push(required("ssh-privatekey"));
            }
            "kubernetes.io/tls" => {
                let missing = ["tls.crt", "tls.key"];
                let missing = missing.iter().filter(|key| value(key).is_none());
                errors.extend(missing.map(|key| required(key)));
            }
            _ => {}
        }
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        let mut errors = Vec::new();
        if object.get("type") != stored.get("type") {
            errors.push(Error::invalid("type", &object["type"], "field is immutable"));
        }
        errors.extend(validate_immutable(object, stored, &["data"]));
        errors.extend(self.validate_create(object));
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![("type", text(object, "/type").to_owned())]
    }
}

/// Rules of ServiceAccounts.
pub struct ServiceAccount;

impl Strategy for ServiceAccount {
    fn default(&self, object: &mut Value) {
        // References to secrets are by name; anything else does not survive.
        if at(object, "/secrets").is_none() {
            remove(object, "secrets");
        }
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn delete_returns_object(&self) -> bool {
        true
    }
}
