//! Protobuf to JSON. What comes out is judged and completed like any JSON of a client.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::table::{self, Field, Kind, Message, SCHEMA, Shape};
use super::wire::{Broken, Item, fields, read_number};

/// Messages within each other; more than any object of Kubernetes has but for schemas.
const MAX_DEPTH: usize = 100;

pub(super) fn message(message: &Message, bytes: &[u8], depth: usize) -> Result<Value, Broken> {
    let mut out = Map::new();
    into(message, bytes, depth, &mut out)?;
    Ok(Value::Object(out))
}

fn into(
    message: &Message,
    bytes: &[u8],
    depth: usize,
    out: &mut Map<String, Value>,
) -> Result<(), Broken> {
    if depth > MAX_DEPTH {
        return Err(Broken);
    }
    for item in fields(bytes) {
        let (number, item) = item?;
        let Some(field) = message.fields.iter().find(|field| field.number == number) else {
            continue;
        };
        match (field.shape, item) {
            (_, Item::Bytes(bytes)) if matches!(field.kind, Kind::Inline(_)) => {
                if let Kind::Inline(part) = &field.kind {
                    into(part, bytes, depth + 1, out)?;
                }
            }
            (Shape::One, item) => {
                let value = read(field, item, depth)?;
                if !value.is_null() {
                    out.insert(field.name.clone(), value);
                }
            }
            (Shape::List, item) => {
                let list = out.entry(field.name.clone()).or_insert_with(|| json!([]));
                let list = list.as_array_mut().ok_or(Broken)?;
                match (&field.kind, item) {
                    // Numbers may be packed.
                    (Kind::Number, Item::Bytes(mut packed)) => {
                        while !packed.is_empty() {
                            list.push(read_number(&mut packed)?.cast_signed().into());
                        }
                    }
                    _ => list.push(read(field, item, depth)?),
                }
            }
            (Shape::Map, Item::Bytes(entry)) => {
                let (mut key, mut value) = (String::new(), None);
                for item in fields(entry) {
                    match item? {
                        (1, Item::Bytes(bytes)) => key = text(bytes)?,
                        (2, item) => value = Some(read(field, item, depth)?),
                        _ => {}
                    }
                }
                let value = match value {
                    Some(value) => value,
                    // What is left out is empty.
                    None => read(field, Item::Bytes(b""), depth)?,
                };
                let map = out.entry(field.name.clone()).or_insert_with(|| json!({}));
                map.as_object_mut().ok_or(Broken)?.insert(key, value);
            }
            (Shape::Map, _) => return Err(Broken),
        }
    }
    Ok(())
}

fn read(field: &Field, item: Item<'_>, depth: usize) -> Result<Value, Broken> {
    let bytes = match (&field.kind, item) {
        (Kind::Number, Item::Number(number)) => return Ok(number.cast_signed().into()),
        (Kind::Flag, Item::Number(number)) => return Ok((number != 0).into()),
        (Kind::Double, Item::Fixed64(bits)) => return Ok(f64::from_bits(bits).into()),
        (Kind::Number | Kind::Flag | Kind::Double, _) => return Err(Broken),
        (_, Item::Bytes(bytes)) => bytes,
        _ => return Err(Broken),
    };
    Ok(match &field.kind {
        Kind::Text => text(bytes)?.into(),
        Kind::Bytes => STANDARD.encode(bytes).into(),
        Kind::Time => time(bytes, "%Y-%m-%dT%H:%M:%SZ")?,
        Kind::MicroTime => time(bytes, "%Y-%m-%dT%H:%M:%S.%6fZ")?,
        Kind::Quantity => text(first(bytes, 1)?.unwrap_or_default())?.into(),
        Kind::IntOrString => int_or_string(bytes)?,
        Kind::Json => match first(bytes, 1)? {
            Some(raw) if !raw.is_empty() => {
                crate::decode::parse_json(raw).map(|(value, _)| value).map_err(|_| Broken)?
            }
            _ => Value::Null,
        },
        Kind::Texts => texts(bytes, 1)?.into(),
        Kind::SchemaOrList => {
            let schemas = all(bytes, 2)?;
            if schemas.is_empty() {
                one_schema(bytes, 1, depth)?
            } else {
                let list = schemas.into_iter().map(|bytes| schema(bytes, depth));
                list.collect::<Result<Vec<_>, _>>()?.into()
            }
        }
        Kind::SchemaOrFlag => match one_schema(bytes, 2, depth)? {
            Value::Null => fields(bytes).any(|it| it == Ok((1, Item::Number(1)))).into(),
            schema => schema,
        },
        Kind::SchemaOrTexts => match one_schema(bytes, 1, depth)? {
            Value::Null => texts(bytes, 2)?.into(),
            schema => schema,
        },
        Kind::Message(name) => message(table::message(name).ok_or(Broken)?, bytes, depth + 1)?,
        Kind::Inline(_) | Kind::Number | Kind::Flag | Kind::Double => return Err(Broken),
    })
}

fn text(bytes: &[u8]) -> Result<String, Broken> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Broken)
}

/// Every occurrence of a field of bytes.
fn all(message: &[u8], wanted: u64) -> Result<Vec<&[u8]>, Broken> {
    let mut found = Vec::new();
    for item in fields(message) {
        match item? {
            (number, Item::Bytes(bytes)) if number == wanted => found.push(bytes),
            _ => {}
        }
    }
    Ok(found)
}

fn first(message: &[u8], wanted: u64) -> Result<Option<&[u8]>, Broken> {
    Ok(all(message, wanted)?.first().copied())
}

fn texts(message: &[u8], wanted: u64) -> Result<Vec<Value>, Broken> {
    all(message, wanted)?.into_iter().map(|bytes| text(bytes).map(Value::from)).collect()
}

fn schema(bytes: &[u8], depth: usize) -> Result<Value, Broken> {
    message(table::message(SCHEMA).ok_or(Broken)?, bytes, depth + 1)
}

fn one_schema(message: &[u8], wanted: u64, depth: usize) -> Result<Value, Broken> {
    first(message, wanted)?.map_or(Ok(Value::Null), |bytes| schema(bytes, depth))
}

/// Nothing, where both parts are zero.
fn time(bytes: &[u8], format: &str) -> Result<Value, Broken> {
    let (mut seconds, mut nanos) = (0, 0);
    for item in fields(bytes) {
        match item? {
            (1, Item::Number(number)) => seconds = number.cast_signed(),
            (2, Item::Number(number)) => nanos = number.cast_signed(),
            _ => {}
        }
    }
    if seconds == 0 && nanos == 0 {
        return Ok(Value::Null);
    }
    let nanos = i32::try_from(nanos).map_err(|_| Broken)?;
    let time = Timestamp::new(seconds, nanos).map_err(|_| Broken)?;
    Ok(time.strftime(format).to_string().into())
}

fn int_or_string(bytes: &[u8]) -> Result<Value, Broken> {
    let (mut is_text, mut number, mut words) = (false, 0, String::new());
    for item in fields(bytes) {
        match item? {
            (1, Item::Number(kind)) => is_text = kind == 1,
            (2, Item::Number(value)) => number = value.cast_signed(),
            (3, Item::Bytes(bytes)) => words = text(bytes)?,
            _ => {}
        }
    }
    Ok(if is_text { words.into() } else { number.into() })
}
