//! What may change in a job that exists.

use serde_json::Value;

use crate::builtin::workloads::fields::{self, carry, carry_metadata, flag, present, text};
use crate::builtin::workloads::validation::immutable;
use crate::field;

/// Fields of a pod that say where it runs; they may change while a job waits.
const SCHEDULING: &[&str] = &["nodeSelector", "tolerations", "schedulingGates"];

pub(super) fn validate(object: &Value, stored: &Value, errors: &mut field::Errors) {
    let (now, before) = (&object["spec"], &stored["spec"]);
    if !is_elastic(now) || now["parallelism"] != now["completions"] {
        immutable(now, before, "completions", "spec", errors);
    }
    immutable(now, before, "selector", "spec", errors);
    template(object, stored, errors);
    immutable(now, before, "completionMode", "spec", errors);
    immutable(now, before, "podFailurePolicy", "spec", errors);
}

/// An indexed job may grow and shrink as a whole.
fn is_elastic(spec: &Value) -> bool {
    text(spec, "completionMode") == "Indexed" && present(spec, "completions")
}

fn template(object: &Value, stored: &Value, errors: &mut field::Errors) {
    let before = &stored["spec"]["template"];
    let mut now = object["spec"]["template"].clone();
    // A job that never started has no pods yet.
    let waiting = flag(&stored["spec"], "suspend") && !present(&stored["status"], "startTime");
    if waiting {
        for name in ["labels", "annotations"] {
            carry_metadata(&mut now, before, name);
        }
        if let Some(spec) = now.get_mut("spec") {
            for name in SCHEDULING {
                carry(spec, &before["spec"], name);
            }
            node_affinity(spec, &before["spec"]);
        }
    }
    if now != *before {
        let words = "field is immutable";
        errors.push(field::Error::invalid("spec.template", &object["spec"]["template"], words));
    }
}

fn node_affinity(spec: &mut Value, before: &Value) {
    let old = before["affinity"].get("nodeAffinity").cloned();
    if let Some(affinity) = fields::object(spec, "affinity") {
        fields::set(affinity, "nodeAffinity", old.unwrap_or_default());
        let empty = affinity.as_object().is_some_and(serde_json::Map::is_empty);
        if empty && !present(before, "affinity") {
            fields::remove(spec, "affinity");
        }
    }
}
