//! Job.

mod failure_policy;
mod selector;
mod update;

use serde_json::{Value, json};

use super::fields::{self, default, flag, number, present, text, vacant};
use super::validation::number::nonnegative;
use super::{defaults, lifecycle, validation, warnings};
use crate::builtin::{Part, Strategy};
use crate::{field, names};

/// Rules of jobs.
pub(super) struct Job;

/// Most pods of an indexed job at a time.
const MOST_PARALLEL: i64 = 100_000;

impl Strategy for Job {
    fn default(&self, object: &mut Value) {
        if let Some(spec) = fields::object(object, "spec") {
            if !present(spec, "completions") && !present(spec, "parallelism") {
                default(spec, "completions", 1);
            }
            default(spec, "parallelism", 1);
            default(spec, "backoffLimit", 6);
            default(spec, "completionMode", "NonIndexed");
            default(spec, "suspend", false);
            template_of(spec);
        }
        labels_of_template(object);
    }

    fn prepare_create(&self, object: &mut Value) {
        drop_disabled(object, "/spec", None);
        selector::generate(object);
        labels_of_template(object);
        lifecycle::create(object, json!({}));
    }

    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        if part == Part::Sub("status") {
            lifecycle::update_status(object, stored);
        } else {
            drop_disabled(object, "/spec", Some(stored));
            lifecycle::update(object, stored, "spec");
        }
    }

    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        selector::validate(object, &mut errors);
        spec_with_selector(&object["spec"], &mut errors);
        indexed_names(object, &mut errors);
        errors
    }

    fn validate_update(&self, part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        let mut errors = Vec::new();
        if part == Part::Sub("status") {
            let counts = ["active", "succeeded", "failed", "ready", "terminating"];
            nonnegative(&object["status"], &counts, "status", &mut errors);
            return errors;
        }
        spec_with_selector(&object["spec"], &mut errors);
        update::validate(object, stored, &mut errors);
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        let succeeded = number(&object["status"], "succeeded").unwrap_or_default();
        vec![("status.successful", succeeded.to_string())]
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        warnings::owner_of_pods(object)
    }
}

/// Defaults of the template and the failure policy: what a CronJob's job template gets too.
pub(super) fn template_of(spec: &mut Value) {
    defaults::template(spec, "template");
    if let Some(policy) = spec.get_mut("podFailurePolicy") {
        failure_policy::default(policy);
    }
}

/// A job without labels takes those of its pods.
fn labels_of_template(object: &mut Value) {
    let labels = object["spec"]["template"]["metadata"]["labels"].clone();
    if let Some(metadata) = fields::object(object, "metadata")
        && labels.is_object()
        && vacant(metadata, "labels")
    {
        fields::set(metadata, "labels", labels);
    }
}

/// Drops fields of features that are off in 1.28 from the job spec at `pointer`.
pub(super) fn drop_disabled(object: &mut Value, pointer: &str, stored: Option<&Value>) {
    let pod = format!("{pointer}/template/spec");
    defaults::drop_disabled(object, &pod, stored);
    if let Some(spec) = object.pointer_mut(pointer) {
        for name in ["backoffLimitPerIndex", "maxFailedIndexes", "podReplacementPolicy"] {
            fields::remove(spec, name);
        }
    }
}

/// What a job and a job template share.
pub(super) fn spec(spec: &Value, path: &str, errors: &mut field::Errors) {
    let numbers = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
    ];
    nonnegative(spec, &numbers, path, errors);
    completion(spec, path, errors);
    let template = &spec["template"];
    let policy = text(&template["spec"], "restartPolicy");
    failure_policy::validate(spec, path, errors);
    let path = field::child(path, "template");
    validation::pod_template(template, &path, errors);
    let path = format!("{path}.spec.restartPolicy");
    match policy {
        "OnFailure" | "Never" => {}
        // `Always` is the default, so it means that nothing was said.
        "Always" => {
            let words = "valid values: \"OnFailure\", \"Never\"";
            errors.push(field::Error::required(path, words));
        }
        other => {
            let allowed = ["OnFailure", "Never"];
            errors.push(field::Error::not_supported(path, &Value::from(other), &allowed));
        }
    }
}

fn completion(spec: &Value, path: &str, errors: &mut field::Errors) {
    match text(spec, "completionMode") {
        "" | "NonIndexed" => {}
        "Indexed" => {
            if !present(spec, "completions") {
                let words = "when completion mode is Indexed";
                errors.push(field::Error::required(field::child(path, "completions"), words));
            }
            if number(spec, "parallelism").is_some_and(|count| count > MOST_PARALLEL) {
                let words = format!(
                    "must be less than or equal to {MOST_PARALLEL} when completion mode is Indexed"
                );
                let path = field::child(path, "parallelism");
                errors.push(field::Error::invalid(path, &spec["parallelism"], words));
            }
        }
        _ => errors.push(field::Error::not_supported(
            field::child(path, "completionMode"),
            &spec["completionMode"],
            &["NonIndexed", "Indexed"],
        )),
    }
}

fn spec_with_selector(of: &Value, errors: &mut field::Errors) {
    spec(of, "spec", errors);
    if !of["selector"].is_object() {
        errors.push(field::Error::required("spec.selector", ""));
        return;
    }
    validation::selector(&of["selector"], "spec.selector", errors);
    if let Some(selector) = super::selector::Selector::of(&of["selector"]) {
        validation::labels_match(&of["template"], &selector, "spec.template", errors);
    }
}

/// Pods of an indexed job are hosts: `<job>-<index>` must be a label.
fn indexed_names(object: &Value, errors: &mut field::Errors) {
    let spec = &object["spec"];
    let completions = number(spec, "completions").unwrap_or_default();
    if text(spec, "completionMode") != "Indexed" || completions <= 0 {
        return;
    }
    let name = text(&object["metadata"], "name");
    let last = format!("{name}-{}", completions - 1);
    for complaint in names::dns_label(&last) {
        let words =
            format!("will not able to create pod with invalid DNS label: {last}: {complaint}");
        errors.push(field::Error::invalid("metadata.name", &Value::from(name), words));
    }
}

/// The client chose the selector itself.
fn is_manual(object: &Value) -> bool {
    flag(&object["spec"], "manualSelector")
}

#[cfg(test)]
mod tests;
