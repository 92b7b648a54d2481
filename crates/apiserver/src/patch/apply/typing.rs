//! Whether an applied configuration fits its schema.

use serde_json::Value;

use super::place::{Kind, Place};
use crate::schema::Shape;

/// Checks an applied object: types, undeclared fields, items that cannot be told apart.
///
/// # Errors
/// The findings in one text, each with its path: `.spec.qq: field not declared in schema`.
pub(super) fn check(place: Place<'_>, object: &Value) -> Result<(), String> {
    let mut findings = Vec::new();
    visit(place, object, &mut String::new(), &mut findings);
    match findings.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("errors:\n  {}", many.join("\n  "))),
    }
}

fn visit(place: Place<'_>, value: &Value, path: &mut String, findings: &mut Vec<String>) {
    if value.is_null() {
        return;
    }
    if let Some(expected) = expected(place.shape(), value) {
        findings.push(format!("{path}: expected {expected}, got {value}"));
        return;
    }
    match (place.kind(value), value) {
        (Kind::Map(fields), Value::Object(object)) => {
            for (name, value) in object {
                step(path, &format!(".{name}"), |path| {
                    if fields.declares(name) {
                        visit(fields.child(name), value, path, findings);
                    } else {
                        findings.push(format!("{path}: field not declared in schema"));
                    }
                });
            }
        }
        (Kind::List(items), Value::Array(list)) => {
            let mut seen = std::collections::BTreeSet::new();
            for (at, value) in list.iter().enumerate() {
                let element = match items.element(value) {
                    Ok(element) => element,
                    Err(why) => {
                        findings.push(format!("{path}: element {at}: {why}"));
                        continue;
                    }
                };
                step(path, &element.to_string(), |path| {
                    visit(items.item(), value, path, findings);
                });
                if !seen.insert(element.clone()) {
                    findings.push(format!("{path}: duplicate entries for key {element}"));
                }
            }
        }
        _ => atomic(place, value, path, findings),
    }
}

/// Inside of an atomic list or map: owned as a whole, but typed all the same.
fn atomic(place: Place<'_>, value: &Value, path: &mut String, findings: &mut Vec<String>) {
    match (place.shape(), value) {
        (Shape::List { .. }, Value::Array(list)) => {
            let item = place.child(&super::element::Element::Index(0));
            for (at, value) in list.iter().enumerate() {
                step(path, &format!("[{at}]"), |path| {
                    visit(item, value, path, findings);
                });
            }
        }
        (Shape::Struct(schema), Value::Object(object)) => {
            for (name, value) in object {
                step(path, &format!(".{name}"), |path| match schema.fields.get(name) {
                    Some(field) => visit(place.at(field), value, path, findings),
                    None if schema.preserve_unknown => {}
                    None => findings.push(format!("{path}: field not declared in schema")),
                });
            }
        }
        _ => {}
    }
}

fn step(path: &mut String, element: &str, inside: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push_str(element);
    inside(path);
    path.truncate(length);
}

/// What should stand here instead, when the value has another type.
fn expected(shape: &Shape, value: &Value) -> Option<&'static str> {
    let (fits, what) = match shape {
        Shape::Struct(_) | Shape::Map { .. } => (value.is_object(), "map"),
        Shape::List { .. } => (value.is_array(), "list"),
        Shape::String(_) => (value.is_string(), "string"),
        Shape::Integer { .. } | Shape::Number => (value.is_number(), "numeric (int or float)"),
        Shape::Boolean => (value.is_boolean(), "boolean"),
        Shape::IntOrString | Shape::Quantity => {
            (value.is_string() || value.is_number(), "any scalar")
        }
        Shape::Any | Shape::Named(_) => (true, ""),
    };
    (!fits).then_some(what)
}
