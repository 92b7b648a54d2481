//! The selector that the server makes for a job, from its uid.

use serde_json::{Value, json};

use super::is_manual;
use crate::builtin::workloads::fields::{self, text};
use crate::builtin::workloads::selector::Selector;
use crate::field;

const UID: &str = "batch.kubernetes.io/controller-uid";
const LEGACY_UID: &str = "controller-uid";
const NAME: &str = "batch.kubernetes.io/job-name";
const LEGACY_NAME: &str = "job-name";

/// Labels the pods with name and uid of the job, and selects them by the uid.
pub(super) fn generate(job: &mut Value) {
    if is_manual(job) {
        return;
    }
    let name = text(&job["metadata"], "name").to_owned();
    let uid = text(&job["metadata"], "uid").to_owned();
    let Some(spec) = fields::object(job, "spec") else {
        return;
    };
    let labels = fields::object(spec, "template")
        .and_then(|template| fields::object(template, "metadata"))
        .and_then(|metadata| fields::object(metadata, "labels"));
    if let Some(labels) = labels {
        // Labels that a client set are left alone; validation compares them.
        for (legacy, current, value) in [(LEGACY_NAME, NAME, name), (LEGACY_UID, UID, uid.clone())]
        {
            if labels.get(legacy).is_none() {
                fields::set(labels, legacy, json!(value));
                fields::set(labels, current, json!(value));
            }
        }
    }
    let matched = fields::object(spec, "selector")
        .and_then(|selector| fields::object(selector, "matchLabels"))
        .and_then(Value::as_object_mut);
    if let Some(matched) = matched {
        matched.entry(UID).or_insert(json!(uid));
    }
}

/// A generated selector and its labels are those of this job.
pub(super) fn validate(job: &Value, errors: &mut field::Errors) {
    if is_manual(job) || !job["spec"]["selector"].is_object() {
        return;
    }
    let name = text(&job["metadata"], "name");
    let uid = text(&job["metadata"], "uid");
    if uid.is_empty() {
        errors.push(field::Error::required("metadata.uid", ""));
    }
    let labels = &job["spec"]["template"]["metadata"]["labels"];
    for (key, expected) in [(LEGACY_UID, uid), (LEGACY_NAME, name), (UID, uid), (NAME, name)] {
        let path = format!("spec.template.metadata.labels[{key}]");
        let words = format!("must be '{expected}'");
        match labels.get(key) {
            None => errors.push(field::Error::required(path, words)),
            Some(value) if value != expected => {
                errors.push(field::Error::invalid(path, value, words));
            }
            Some(_) => {}
        }
    }
    let expected = json!({UID: uid, LEGACY_UID: uid, NAME: name, LEGACY_NAME: name});
    let selector = &job["spec"]["selector"];
    if Selector::of(selector).is_some_and(|selector| !selector.matches(&expected)) {
        let words = "`selector` not auto-generated";
        errors.push(field::Error::invalid("spec.selector", selector, words));
    }
}
