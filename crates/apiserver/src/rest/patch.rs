//! Patch: JSON patch, merge patch, strategic merge patch and server-side apply.

use serde_json::{Value, json};

use super::body::{decode_object, judge, parse, refuse};
use super::create::create_decoded;
use super::update::{change, nameless};
use super::{Target, WriteOptions, Written};
use crate::decode::DecodeError;
use crate::error::{Error, GroupName, Result};
use crate::http::Encoding;
use crate::meta;
use crate::patch;
use crate::resource::Resource;

/// Kinds of patches, by their media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchKind {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl PatchKind {
    /// Strategic merge patches need Go types: custom resources do not have any.
    pub(crate) fn of(media: &str, builtin: bool) -> Result<Self> {
        match media {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" if builtin => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            "application/strategic-merge-patch+json" => Err(Error::unsupported_media_type(
                "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
            )),
            _ => Err(Error {
                details: Some(crate::error::Details::default()),
                ..Error::unsupported_media_type("415: Unsupported Media Type")
            }),
        }
    }
}

pub(crate) async fn patch(
    target: &Target<'_>,
    kind: PatchKind,
    body: &[u8],
    options: &WriteOptions,
) -> Result<Written> {
    if kind == PatchKind::Apply {
        return apply(target, body, options).await;
    }
    let decoding = |error| Error::bad_request(format!("error decoding patch: {error}"));
    let (patch, found) = parse(Encoding::Json, body).map_err(decoding)?;
    let resource = target.resource;
    let mut warnings = Vec::new();
    let mut written = change(target, options, true, |live| {
        let mut object = match kind {
            PatchKind::Json => patch::json::apply(live, &patch)?,
            PatchKind::Merge => patch::merge::apply(live, &patch)?,
            PatchKind::Strategic | PatchKind::Apply => {
                patch::strategic::apply(live, &patch, resource.schema())?
            }
        };
        warnings = decode_patched(target, &mut object, &found.duplicate, options)?;
        check_identity(&object, live)?;
        Ok(object)
    })
    .await?;
    written.warnings.splice(0..0, warnings);
    Ok(written)
}

/// What is no object of this kind any more is the patch's fault.
fn decode_patched(
    target: &Target<'_>,
    object: &mut Value,
    duplicates: &[String],
    options: &WriteOptions,
) -> Result<Vec<String>> {
    decode_object(target.resource, object)
        .and_then(|mut findings| {
            findings.duplicate.extend_from_slice(duplicates);
            judge(&findings, options.validation)
        })
        .map_err(|error| {
            let finding = crate::field::Error::invalid_go("patch", "patch", error.to_string());
            Error::invalid(&GroupName::new("", ""), "", &[finding])
        })
}

fn check_identity(object: &Value, live: &Value) -> Result<()> {
    for name in ["name", "namespace"] {
        let text =
            |object: &Value| object["metadata"][name].as_str().unwrap_or_default().to_owned();
        let (new, old) = (text(object), text(live));
        if !new.is_empty() && new != old {
            return Err(Error::bad_request(format!(
                "the {name} of the object ({new}) does not match the {name} on the URL ({old})"
            )));
        }
    }
    Ok(())
}

async fn apply(target: &Target<'_>, body: &[u8], options: &WriteOptions) -> Result<Written> {
    let resource = target.resource;
    let decoding = |error| Error::bad_request(format!("error decoding YAML: {error}"));
    let (config, findings) = parse(Encoding::Yaml, body).map_err(decoding)?;
    if !config["metadata"]["managedFields"].as_array().is_none_or(Vec::is_empty) {
        return Err(Error::bad_request("metadata.managedFields must be nil"));
    }
    let warnings =
        judge(&findings, options.validation).map_err(|error| refuse(resource, &config, error))?;
    check_applied(target, &config)?;
    let api_version = resource.api_version();
    let manager = patch::apply::Manager {
        name: &options.manager,
        api_version: &api_version,
        subresource: target.subresource,
    };
    let reset = resource.reset_fields(target.subresource);
    let merge = |live: Option<&Value>| {
        let now = target.core.now();
        let schema = resource.schema();
        let mut merged =
            patch::apply::apply(live, &config, schema, &manager, options.force, &reset, &now)?;
        decode_merged(resource, &mut merged).map_err(|error| refuse(resource, &config, error))?;
        Ok::<_, Error>(merged)
    };
    let mut written = if target.latest().is_some() {
        change(target, options, false, |live| merge(Some(live))).await?
    } else if target.subresource.is_empty() {
        if !meta::uid(&config).is_empty() {
            let why =
                "uid mismatch: the provided object specified uid, and no existing object was found";
            return Err(Error::conflict(&resource.group_resource(), target.name, why));
        }
        let mut object = merge(None)?;
        meta::metadata_mut(&mut object).insert("name".to_owned(), json!(target.name));
        create_decoded(target, object, options, false).await?
    } else {
        return Err(target.not_found());
    };
    written.warnings.splice(0..0, warnings);
    Ok(written)
}

/// Decodes what an apply has made, except for the owners of its fields: they were just
/// written down by this server, and are half of a small object.
fn decode_merged(resource: &Resource, object: &mut Value) -> Result<(), DecodeError> {
    const OWNERS: &str = "managedFields";
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    let owners = metadata.and_then(|metadata| metadata.remove(OWNERS));
    decode_object(resource, object)?;
    if let Some(owners) = owners {
        meta::metadata_mut(object).insert(OWNERS.to_owned(), owners);
    }
    Ok(())
}

/// An applied configuration names its kind and fits the path.
fn check_applied(target: &Target<'_>, config: &Value) -> Result<()> {
    let name = meta::name(config);
    // Without a kind the configuration is refused for that, later.
    if name.is_empty() && config["kind"].is_string() {
        return Err(nameless(target.name));
    }
    if !name.is_empty() && name != target.name {
        return Err(Error::bad_request(format!(
            "metadata.name in the apply configuration ({name}) does not match the name on the URL ({})",
            target.name
        )));
    }
    let namespace = meta::namespace(config);
    if target.resource.namespaced && !namespace.is_empty() && namespace != target.namespace {
        return Err(Error::bad_request(format!(
            "the namespace of the provided object does not match the namespace sent on the request: {namespace}"
        )));
    }
    Ok(())
}
