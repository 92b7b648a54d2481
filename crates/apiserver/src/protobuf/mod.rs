//! `application/vnd.kubernetes.protobuf`: the encoding that clients written in Go prefer.
//!
//! Objects stay JSON inside the server. What protobuf must know beyond the names and types
//! that `schema` has is the number of each field; those are data too
//! (`data/protobuf-v1.28.json`), so there is no generated code. Kinds whose numbers are not
//! there (alpha groups that later versions dropped), custom resources and watches are
//! answered in JSON or YAML only.
//!
//! Encoding and envelope: `k8s.io/apimachinery/pkg/runtime/serializer/protobuf`.

mod decode;
mod encode;
mod table;
mod wire;

use serde_json::Value;

use crate::decode::Kind;
use crate::error::{Error, Result};
use table::Message;

/// The media type.
pub(crate) const MEDIA: &str = "application/vnd.kubernetes.protobuf";

/// What every body begins with.
const MAGIC: &[u8] = b"k8s\0";

/// Whether objects of a kind can be written.
pub(crate) fn knows(kind: &Kind) -> bool {
    message_of(kind).is_some()
}

fn message_of(kind: &Kind) -> Option<&'static Message> {
    // The same in every group.
    let name = match kind.kind.as_str() {
        "DeleteOptions" => "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
        _ => crate::schema::name_of(&kind.group, &kind.version, &kind.kind)?,
    };
    table::message(name)
}

fn kind_of(api_version: &str, kind: &str) -> Kind {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Kind::new(group, version, kind)
}

/// An object, or a list of them, with `kind` and `apiVersion`; `None` for a kind that has no
/// message.
pub(crate) fn encode(object: &Value) -> Option<Vec<u8>> {
    let text = |name: &str| object[name].as_str().unwrap_or_default();
    let message = message_of(&kind_of(text("apiVersion"), text("kind")))?;
    let mut raw = Vec::new();
    encode::message(message, object, &mut raw);
    let mut kind = Vec::new();
    wire::write_bytes(1, text("apiVersion").as_bytes(), &mut kind);
    wire::write_bytes(2, text("kind").as_bytes(), &mut kind);
    let mut out = MAGIC.to_vec();
    wire::write_bytes(1, &kind, &mut out);
    wire::write_bytes(2, &raw, &mut out);
    wire::write_bytes(3, b"", &mut out);
    wire::write_bytes(4, b"", &mut out);
    Some(out)
}

/// A body as JSON, with `kind` and `apiVersion`.
///
/// # Errors
/// 400 for what is no object of a kind that is known.
pub(crate) fn decode(body: &[u8]) -> Result<Value> {
    let refused = |why: String| Error::bad_request(why);
    let Some(envelope) = body.strip_prefix(MAGIC) else {
        let why = "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]";
        return Err(refused(why.to_owned()));
    };
    let broken = |_| Error::bad_request("unable to read the body: illegal protobuf");
    let (mut kind, mut raw) = (&b""[..], &b""[..]);
    for field in wire::fields(envelope) {
        match field.map_err(broken)? {
            (1, wire::Item::Bytes(bytes)) => kind = bytes,
            (2, wire::Item::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let (mut api_version, mut name) = (String::new(), String::new());
    for field in wire::fields(kind) {
        match field.map_err(broken)? {
            (1, wire::Item::Bytes(bytes)) => api_version = String::from_utf8_lossy(bytes).into(),
            (2, wire::Item::Bytes(bytes)) => name = String::from_utf8_lossy(bytes).into(),
            _ => {}
        }
    }
    let Some(message) = message_of(&kind_of(&api_version, &name)) else {
        return Err(refused(format!(
            "no kind {name:?} is registered for version {api_version:?} in protobuf"
        )));
    };
    let mut object = decode::message(message, raw, 0).map_err(broken)?;
    object["kind"] = name.into();
    object["apiVersion"] = api_version.into();
    Ok(object)
}

#[cfg(test)]
mod tests;
