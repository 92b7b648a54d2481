//! JSON to protobuf.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::table::{self, Field, Kind, Message, SCHEMA, Shape};
use super::wire::{write_bytes, write_fixed64, write_number};

/// Writes the fields that the object has; it is of this type, as everything stored is.
pub(super) fn message(message: &Message, object: &Value, out: &mut Vec<u8>) {
    for field in &message.fields {
        if let Kind::Inline(part) = &field.kind {
            let mut inner = Vec::new();
            self::message(part, object, &mut inner);
            if !inner.is_empty() {
                write_bytes(field.number, &inner, out);
            }
            continue;
        }
        match (field.shape, &object[&field.name]) {
            (_, Value::Null) => {}
            (Shape::List, Value::Array(list)) => {
                list.iter().for_each(|item| write(field, field.number, item, out));
            }
            (Shape::Map, Value::Object(map)) => {
                for (key, value) in map {
                    let mut entry = Vec::new();
                    write_bytes(1, key.as_bytes(), &mut entry);
                    write(field, 2, value, &mut entry);
                    write_bytes(field.number, &entry, out);
                }
            }
            (Shape::One, value) => write(field, field.number, value, out),
            _ => {}
        }
    }
}

fn write(field: &Field, number: u64, value: &Value, out: &mut Vec<u8>) {
    let text = || value.as_str().unwrap_or_default();
    let mut inner = Vec::new();
    match &field.kind {
        Kind::Text => return write_bytes(number, text().as_bytes(), out),
        Kind::Bytes => {
            return write_bytes(number, &STANDARD.decode(text()).unwrap_or_default(), out);
        }
        Kind::Number => return write_number(number, integer(value), out),
        Kind::Flag => return write_number(number, u64::from(value == true), out),
        Kind::Double => {
            return write_fixed64(number, value.as_f64().unwrap_or_default().to_bits(), out);
        }
        Kind::Time => time(text(), false, &mut inner),
        Kind::MicroTime => time(text(), true, &mut inner),
        Kind::Quantity => {
            let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            write_bytes(1, written.as_bytes(), &mut inner);
        }
        Kind::IntOrString => match value {
            Value::String(text) => {
                write_number(1, 1, &mut inner);
                write_bytes(3, text.as_bytes(), &mut inner);
            }
            _ => {
                write_number(1, 0, &mut inner);
                write_number(2, integer(value), &mut inner);
            }
        },
        Kind::Json => write_bytes(1, value.to_string().as_bytes(), &mut inner),
        Kind::Texts => texts(1, value, &mut inner),
        Kind::SchemaOrList => match value {
            Value::Array(list) => list.iter().for_each(|item| schema(2, item, &mut inner)),
            _ => schema(1, value, &mut inner),
        },
        Kind::SchemaOrFlag => match value {
            Value::Bool(flag) => write_number(1, u64::from(*flag), &mut inner),
            _ => {
                write_number(1, 1, &mut inner);
                schema(2, value, &mut inner);
            }
        },
        Kind::SchemaOrTexts => match value {
            Value::Array(_) => texts(2, value, &mut inner),
            _ => schema(1, value, &mut inner),
        },
        Kind::Message(name) => {
            if let Some(message) = table::message(name) {
                self::message(message, value, &mut inner);
            }
        }
        Kind::Inline(_) => return,
    }
    write_bytes(number, &inner, out);
}

/// Negative numbers as Go writes them: in 64 bits.
fn integer(value: &Value) -> u64 {
    value.as_i64().map_or_else(|| value.as_u64().unwrap_or_default(), i64::cast_unsigned)
}

/// An empty message is no time at all.
fn time(text: &str, fraction: bool, out: &mut Vec<u8>) {
    let Ok(time) = text.parse::<Timestamp>() else {
        return;
    };
    write_number(1, time.as_second().cast_unsigned(), out);
    let nanos = if fraction { i64::from(time.subsec_nanosecond()) } else { 0 };
    write_number(2, nanos.cast_unsigned(), out);
}

fn texts(number: u64, list: &Value, out: &mut Vec<u8>) {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).for_each(|text| write_bytes(number, text.as_bytes(), out));
}

fn schema(number: u64, value: &Value, out: &mut Vec<u8>) {
    let mut inner = Vec::new();
    if let Some(message) = table::message(SCHEMA) {
        self::message(message, value, &mut inner);
    }
    write_bytes(number, &inner, out);
}
