//! The order in which fields are written.
//!
//! Go writes the fields of its types as they are declared: identity first, bookkeeping
//! last. People who read objects expect it, and so do tools that compare them as text.
//! Custom resources have no Go type; theirs are in alphabetical order, as serde_json has them.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

/// Fields of `ObjectMeta` as Go declares them.
const METADATA: [&str; 15] = [
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
];

const OBJECT: [&str; 3] = ["kind", "apiVersion", "metadata"];

/// Writes an object of a built-in kind in Go's order.
pub(crate) struct Typed<'a>(pub(crate) &'a Value);

struct Ordered<'a> {
    map: &'a Map<String, Value>,
    first: &'static [&'static str],
}

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => Ordered { map, first: &OBJECT }.serialize(to),
            other => other.serialize(to),
        }
    }
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut out = to.serialize_map(Some(self.map.len()))?;
        let first = self.first.iter().filter_map(|key| self.map.get_key_value(*key));
        let rest = self.map.iter().filter(|(key, _)| !self.first.contains(&key.as_str()));
        for (key, value) in first.chain(rest) {
            match value {
                Value::Object(map) if key == "metadata" => {
                    out.serialize_entry(key, &Ordered { map, first: &METADATA })?;
                }
                value => out.serialize_entry(key, value)?,
            }
        }
        out.end()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn identity_comes_first() {
        let object = json!({ "apiVersion": "v1", "data": { "z": "1", "a": "2" }, "kind": "ConfigMap",
            "metadata": { "annotations": {}, "name": "x", "uid": "u", "odd": 1 } });
        assert_eq!(
            serde_json::to_string(&Typed(&object)).unwrap(),
            r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","uid":"u","annotations":{},"odd":1},"data":{"a":"2","z":"1"}}"#
        );
    }
}
