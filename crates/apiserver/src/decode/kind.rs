//! `kind` and `apiVersion` of a body against those of the path.

use serde_json::Value;

use super::DecodeError;
use crate::schema;

/// A group, a version and a kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Empty for the core group.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// `Pod`.
    pub kind: String,
}

impl Kind {
    /// Puts the parts together.
    pub fn new(group: &str, version: &str, kind: &str) -> Self {
        Self { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }

    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// The kind in the body, with what is missing filled in from the path.
pub fn effective_kind(wanted: &Kind, object: &Value) -> Kind {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = match text("apiVersion") {
        "" => (wanted.group.as_str(), wanted.version.as_str()),
        other => other.split_once('/').unwrap_or(("", other)),
    };
    let kind = match text("kind") {
        "" => wanted.kind.as_str(),
        other => other,
    };
    Kind::new(group, version, kind)
}

/// Checks that a body fits its path; a body may leave `kind` and `apiVersion` out.
///
/// # Errors
/// [`DecodeError::Kind`] for a kind that cannot be had here, [`DecodeError::Version`]
/// for the right kind in another version or group.
pub fn check_kind(wanted: &Kind, object: &Value) -> Result<(), DecodeError> {
    let found = effective_kind(wanted, object);
    if found == *wanted {
        return Ok(());
    }
    let api_version = found.api_version();
    if found.kind == wanted.kind {
        let served = schema::name_of(&found.group, &found.version, &found.kind).is_some();
        // The group was served once, so that its name is still known to the decoder.
        if served || (found.group != wanted.group && !found.group.is_empty()) {
            return Err(DecodeError::Version {
                found: api_version,
                expected: wanted.api_version(),
            });
        }
    }
    if schema::name_of(&found.group, &found.version, &found.kind).is_none() {
        return Err(DecodeError::Kind(format!(
            "no kind {:?} is registered for version {api_version:?} in scheme \"pkg/api/legacyscheme/scheme.go:30\"",
            found.kind
        )));
    }
    Err(DecodeError::Kind(format!(
        "converting ({}.{}) to ({}.{}): unknown conversion",
        found.version,
        found.kind,
        internal(&wanted.group),
        wanted.kind
    )))
}

/// The Go package of a group's internal types.
fn internal(group: &str) -> &str {
    match group {
        "" => "core",
        other => other.split('.').next().unwrap_or(other),
    }
}
