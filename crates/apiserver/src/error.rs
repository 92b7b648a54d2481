//! The one error of the API: a Kubernetes `Status` that says `Failure`.

use std::fmt;

use http::StatusCode;
use serde_json::{Value, json};

use crate::field;

/// Group and resource (or kind), as they stand in messages: `deployments.apps`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural resource name or kind.
    pub name: String,
}

impl GroupName {
    /// Pairs a group with a resource or kind.
    pub fn new(group: impl Into<String>, name: impl Into<String>) -> Self {
        Self { group: group.into(), name: name.into() }
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}.{}", self.name, self.group)
        }
    }
}

/// One entry of `details.causes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Machine-readable reason, for example `FieldValueInvalid`.
    pub reason: &'static str,
    /// Words for people.
    pub message: String,
    /// Field path; left out of the answer when empty.
    pub field: String,
}

/// `details` of a Status; a real server sends `{}` for some errors and nothing for others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Name of the object.
    pub name: String,
    /// API group.
    pub group: String,
    /// Resource (or kind, for `Invalid`).
    pub kind: String,
    /// Findings.
    pub causes: Vec<Cause>,
    /// After how many seconds a client may try again; zero is left out.
    pub retry_after_seconds: u32,
    /// A Status that is passed on as it is: it was written by an admission webhook, or has more
    /// than others.
    pub whole: Option<Box<Value>>,
}

/// A failed request. Every handler returns it, and it is written to the client as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// HTTP status.
    pub code: StatusCode,
    /// `metav1.StatusReason`; empty where the real server gives none.
    pub reason: &'static str,
    /// Words for people.
    pub message: String,
    /// `None` leaves `details` out.
    pub details: Option<Details>,
}

/// Result of everything that a request can fail in.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn plain(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    fn named(
        code: StatusCode,
        reason: &'static str,
        resource: &GroupName,
        name: &str,
        message: String,
    ) -> Self {
        let details = Details {
            name: name.to_owned(),
            group: resource.group.clone(),
            kind: resource.name.clone(),
            ..Details::default()
        };
        Self { code, reason, message, details: Some(details) }
    }

    /// 400 `BadRequest`.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::plain(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 500 without a reason: what the real server answers for errors that it did not foresee.
    pub fn unclassified(message: impl Into<String>) -> Self {
        Self::plain(StatusCode::INTERNAL_SERVER_ERROR, "", message)
    }

    /// 500 `InternalError`.
    pub fn internal(message: impl fmt::Display) -> Self {
        let cause = Cause { reason: "", message: message.to_string(), field: String::new() };
        Self {
            details: Some(Details { causes: vec![cause], ..Details::default() }),
            ..Self::plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                format!("Internal error occurred: {message}"),
            )
        }
    }

    /// 404 for an object.
    pub fn not_found(resource: &GroupName, name: &str) -> Self {
        let message = format!("{resource} {name:?} not found");
        Self::named(StatusCode::NOT_FOUND, "NotFound", resource, name, message)
    }

    /// 404 for a path that no resource serves.
    pub fn unknown_path() -> Self {
        Self {
            details: Some(Details::default()),
            ..Self::plain(
                StatusCode::NOT_FOUND,
                "NotFound",
                "the server could not find the requested resource",
            )
        }
    }

    /// 409 `AlreadyExists`.
    pub fn already_exists(resource: &GroupName, name: &str) -> Self {
        let message = format!("{resource} {name:?} already exists");
        Self::named(StatusCode::CONFLICT, "AlreadyExists", resource, name, message)
    }

    /// 409 `Conflict` on an object.
    pub fn conflict(resource: &GroupName, name: &str, why: impl fmt::Display) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {name:?}: {why}");
        Self::named(StatusCode::CONFLICT, "Conflict", resource, name, message)
    }

    /// 409 for a write whose `resourceVersion` is not the current one.
    pub fn modified(resource: &GroupName, name: &str) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 403 `Forbidden` on an object.
    pub fn forbidden(resource: &GroupName, name: &str, why: impl fmt::Display) -> Self {
        let message = if name.is_empty() {
            format!("{resource} is forbidden: {why}")
        } else {
            format!("{resource} {name:?} is forbidden: {why}")
        };
        Self::named(StatusCode::FORBIDDEN, "Forbidden", resource, name, message)
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::plain(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// 405 with empty details.
    pub fn method_not_allowed() -> Self {
        Self {
            details: Some(Details::default()),
            ..Self::plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            )
        }
    }

    /// 410 with the reason `Expired`.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::plain(StatusCode::GONE, "Expired", message)
    }

    /// 410 for a page of a list whose version is forgotten; `next` goes on from there with
    /// what there is now.
    pub fn expired_page(next: &str) -> Self {
        let message = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";
        let mut error = Self::expired(message);
        let mut status = error.to_value();
        status["metadata"]["continue"] = json!(next);
        error.details = Some(Details { whole: Some(Box::new(status)), ..Details::default() });
        error
    }

    /// 413.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::plain(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    }

    /// 415.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// 406.
    pub fn not_acceptable(message: impl Into<String>) -> Self {
        Self::plain(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// 422 `Invalid`: the object's kind and name, and one cause per finding.
    pub fn invalid(kind: &GroupName, name: &str, errors: &[field::Error]) -> Self {
        // A cause may stand twice, but is said once.
        let mut said = std::collections::HashSet::new();
        let mut words: Vec<String> = errors.iter().map(ToString::to_string).collect();
        words.retain(|error| said.insert(error.clone()));
        let words = match words.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let mut error = Self::named(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Invalid",
            kind,
            name,
            format!("{kind} {name:?} is invalid: {words}"),
        );
        if let Some(details) = &mut error.details {
            details.causes = errors
                .iter()
                .map(|finding| Cause {
                    reason: finding.reason(),
                    message: finding.body(),
                    field: finding.field.clone(),
                })
                .collect();
        }
        error
    }

    /// 422 `Invalid` without an object: a patch that cannot be carried out.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self {
            details: Some(Details::default()),
            ..Self::plain(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
        }
    }

    /// The `Status` object.
    pub fn to_value(&self) -> Value {
        if let Some(whole) = self.details.as_ref().and_then(|details| details.whole.as_deref()) {
            return whole.clone();
        }
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code.as_u16(),
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            status["details"] = details.to_value();
        }
        status
    }
}

impl Details {
    fn to_value(&self) -> Value {
        let mut out = serde_json::Map::new();
        for (key, text) in [("name", &self.name), ("group", &self.group), ("kind", &self.kind)] {
            if !text.is_empty() {
                out.insert(key.to_owned(), json!(text));
            }
        }
        if !self.causes.is_empty() {
            out.insert("causes".to_owned(), self.causes.iter().map(Cause::to_value).collect());
        }
        if self.retry_after_seconds > 0 {
            out.insert("retryAfterSeconds".to_owned(), json!(self.retry_after_seconds));
        }
        Value::Object(out)
    }
}

impl Cause {
    fn to_value(&self) -> Value {
        let mut out = serde_json::Map::new();
        for (key, text) in
            [("reason", self.reason), ("message", &self.message), ("field", &self.field)]
        {
            if !text.is_empty() {
                out.insert(key.to_owned(), json!(text));
            }
        }
        Value::Object(out)
    }
}
