//! Lays an applied configuration over the live object.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::element::Element;
use super::place::{Fields, Items, Kind, Place};

/// The live object with everything that the configuration says.
///
/// Keyed lists follow the order of the configuration; items that only the live object
/// has keep their place relative to those around them.
///
/// # Errors
/// A list whose items cannot be told apart.
pub(super) fn merge(place: Place<'_>, live: &Value, config: &Value) -> Result<Value, String> {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    match (place.kind(live), place.kind(config)) {
        // Nothing said about what is merged field by field changes nothing.
        (Kind::Map(_) | Kind::List(_), _) if empty(config) && !empty(live) => {
            let same = config.is_null()
                || live.is_object() == config.is_object() && live.is_array() == config.is_array();
            Ok(if same { live.clone() } else { config.clone() })
        }
        (Kind::Map(fields), Kind::Map(_)) => merge_fields(fields, live, config),
        (Kind::List(items), Kind::List(_)) => merge_items(items, live, config),
        _ => Ok(config.clone()),
    }
}

fn merge_fields(fields: Fields<'_>, live: &Value, config: &Value) -> Result<Value, String> {
    let (Value::Object(live), Value::Object(config)) = (live, config) else {
        return Ok(config.clone());
    };
    let mut out = Map::new();
    for (name, value) in live {
        let merged = match config.get(name) {
            Some(said) => merge(fields.child(name), value, said)?,
            None => value.clone(),
        };
        out.insert(name.clone(), merged);
    }
    for (name, value) in config {
        if !live.contains_key(name) {
            out.insert(name.clone(), value.clone());
        }
    }
    Ok(Value::Object(out))
}

fn merge_items(items: Items<'_>, live: &Value, config: &Value) -> Result<Value, String> {
    let (Value::Array(live), Value::Array(config)) = (live, config) else {
        return Ok(config.clone());
    };
    let (live, config) = (items.index(live)?, items.index(config)?);
    let in_live: BTreeMap<&Element, &Value> = live.iter().map(|(e, v)| (e, *v)).collect();
    let in_config: BTreeMap<&Element, &Value> = config.iter().map(|(e, v)| (e, *v)).collect();
    let both = |element: &Element, said: &Value| match in_live.get(element) {
        Some(value) => merge(items.item(), value, said),
        None => Ok(said.clone()),
    };

    let mut shared = config
        .iter()
        .map(|(element, _)| element)
        .filter(|element| in_live.contains_key(element))
        .peekable();
    let mut out = Vec::with_capacity(live.len() + config.len());
    let (mut l, mut c) = (0, 0);
    while l < live.len() || c < config.len() {
        if let (Some((left, _)), Some((right, said))) = (live.get(l), config.get(c)) {
            if left == right {
                out.push(both(right, said)?);
                (l, c) = (l + 1, c + 1);
                shared.next();
                continue;
            }
            // A shared item that the configuration puts elsewhere comes when it says so.
            if in_config.contains_key(left) && shared.peek().is_some_and(|next| *next != left) {
                l += 1;
                continue;
            }
        }
        if let Some((left, value)) = live.get(l)
            && !in_config.contains_key(left)
        {
            out.push((*value).clone());
            l += 1;
            continue;
        }
        let Some((right, said)) = config.get(c) else {
            // What is left of the live list was taken already.
            break;
        };
        out.push(both(right, said)?);
        c += 1;
        if shared.peek().is_some_and(|next| *next == right) {
            shared.next();
        }
    }
    Ok(Value::Array(out))
}
