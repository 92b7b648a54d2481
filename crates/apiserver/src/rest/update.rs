//! Replace, and what every change of an existing object has in common.

use std::sync::Arc;

use serde_json::{Value, json};

use super::create::{checks, create_decoded, kind_of};
use super::{Body, Target, WriteOptions, Written, admission, stored_form};
use crate::access::{escalation, signers};
use crate::error::{Error, GroupName, Result};
use crate::field;
use crate::meta;
use crate::patch::apply;
use crate::store::{Expect, Stored, WriteError};
use crate::webhook::{self, Attributes, Operation};

/// How often a write that names no version is tried again when another one was faster.
const TRIES: usize = 64;

/// Subresources whose bodies are of a kind of their own.
const VIEWS: [&str; 2] = ["scale", "binding"];

pub(crate) async fn replace(
    target: &Target<'_>,
    body: Body<'_>,
    options: &WriteOptions,
) -> Result<Written> {
    let resource = target.resource;
    let (mut object, warnings) = body.decode(resource, options.validation)?;
    check_name(target, &object)?;
    if target.resource.namespaced {
        meta::set_namespace(&mut object, target.namespace);
    }
    let given = expected_version(&object)?;
    if target.latest().is_none() {
        if resource.allow_create_on_update() && target.subresource.is_empty() {
            meta::metadata_mut(&mut object).insert("name".to_owned(), json!(target.name));
            return create_decoded(target, object, options, true).await;
        }
        return Err(target.not_found());
    }
    if given.is_none() && !resource.allow_unconditional_update() {
        let error = field::Error::invalid_go(
            "metadata.resourceVersion",
            "0x0",
            "must be specified for an update",
        );
        return Err(Error::invalid(&resource.group_resource(), target.name, &[error]));
    }
    let mut written = change(target, options, true, |live| {
        check_uid(target, &object, live)?;
        Ok(object.clone())
    })
    .await?;
    written.warnings.splice(0..0, warnings);
    Ok(written)
}

/// A replace that names another object of the same name is refused.
fn check_uid(target: &Target<'_>, object: &Value, live: &Value) -> Result<()> {
    let (uid, stored) = (meta::uid(object), meta::uid(live));
    if uid.is_empty() || uid == stored {
        return Ok(());
    }
    Err(precondition(&target.resource.group_resource(), target.name, "UID", uid, stored))
}

/// Changes an object from inside the server (controllers), through the same rules.
pub(crate) async fn internal_update(
    target: &Target<'_>,
    edit: impl Fn(&mut Value) + Send + Sync,
) -> Result<Written> {
    let options = WriteOptions::internal();
    change(target, &options, true, |live| {
        let mut object = live.clone();
        edit(&mut object);
        meta::metadata_mut(&mut object).remove("resourceVersion");
        Ok(object)
    })
    .await
}

fn check_name(target: &Target<'_>, object: &Value) -> Result<()> {
    let name = meta::name(object);
    if name != target.name {
        if name.is_empty() {
            return Err(nameless(target.name));
        }
        return Err(Error::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        )));
    }
    let namespace = meta::namespace(object);
    if !namespace.is_empty() && namespace != target.namespace {
        return Err(Error::bad_request(format!(
            "the namespace of the object ({namespace}) does not match the namespace on the URL ({})",
            target.namespace
        )));
    }
    Ok(())
}

/// A body that must say which object it is about, and does not.
pub(super) fn nameless(name: &str) -> Error {
    Error::bad_request(format!(
        "the name of the object ({name} based on URL) was undeterminable: name must be provided"
    ))
}

/// The version that the client says it builds on.
fn expected_version(object: &Value) -> Result<Option<u64>> {
    match meta::resource_version(object) {
        "" | "0" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            Error::unclassified(format!("strconv.ParseUint: parsing {text:?}: invalid syntax"))
        }),
    }
}

/// Reads the object, lets `make` produce its next state (decoded, with `kind` and
/// `apiVersion`), and stores that if it follows the rules. Tried again when another write
/// was faster, unless the new state names a version.
pub(crate) async fn change(
    target: &Target<'_>,
    options: &WriteOptions,
    track_owners: bool,
    mut make: impl FnMut(&Value) -> Result<Value> + Send,
) -> Result<Written> {
    for _ in 0..TRIES {
        let stored = target.latest().ok_or_else(|| target.not_found())?;
        let live = super::load(target.core, target.resource, &stored).await?;
        let mut object = make(&live)?;
        target.resource.default(&mut object);
        if track_owners {
            track(target, Some(&live), &mut object, options);
        }
        target.core.admit_update(target, &mut object, &live)?;
        let request = request(target, options);
        if let Some(request) = &request {
            let plugins = |object: &mut Value| target.core.admit_update(target, object, &live);
            admission::mutate(target, request, &mut object, &live, plugins).await?;
        }
        escalation::check(target, &object, Some(&live))?;
        let expected = expected_version(&object)?;
        if expected.is_some_and(|version| version != stored.resource_version) {
            return Err(target.modified());
        }
        let warnings = settle(target, &mut object, &live)?;
        signers::check(target, &object, Some(&live))?;
        let mut allocated = target.core.allocate(target.resource, &mut object, Some(&live)).await?;
        if let Some(request) = &request
            && target.core.webhooks.may_validate(&target.core.store)
        {
            drop(allocated);
            webhook::validate(target.core, request, &object, &live).await?;
            allocated = target.core.allocate(target.resource, &mut object, Some(&live)).await?;
        }
        let written = commit(target, &stored, &live, object, options.dry_run).await?;
        drop(allocated);
        match written {
            Ok(object) => {
                return Ok(Written { object, created: false, warnings });
            }
            Err(WriteError::Missing) => return Err(target.not_found()),
            // Somebody was faster. A write that names a version fails on the next look, a
            // patch that names none is carried out again.
            Err(WriteError::Modified) => {}
            Err(error) => return Err(Error::internal(error)),
        }
    }
    Err(target.modified())
}

/// What webhooks are told of a change; nothing where they are not asked. What is a view of
/// its object (a scale) has asked them about the view already.
fn request<'a>(target: &Target<'a>, options: &WriteOptions) -> Option<Attributes<'a>> {
    if VIEWS.contains(&target.subresource) {
        return None;
    }
    let request = Attributes::of(target, Operation::Update, target.name)?;
    let (options, dry_run) = (options.review("UpdateOptions"), options.dry_run);
    Some(Attributes { options, dry_run, ..request })
}

/// Notes in `metadata.managedFields` which fields this write owns.
pub(super) fn track(
    target: &Target<'_>,
    live: Option<&Value>,
    object: &mut Value,
    options: &WriteOptions,
) {
    let resource = target.resource;
    let reset = resource.reset_fields(target.subresource);
    let api_version = resource.api_version();
    let manager = apply::Manager {
        name: &options.manager,
        api_version: &api_version,
        subresource: target.subresource,
    };
    apply::track_update(live, object, resource.schema(), &manager, &reset, &target.core.now());
}

/// Puts back what this write may not change, then checks the rest.
fn settle(target: &Target<'_>, object: &mut Value, live: &Value) -> Result<Vec<String>> {
    let resource = target.resource;
    for name in ["name", "namespace", "resourceVersion"] {
        let missing = meta::get(object, name).is_none_or(|value| value == "");
        if missing && let Some(value) = meta::get(live, name) {
            meta::set(object, name, value.clone());
        }
    }
    meta::prepare_update(object, live);
    resource.prepare_update(target.part(), object, live);
    let name = |name: &str, prefix: bool| resource.validate_name(name, prefix);
    let mut metadata = meta::validate_update(object, live, &checks(resource, &name));
    // Kubernetes checks metadata for every kind and again with each kind.
    metadata.extend(metadata.clone());
    let errors = resource.validate_update(target.part(), object, live, metadata);
    if !errors.is_empty() {
        return Err(Error::invalid(&kind_of(resource, object), target.name, &errors));
    }
    Ok(resource.warnings(object))
}

async fn commit(
    target: &Target<'_>,
    stored: &Arc<Stored>,
    live: &Value,
    mut object: Value,
    dry_run: bool,
) -> Result<Result<Value, WriteError>> {
    let resource = target.resource;
    meta::metadata_mut(&mut object)
        .insert("resourceVersion".to_owned(), json!(stored.resource_version.to_string()));
    if meta::is_terminating(&object) && may_go(&object) {
        if dry_run {
            return Ok(Ok(object));
        }
        let removed = super::delete::remove(target, stored.resource_version, &object).await;
        return Ok(removed.map(|_| object));
    }
    apply::keep_times(live, &mut object);
    if dry_run || object == *live {
        return Ok(Ok(object));
    }
    let draft = stored_form::draft(target.core, resource, &object).await?;
    let expect = Expect::Version(stored.resource_version);
    match target.core.store.put(&resource.key, &target.key(), expect, draft).await {
        Ok(stored) => super::written(target, object, &stored).await.map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// Nothing holds a terminating object any more: no finalizer, no grace period, and for a
/// namespace no `spec.finalizers`.
fn may_go(object: &Value) -> bool {
    let spec = object["spec"]["finalizers"].as_array().is_none_or(Vec::is_empty);
    let namespace = object["kind"] == "Namespace" && object["apiVersion"] == "v1";
    let grace = object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    meta::finalizers(object).is_empty() && grace == 0 && (spec || !namespace)
}

impl WriteOptions {
    /// For writes of the server itself.
    pub(crate) fn internal() -> Self {
        Self {
            dry_run: false,
            manager: "kube-controller-manager".to_owned(),
            manager_given: true,
            validation: super::FieldValidation::Ignore,
            validation_given: String::new(),
            force: false,
        }
    }
}

/// A precondition of a write that does not hold.
pub(super) fn precondition(
    resource: &GroupName,
    name: &str,
    what: &str,
    want: &str,
    is: &str,
) -> Error {
    Error::conflict(
        resource,
        name,
        format!("Precondition failed: {what} in precondition: {want}, {what} in object meta: {is}"),
    )
}
