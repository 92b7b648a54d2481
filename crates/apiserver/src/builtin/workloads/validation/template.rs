//! Pod templates and the selectors of the controllers that own them.

use serde_json::Value;

use super::pod;
use crate::builtin::workloads::fields::{entries, text, vacant};
use crate::builtin::workloads::selector::Selector;
use crate::{field, names};

/// A pod template anywhere.
pub(in crate::builtin::workloads) fn pod_template(
    template: &Value,
    path: &str,
    errors: &mut field::Errors,
) {
    metadata(template, path, errors);
    let spec = &template["spec"];
    let path = field::child(path, "spec");
    pod::pod_spec(spec, false, &path, errors);
    if !vacant(spec, "ephemeralContainers") {
        errors.push(field::Error::forbidden(
            field::child(&path, "ephemeralContainers"),
            "ephemeral containers not allowed in pod template",
        ));
    }
}

fn metadata(template: &Value, path: &str, errors: &mut field::Errors) {
    let labels = template["metadata"].get("labels");
    errors.extend(names::validate_labels(labels, &field::child(path, "labels")));
    let path = field::child(path, "annotations");
    for (key, _) in entries(&template["metadata"], "annotations") {
        for complaint in names::qualified_name(&key.to_lowercase()) {
            let value = Value::from(key.as_str());
            errors.push(field::Error::invalid(&path, &value, complaint));
        }
    }
}

/// The template of a controller that keeps its pods running: the selector matches, the
/// pods are restarted always and have no deadline. `owner` is named in the complaint.
pub(in crate::builtin::workloads) fn template_for(
    owner: &str,
    template: &Value,
    selector: &Selector,
    path: &str,
    errors: &mut field::Errors,
) {
    labels_match(template, selector, path, errors);
    // A StatefulSet's template mounts claims that are no volumes of it, so a real
    // server looks at its metadata only.
    if owner == "StatefulSet" {
        metadata(template, path, errors);
    } else {
        pod_template(template, path, errors);
    }
    let spec = &template["spec"];
    let path = field::child(path, "spec");
    if text(spec, "restartPolicy") != "Always" {
        let policy = Value::from(text(spec, "restartPolicy"));
        let path = field::child(&path, "restartPolicy");
        errors.push(field::Error::not_supported(path, &policy, &["Always"]));
    }
    if !vacant(spec, "activeDeadlineSeconds") {
        errors.push(field::Error::forbidden(
            field::child(&path, "activeDeadlineSeconds"),
            format!("activeDeadlineSeconds in {owner} is not Supported"),
        ));
    }
}

/// The selector of a controller must find the pods made from its template.
pub(in crate::builtin::workloads) fn labels_match(
    template: &Value,
    selector: &Selector,
    path: &str,
    errors: &mut field::Errors,
) {
    let labels = &template["metadata"]["labels"];
    if !selector.is_everything() && !selector.matches(labels) {
        errors.push(field::Error::invalid_go(
            format!("{path}.metadata.labels"),
            go_map(labels),
            "`selector` does not match template `labels`",
        ));
    }
}

/// Labels as Go prints them.
fn go_map(labels: &Value) -> String {
    let Some(labels) = labels.as_object() else {
        return "map[string]string(nil)".to_owned();
    };
    let mut pairs: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key:?}:{:?}", value.as_str().unwrap_or_default()))
        .collect();
    pairs.sort();
    format!("map[string]string{{{}}}", pairs.join(", "))
}
