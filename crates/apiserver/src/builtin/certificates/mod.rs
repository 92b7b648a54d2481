//! CertificateSigningRequest: who asks for which certificate, and who said yes.

pub(crate) mod pem;
pub(crate) mod signer;
mod validation;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::part::{at, keep, keep_all_but, list, list_mut, text};
use super::{Part, Strategy};
use crate::field;
use crate::{meta, names};

/// Who sent a request.
#[derive(Debug, Clone, Copy)]
pub struct Requester<'a> {
    /// User name.
    pub username: &'a str,
    /// Unique id; may be empty.
    pub uid: &'a str,
    /// Groups.
    pub groups: &'a [String],
    /// Further facts, as an object of lists; `null` for none.
    pub extra: &'a Value,
}

/// Condition types that decide a request, and `Failed`; none of them goes again.
const LASTING: [&str; 3] = ["Approved", "Denied", "Failed"];

/// Rules of CertificateSigningRequests.
pub struct SigningRequest;

impl Strategy for SigningRequest {
    fn prepare_create(&self, object: &mut Value) {
        // Identity is never taken from the client.
        let spec = meta::child_mut(object, "spec");
        for field in ["username", "uid", "groups", "extra"] {
            spec.remove(field);
        }
        object["status"] = json!({});
    }

    fn set_requester(&self, object: &mut Value, requester: &Requester<'_>) {
        let spec = meta::child_mut(object, "spec");
        for (field, value) in [("username", requester.username), ("uid", requester.uid)] {
            if !value.is_empty() {
                spec.insert(field.to_owned(), value.into());
            }
        }
        if !requester.groups.is_empty() {
            spec.insert("groups".to_owned(), requester.groups.into());
        }
        if requester.extra.as_object().is_some_and(|extra| !extra.is_empty()) {
            spec.insert("extra".to_owned(), requester.extra.clone());
        }
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        keep(object, stored, "spec");
        match part {
            Part::Sub("approval") => {
                let conditions = at(object, "/status/conditions").cloned();
                keep_all_but(object, stored, &["metadata"]);
                let status = meta::child_mut(object, "status");
                match conditions {
                    Some(conditions) => status.insert("conditions".to_owned(), conditions),
                    None => status.remove("conditions"),
                };
            }
            Part::Sub("status") => keep_decisions(object, stored),
            _ => keep(object, stored, "status"),
        }
    }

    fn stamp(&self, part: Part<'_>, object: &mut Value, stored: Option<&Value>, now: Timestamp) {
        if part == Part::Main {
            return;
        }
        let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let before = stored.map_or(&[][..], |stored| list(stored, "/status/conditions"));
        for condition in list_mut(object, "/status/conditions") {
            if condition["lastUpdateTime"].is_null() {
                condition["lastUpdateTime"] = json!(now);
            }
            if condition["lastTransitionTime"].is_null() {
                let same = before.iter().find(|old| {
                    old["type"] == condition["type"] && old["status"] == condition["status"]
                });
                let time = same.map(|old| old["lastTransitionTime"].clone());
                let time = time.filter(|time| !time.is_null());
                condition["lastTransitionTime"] = time.unwrap_or_else(|| json!(now));
            }
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        validation::request(object)
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        validation::update(part, object, stored)
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::path_segment(name, prefix)
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        vec![("spec.signerName", text(object, "/spec/signerName").to_owned())]
    }
}

/// A status write may not touch the decision: its instances are those of the store.
/// Adding and removing is left as it is, to be refused by the validation.
fn keep_decisions(object: &mut Value, stored: &Value) {
    let before = list(stored, "/status/conditions");
    for condition in list_mut(object, "/status/conditions") {
        let decided = ["Approved", "Denied"].contains(&text(condition, "/type"));
        let old = before.iter().find(|old| old["type"] == condition["type"]);
        if let Some(old) = old.filter(|_| decided) {
            *condition = old.clone();
        }
    }
}

#[cfg(test)]
mod tests;
