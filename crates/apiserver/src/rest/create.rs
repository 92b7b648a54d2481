//! Create.

use serde_json::{Value, json};

use super::{Body, Target, WriteOptions, Written, admission, stored_form, written};
use crate::access::{escalation, signers};
use crate::error::{Error, GroupName, Result};
use crate::meta;
use crate::resource::Resource;
use crate::store::{Expect, ObjectKey, WriteError};
use crate::webhook::{self, Attributes, Operation};

/// Letters of generated names: no vowels, so that no words come out.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX: usize = 5;
const MAX_PREFIX: usize = 63 - SUFFIX;

/// How often a taken generated name is drawn again.
const DRAWS: usize = 8;

pub(crate) async fn create(
    target: &Target<'_>,
    body: Body<'_>,
    options: &WriteOptions,
) -> Result<Written> {
    let (object, mut warnings) = body.decode(target.resource, options.validation)?;
    let mut written = create_decoded(target, object, options, true).await?;
    warnings.append(&mut written.warnings);
    Ok(Written { warnings, ..written })
}

/// Creates an object that is decoded; `track` notes who owns its fields (an apply has
/// noted it already).
pub(super) async fn create_decoded(
    target: &Target<'_>,
    mut object: Value,
    options: &WriteOptions,
    track: bool,
) -> Result<Written> {
    let resource = target.resource;
    check_namespace(target, &mut object)?;
    if !matches!(meta::resource_version(&object), "" | "0") {
        return Err(Error::unclassified(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    resource.default(&mut object);
    if track {
        super::update::track(target, None, &mut object, options);
    }
    target.core.admit_create(target, &mut object)?;
    resource.default(&mut object);
    let request = Attributes::of(target, Operation::Create, meta::name(&object));
    let request = request.map(|request| Attributes {
        options: options.review("CreateOptions"),
        dry_run: options.dry_run,
        ..request
    });
    if let Some(request) = &request {
        let plugins = |object: &mut Value| target.core.admit_create(target, object);
        admission::mutate(target, request, &mut object, &Value::Null, plugins).await?;
        check_place(target, &object)?;
    }
    escalation::check(target, &object, None)?;

    let generated = meta::name(&object).is_empty() && !meta::generate_name(&object).is_empty();
    for _ in 0..DRAWS {
        // Only a generated name may have to be drawn again.
        let mut drawn = if generated { object.clone() } else { std::mem::take(&mut object) };
        if generated {
            let name = generate(meta::generate_name(&drawn));
            meta::set_name(&mut drawn, &name);
        }
        complete(target, &mut drawn);
        validate(target, &drawn)?;
        signers::check(target, &drawn, None)?;
        let mut allocated = target.core.allocate(resource, &mut drawn, None).await?;
        if let Some(request) = &request
            && target.core.webhooks.may_validate(&target.core.store)
        {
            // A webhook may take its time, and may itself create what takes addresses.
            drop(allocated);
            let named = Attributes { name: meta::name(&drawn).to_owned(), ..request.clone() };
            webhook::validate(target.core, &named, &drawn, &Value::Null).await?;
            allocated = target.core.allocate(resource, &mut drawn, None).await?;
        }
        let stored = store(target, &drawn, options.dry_run).await;
        drop(allocated);
        match stored {
            Ok(object) => {
                let warnings = resource.warnings(&object);
                return Ok(Written { object, created: true, warnings });
            }
            Err(error) if generated && error.reason == "AlreadyExists" => {}
            Err(error) => return Err(error),
        }
    }
    let prefix = meta::generate_name(&object);
    Err(Error::already_exists(&resource.group_resource(), prefix))
}

/// System fields are the server's, whatever the client sent.
fn complete(target: &Target<'_>, object: &mut Value) {
    let uid = uuid::Uuid::new_v4().to_string();
    meta::prepare_create(object, &uid, &target.core.now());
    meta::metadata_mut(object).remove("resourceVersion");
    target.resource.prepare_create(object);
    if let Some(identity) = target.identity {
        target.resource.set_requester(object, identity);
    }
}

/// The namespace comes from the path; it must exist and not be going away.
fn check_namespace(target: &Target<'_>, object: &mut Value) -> Result<()> {
    if !target.resource.namespaced {
        meta::metadata_mut(object).remove("namespace");
        return Ok(());
    }
    check_place(target, object)?;
    meta::metadata_mut(object).insert("namespace".to_owned(), json!(target.namespace));
    target.core.check_namespace(target.resource, target.namespace, meta::name(object))
}

/// An object is not created anywhere else than where the path says.
fn check_place(target: &Target<'_>, object: &Value) -> Result<()> {
    let given = meta::namespace(object);
    if !given.is_empty() && given != target.namespace {
        return Err(Error::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

fn generate(prefix: &str) -> String {
    let mut end = prefix.len().min(MAX_PREFIX);
    while !prefix.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{}", &prefix[..end], random_suffix())
}

/// Five random letters, as in generated names.
pub(crate) fn random_suffix() -> String {
    let random = uuid::Uuid::new_v4();
    let letters = random.as_bytes().iter().take(SUFFIX);
    letters.map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

fn validate(target: &Target<'_>, object: &Value) -> Result<()> {
    let resource = target.resource;
    let metadata = meta::validate_create(
        object,
        &checks(resource, &|name, prefix| resource.validate_name(name, prefix)),
    );
    let errors = resource.validate_create(object, metadata);
    if errors.is_empty() {
        return target.core.check_created(resource, object);
    }
    Err(Error::invalid(&kind_of(resource, object), meta::name(object), &errors))
}

async fn store(target: &Target<'_>, object: &Value, dry_run: bool) -> Result<Value> {
    let resource = target.resource;
    let name = meta::name(object);
    let key = ObjectKey::new(target.namespace, name);
    let exists = |existing: Option<std::sync::Arc<crate::store::Stored>>| {
        let mut error = Error::already_exists(&resource.group_resource(), name);
        if existing.is_some_and(|stored| stored.terminating) {
            error.message = format!("object is being deleted: {}", error.message);
        }
        error
    };
    if dry_run {
        return match target.core.store.latest(&resource.key, &key) {
            None => Ok(object.clone()),
            found => Err(exists(found)),
        };
    }
    let draft = stored_form::draft(target.core, resource, object).await?;
    match target.core.store.put(&resource.key, &key, Expect::Absent, draft).await {
        Ok(stored) => written(target, object.clone(), &stored).await,
        Err(WriteError::Exists) => Err(exists(target.core.store.latest(&resource.key, &key))),
        Err(error) => Err(Error::internal(error)),
    }
}

/// Group and kind for a message; a custom resource may claim another kind than it has.
pub(super) fn kind_of(resource: &Resource, object: &Value) -> GroupName {
    let kind = object["kind"].as_str().unwrap_or(&resource.kind);
    GroupName { name: kind.to_owned(), ..resource.group_kind() }
}

/// How metadata of a resource is checked.
pub(super) fn checks<'a>(
    resource: &Resource,
    name: &'a dyn Fn(&str, bool) -> Vec<String>,
) -> meta::Checks<'a> {
    meta::Checks { namespaced: resource.namespaced, builtin: resource.is_builtin(), name }
}

/// What a create of an object in a namespace that is going away is told.
pub(crate) fn terminating(resource: &GroupName, name: &str, namespace: &str) -> Error {
    let why = format!(
        "unable to create new content in namespace {namespace} because it is being terminated"
    );
    let mut error = Error::forbidden(resource, name, why);
    if let Some(details) = &mut error.details {
        details.causes.push(crate::error::Cause {
            reason: "NamespaceTerminating",
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".to_owned(),
        });
    }
    error
}
