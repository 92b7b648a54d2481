//! `/openapi/v2` as protobuf, which is the only form kubectl asks for (and decodes without
//! looking at what it got): gnostic's `openapi.v2.Document`.
//!
//! Written by hand, without the generated types, because a document is built here once and never
//! read. Numbers of fields are those of gnostic's `OpenAPIv2.proto`. What no client reads
//! (examples, limits of numbers) is left out.

use http::HeaderMap;
use http::header::ACCEPT;
use serde_json::{Map, Value};

/// The media type as it is answered: clients parse it, and `@` cannot stand in one.
pub(super) const MEDIA: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// The media type as it is asked for.
const ASKED: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// Whether a client asks for it.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accept.flat_map(|value| value.split(',')).any(|media| {
        let media = media.split(';').next().unwrap_or_default().trim();
        media == ASKED || media == MEDIA
    })
}

/// A swagger document as bytes.
pub(super) fn encode(swagger: &Value) -> Vec<u8> {
    let mut document = Message::default();
    document.text(1, &swagger["swagger"]);
    let mut info = Message::default();
    info.text(1, &swagger["info"]["title"]);
    info.text(2, &swagger["info"]["version"]);
    document.message(2, info);
    let mut paths = Message::default();
    for (path, item) in entries(&swagger["paths"]) {
        paths.message(2, named(path, path_item(item)));
    }
    document.message(8, paths);
    document.message(9, schemas(&swagger["definitions"]));
    document.0
}

/// Bytes of a message as they grow.
#[derive(Default)]
struct Message(Vec<u8>);

/// Wire types of protobuf.
const VARINT: u64 = 0;
const LENGTH: u64 = 2;

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | LENGTH);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A message within this one; there also when it is empty.
    fn message(&mut self, field: u64, message: Self) {
        self.bytes(field, &message.0);
    }

    /// A string, unless there is none.
    fn text(&mut self, field: u64, value: &Value) {
        if let Some(text) = value.as_str() {
            self.bytes(field, text.as_bytes());
        }
    }

    /// A boolean, unless it is false.
    fn flag(&mut self, field: u64, value: &Value) {
        if value.as_bool() == Some(true) {
            self.varint(field << 3 | VARINT);
            self.varint(1);
        }
    }

    /// Any value: gnostic keeps it as YAML, and JSON is that.
    fn any(&mut self, field: u64, value: &Value) {
        let mut any = Self::default();
        any.bytes(2, value.to_string().as_bytes());
        self.message(field, any);
    }

    /// What begins with `x-`.
    fn extensions(&mut self, field: u64, object: &Value) {
        for (name, value) in entries(object).filter(|(name, _)| name.starts_with("x-")) {
            let mut entry = Self::default();
            entry.bytes(1, name.as_bytes());
            entry.any(2, value);
            self.message(field, entry);
        }
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// An entry of a map.
fn named(name: &str, value: Message) -> Message {
    let mut entry = Message::default();
    entry.bytes(1, name.as_bytes());
    entry.message(2, value);
    entry
}

/// `Definitions` and `Properties` are the same.
fn schemas(map: &Value) -> Message {
    let mut message = Message::default();
    for (name, value) in entries(map) {
        message.message(1, named(name, schema(value)));
    }
    message
}

fn schema(value: &Value) -> Message {
    let mut message = Message::default();
    for (field, name) in
        [(1, "$ref"), (2, "format"), (3, "title"), (4, "description"), (13, "pattern")]
    {
        message.text(field, &value[name]);
    }
    if let Some(default) = value.get("default") {
        message.any(5, default);
    }
    for name in items(&value["required"]) {
        message.text(19, name);
    }
    for choice in items(&value["enum"]) {
        message.any(20, choice);
    }
    match &value["additionalProperties"] {
        Value::Object(_) => {
            let mut item = Message::default();
            item.message(1, schema(&value["additionalProperties"]));
            message.message(21, item);
        }
        allowed => {
            let mut item = Message::default();
            item.flag(2, allowed);
            if !item.0.is_empty() {
                message.message(21, item);
            }
        }
    }
    if value["type"].is_string() {
        let mut item = Message::default();
        item.text(1, &value["type"]);
        message.message(22, item);
    }
    if value["items"].is_object() {
        let mut item = Message::default();
        item.message(1, schema(&value["items"]));
        message.message(23, item);
    }
    for part in items(&value["allOf"]) {
        message.message(24, schema(part));
    }
    if value["properties"].is_object() {
        message.message(25, schemas(&value["properties"]));
    }
    message.extensions(31, value);
    message
}

fn path_item(item: &Value) -> Message {
    let mut message = Message::default();
    for (field, method) in [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (8, "patch")] {
        if item[method].is_object() {
            message.message(field, operation(&item[method]));
        }
    }
    message
}

fn operation(value: &Value) -> Message {
    let mut message = Message::default();
    for query in items(&value["parameters"]) {
        // ParametersItem > Parameter > NonBodyParameter > QueryParameterSubSchema
        let mut parameter = Message::default();
        parameter.text(2, &query["in"]);
        parameter.text(4, &query["name"]);
        parameter.text(6, &query["type"]);
        parameter.flag(20, &query["uniqueItems"]);
        for field in [3, 2, 1] {
            parameter = within(field, parameter);
        }
        message.message(8, parameter);
    }
    let mut responses = Message::default();
    for (code, answer) in entries(&value["responses"]) {
        let mut response = Message::default();
        response.text(1, &answer["description"]);
        if answer["schema"].is_object() {
            response.message(2, within(1, schema(&answer["schema"])));
        }
        responses.message(1, named(code, within(1, response)));
    }
    message.message(9, responses);
    message.extensions(13, value);
    message
}

fn within(field: u64, message: Message) -> Message {
    let mut outer = Message::default();
    outer.message(field, message);
    outer
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bytes_are_those_of_the_wire_format() {
        // swagger = 1: "2.0"; info = 2: { title = 1: "K", version = 2: "v" }; empty paths = 8;
        // definitions = 9: { 1: { name = 1: "A", value = 2: { type = 22: { 1: "object" } } } }
        let document = json!({ "swagger": "2.0", "info": { "title": "K", "version": "v" },
            "definitions": { "A": { "type": "object" } } });
        let mut expected = b"\x0a\x032.0\x12\x06\x0a\x01K\x12\x01v\x42\x00\x4a\x12".to_vec();
        expected.extend(b"\x0a\x10\x0a\x01A\x12\x0b\xb2\x01\x08\x0a\x06object");
        assert_eq!(encode(&document), expected);
    }

    #[test]
    fn extensions_are_kept_as_yaml_and_long_lengths_take_two_bytes() {
        let text = "x".repeat(200);
        let bytes = schema(&json!({ "x-long": text })).0;
        // vendor_extension = 31 (two bytes of tag), then lengths above 127.
        assert_eq!(bytes[..2], [0xfa, 0x01]);
        assert_eq!(bytes[2..4], [0xd8, 0x01], "{:x?}", &bytes[..8]);
        assert!(bytes.ends_with(format!("\"{text}\"").as_bytes()));
    }

    #[test]
    fn who_asks_for_json_gets_it() {
        let mut headers = HeaderMap::new();
        assert!(!is_wanted(&headers));
        headers.insert(ACCEPT, "application/json".parse().expect("is a value"));
        assert!(!is_wanted(&headers));
        let value = format!("application/json, {ASKED}; q=0.9");
        headers.insert(ACCEPT, value.parse().expect("is a value"));
        assert!(is_wanted(&headers));
    }
}
