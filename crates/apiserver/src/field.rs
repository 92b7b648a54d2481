//! Validation errors that name a field, as Kubernetes words them.
//!
//! The kinds, their `reason` and the text of the messages follow
//! `k8s.io/apimachinery/pkg/util/validation/field`: clients compare the reason
//! and the field, people read the message.

use std::fmt;

use serde_json::Value;

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A value has the wrong form; carries the value as Go would print it.
    Invalid(String),
    /// A value is not one of those allowed, which are listed in order.
    NotSupported(String, Vec<String>),
    /// A value that must be unique stands twice.
    Duplicate(String),
    /// A value refers to something that does not exist.
    NotFound(String),
    /// A value is missing.
    Required,
    /// A value may not be set here.
    Forbidden,
    /// A text has more than so many bytes.
    TooLong(usize),
    /// A list has more than so many items; carries the actual number too.
    TooMany(usize, usize),
    /// A value has the wrong JSON type; carries the value.
    TypeInvalid(String),
    /// The server could not tell.
    Internal,
}

/// One finding of a validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Where: `spec.containers[0].name`, `metadata.labels`, `data[a b]`.
    pub field: String,
    /// What kind of problem.
    pub kind: Kind,
    /// Words added to the kind's own; may be empty.
    pub detail: String,
}

/// Findings in the order in which a real server reports them.
pub type Errors = Vec<Error>;

impl Error {
    fn new(field: impl Into<String>, kind: Kind, detail: impl Into<String>) -> Self {
        Self { field: field.into(), kind, detail: detail.into() }
    }

    /// `Invalid value: <value>: <detail>`.
    pub fn invalid(field: impl Into<String>, value: &Value, detail: impl Into<String>) -> Self {
        Self::new(field, Kind::Invalid(go_value(value)), detail)
    }

    /// As [`Error::invalid`], for a value that only Go can print (`[]string{"a"}`, `0x0`).
    pub fn invalid_go(
        field: impl Into<String>,
        value: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(field, Kind::Invalid(value.into()), detail)
    }

    /// `Unsupported value: <value>: supported values: "a", "b"`.
    pub fn not_supported(field: impl Into<String>, value: &Value, allowed: &[&str]) -> Self {
        let allowed = allowed.iter().map(|text| (*text).to_owned()).collect();
        Self::new(field, Kind::NotSupported(go_value(value), allowed), "")
    }

    /// `Duplicate value: <value>`.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::new(field, Kind::Duplicate(go_value(value)), "")
    }

    /// `Not found: <value>`.
    pub fn not_found(field: impl Into<String>, value: &Value) -> Self {
        Self::new(field, Kind::NotFound(go_value(value)), "")
    }

    /// `Required value[: <detail>]`.
    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(field, Kind::Required, detail)
    }

    /// `Forbidden: <detail>`.
    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(field, Kind::Forbidden, detail)
    }

    /// `Too long: must have at most <max> bytes`.
    pub fn too_long(field: impl Into<String>, max: usize) -> Self {
        Self::new(field, Kind::TooLong(max), "")
    }

    /// `Too many: <actual>: must have at most <max> items`.
    pub fn too_many(field: impl Into<String>, actual: usize, max: usize) -> Self {
        Self::new(field, Kind::TooMany(actual, max), "")
    }

    /// `Invalid value: <value>: <detail>` with the reason `FieldValueTypeInvalid`.
    pub fn type_invalid(
        field: impl Into<String>,
        value: &Value,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(field, Kind::TypeInvalid(go_value(value)), detail)
    }

    /// `Internal error: <detail>`.
    pub fn internal(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(field, Kind::Internal, detail)
    }

    /// The machine-readable reason of a Status cause.
    pub fn reason(&self) -> &'static str {
        match self.kind {
            Kind::Invalid(_) => "FieldValueInvalid",
            Kind::NotSupported(..) => "FieldValueNotSupported",
            Kind::Duplicate(_) => "FieldValueDuplicate",
            Kind::NotFound(_) => "FieldValueNotFound",
            Kind::Required => "FieldValueRequired",
            Kind::Forbidden => "FieldValueForbidden",
            Kind::TooLong(_) => "FieldValueTooLong",
            Kind::TooMany(..) => "FieldValueTooMany",
            Kind::TypeInvalid(_) => "FieldValueTypeInvalid",
            Kind::Internal => "InternalError",
        }
    }

    /// The message without the field: what a Status cause carries.
    pub fn body(&self) -> String {
        let base = match &self.kind {
            Kind::Invalid(value) | Kind::TypeInvalid(value) => format!("Invalid value: {value}"),
            Kind::NotSupported(value, allowed) => {
                let allowed: Vec<_> = allowed.iter().map(|text| format!("{text:?}")).collect();
                format!("Unsupported value: {value}: supported values: {}", allowed.join(", "))
            }
            Kind::Duplicate(value) => format!("Duplicate value: {value}"),
            Kind::NotFound(value) => format!("Not found: {value}"),
            Kind::Required => "Required value".to_owned(),
            Kind::Forbidden => "Forbidden".to_owned(),
            Kind::TooLong(max) => format!("Too long: must have at most {max} bytes"),
            Kind::TooMany(actual, max) => {
                format!("Too many: {actual}: must have at most {max} items")
            }
            Kind::Internal => "Internal error".to_owned(),
        };
        if self.detail.is_empty() { base } else { format!("{base}: {}", self.detail) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

/// A JSON value in the words of Go: texts quoted, `null` as `"null"`, the rest as JSON.
pub fn go_value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Null => "\"null\"".to_owned(),
        other => other.to_string(),
    }
}

/// Appends a field name to a path: `child("spec", "ports")` is `spec.ports`.
pub fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Appends a list index to a path: `spec.ports[2]`.
pub fn index(path: &str, at: usize) -> String {
    format!("{path}[{at}]")
}

/// Appends a map key to a path: `data[a b]`.
pub fn key(path: &str, key: &str) -> String {
    format!("{path}[{key}]")
}
