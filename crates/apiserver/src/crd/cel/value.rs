//! What a rule sees of an object: fields under names that CEL can write, numbers and
//! times in the types that the schema gives them.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use kube_cel::cel::objects::{Key, Map};
use kube_cel::cel::parser::Expression;
use kube_cel::cel::{Context, Value as Cel};
use serde_json::Value;

use crate::crd::schema::{Format, Kind, Schema};

/// Words that CEL does not take as field names.
const RESERVED: [&str; 19] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
];

/// A field name as rules write it (`a-b` is `a__dash__b`); `None` for a name that
/// cannot be written and so is not visible.
pub(crate) fn escape(name: &str) -> Option<String> {
    if RESERVED.contains(&name) || matches!(name, "void" | "while") {
        return Some(format!("__{name}__"));
    }
    let starts = name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_');
    let writable = |it: char| it.is_ascii_alphanumeric() || "_.-/".contains(it);
    if !starts || !name.chars().all(writable) {
        return None;
    }
    let escaped = name.replace("__", "__underscores__");
    let escaped = escaped.replace('.', "__dot__").replace('-', "__dash__");
    Some(escaped.replace('/', "__slash__"))
}

/// A JSON value as CEL sees it. `resource` adds the fields that every resource has.
pub(super) fn of(value: &Value, schema: Option<&Schema>, resource: bool) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(flag) => Cel::Bool(*flag),
        Value::Number(number) => {
            let float = schema.is_some_and(|it| it.kind == Some(Kind::Number));
            match number.as_i64() {
                Some(whole) if !float => Cel::Int(whole),
                _ => Cel::Float(number.as_f64().unwrap_or_default()),
            }
        }
        Value::String(text) => string(text, schema.and_then(|it| it.format)),
        Value::Array(list) => {
            let items = schema.and_then(|it| it.items.as_deref());
            let list = list.iter().map(|value| of(value, items, false));
            Cel::List(Arc::new(list.collect()))
        }
        Value::Object(map) => {
            let Some(schema) = schema else {
                return object(
                    map.iter().map(|(name, value)| (name.clone(), of(value, None, false))),
                );
            };
            let resource = resource || schema.embedded;
            let seen = map.iter().filter_map(|(name, value)| {
                if resource && let Some(implicit) = implicit(name, value) {
                    return Some((name.clone(), implicit));
                }
                match schema.properties.get(name) {
                    Some(below) => Some((escape(name)?, of(value, Some(below), false))),
                    None => {
                        let below = schema.additional_schema()?;
                        Some((name.clone(), of(value, Some(below), false)))
                    }
                }
            });
            object(seen)
        }
    }
}

/// `apiVersion`, `kind`, `metadata.name` and `metadata.generateName`.
fn implicit(name: &str, value: &Value) -> Option<Cel> {
    match name {
        "apiVersion" | "kind" => Some(of(value, None, false)),
        "metadata" => {
            let names = ["name", "generateName"];
            let seen = names
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), of(value.get(name)?, None, false))));
            Some(object(seen))
        }
        _ => None,
    }
}

fn object(fields: impl Iterator<Item = (String, Cel)>) -> Cel {
    let map: HashMap<Key, Cel> =
        fields.map(|(name, value)| (Key::String(Arc::new(name)), value)).collect();
    Cel::Map(Map { map: Arc::new(map) })
}

fn string(text: &str, format: Option<Format>) -> Cel {
    let plain = || Cel::String(Arc::new(text.to_owned()));
    match format {
        Some(Format::DateTime) => convert(&TIMESTAMP, text).unwrap_or_else(plain),
        Some(Format::Date) => {
            convert(&TIMESTAMP, &format!("{text}T00:00:00Z")).unwrap_or_else(plain)
        }
        Some(Format::Duration) => convert(&DURATION, text).unwrap_or_else(plain),
        Some(Format::Byte) => base64::engine::general_purpose::STANDARD
            .decode(text)
            .map_or_else(|_| plain(), |bytes| Cel::Bytes(Arc::new(bytes))),
        _ => plain(),
    }
}

type Conversion = std::sync::LazyLock<Option<Expression>>;

// CEL's own conversions make the values, so that this crate needs no second time library.
static TIMESTAMP: Conversion = Conversion::new(|| super::parse("timestamp(text)").ok());
static DURATION: Conversion = Conversion::new(|| super::parse("duration(text)").ok());

fn convert(conversion: &Conversion, text: &str) -> Option<Cel> {
    let mut context = Context::default();
    context.add_variable_from_value("text", text.to_owned());
    Cel::resolve(conversion.as_ref()?, &context).ok()
}
