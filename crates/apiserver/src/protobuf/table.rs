//! Numbers and types of fields, by message.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

/// A message; its name is that of the type in the published schema.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) fields: Vec<Field>,
}

#[derive(Debug)]
pub(super) struct Field {
    /// In JSON. Empty for a part whose fields stand in JSON beside those of the whole.
    pub(super) name: String,
    pub(super) number: u64,
    pub(super) shape: Shape,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    List,
    /// Values by text.
    Map,
}

#[derive(Debug)]
pub(super) enum Kind {
    Text,
    Bytes,
    Number,
    Flag,
    Double,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    /// A message whose first field holds JSON as bytes.
    Json,
    /// A list of texts in a message of its own.
    Texts,
    /// A schema, or a list of them.
    SchemaOrList,
    /// A schema, or whether anything goes.
    SchemaOrFlag,
    /// A schema, or a list of texts.
    SchemaOrTexts,
    /// By name, since types contain themselves.
    Message(String),
    Inline(Message),
}

/// Type of the schemas in definitions.
pub(super) const SCHEMA: &str =
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

#[derive(Deserialize)]
struct Document {
    types: HashMap<String, BTreeMap<String, Entry>>,
}

/// `"3[] string"`, or the fields of a part under `"+3"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Field(String),
    Inline(BTreeMap<String, Entry>),
}

static MESSAGES: LazyLock<HashMap<String, Message>> = LazyLock::new(|| {
    let text = include_str!("../../data/protobuf-v1.28.json");
    let document: Document = serde_json::from_str(text).expect("the embedded numbers are valid");
    document.types.into_iter().map(|(name, fields)| (name, read(fields))).collect()
});

pub(super) fn message(name: &str) -> Option<&'static Message> {
    MESSAGES.get(name)
}

fn read(fields: BTreeMap<String, Entry>) -> Message {
    let fields = fields.into_iter().map(|(name, entry)| match entry {
        Entry::Inline(fields) => {
            let number = name.trim_start_matches('+').parse().unwrap_or_default();
            let kind = Kind::Inline(read(fields));
            Field { name: String::new(), number, shape: Shape::One, kind }
        }
        Entry::Field(text) => {
            let (number, kind) = text.split_once(' ').unwrap_or_default();
            let shape = match () {
                () if number.ends_with("[]") => Shape::List,
                () if number.ends_with("{}") => Shape::Map,
                () => Shape::One,
            };
            let number = number.trim_end_matches(['[', ']', '{', '}']).parse().unwrap_or_default();
            Field { name, number, shape, kind: kind_named(kind) }
        }
    });
    Message { fields: fields.collect() }
}

fn kind_named(name: &str) -> Kind {
    match name {
        "string" => Kind::Text,
        "bytes" => Kind::Bytes,
        "int32" | "int64" => Kind::Number,
        "bool" => Kind::Flag,
        "double" => Kind::Double,
        "Time" => Kind::Time,
        "MicroTime" => Kind::MicroTime,
        "Quantity" => Kind::Quantity,
        "IntOrString" => Kind::IntOrString,
        "Json" | "FieldsV1" | "RawExtension" => Kind::Json,
        "ExtraValue" => Kind::Texts,
        "JsonSchemaPropsOrArray" => Kind::SchemaOrList,
        "JsonSchemaPropsOrBool" => Kind::SchemaOrFlag,
        "JsonSchemaPropsOrStringArray" => Kind::SchemaOrTexts,
        name => Kind::Message(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &Message, path: &str) {
        for field in &message.fields {
            assert!(field.number > 0, "{path}.{}", field.name);
            match &field.kind {
                Kind::Message(name) => {
                    assert!(super::message(name).is_some(), "{path}.{}: {name}", field.name);
                }
                Kind::Inline(part) => check(part, path),
                _ => {}
            }
        }
    }

    #[test]
    fn every_message_is_whole() {
        assert!(MESSAGES.len() > 500);
        MESSAGES.iter().for_each(|(name, message)| check(message, name));
        assert!(message(SCHEMA).is_some());
    }
}
