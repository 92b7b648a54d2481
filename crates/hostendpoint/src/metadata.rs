//! Metadata of objects as they are read: what the controller does not look at
//! is dropped while decoding. The record of who owns which field alone is
//! half of an endpoint's text, and far more of a node's.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use crate::api::FIELD_MANAGER;

/// The part of the metadata that is kept; `M` is what of `managedFields`.
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase", bound = "M: Deserialize<'de>")]
struct Kept<M> {
    name: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    finalizers: Option<Vec<String>>,
    deletion_timestamp: Option<Time>,
    managed_fields: Option<M>,
}

impl<M> Default for Kept<M> {
    fn default() -> Self {
        Self {
            name: None,
            uid: None,
            resource_version: None,
            labels: None,
            annotations: None,
            finalizers: None,
            deletion_timestamp: None,
            managed_fields: None,
        }
    }
}

impl<M> Kept<M> {
    fn split(self) -> (ObjectMeta, Option<M>) {
        let metadata = ObjectMeta {
            name: self.name,
            uid: self.uid,
            resource_version: self.resource_version,
            labels: self.labels,
            annotations: self.annotations,
            finalizers: self.finalizers,
            deletion_timestamp: self.deletion_timestamp,
            ..ObjectMeta::default()
        };
        (metadata, self.managed_fields)
    }
}

/// Name, uid, version, labels, annotations, finalizers and deletion; for
/// `#[serde(deserialize_with)]`.
pub(crate) fn pruned<'de, D: Deserializer<'de>>(from: D) -> Result<ObjectMeta, D::Error> {
    Ok(Kept::<IgnoredAny>::deserialize(from)?.split().0)
}

/// As [`pruned`], and the keys that our field manager owns.
#[derive(Clone, Debug, Default)]
pub(crate) struct WithOwned {
    pub(crate) metadata: ObjectMeta,
    pub(crate) owned: OwnedKeys,
}

/// Keys that our field manager owns, as `managedFields` say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OwnedKeys {
    #[serde(rename = "f:labels")]
    pub(crate) labels: Keys,
    #[serde(rename = "f:annotations")]
    pub(crate) annotations: Keys,
}

/// Names of the fields below a path, without their `f:`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys(pub(crate) Vec<String>);

/// An entry of `managedFields`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Entry {
    manager: Ours,
    fields_v1: Option<Fields>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    #[serde(rename = "f:metadata")]
    metadata: OwnedKeys,
}

/// Whether the manager is ours.
#[derive(Default)]
struct Ours(bool);

impl<'de> Deserialize<'de> for WithOwned {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (metadata, entries) = Kept::<Vec<Entry>>::deserialize(from)?.split();
        let ours = entries.into_iter().flatten().filter(|entry| entry.manager.0);
        let owned = ours.rev().find_map(|entry| entry.fields_v1);
        Ok(Self { metadata, owned: owned.map(|fields| fields.metadata).unwrap_or_default() })
    }
}

impl<'de> Deserialize<'de> for Ours {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Text(|text: &str| Self(text == FIELD_MANAGER), PhantomData))
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some(Field(name)) = fields.next_key()? {
                    fields.next_value::<IgnoredAny>()?;
                    keys.extend(name);
                }
                Ok(Keys(keys))
            }
        }

        from.deserialize_map(Names)
    }
}

/// The name of a field; none for `.`, the path itself.
struct Field(Option<String>);

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = |text: &str| Self(text.strip_prefix("f:").map(str::to_owned));
        from.deserialize_str(Text(name, PhantomData))
    }
}

/// Reads a text without keeping it.
struct Text<F, T>(F, PhantomData<T>);

impl<F: FnOnce(&str) -> T, T> Visitor<'_> for Text<F, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    fn object() -> Value {
        json!({
            "name": "n1-bond0", "uid": "u1", "resourceVersion": "7", "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "deletionTimestamp": "2026-01-02T00:00:00Z", "finalizers": ["example.com/hold"],
            "labels": {"a": "1"}, "annotations": {"b": "2"}, "ownerReferences": [],
            "managedFields": [
                {"apiVersion": "v1", "fieldsType": "FieldsV1", "manager": "kubectl",
                 "operation": "Update",
                 "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:theirs": {}}}}},
                {"apiVersion": "v1", "fieldsType": "FieldsV1", "manager": FIELD_MANAGER,
                 "operation": "Apply", "fieldsV1": {
                    "f:spec": {"f:ports": {"k:{\"name\":\"a\"}": {"f:port": {}}}},
                    "f:metadata": {"f:labels": {".": {}, "f:example.com/a": {}, "f:b": {}},
                                   "f:annotations": {"f:c": {}}, "f:finalizers": {}}}},
                {"manager": FIELD_MANAGER, "operation": "Update", "subresource": "status"},
            ],
        })
    }

    #[test]
    fn what_is_looked_at_is_kept_and_the_rest_is_not() {
        let pruned = pruned(object()).unwrap();
        assert_eq!(pruned.name.as_deref(), Some("n1-bond0"));
        assert_eq!(pruned.uid.as_deref(), Some("u1"));
        assert_eq!(pruned.resource_version.as_deref(), Some("7"));
        assert_eq!(pruned.labels, Some(BTreeMap::from([("a".to_owned(), "1".to_owned())])));
        assert_eq!(pruned.annotations, Some(BTreeMap::from([("b".to_owned(), "2".to_owned())])));
        assert_eq!(pruned.finalizers.unwrap(), ["example.com/hold"]);
        assert!(pruned.deletion_timestamp.is_some());
        assert!(pruned.managed_fields.is_none() && pruned.generation.is_none());
    }

    #[test]
    fn only_what_we_own_counts_as_owned() {
        // Lists come through a buffer, watches and answers as text.
        let text = object().to_string();
        for read in [serde_json::from_value(object()), serde_json::from_str(&text)] {
            let WithOwned { owned, metadata } = read.unwrap();
            assert_eq!(owned.labels.0, ["b", "example.com/a"]);
            assert_eq!(owned.annotations.0, ["c"]);
            assert_eq!(metadata.name.as_deref(), Some("n1-bond0"));
        }
    }

    #[test]
    fn nothing_has_to_be_there() {
        for value in [
            json!({}),
            json!({"labels": null, "annotations": null, "managedFields": null}),
            json!({"managedFields": [{"manager": FIELD_MANAGER, "fieldsV1": null}]}),
        ] {
            let read: WithOwned = serde_json::from_value(value).unwrap();
            assert!(read.owned.labels.0.is_empty() && read.owned.annotations.0.is_empty());
        }
    }
}
