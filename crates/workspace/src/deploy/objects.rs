//! Objects of rendered manifests.

use kube::core::DynamicObject;
use serde_json::Value;

/// Why a text holds no objects.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// It is no YAML.
    #[error("a manifest is no YAML")]
    Syntax(#[source] Box<serde_saphyr::Error>),
    /// It is no Kubernetes object.
    #[error("document {document} of a manifest is no Kubernetes object")]
    Object {
        /// Which, from 1.
        document: usize,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// It has no kind or no name.
    #[error("document {0} of a manifest has no apiVersion, kind or name")]
    Nameless(usize),
}

/// All objects of some manifests, in an order in which they can be applied: what others live in or
/// are made of first. The order of the manifests stays otherwise.
///
/// # Errors
/// When a document is no object.
pub fn parse(texts: &[String]) -> Result<Vec<DynamicObject>, ObjectsError> {
    let mut objects = Vec::new();
    for text in texts {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text)
            .map_err(|error| ObjectsError::Syntax(Box::new(error)))?;
        for (at, document) in documents.into_iter().enumerate() {
            flatten(document, at + 1, &mut objects)?;
        }
    }
    objects.sort_by_key(rank);
    Ok(objects)
}

fn flatten(
    value: Value,
    document: usize,
    objects: &mut Vec<DynamicObject>,
) -> Result<(), ObjectsError> {
    if value.is_null() {
        return Ok(());
    }
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    if kind == "List"
        && let Some(Value::Array(items)) = value.get("items")
    {
        return items.iter().try_for_each(|item| flatten(item.clone(), document, objects));
    }
    let object: DynamicObject = serde_json::from_value(value)
        .map_err(|source| ObjectsError::Object { document, source })?;
    if object.types.is_none() || object.metadata.name.is_none() {
        return Err(ObjectsError::Nameless(document));
    }
    objects.push(object);
    Ok(())
}

/// `Deployment kube-system/calico-typha`.
#[must_use]
pub fn shown(object: &DynamicObject) -> String {
    let kind = object.types.as_ref().map_or("object", |types| types.kind.as_str());
    let name = object.metadata.name.as_deref().unwrap_or_default();
    match &object.metadata.namespace {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

fn rank(object: &DynamicObject) -> usize {
    const FIRST: [&str; 13] = [
        "Namespace",
        "CustomResourceDefinition",
        "PriorityClass",
        "StorageClass",
        "ServiceAccount",
        "ClusterRole",
        "Role",
        "ClusterRoleBinding",
        "RoleBinding",
        "ConfigMap",
        "Secret",
        "PersistentVolumeClaim",
        "Service",
    ];
    let kind = object.types.as_ref().map_or("", |types| &types.kind[..]);
    FIRST.iter().position(|first| *first == kind).unwrap_or(FIRST.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn merges_are_applied_as_kubectl_does() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - &base {name: b, \
            image: c}\n  - <<: *base\n    name: d\n";
        let objects = parse(&[text.to_owned()]).unwrap();
        let containers = &objects[0].data["spec"]["containers"];
        assert_eq!(containers[1], serde_json::json!({ "name": "d", "image": "c" }));
    }
}
