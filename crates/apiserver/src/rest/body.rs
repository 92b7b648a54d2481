//! From the bytes of a request to an object of the resource's type.

use serde_json::Value;

use super::FieldValidation;
use crate::decode::{self, DecodeError, Findings, Kind};
use crate::error::{Error, Result};
use crate::http::Encoding;
use crate::resource::{Resource, Rules};
use crate::schema::Schema;

/// A request body that should hold an object.
pub(crate) struct Body<'a> {
    pub(crate) encoding: Encoding,
    pub(crate) bytes: &'a [u8],
}

/// Reads JSON or YAML that need not be an object.
pub(crate) fn parse(encoding: Encoding, bytes: &[u8]) -> Result<(Value, Findings), DecodeError> {
    match encoding {
        Encoding::Json | Encoding::Protobuf => decode::parse_json(bytes),
        Encoding::Yaml => match json_as_yaml(bytes) {
            Some(value) => Ok((value, Findings::default())),
            None => decode::parse_yaml(bytes),
        },
    }
}

/// JSON is YAML, and clients that mean YAML mostly write JSON, which is read many times
/// faster. What is not plain JSON, or repeats a field, is for the YAML parser to judge.
fn json_as_yaml(bytes: &[u8]) -> Option<Value> {
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let (value, findings) = decode::parse_json(bytes).ok()?;
    findings.is_empty().then_some(value)
}

impl Body<'_> {
    /// The object, and warnings about fields that it should not have.
    pub(crate) fn decode(
        &self,
        resource: &Resource,
        validation: FieldValidation,
    ) -> Result<(Value, Vec<String>)> {
        let media = match self.encoding {
            Encoding::Json | Encoding::Protobuf => decode::Media::Json,
            Encoding::Yaml => decode::Media::Yaml,
        };
        let wanted = kind(resource);
        let (mut object, mut findings) = decode::parse(media, self.bytes)
            .map_err(|error| error.into_status(&wanted, &wanted.kind, self.bytes))?;
        let found = decode::effective_kind(&wanted, &object);
        decode_object(resource, &mut object)
            .map(|more| findings.extend(more))
            .map_err(|error| error.into_status(&found, &wanted.kind, self.bytes))?;
        let warnings = judge(&findings, validation)
            .map_err(|error| error.into_status(&found, &wanted.kind, self.bytes))?;
        Ok((object, warnings))
    }
}

fn kind(resource: &Resource) -> Kind {
    Kind::new(&resource.group, &resource.version, &resource.kind)
}

/// Checks kind and types, drops what the type does not know.
pub(crate) fn decode_object(
    resource: &Resource,
    object: &mut Value,
) -> Result<Findings, DecodeError> {
    let wanted = kind(resource);
    let findings = match &resource.rules {
        Rules::Builtin { schema, .. } => {
            decode::check_kind(&wanted, object)?;
            decode::canonicalize(schema, object)?
        }
        Rules::Custom { version, .. } => {
            // Another kind is found by validation; only the version is decided here.
            let found = decode::effective_kind(&wanted, object);
            decode::check_kind(&Kind { kind: found.kind, ..wanted.clone() }, object)?;
            // Nothing is known of the fields yet, but whole floats become integers.
            decode::canonicalize(&Schema::any(), object)?;
            let metadata = decode::schema_named(decode::OBJECT_META);
            decode::canonicalize(&metadata, &mut object["metadata"].clone())?;
            Findings { duplicate: Vec::new(), unknown: version.schema.prune(object) }
        }
    };
    if resource.is_builtin() || object.get("kind").is_none() {
        object["kind"] = wanted.kind.clone().into();
    }
    object["apiVersion"] = wanted.api_version().into();
    Ok(findings)
}

/// What a client is told of odd fields.
pub(crate) fn judge(
    findings: &Findings,
    validation: FieldValidation,
) -> Result<Vec<String>, DecodeError> {
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(findings.messages()),
        FieldValidation::Strict if findings.is_empty() => Ok(Vec::new()),
        FieldValidation::Strict => Err(DecodeError::Strict(findings.messages().join(", "))),
    }
}

/// The 400 for a body that is no object of this resource.
pub(crate) fn refuse(resource: &Resource, object: &Value, error: DecodeError) -> Error {
    let wanted = kind(resource);
    error.into_status(&decode::effective_kind(&wanted, object), &wanted.kind, b"")
}
