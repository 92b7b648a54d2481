//! Lists in a strategic merge patch: merged by key or as sets, and put in order.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Field, PATCH, SET_ELEMENT_ORDER, field, go_print, merge_object, plain};
use crate::schema::{Schema, Shape};
use crate::{Error, Result};

/// Merges a list of the patch into the list of the document, whose strategy is `merge`.
pub(super) fn merge(old: Vec<Value>, patch: Vec<Value>, field: &Field<'_>) -> Result<Value> {
    if old.is_empty() && patch.is_empty() {
        return Ok(Value::Array(old));
    }
    if !of_objects(old.iter().chain(&patch))? {
        let mut merged = old.clone();
        merged.extend(patch.iter().cloned());
        let merged = distinct(merged);
        return arrange(merged, &patch, &old, None);
    }
    let Some(key) = field.patch.merge_key.as_deref() else {
        return Err(Error::unclassified("cannot merge lists without merge key"));
    };
    let (mut old, patch) = carry_out_directives(old, patch, key)?;
    let server = old.clone();
    let items = match &field.schema.shape {
        Shape::List { items, .. } => items.resolve(),
        _ => field.schema,
    };
    let mut places = index(&old, key);
    for said in &patch {
        let (Value::Object(item), Some(value)) = (said, said.get(key)) else {
            return Err(no_merge_key(said, key));
        };
        match places.get(&value.to_string()) {
            Some(at) => {
                let before = std::mem::take(&mut old[*at]);
                let before = match before {
                    Value::Object(before) => before,
                    _ => Map::new(),
                };
                old[*at] = Value::Object(merge_object(before, item.clone(), items)?);
            }
            None => {
                places.insert(value.to_string(), old.len());
                old.push(plain(said.clone()).unwrap_or(Value::Null));
            }
        }
    }
    arrange(old, &patch, &server, Some(key))
}

/// The list without these scalars.
pub(super) fn delete_scalars(old: Vec<Value>, gone: &[Value]) -> Result<Value> {
    if !old.is_empty() && of_objects(old.iter().chain(gone))? {
        return Err(Error::unclassified("cannot merge lists without merge key"));
    }
    Ok(old.into_iter().filter(|item| !gone.contains(item)).collect())
}

/// Carries out every `$setElementOrder` of the patch together with the list that it is
/// about; both are then done with.
pub(super) fn order_elements(
    doc: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    schema: &Schema,
) -> Result<()> {
    let directives: Vec<String> =
        patch.keys().filter(|name| name.starts_with(SET_ELEMENT_ORDER)).cloned().collect();
    for directive in directives {
        let name = directive[SET_ELEMENT_ORDER.len()..].to_owned();
        let order = as_list(patch.remove(&directive))?.unwrap_or_default();
        let field = field(schema, &name)?;
        let key = field.patch.merge_key.as_deref();
        let said = match patch.get(&name) {
            // The list goes; that is done with the other fields.
            Some(Value::Null) => continue,
            _ => as_list(patch.remove(&name))?,
        };
        let old = as_list(doc.get(&name).cloned())?;
        check_order(said.as_deref().unwrap_or_default(), &order, key)?;
        let merged = match (old.clone(), said) {
            (None, None) => continue,
            (Some(old), None) => Value::Array(old),
            (None, Some(said)) => plain(Value::Array(said)).unwrap_or_default(),
            (Some(old), Some(said)) if field.patch.merge => merge(old, said, &field)?,
            (Some(_), Some(said)) => Value::Array(said),
        };
        let Value::Array(merged) = merged else {
            continue;
        };
        let merged = arrange(merged, &order, &old.unwrap_or_default(), key)?;
        doc.insert(name, merged);
    }
    Ok(())
}

fn as_list(value: Option<Value>) -> Result<Option<Vec<Value>>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(other) => Err(Error::unclassified(format!(
            "expected a []interface {{}}, but received a {}",
            super::super::go_kind(&other)
        ))),
    }
}

/// The list of the patch must follow the order that it comes with.
fn check_order(patch: &[Value], order: &[Value], key: Option<&str>) -> Result<()> {
    let mut order_left = order.iter();
    for item in patch {
        if key.is_some() && item.get(PATCH).is_some() {
            continue;
        }
        let wanted = identity(item, key)?;
        let mut found = false;
        for candidate in order_left.by_ref() {
            if identity(candidate, key)? == wanted {
                found = true;
                break;
            }
        }
        if !found {
            return Err(Error::unclassified(format!(
                "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
                go_print(&Value::Array(patch.to_vec())),
                go_print(&Value::Array(order.to_vec())),
            )));
        }
    }
    Ok(())
}

/// Deletes the items that the patch deletes, and says what is left of the patch. With a
/// replacement, what is left is the new list and nothing is to be merged.
fn carry_out_directives(
    mut old: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>)> {
    let mut rest = Vec::with_capacity(patch.len());
    let mut replace = false;
    for item in patch {
        let Some(directive) = item.get(PATCH) else {
            rest.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let gone = item.get(key).ok_or_else(|| no_merge_key(&item, key))?;
                old.retain(|candidate| candidate.get(key) != Some(gone));
            }
            Some("replace") => replace = true,
            Some("merge") => {
                return Err(Error::unclassified(
                    "merging lists cannot yet be specified in the patch",
                ));
            }
            _ => {
                let map = item.as_object().cloned().unwrap_or_default();
                return Err(super::unknown_directive(&map));
            }
        }
    }
    Ok(if replace { (rest, Vec::new()) } else { (old, rest) })
}

/// Whether the items are objects.
fn of_objects<'a>(mut items: impl Iterator<Item = &'a Value>) -> Result<bool> {
    let Some(first) = items.next() else {
        return Ok(false);
    };
    let kind = std::mem::discriminant(first);
    let mut nested = first.is_array();
    for item in items {
        nested |= item.is_array();
        if std::mem::discriminant(item) != kind {
            return Err(Error::unclassified(format!(
                "list element types are not identical: {} and {}",
                super::super::go_kind(first),
                super::super::go_kind(item)
            )));
        }
    }
    if nested {
        return Err(Error::unprocessable("lists of lists are not supported"));
    }
    Ok(first.is_object())
}

/// Puts a merged list in order: the items that `order` lists as it lists them, the
/// others as the server had them, each before the first listed item that it stood before.
fn arrange(
    merged: Vec<Value>,
    order: &[Value],
    server: &[Value],
    key: Option<&str>,
) -> Result<Value> {
    let places = |list: &[Value]| -> Result<HashMap<String, usize>> {
        let mut places = HashMap::with_capacity(list.len());
        for (at, item) in list.iter().enumerate() {
            places.entry(identity(item, key)?).or_insert(at);
        }
        Ok(places)
    };
    let (wanted, had) = (places(order)?, places(server)?);
    let (mut listed, mut others) = (Vec::new(), Vec::new());
    for item in merged {
        let id = identity(&item, key)?;
        let before = had.get(&id).copied();
        match wanted.get(&id) {
            Some(at) => listed.push((*at, before, item)),
            None => others.push((before.unwrap_or(usize::MAX), before, item)),
        }
    }
    listed.sort_by_key(|(at, ..)| *at);
    others.sort_by_key(|(at, ..)| *at);

    let mut out = Vec::with_capacity(listed.len() + others.len());
    let (mut listed, mut others) = (listed.into_iter().peekable(), others.into_iter().peekable());
    loop {
        let other_first = match (listed.peek(), others.peek()) {
            (None, None) => return Ok(Value::Array(out)),
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (Some((_, right, _)), Some((_, left, _))) => {
                matches!((left, right), (Some(left), Some(right)) if left < right)
            }
        };
        let next = if other_first { others.next() } else { listed.next() };
        out.extend(next.map(|(.., item)| item));
    }
}

/// What tells an item from the others: its merge key, or itself.
fn identity(item: &Value, key: Option<&str>) -> Result<String> {
    match key {
        None => Ok(item.to_string()),
        Some(key) => match item.get(key) {
            Some(value) => Ok(value.to_string()),
            None => Err(no_merge_key(item, key)),
        },
    }
}

fn index(list: &[Value], key: &str) -> HashMap<String, usize> {
    let mut places = HashMap::with_capacity(list.len());
    for (at, item) in list.iter().enumerate() {
        if let Some(value) = item.get(key) {
            places.entry(value.to_string()).or_insert(at);
        }
    }
    places
}

fn distinct(list: Vec<Value>) -> Vec<Value> {
    let mut seen = std::collections::HashSet::new();
    list.into_iter().filter(|item| seen.insert(item.to_string())).collect()
}

fn no_merge_key(item: &Value, key: &str) -> Error {
    Error::unclassified(format!(
        "map: {} does not contain declared merge key: {key}",
        go_print(item)
    ))
}
