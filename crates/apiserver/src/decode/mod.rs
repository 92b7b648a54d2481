//! From the bytes of a request to a canonical object.
//!
//! ```text
//! bytes ──parse──▶ Value + duplicate fields ──canonicalize──▶ Value as Go would write it
//!                                                            + unknown fields
//! ```
//!
//! A real server decodes into Go structs and encodes them again; what that does to
//! an object (unknown fields and nulls vanish, zero values are dropped or appear,
//! times and quantities get one form) is done here with the published schema and a
//! table of the facts that it does not tell ([`go_facts`]).

mod canonical;
pub mod go_facts;
mod json;
mod kind;
mod scalar;
mod tree;
mod yaml;

use serde_json::Value;

pub use canonical::canonicalize;
pub use kind::{Kind, check_kind, effective_kind};
pub use scalar::{parse_micro_time, parse_time};
pub(crate) use tree::{MAX_DEPTH, depth};

use crate::error;
use crate::schema::{self, Schema, Shape};

/// How a request body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
}

/// Fields that a strict client wants to hear of, in the words of the real server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Paths of fields that stand more than once; the last value counts.
    pub duplicate: Vec<String>,
    /// Paths of fields that the type does not have; they are dropped.
    pub unknown: Vec<String>,
}

impl Findings {
    /// Nothing was found.
    pub fn is_empty(&self) -> bool {
        self.duplicate.is_empty() && self.unknown.is_empty()
    }

    /// Adds those of another step.
    pub fn extend(&mut self, other: Findings) {
        self.duplicate.extend(other.duplicate);
        self.unknown.extend(other.unknown);
    }

    /// One text per finding, duplicates first: the words of `Warning` headers.
    pub fn messages(&self) -> Vec<String> {
        let duplicate = self.duplicate.iter().map(|path| ("duplicate", path));
        let unknown = self.unknown.iter().map(|path| ("unknown", path));
        duplicate.chain(unknown).map(|(what, path)| format!("{what} field {path:?}")).collect()
    }
}

/// Why a body is not an object of the wanted kind. The words are those of Go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or not an object.
    #[error("couldn't get version/kind; json parse error: {0}")]
    Json(String),
    /// Not YAML.
    #[error("yaml: {0}")]
    Yaml(String),
    /// A value has the wrong type or form for its field.
    #[error("{0}")]
    Field(String),
    /// Strict decoding was asked for, and there are findings.
    #[error("strict decoding error: {0}")]
    Strict(String),
    /// The kind in the body is another one.
    #[error("{0}")]
    Kind(String),
    /// The API version in the body is another one than that of the path.
    #[error(
        "the API version in the data ({found}) does not match the expected API version ({expected})"
    )]
    Version {
        /// In the body.
        found: String,
        /// Of the path.
        expected: String,
    },
}

impl DecodeError {
    /// The 400 of a real server. `found` is the kind in the body, or that of the path
    /// where the body does not tell; `wanted` is the kind of the path.
    pub fn into_status(self, found: &Kind, wanted: &str, body: &[u8]) -> error::Error {
        match &self {
            Self::Version { .. } => error::Error::bad_request(self.to_string()),
            Self::Json(_) | Self::Yaml(_) => error::Error::bad_request(format!(
                "the object provided is unrecognized (must be of type {wanted}): {self} ({})",
                summary(body)
            )),
            _ => error::Error::bad_request(format!(
                "{} in version {:?} cannot be handled as a {wanted}: {self}",
                found.kind, found.version
            )),
        }
    }
}

/// The first bytes of a body, as error messages show them.
fn summary(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') if body.len() > SHOWN => {
            format!("{} ...", String::from_utf8_lossy(&body[..SHOWN]))
        }
        Some(b'{') => String::from_utf8_lossy(body).into_owned(),
        Some(_) => {
            let hex: String = body.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
            if body.len() > SHOWN { format!("{hex} ...") } else { hex }
        }
    }
}

/// Parses a body. `null` and an empty YAML document are the empty object.
///
/// # Errors
/// [`DecodeError::Json`] and [`DecodeError::Yaml`].
pub fn parse(media: Media, body: &[u8]) -> Result<(Value, Findings), DecodeError> {
    let (value, duplicate) = match media {
        Media::Json => json::parse(body)?,
        Media::Yaml => yaml::parse(body)?,
    };
    let value = match value {
        Value::Null => Value::Object(serde_json::Map::new()),
        Value::Object(_) => value,
        other => {
            return Err(DecodeError::Json(format!(
                "json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
                scalar::json_word(&other)
            )));
        }
    };
    let findings = Findings { duplicate, unknown: Vec::new() };
    Ok((value, findings))
}

/// Parses any JSON value (patches, options) without judging its kind.
///
/// # Errors
/// [`DecodeError::Json`] with the words of Go for the syntax error.
pub fn parse_json(body: &[u8]) -> Result<(Value, Findings), DecodeError> {
    let (value, duplicate) = json::parse(body)?;
    let findings = Findings { duplicate, unknown: Vec::new() };
    Ok((value, findings))
}

/// Parses any YAML document (apply configurations) without judging its kind.
///
/// # Errors
/// [`DecodeError::Yaml`].
pub fn parse_yaml(body: &[u8]) -> Result<(Value, Findings), DecodeError> {
    let (value, duplicate) = yaml::parse(body)?;
    let findings = Findings { duplicate, unknown: Vec::new() };
    Ok((value, findings))
}

/// The schema of a built-in kind, to be given to [`canonicalize`]: unlike
/// [`schema::by_kind`] it still knows the name of the type.
pub fn schema_of(group: &str, version: &str, kind: &str) -> Option<Schema> {
    let name = schema::name_of(group, version, kind)?;
    Some(Schema::of(Shape::Named(name.to_owned())))
}

/// The schema of a type by its full name (`io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta`).
pub fn schema_named(name: &str) -> Schema {
    Schema::of(Shape::Named(name.to_owned()))
}

/// Full name of `ObjectMeta`, for objects whose other parts have no built-in type.
pub const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

#[cfg(test)]
mod tests;
