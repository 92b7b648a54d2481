//! `podFailurePolicy`: what a failed pod means for its job.

use serde_json::Value;

use crate::builtin::workloads::fields::{self, list, list_mut, present, text};
use crate::builtin::workloads::validation::enumeration;
use crate::field;

const MOST_RULES: usize = 20;
const MOST_CODES: usize = 255;
const MOST_PATTERNS: usize = 20;

pub(super) fn default(policy: &mut Value) {
    for rule in list_mut(policy, "rules") {
        for pattern in list_mut(rule, "onPodConditions") {
            fields::default(pattern, "status", "True");
        }
    }
}

pub(super) fn validate(spec: &Value, path: &str, errors: &mut field::Errors) {
    if !present(spec, "podFailurePolicy") {
        return;
    }
    let policy = text(&spec["template"]["spec"], "restartPolicy");
    if policy != "Never" {
        errors.push(field::Error::invalid(
            format!("{path}.template.spec.restartPolicy"),
            &Value::from(policy),
            "only \"Never\" is supported when podFailurePolicy is specified",
        ));
    }
    let rules = list(&spec["podFailurePolicy"], "rules");
    let path = format!("{path}.podFailurePolicy.rules");
    if rules.len() > MOST_RULES {
        errors.push(field::Error::too_many(&path, rules.len(), MOST_RULES));
    }
    for (at, one) in rules.iter().enumerate() {
        rule(one, spec, &field::index(&path, at), errors);
    }
}

fn rule(rule: &Value, spec: &Value, path: &str, errors: &mut field::Errors) {
    let actions = ["Count", "FailJob", "Ignore"];
    enumeration::required(rule, "action", &actions, path, errors);
    let codes = present(rule, "onExitCodes");
    let patterns = list(rule, "onPodConditions");
    if codes {
        exit_codes(&rule["onExitCodes"], spec, &field::child(path, "onExitCodes"), errors);
    }
    if patterns.len() > MOST_PATTERNS {
        let path = field::child(path, "onPodConditions");
        errors.push(field::Error::too_many(path, patterns.len(), MOST_PATTERNS));
    }
    for (at, pattern) in patterns.iter().enumerate() {
        let path = field::index(&field::child(path, "onPodConditions"), at);
        enumeration::filled(pattern, "type", &path, errors);
        let values = ["False", "True", "Unknown"];
        enumeration::required(pattern, "status", &values, &path, errors);
    }
    match (codes, patterns.is_empty()) {
        (true, false) => errors.push(field::Error::invalid(
            path,
            &Value::Null,
            "specifying both OnExitCodes and OnPodConditions is not supported",
        )),
        (false, true) => errors.push(field::Error::invalid(
            path,
            &Value::Null,
            "specifying one of OnExitCodes and OnPodConditions is required",
        )),
        _ => {}
    }
}

fn exit_codes(of: &Value, spec: &Value, path: &str, errors: &mut field::Errors) {
    enumeration::required(of, "operator", &["In", "NotIn"], path, errors);
    let name = text(of, "containerName");
    let pod = &spec["template"]["spec"];
    let known = ["containers", "initContainers"]
        .iter()
        .any(|sort| list(pod, sort).iter().any(|item| text(item, "name") == name));
    if present(of, "containerName") && !known {
        let path = field::child(path, "containerName");
        let words = "must be one of the container or initContainer names in the pod template";
        errors.push(field::Error::invalid(path, &of["containerName"], words));
    }
    let values = list(of, "values");
    let path = field::child(path, "values");
    if values.is_empty() {
        let words = "at least one value is required";
        errors.push(field::Error::invalid(&path, &of["values"], words));
    } else if values.len() > MOST_CODES {
        errors.push(field::Error::too_many(&path, values.len(), MOST_CODES));
    }
    let mut last = None;
    for (at, value) in values.iter().enumerate() {
        let at = field::index(&path, at);
        let code = value.as_i64().unwrap_or_default();
        if text(of, "operator") == "In" && code == 0 {
            let words = "must not be 0 for the In operator";
            errors.push(field::Error::invalid(&at, value, words));
        }
        match last {
            Some(last) if code == last => errors.push(field::Error::duplicate(&at, value)),
            Some(last) if code < last => {
                errors.push(field::Error::invalid(&path, &of["values"], "must be ordered"));
                return;
            }
            _ => {}
        }
        last = Some(code);
    }
}
