//! What the store keeps of one object.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::wire::Typed;

/// Group and plural name of a resource: the versions of a kind share one place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceKey {
    /// API group; empty for the core group.
    pub group: Arc<str>,
    /// Plural name.
    pub plural: Arc<str>,
}

impl ResourceKey {
    /// Names a resource.
    pub fn new(group: impl Into<Arc<str>>, plural: impl Into<Arc<str>>) -> Self {
        Self { group: group.into(), plural: plural.into() }
    }
}

/// Namespace and name of an object; the namespace is empty for cluster-scoped ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Namespace, or empty.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// Names an object.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

/// Texts by name: labels, which are sorted, or the values of field selectors.
pub type Pairs = Box<[(Box<str>, Box<str>)]>;

/// The next state of an object.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The object, without `kind`. One of a custom kind says in which `apiVersion` it is.
    pub value: Value,
    /// Values of the kind's field selectors other than name and namespace.
    pub fields: Pairs,
    /// Of a built-in kind: its metadata is written in Go's order.
    pub typed: bool,
}

/// A version of an object, immutable. Held as the JSON that clients receive, less
/// `kind` and, for built-in kinds, `apiVersion` (their lists leave them out, and one stored
/// object may be served in several versions).
#[derive(Debug, Clone)]
pub struct Stored {
    /// Namespace and name.
    pub key: ObjectKey,
    /// Version of this state of the object.
    pub resource_version: u64,
    /// JSON object without `kind` and `apiVersion`.
    pub json: Bytes,
    /// `metadata.labels`, for selectors.
    pub labels: Pairs,
    /// Values of the kind's field selectors other than name and namespace.
    pub fields: Pairs,
    /// It has a deletion timestamp.
    pub terminating: bool,
}

impl Stored {
    /// Writes down a draft, whose resource version must be set already.
    pub(super) fn new(key: ObjectKey, resource_version: u64, draft: Draft) -> Self {
        let Draft { value, fields, typed } = draft;
        let json =
            if typed { serde_json::to_vec(&Typed(&value)) } else { serde_json::to_vec(&value) };
        let json = json.expect("a JSON value can be written").into();
        let terminating = crate::meta::is_terminating(&value);
        Self { key, resource_version, json, labels: labels(&value), fields, terminating }
    }

    /// An object read from disk, as its JSON was written there.
    ///
    /// # Errors
    /// A sentence about what cannot be read.
    pub(super) fn load(key: ObjectKey, json: &[u8], fields: Pairs) -> Result<Self, String> {
        let Head { metadata } = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let version = metadata.resource_version;
        let labels = metadata.labels.into_iter().flatten();
        Ok(Self {
            key,
            resource_version: version
                .parse()
                .map_err(|_| format!("resourceVersion {version:?}"))?,
            json: Bytes::copy_from_slice(json),
            labels: labels.filter_map(|(name, value)| Some((name, value?))).collect(),
            fields,
            terminating: metadata.deletion_timestamp.is_some(),
        })
    }

    /// The object as a value, without `kind` and `apiVersion`.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.json).expect("stored JSON was written by this store")
    }

    /// `apiVersion`, where the object says it: those of custom kinds do.
    pub fn api_version(&self) -> Option<&str> {
        let rest = self.json.strip_prefix(VERSION)?;
        let end = rest.iter().position(|byte| *byte == b'"')?;
        std::str::from_utf8(&rest[..end]).ok()
    }

    /// The JSON with `kind` and `apiVersion` in front.
    pub fn json_as(&self, api_version: &str, kind: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.json.len() + api_version.len() + kind.len() + 32);
        self.write_as(api_version, kind, &mut out);
        out
    }

    /// Appends the JSON with `kind` and `apiVersion` in front.
    pub fn write_as(&self, api_version: &str, kind: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"kind\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"apiVersion\":\"");
        out.extend_from_slice(api_version.as_bytes());
        out.extend_from_slice(b"\"");
        // Every object has at least its metadata, so a comma is always due.
        out.extend_from_slice(b",");
        let said = self.api_version().map_or(0, |version| VERSION.len() + version.len() + 1);
        out.extend_from_slice(&self.json[1 + said..]);
    }
}

/// How an object begins that says its version: fields stand in the order of their names.
const VERSION: &[u8] = b"{\"apiVersion\":\"";

/// What must be known of an object before anybody asks for it; the rest is not even parsed.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    resource_version: Cow<'a, str>,
    labels: Option<BTreeMap<Box<str>, Option<Box<str>>>>,
    deletion_timestamp: Option<IgnoredAny>,
}

fn labels(value: &Value) -> Pairs {
    let Some(labels) = value["metadata"]["labels"].as_object() else {
        return Box::default();
    };
    // serde_json keeps maps sorted, so the pairs are sorted as well.
    labels.iter().filter_map(|(k, v)| Some((k.as_str().into(), v.as_str()?.into()))).collect()
}
