//! A JSON tree built by serde that remembers the fields that stood twice.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep objects and lists may stand in each other. Go allows 10,000; here the bound is what
/// recursion over a value may take of a thread's stack, and it leaves room below the 128 of
/// `serde_json`, which reads stored objects back: `metadata.managedFields` repeats the shape of
/// an object four levels further down.
pub(crate) const MAX_DEPTH: usize = 100;

/// How deep objects and lists stand in each other; a scalar has none.
pub(crate) fn depth(value: &Value) -> usize {
    let below = |deepest: Option<usize>| 1 + deepest.unwrap_or_default();
    match value {
        Value::Object(map) => below(map.values().map(depth).max()),
        Value::Array(list) => below(list.iter().map(depth).max()),
        _ => 0,
    }
}

/// Builds one node; `path` is where it stands, `found` collects duplicates.
pub(super) struct Node<'a> {
    pub(super) path: String,
    pub(super) found: &'a RefCell<Vec<String>>,
}

/// Whole numbers are integers, however they are written.
pub(super) fn number(value: f64) -> Option<Value> {
    // Below 2^63: what Go writes without an exponent and reads back as an integer.
    const WIDEST: f64 = 9.2e18;
    if value.fract() == 0.0 && value.abs() < WIDEST {
        return Some(Value::from(value as i64));
    }
    Number::from_f64(value).map(Value::Number)
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        number(value).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let node = Node { path: format!("{}[{}]", self.path, list.len()), found: self.found };
            match items.next_element_seed(node)? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(Key(key)) = entries.next_key_seed(KeySeed)? {
            let path =
                if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            let node = Node { path: path.clone(), found: self.found };
            let value = entries.next_value_seed(node)?;
            if map.insert(key, value).is_some() {
                let mut found = self.found.borrow_mut();
                if !found.contains(&path) {
                    found.push(path);
                }
            }
        }
        Ok(Value::Object(map))
    }
}

/// A key: YAML allows scalars of any type, which become texts.
struct Key(String);

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, value: &str) -> Result<Key, E> {
        Ok(Key(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Key, E> {
        Ok(Key(value))
    }
}
