//! What changed between two objects, field by field.

use serde_json::{Map, Value};

use super::element::Element;
use super::place::{Fields, Items, Kind, Place};
use super::set::{Node, Set};

/// The fields that differ between two objects.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// In the second only.
    pub(super) added: Set,
    /// In both, with another value.
    pub(super) modified: Set,
    /// In the first only.
    pub(super) removed: Set,
}

impl Comparison {
    /// Forgets these fields and everything below them.
    pub(super) fn exclude(&mut self, fields: &Set) {
        self.added.subtract_trees(fields);
        self.modified.subtract_trees(fields);
        self.removed.subtract_trees(fields);
    }
}

/// Compares two objects.
///
/// `fresh` says that the first is the empty object of its type: then fields that every
/// object of the type has (`containers: null`, `reportingComponent: ""`) are there
/// already, although the empty object does not spell them out.
///
/// # Errors
/// A list whose items cannot be told apart.
pub(super) fn compare(
    place: Place<'_>,
    lhs: &Value,
    rhs: &Value,
    fresh: bool,
) -> Result<Comparison, String> {
    let change = Walk { fresh }.visit(place, Some(lhs), Some(rhs))?;
    Ok(Comparison {
        added: change.added.below,
        modified: change.modified.below,
        removed: change.removed.below,
    })
}

/// Equality of JSON values in which `1` equals `1.0`.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(x, y))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| equal(x, y)))
        }
        _ => a == b,
    }
}

#[derive(Default)]
struct Change {
    added: Node,
    modified: Node,
    removed: Node,
}

impl Change {
    fn attach(&mut self, element: &Element, child: Change) {
        for (ours, theirs) in [
            (&mut self.added, child.added),
            (&mut self.modified, child.modified),
            (&mut self.removed, child.removed),
        ] {
            if !theirs.is_empty() {
                ours.below.attach(element.clone(), theirs);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }
}

struct Walk {
    fresh: bool,
}

impl Walk {
    fn visit(
        &self,
        place: Place<'_>,
        lhs: Option<&Value>,
        rhs: Option<&Value>,
    ) -> Result<Change, String> {
        let mut change = self.inside(place, lhs, rhs)?;
        match (lhs, rhs) {
            (None, Some(_)) => change.added.member = true,
            (Some(_), None) => change.removed.member = true,
            _ => {}
        }
        Ok(change)
    }

    fn inside(
        &self,
        place: Place<'_>,
        lhs: Option<&Value>,
        rhs: Option<&Value>,
    ) -> Result<Change, String> {
        let empty = |side: Option<&Value>| match side {
            None | Some(Value::Null) => true,
            Some(Value::Object(map)) => map.is_empty(),
            Some(Value::Array(list)) => list.is_empty(),
            Some(_) => false,
        };
        // Absent and null take the form of the other side.
        let kind = |side: Option<&Value>| side.filter(|v| !v.is_null()).map(|v| place.kind(v));
        match (kind(lhs), kind(rhs)) {
            (Some(Kind::Map(fields)), None | Some(Kind::Map(_)))
            | (None, Some(Kind::Map(fields)))
                if !(empty(lhs) && empty(rhs)) =>
            {
                self.fields(fields, lhs, rhs)
            }
            (Some(Kind::List(items)), None | Some(Kind::List(_)))
            | (None, Some(Kind::List(items)))
                if !(empty(lhs) && empty(rhs)) =>
            {
                self.items(items, lhs, rhs)
            }
            // An object where something else was, or the other way round: the place is
            // modified, and what stood below it comes or goes.
            (Some(Kind::Map(fields)), Some(Kind::Leaf | Kind::List(_))) => {
                let mut change = self.fields(fields, lhs, None)?;
                change.modified.member = true;
                Ok(change)
            }
            (Some(Kind::Leaf | Kind::List(_)), Some(Kind::Map(fields))) => {
                let mut change = self.fields(fields, None, rhs)?;
                change.modified.member = true;
                Ok(change)
            }
            _ => {
                let mut change = Change::default();
                if let (Some(lhs), Some(rhs)) = (lhs, rhs) {
                    change.modified.member = !equal(lhs, rhs);
                }
                Ok(change)
            }
        }
    }

    fn fields(
        &self,
        fields: Fields<'_>,
        lhs: Option<&Value>,
        rhs: Option<&Value>,
    ) -> Result<Change, String> {
        let mut change = Change::default();
        let old = lhs.and_then(Value::as_object);
        let new = rhs.and_then(Value::as_object);
        let none = Map::new();
        for (name, value) in new.unwrap_or(&none) {
            let mut before = old.and_then(|old| old.get(name));
            if self.fresh && before.is_none() && old.is_some() {
                if is_zero(fields, name, value) {
                    continue;
                }
                before = fields.requires(name).then_some(&Value::Null);
            }
            let child = self.visit(fields.child(name), before, Some(value))?;
            if !child.is_empty() {
                change.attach(&Element::Field(name.clone()), child);
            }
        }
        for (name, value) in old.unwrap_or(&none) {
            if new.is_none_or(|new| !new.contains_key(name)) {
                let child = self.visit(fields.child(name), Some(value), None)?;
                change.attach(&Element::Field(name.clone()), child);
            }
        }
        Ok(change)
    }

    fn items(
        &self,
        items: Items<'_>,
        lhs: Option<&Value>,
        rhs: Option<&Value>,
    ) -> Result<Change, String> {
        let (old, new) = (sorted(items, lhs)?, sorted(items, rhs)?);
        let mut change = Change::default();
        let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return Ok(change),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(a), Some(b)) => a.0.cmp(&b.0),
            };
            let before = if order.is_le() { old.next() } else { None };
            let after = if order.is_ge() { new.next() } else { None };
            let Some((element, _)) = before.or(after) else {
                return Ok(change);
            };
            let child =
                self.visit(items.item(), before.map(|(_, v)| *v), after.map(|(_, v)| *v))?;
            change.attach(element, child);
        }
    }
}

/// The items of a list by what tells them apart.
fn sorted<'v>(
    items: Items<'_>,
    side: Option<&'v Value>,
) -> Result<Vec<(Element, &'v Value)>, String> {
    let Some(list) = side.and_then(Value::as_array) else {
        return Ok(Vec::new());
    };
    let mut list = items.index(list)?;
    list.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(list)
}

/// Texts that every event has although the published schema does not require them.
const ALWAYS_THERE: [&str; 2] = ["reportingComponent", "reportingInstance"];

/// Whether a field that the empty object leaves out has the value that it would have
/// there. An optional text may well be empty on purpose (`storageClassName`).
fn is_zero(fields: Fields<'_>, name: &str, value: &Value) -> bool {
    fields.names(name)
        && match value {
            Value::Null => true,
            Value::String(text) => {
                text.is_empty() && (fields.requires(name) || ALWAYS_THERE.contains(&name))
            }
            _ => fields.is_zero_default(name, value),
        }
}
