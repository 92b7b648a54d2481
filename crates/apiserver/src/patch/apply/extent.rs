//! The fields that a value spans, and the sets derived from them.

use serde_json::Value;

use super::element::Element;
use super::place::{Kind, Place};
use super::set::{Node, Set};

/// The fields of an object that whoever applies it owns.
///
/// # Errors
/// A list whose items cannot be told apart.
pub(super) fn fields_of(place: Place<'_>, object: &Value) -> Result<Set, String> {
    Ok(node(place, object)?.below)
}

fn node(place: Place<'_>, value: &Value) -> Result<Node, String> {
    let mut below = Set::default();
    match (place.kind(value), value) {
        (Kind::Map(fields), Value::Object(object)) => {
            for (name, value) in object {
                let mut child = node(fields.child(name), value)?;
                child.member |= !fields.names(name);
                below.attach(Element::Field(name.clone()), child);
            }
            Ok(Node { member: object.is_empty(), below })
        }
        (Kind::List(items), Value::Array(list)) => {
            for (element, value) in items.index(list)? {
                let mut child = node(items.item(), value)?;
                child.member = true;
                below.attach(element, child);
            }
            Ok(Node { member: false, below })
        }
        _ => Ok(Node::leaf()),
    }
}

/// Makes named fields members when something below them is: to remove `spec.a` may
/// leave nothing of `spec`.
pub(super) fn with_named_fields(place: Place<'_>, set: &Set) -> Set {
    let mut out = set.clone();
    add_named_fields(place, &mut out);
    out
}

fn add_named_fields(place: Place<'_>, set: &mut Set) {
    for (element, node) in set.iter_mut() {
        if node.below.is_empty() {
            continue;
        }
        if let Element::Field(name) = element {
            node.member |= place.fields().is_some_and(|fields| fields.names(name));
        }
        add_named_fields(place.child(element), &mut node.below);
    }
}

/// Follows a schema that made a list or map atomic since the set was written: who owned
/// something inside now owns the whole.
pub(super) fn follow_schema(place: Place<'_>, set: &mut Set) {
    for (element, node) in set.iter_mut() {
        if node.below.is_empty() {
            continue;
        }
        let child = place.child(element);
        if child.is_atomic() {
            *node = Node::leaf();
        } else {
            follow_schema(child, &mut node.below);
        }
    }
}

/// The object without the fields of a set. What loses its last field becomes null, as
/// in Kubernetes 1.28; decoding drops it where null is not allowed.
pub(super) fn without(place: Place<'_>, value: &Value, set: &Set) -> Value {
    match (place.kind(value), value) {
        (Kind::Map(fields), Value::Object(object)) => {
            let mut out = serde_json::Map::new();
            for (name, value) in object {
                match set.get(&Element::Field(name.clone())) {
                    Some(node) if node.member => {}
                    Some(node) => {
                        let rest = without(fields.child(name), value, &node.below);
                        out.insert(name.clone(), rest);
                    }
                    None => {
                        out.insert(name.clone(), value.clone());
                    }
                }
            }
            if out.is_empty() { Value::Null } else { Value::Object(out) }
        }
        (Kind::List(items), Value::Array(list)) => {
            let mut out = Vec::new();
            for value in list {
                let node = items.element(value).ok().and_then(|element| set.get(&element));
                match node {
                    Some(node) if node.member => {}
                    Some(node) => out.push(without(items.item(), value, &node.below)),
                    None => out.push(value.clone()),
                }
            }
            if out.is_empty() { Value::Null } else { Value::Array(out) }
        }
        // Whoever owns something inside an atomic list or map owns the whole.
        (_, Value::Array(_) | Value::Object(_)) => Value::Null,
        (_, scalar) => scalar.clone(),
    }
}
