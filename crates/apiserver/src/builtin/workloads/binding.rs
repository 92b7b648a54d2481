//! The `binding` subresource: a scheduler puts a pod on a node.

use serde_json::{Value, json};

use super::fields::{self, entries, list, text, vacant};
use crate::error::{self, Error, GroupName};
use crate::field;

/// Findings on a `Binding` that a client sent.
pub fn validate(binding: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let target = &binding["target"];
    if !matches!(text(target, "kind"), "" | "Node") {
        let allowed = ["Node", "<empty>"];
        errors.push(field::Error::not_supported("target.kind", &target["kind"], &allowed));
    }
    if text(target, "name").is_empty() {
        errors.push(field::Error::required("target.name", ""));
    }
    errors
}

/// Puts the pod on the node of the binding; `now` is an RFC 3339 time in seconds.
///
/// # Errors
/// 409 when the pod is being deleted, has a node already, or may not be scheduled yet.
pub fn bind(pod: &mut Value, binding: &Value, now: &str) -> error::Result<()> {
    let name = text(&pod["metadata"], "name").to_owned();
    let refuse = |why: String| Error::conflict(&GroupName::new("", "pods/binding"), &name, why);
    if fields::present(&pod["metadata"], "deletionTimestamp") {
        let why = format!("pod {name} is being deleted, cannot be assigned to a host");
        return Err(refuse(why));
    }
    let node = text(&pod["spec"], "nodeName");
    if !node.is_empty() {
        return Err(refuse(format!("pod {name} is already assigned to node {node:?}")));
    }
    if !vacant(&pod["spec"], "schedulingGates") {
        return Err(refuse(format!("pod {name} has non-empty .spec.schedulingGates")));
    }
    if let Some(spec) = fields::object(pod, "spec") {
        fields::set(spec, "nodeName", text(&binding["target"], "name").into());
    }
    for (key, value) in entries(&binding["metadata"], "annotations") {
        if let Some(metadata) = fields::object(pod, "metadata")
            && let Some(annotations) = fields::object(metadata, "annotations")
        {
            fields::set(annotations, key, value.clone());
        }
    }
    if let Some(status) = fields::object(pod, "status") {
        scheduled(status, now);
    }
    Ok(())
}

/// Sets the condition `PodScheduled` to true.
fn scheduled(status: &mut Value, now: &str) {
    let mut condition = json!({
        "type": "PodScheduled", "status": "True",
        "lastProbeTime": null, "lastTransitionTime": now,
    });
    let mut conditions = list(status, "conditions").to_vec();
    match conditions.iter_mut().find(|old| old["type"] == "PodScheduled") {
        Some(old) => {
            if old["status"] == "True" {
                fields::carry(&mut condition, old, "lastTransitionTime");
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
    fields::set(status, "conditions", conditions.into());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::{bind, validate};

    #[test]
    fn a_binding_sets_node_annotations_and_condition() {
        let mut pod =
            json!({"metadata": {"name": "p"}, "spec": {}, "status": {"phase": "Pending"}});
        let binding = json!({"metadata": {"annotations": {"a": "b"}}, "target": {"kind": "Node", "name": "n1"}});
        assert_eq!(validate(&binding), []);
        bind(&mut pod, &binding, "2026-01-01T00:00:00Z").unwrap();
        assert_eq!(
            pod,
            json!({
                "metadata": {"name": "p", "annotations": {"a": "b"}},
                "spec": {"nodeName": "n1"},
                "status": {"phase": "Pending", "conditions": [{
                    "type": "PodScheduled", "status": "True",
                    "lastProbeTime": null, "lastTransitionTime": "2026-01-01T00:00:00Z",
                }]},
            })
        );
        let again = bind(&mut pod, &binding, "2026-01-01T00:00:01Z").unwrap_err();
        assert_eq!(again.code, 409);
        assert!(again.message.ends_with("pod p is already assigned to node \"n1\""));
    }

    #[test]
    fn a_target_is_a_named_node() {
        let errors = validate(&json!({"target": {"kind": "Pod"}}));
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["target.kind", "target.name"]);
    }

    #[test]
    fn gates_and_deletion_keep_a_pod_from_its_node() {
        let binding = json!({"target": {"name": "n1"}});
        for mut pod in [
            json!({"metadata": {"name": "p"}, "spec": {"schedulingGates": [{"name": "g"}]}}),
            json!({"metadata": {"name": "p", "deletionTimestamp": "t"}, "spec": {}}),
        ] {
            assert_eq!(bind(&mut pod, &binding, "now").unwrap_err().code, 409);
        }
    }
}
