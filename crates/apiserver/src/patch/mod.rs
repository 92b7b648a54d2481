//! Patches: from the stored object and what a client sent to the object that it wants.
//!
//! | content type | module |
//! |---|---|
//! | `application/json-patch+json` | [`json`] |
//! | `application/merge-patch+json` | [`merge`] |
//! | `application/strategic-merge-patch+json` | [`strategic`] |
//! | `application/apply-patch+yaml` | [`apply`] |
//!
//! All of it is pure: the results are neither decoded nor defaulted nor validated, and
//! nothing is stored. Field ownership, which every write moves, is in [`apply`] too.
//! The order of the calls, as in the real server:
//!
//! ```text
//! create:          decode, default, track_update(None), mutate, prepare, validate, store
//! replace, patch:  (patch,) decode, default, track_update(live), mutate, keep_times,
//!                  prepare, validate, store unless equal to live
//! apply:           apply(live), decode, default, mutate, keep_times,
//!                  prepare, validate, store unless equal to live
//! ```
//!
//! Ownership is settled before admission: what a webhook changes belongs to nobody.

pub mod apply;
pub mod json;
pub mod merge;
pub mod strategic;

use serde_json::Value;

/// The JSON type of a value in the words of Go's decoder.
fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
