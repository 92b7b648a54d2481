//! The `scale` subresource: a kind with replicas seen as an `autoscaling/v1` Scale.
//!
//! A write goes: [`apply`] puts the count into the stored object, and that is updated
//! as a whole (`Part::Main`), so that its generation rises.

use serde_json::{Map, Value, json};

use super::fields::{self, number};
use super::selector::Selector;
use super::validation::number::nonnegative;
use crate::field;

/// Kinds that have the subresource.
pub fn is_scalable(group: &str, resource: &str) -> bool {
    match group {
        "" => resource == "replicationcontrollers",
        "apps" => matches!(resource, "deployments" | "replicasets" | "statefulsets"),
        _ => false,
    }
}

/// The Scale of an object. It has the object's identity, but not its labels.
pub fn of(object: &Value) -> Value {
    let mut metadata = Map::new();
    for name in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object["metadata"].get(name) {
            metadata.insert(name.to_owned(), value.clone());
        }
    }
    let mut spec = json!({});
    // Go leaves a zero out here.
    if let Some(replicas) = number(&object["spec"], "replicas").filter(|count| *count != 0) {
        fields::set(&mut spec, "replicas", replicas.into());
    }
    let replicas = number(&object["status"], "replicas").unwrap_or_default();
    let mut status = json!({"replicas": replicas});
    let selector = &object["spec"]["selector"];
    let text = if is_label_selector(selector) {
        Selector::of(selector).map(|selector| selector.to_string())
    } else {
        Some(Selector::of_map(selector).to_string())
    };
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        fields::set(&mut status, "selector", text.into());
    }
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": metadata, "spec": spec, "status": status,
    })
}

/// A ReplicationController has a plain map of labels, whose values are texts.
fn is_label_selector(selector: &Value) -> bool {
    selector.as_object().is_none_or(|map| !map.values().any(Value::is_string))
}

/// The stored object with the count of a Scale. The count's range is [`validate`]'s to check.
pub fn apply(stored: &Value, scale: &Value) -> Value {
    let mut object = stored.clone();
    let replicas = number(&scale["spec"], "replicas").unwrap_or_default();
    if let Some(spec) = fields::object(&mut object, "spec") {
        fields::set(spec, "replicas", replicas.into());
    }
    // The client's precondition holds for the object behind the scale.
    if let Some(version) = scale["metadata"].get("resourceVersion")
        && let Some(metadata) = fields::object(&mut object, "metadata")
    {
        fields::set(metadata, "resourceVersion", version.clone());
    }
    object
}

/// Findings on a Scale that a client sent.
pub fn validate(scale: &Value) -> field::Errors {
    let mut errors = Vec::new();
    nonnegative(&scale["spec"], &["replicas"], "spec", &mut errors);
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{apply, is_scalable, of, validate};

    #[test]
    fn a_deployment_as_scale_and_back() {
        let stored = json!({
            "metadata": {"name": "d", "namespace": "n", "uid": "u", "resourceVersion": "5",
                         "creationTimestamp": "t", "labels": {"a": "b"}, "generation": 1},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "d"}}},
            "status": {},
        });
        assert_eq!(
            of(&stored),
            json!({
                "kind": "Scale", "apiVersion": "autoscaling/v1",
                "metadata": {"name": "d", "namespace": "n", "uid": "u", "resourceVersion": "5",
                             "creationTimestamp": "t"},
                "spec": {}, "status": {"replicas": 0, "selector": "app=d"},
            })
        );
        let object = apply(&stored, &json!({"metadata": {"name": "d"}, "spec": {"replicas": 2}}));
        assert_eq!(object["spec"]["replicas"], 2);
        assert_eq!(object["metadata"], stored["metadata"]);
        assert_eq!(of(&object)["spec"], json!({"replicas": 2}));
    }

    #[test]
    fn a_replication_controller_selects_by_a_map() {
        let stored = json!({"spec": {"replicas": 1, "selector": {"b": "2", "a": "1"}},
                            "status": {"replicas": 1}});
        assert_eq!(of(&stored)["status"], json!({"replicas": 1, "selector": "a=1,b=2"}));
    }

    #[test]
    fn negative_counts_are_refused() {
        let errors = validate(&json!({"spec": {"replicas": -2}}));
        assert_eq!(
            errors[0].to_string(),
            "spec.replicas: Invalid value: -2: must be greater than or equal to 0"
        );
        assert!(is_scalable("apps", "deployments") && !is_scalable("apps", "daemonsets"));
    }
}
