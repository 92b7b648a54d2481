//! Built-in types, read once from the published facts of Kubernetes 1.28.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::{Format, ListKind, Patch, Schema, Shape, Struct};

#[derive(Deserialize)]
struct Document {
    schemas: BTreeMap<String, Node>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Node {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    format: Option<String>,
    fields: Option<BTreeMap<String, Node>>,
    items: Option<Box<Node>>,
    values: Option<Box<Node>>,
    required: Vec<String>,
    default: Option<Value>,
    /// Kinds of this type; `"all"` for those that stand in every group.
    gvk: Option<Kinds>,
    list_type: Option<String>,
    list_map_keys: Vec<String>,
    map_type: Option<String>,
    patch_strategy: Option<String>,
    patch_merge_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Kinds {
    Listed(Vec<(String, String, String)>),
    Everywhere(#[allow(dead_code)] String),
}

struct Types {
    by_name: HashMap<String, Schema>,
    by_kind: HashMap<(String, String, String), String>,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let text = include_str!("../../data/schemas-v1.28.json");
    let document: Document = serde_json::from_str(text).expect("the embedded schemas are valid");
    let mut by_kind = HashMap::new();
    let mut by_name = HashMap::new();
    for (name, node) in document.schemas {
        if let Some(Kinds::Listed(kinds)) = &node.gvk {
            by_kind.extend(kinds.iter().map(|kind| (kind.clone(), name.clone())));
        }
        let shape = special(&name);
        let schema = shape.map_or_else(|| schema(node), Schema::of);
        by_name.insert(name, schema);
    }
    Types { by_name, by_kind }
});

static ANY: LazyLock<Schema> = LazyLock::new(Schema::any);

/// The built-in type of this full name (`io.k8s.api.core.v1.Pod`), or [`Shape::Any`].
pub fn named(name: &str) -> &'static Schema {
    TYPES.by_name.get(name).unwrap_or(&ANY)
}

/// The built-in type of a kind; `None` when Kubernetes 1.28 has no such kind.
pub fn by_kind(group: &str, version: &str, kind: &str) -> Option<&'static Schema> {
    let key = (group.to_owned(), version.to_owned(), kind.to_owned());
    TYPES.by_kind.get(&key).map(|name| named(name))
}

/// The full name of the type of a kind; `None` when Kubernetes 1.28 has no such kind.
pub fn name_of(group: &str, version: &str, kind: &str) -> Option<&'static str> {
    let key = (group.to_owned(), version.to_owned(), kind.to_owned());
    TYPES.by_kind.get(&key).map(String::as_str)
}

/// Group, version and kind of every kind with this type.
pub(super) fn kinds_of(name: &str) -> Vec<(&'static str, &'static str, &'static str)> {
    let mut kinds: Vec<_> = TYPES
        .by_kind
        .iter()
        .filter(|(_, of)| *of == name)
        .map(|((group, version, kind), _)| (&**group, &**version, &**kind))
        .collect();
    kinds.sort_unstable();
    kinds
}

/// Types whose JSON form the published schema does not tell.
fn special(name: &str) -> Option<Shape> {
    let shape = match name.rsplit_once('.')?.1 {
        "Quantity" => Shape::Quantity,
        "IntOrString" => Shape::IntOrString,
        "Time" => Shape::String(Format::Time),
        "MicroTime" => Shape::String(Format::MicroTime),
        "FieldsV1" | "RawExtension" | "JSON" => Shape::Any,
        "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrBool" | "JSONSchemaPropsOrStringArray" => {
            Shape::Any
        }
        _ => return None,
    };
    Some(shape)
}

fn schema(node: Node) -> Schema {
    let strategy = node.patch_strategy.unwrap_or_default();
    let patch = Patch {
        merge: strategy.split(',').any(|word| word == "merge"),
        replace: strategy.split(',').any(|word| word == "replace"),
        retain_keys: strategy.split(',').any(|word| word == "retainKeys"),
        merge_key: node.patch_merge_key,
    };
    let shape = if let Some(name) = node.reference {
        Shape::Named(name)
    } else {
        match node.kind.as_deref() {
            Some("object") => {
                let atomic = node.map_type.as_deref() == Some("atomic");
                match node.values {
                    Some(values) => Shape::Map { values: Box::new(schema(*values)), atomic },
                    None => Shape::Struct(Struct {
                        fields: node
                            .fields
                            .unwrap_or_default()
                            .into_iter()
                            .map(|(name, node)| (name, schema(node)))
                            .collect(),
                        required: node.required,
                        atomic,
                        preserve_unknown: false,
                    }),
                }
            }
            Some("array") => {
                let items = node.items.map_or_else(Schema::any, |items| schema(*items));
                let kind = list_kind(node.list_type.as_deref(), node.list_map_keys, &patch, &items);
                Shape::List { items: Box::new(items), kind }
            }
            Some("string") if node.format.as_deref() == Some("byte") => Shape::String(Format::Byte),
            Some("string") => Shape::String(Format::Plain),
            Some("integer") => Shape::Integer {
                bits: if node.format.as_deref() == Some("int32") { 32 } else { 64 },
            },
            Some("number") => Shape::Number,
            Some("boolean") => Shape::Boolean,
            _ => Shape::Any,
        }
    };
    Schema { shape, default: node.default, patch }
}

/// `listType`, or what the patch facts say where it is missing: `merge` with a key is
/// a map, `merge` of scalars a set, anything else atomic.
fn list_kind(
    list_type: Option<&str>,
    keys: Vec<String>,
    patch: &Patch,
    items: &Schema,
) -> ListKind {
    match (list_type, &patch.merge_key) {
        (Some("map"), _) => ListKind::Map(keys),
        (Some("set"), _) => ListKind::Set,
        (Some(_), _) => ListKind::Atomic,
        (None, Some(key)) if patch.merge => ListKind::Map(vec![key.clone()]),
        (None, None) if patch.merge && matches!(items.shape, Shape::String(_)) => ListKind::Set,
        _ => ListKind::Atomic,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn service_ports_are_a_map_list_with_two_keys() {
        let spec = by_kind("", "v1", "Service").unwrap().field("spec").unwrap();
        let Shape::List { kind, .. } = &spec.field("ports").unwrap().shape else {
            panic!("ports is a list")
        };
        assert_eq!(*kind, ListKind::Map(vec!["port".into(), "protocol".into()]));
    }

    #[test]
    fn finalizers_are_a_set_by_their_patch_strategy() {
        let meta = by_kind("", "v1", "Node").unwrap().field("metadata").unwrap();
        let Shape::List { kind, .. } = &meta.field("finalizers").unwrap().shape else {
            panic!("finalizers is a list")
        };
        assert_eq!(*kind, ListKind::Set);
    }

    #[test]
    fn capacity_holds_quantities() {
        let status = by_kind("", "v1", "Node").unwrap().field("status").unwrap();
        let cpu = status.field("capacity").unwrap().field("cpu").unwrap();
        assert_eq!(cpu.shape, Shape::Quantity);
    }
}
