//! The `scale` subresource: replicas of anything that has them, as `autoscaling/v1`.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Request, admit, decode};
use crate::builtin::workloads::scale;
use crate::decode::Kind;
use crate::error::{Error, GroupName, Result};
use crate::http::Encoding;
use crate::http::path::Verb;
use crate::meta;
use crate::patch;
use crate::resource::Rules;
use crate::rest::{PatchKind, Target, change, load, parse};
use crate::webhook::Operation;

pub(super) async fn handle(
    target: &Target<'_>,
    request: &Request<'_>,
) -> Result<(StatusCode, Value)> {
    let missing = |error: Error| if error.reason == "NotFound" { not_found(target) } else { error };
    match request.verb {
        Verb::Get => {
            let object = current(target).await.map_err(missing)?;
            Ok((StatusCode::OK, read(target, &object)?))
        }
        Verb::Update => {
            let mut wanted = decode(request, target, &kind())?;
            let current = read(target, &current(target).await.map_err(missing)?)?;
            admit(target, request, Operation::Update, &mut wanted, &current).await?;
            let written =
                change(target, request.options, true, |live| write(target, live, &wanted));
            let object = written.await.map_err(missing)?.object;
            Ok((StatusCode::OK, read(target, &object)?))
        }
        _ => patched(target, request).await.map_err(missing),
    }
}

async fn patched(target: &Target<'_>, request: &Request<'_>) -> Result<(StatusCode, Value)> {
    let kind = PatchKind::of(request.media, target.resource.is_builtin())?;
    let encoding = if kind == PatchKind::Apply { Encoding::Yaml } else { Encoding::Json };
    let (patch, _) = parse(encoding, request.body)
        .map_err(|error| Error::bad_request(format!("error decoding patch: {error}")))?;
    let schema = crate::decode::schema_of("autoscaling", "v1", "Scale");
    let schema = schema.ok_or_else(Error::unknown_path)?;
    let patched = |current: &Value| match kind {
        PatchKind::Json => patch::json::apply(current, &patch),
        PatchKind::Strategic => patch::strategic::apply(current, &patch, &schema),
        // A scale has one field to apply: what is not named stays.
        PatchKind::Merge | PatchKind::Apply => patch::merge::apply(current, &patch),
    };
    let current = read(target, &current(target).await?)?;
    let mut wanted = patched(&current)?;
    let asked = wanted.clone();
    admit(target, request, Operation::Update, &mut wanted, &current).await?;
    let written = change(target, request.options, true, |live| {
        // What webhooks changed holds for the scale that they saw; without them the patch is
        // made on whatever there is at this moment.
        let next = if wanted == asked { patched(&read(target, live)?)? } else { wanted.clone() };
        write(target, live, &next)
    });
    Ok((StatusCode::OK, read(target, &written.await?.object)?))
}

/// The object that has a scale.
async fn current(target: &Target<'_>) -> Result<Value> {
    load(target.core, target.resource, &*target.get()?).await
}

fn kind() -> Kind {
    Kind::new("autoscaling", "v1", "Scale")
}

fn not_found(target: &Target<'_>) -> Error {
    let resource = &target.resource;
    let name = format!("{}/scale", resource.plural);
    Error::not_found(&GroupName::new(&*resource.group, name), target.name)
}

/// The scale of an object.
fn read(target: &Target<'_>, object: &Value) -> Result<Value> {
    match &target.resource.rules {
        Rules::Builtin { .. } => Ok(scale::of(object)),
        Rules::Custom { version, .. } => {
            let paths = version.subresources.scale.as_ref().ok_or_else(Error::unknown_path)?;
            paths
                .read(object)
                .ok_or_else(|| Error::internal("the spec replicas field does not exist"))
        }
    }
}

/// The object with another scale.
fn write(target: &Target<'_>, live: &Value, wanted: &Value) -> Result<Value> {
    let findings = scale::validate(wanted);
    if !findings.is_empty() {
        let kind = GroupName::new("autoscaling", "Scale");
        return Err(Error::invalid(&kind, target.name, &findings));
    }
    let mut object = match &target.resource.rules {
        Rules::Builtin { .. } => scale::apply(live, wanted),
        Rules::Custom { version, .. } => {
            let paths = version.subresources.scale.as_ref().ok_or_else(Error::unknown_path)?;
            let mut object = live.clone();
            let replicas = wanted["spec"]["replicas"].as_i64().unwrap_or(0);
            paths.write(&mut object, replicas);
            object
        }
    };
    object["metadata"]["resourceVersion"] = json!(meta::resource_version(wanted));
    Ok(object)
}
