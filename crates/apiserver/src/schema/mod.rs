//! The shape of objects: one tree for built-in types and for custom resources.
//!
//! A [`Schema`] says what JSON type stands at a place, how lists and maps are
//! merged, and nothing about values (those are checked by `builtin` and `crd`).
//! Decoding, server-side apply and strategic merge patch walk it together with
//! the object.

mod builtin;
pub mod openapi;

use std::collections::BTreeMap;

use serde_json::Value;

pub use builtin::{by_kind, name_of, named};

/// Type and merge facts of one place in an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// JSON type and what is below.
    pub shape: Shape,
    /// Default of the field, where the published schema has one.
    pub default: Option<Value>,
    /// `patchStrategy` and `patchMergeKey`: strategic merge patch only.
    pub patch: Patch,
}

/// JSON type of a place.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A built-in type by its full name; [`Schema::resolve`] follows it.
    Named(String),
    /// An object with known fields.
    Struct(Struct),
    /// An object with free keys. Atomic maps are replaced as a whole by apply.
    Map {
        /// Schema of every value.
        values: Box<Schema>,
        /// Replaced as a whole by server-side apply.
        atomic: bool,
    },
    /// An array.
    List {
        /// Schema of every item.
        items: Box<Schema>,
        /// How apply merges it.
        kind: ListKind,
    },
    /// A text.
    String(Format),
    /// A whole number of 32 or 64 bits.
    Integer {
        /// 32 or 64.
        bits: u8,
    },
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A number or a text (ports, percentages).
    IntOrString,
    /// `resource.Quantity`: a number or a text, canonical after decoding.
    Quantity,
    /// Anything; apply deduces what it sees (objects granular, lists atomic).
    Any,
}

/// An object with known fields.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Struct {
    /// Fields by JSON name.
    pub fields: BTreeMap<String, Schema>,
    /// Names of the fields that the published schema requires, in its order.
    pub required: Vec<String>,
    /// Replaced as a whole by server-side apply (`mapType: atomic`).
    pub atomic: bool,
    /// Fields that are not listed are kept and deduced
    /// (`x-kubernetes-preserve-unknown-fields`).
    pub preserve_unknown: bool,
}

/// How server-side apply merges a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListKind {
    /// Replaced as a whole.
    Atomic,
    /// Scalars, each at most once.
    Set,
    /// Objects told apart by these keys.
    Map(Vec<String>),
}

/// How strategic merge patch treats a field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch {
    /// `patchStrategy` contains `merge`.
    pub merge: bool,
    /// `patchStrategy` contains `replace`: an object that is not merged.
    pub replace: bool,
    /// `patchStrategy` contains `retainKeys`.
    pub retain_keys: bool,
    /// `patchMergeKey`.
    pub merge_key: Option<String>,
}

/// What a text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Any text.
    Plain,
    /// Base64.
    Byte,
    /// RFC 3339 with seconds.
    Time,
    /// RFC 3339 with exactly six digits of fraction.
    MicroTime,
}

impl Schema {
    /// A schema without defaults and patch facts.
    pub fn of(shape: Shape) -> Self {
        Self { shape, default: None, patch: Patch::default() }
    }

    /// Anything goes.
    pub fn any() -> Self {
        Self::of(Shape::Any)
    }

    /// This schema, or the one that it names; an unknown name resolves to [`Shape::Any`].
    pub fn resolve(&self) -> &Schema {
        match &self.shape {
            Shape::Named(name) => named(name),
            _ => self,
        }
    }

    /// The schema of a field of this object, resolved; `None` for a field that is not known.
    pub fn field(&self, name: &str) -> Option<&Schema> {
        match &self.resolve().shape {
            Shape::Struct(object) => object.fields.get(name).map(Schema::resolve),
            Shape::Map { values, .. } => Some(values.resolve()),
            _ => None,
        }
    }
}
