//! Admission webhooks: other programs that change or refuse what is written.
//!
//! ```text
//!  write ─▶ built-in plugins ─▶ mutating webhooks ─▶ prepare, validate ─▶ validating webhooks ─▶ store
//!                ▲                one by one │                              all at once
//!                └──── once more, if one ────┘
//!                      changed the object
//! ```
//!
//! * Configurations count from the moment in which their write was answered: there is no
//!   cache that lags behind.
//! * Webhooks are called in the order of their configurations' names, then as listed.
//! * The server's own writes (no [`Identity`](crate::access::Identity)) pass none. Its
//!   controllers delete under names of their own, and do.
//!
//! Semantics: `k8s.io/apiserver/pkg/admission/plugin/webhook` of 1.28.

mod attributes;
mod client;
mod configuration;
mod conversion;
mod matching;
mod review;
mod service;
mod trust;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

pub(crate) use attributes::{Attributes, Operation};
pub(crate) use configuration::VARIABLES;
use configuration::{Configurations, Hook};
pub(crate) use conversion::convert;
use matching::Objects;
use review::Verdict;

use crate::decode;
use crate::error::{Error, Result};
use crate::patch;
use crate::resource::Resource;
use crate::rest::{self, decode_object};
use crate::server::Core;
use crate::store::Store;
use crate::warning;

/// All configurations of a server.
pub(crate) struct Webhooks {
    mutating: Configurations,
    validating: Configurations,
    converters: conversion::Converters,
}

impl Webhooks {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            mutating: Configurations::new(store, "mutatingwebhookconfigurations"),
            validating: Configurations::new(store, "validatingwebhookconfigurations"),
            converters: conversion::Converters::default(),
        }
    }

    /// Whether any webhook may be asked to confirm a request.
    pub(crate) fn may_validate(&self, store: &Store) -> bool {
        !self.validating.hooks(store).is_empty()
    }
}

/// Why a webhook did not let a request pass.
enum Failure {
    /// It could not be asked; `failurePolicy` decides.
    Call(String),
    /// The request fails with this.
    Refused(Error),
}

/// A webhook that is to be called, and how it sees the request.
struct Invocation<'h> {
    hook: &'h Hook,
    seen: Arc<Resource>,
    new: Value,
    old: Value,
}

/// Lets mutating webhooks change an object (`null` in a deletion). `plugins` runs the
/// built-in admission again, once, where a webhook changed the object.
pub(crate) async fn mutate(
    core: &Core,
    request: &Attributes<'_>,
    object: &mut Value,
    old: &Value,
    plugins: impl Fn(&mut Value) -> Result<()> + Send,
) -> Result<()> {
    let hooks = core.webhooks.mutating.hooks(&core.store);
    if hooks.is_empty() || request.is_exempt() {
        return Ok(());
    }
    // Positions of webhooks that want to see later changes, and of those that will.
    let (mut invoked, mut due) = (BTreeSet::new(), BTreeSet::new());
    let mut changed = false;
    for again in [false, true] {
        if again {
            if !changed {
                break;
            }
            let before = object.clone();
            plugins(object)?;
            if *object != before {
                due.append(&mut invoked);
            }
        }
        for (at, hook) in hooks.iter().enumerate() {
            let Some(invocation) = invocation(core, hook, request, object, old).await? else {
                continue;
            };
            if again && !due.contains(&at) {
                continue;
            }
            let patched = match call(core, &invocation, request, true).await {
                Ok(verdict) => patched(request, &invocation, verdict)?,
                Err(failure) => {
                    survive(hook, failure)?;
                    None
                }
            };
            if let Some(patched) = patched {
                let seen = &invocation.seen;
                let next = in_version(core, &patched, request, seen, request.resource).await?;
                if patched != undressed(&invocation, request) {
                    due.append(&mut invoked);
                    changed = true;
                }
                *object = next;
                if request.is_of_resource() {
                    request.resource.default(object);
                }
            }
            if hook.reinvoked {
                invoked.insert(at);
            }
        }
    }
    Ok(())
}

/// Asks validating webhooks about what is going to be stored, or deleted.
pub(crate) async fn validate(
    core: &Core,
    request: &Attributes<'_>,
    object: &Value,
    old: &Value,
) -> Result<()> {
    let hooks = core.webhooks.validating.hooks(&core.store);
    if hooks.is_empty() || request.is_exempt() {
        return Ok(());
    }
    let mut invocations = Vec::new();
    for hook in hooks.iter() {
        invocations.extend(invocation(core, hook, request, object, old).await?);
    }
    let calls = invocations.iter().map(|invocation| call(core, invocation, request, false));
    let answers = futures::future::join_all(calls).await;
    for (invocation, answer) in invocations.iter().zip(answers) {
        if let Err(failure) = answer {
            survive(invocation.hook, failure)?;
        }
    }
    Ok(())
}

/// How a webhook is to be called for a request, if it is.
async fn invocation<'h>(
    core: &Core,
    hook: &'h Hook,
    request: &Attributes<'_>,
    object: &Value,
    old: &Value,
) -> Result<Option<Invocation<'h>>> {
    let objects = Objects { new: object, old };
    let Some(seen) = matching::seen_as(hook, request, &objects, core)? else {
        return Ok(None);
    };
    let in_seen = |object| in_version(core, object, request, request.resource, &seen);
    let (new, old) = (shown(in_seen(object).await?, &seen), shown(in_seen(old).await?, &seen));
    let objects = Objects { new: &new, old: &old };
    let wanted = matching::conditions_hold(hook, request, &seen, &objects, core)?;
    Ok(wanted.then_some(Invocation { hook, seen, new, old }))
}

async fn call(
    core: &Core,
    invocation: &Invocation<'_>,
    request: &Attributes<'_>,
    mutating: bool,
) -> Result<Verdict, Failure> {
    let Invocation { hook, seen, new, old } = invocation;
    if request.dry_run && !hook.dry_runs {
        let why = format!("admission webhook {:?} does not support dry run", hook.name);
        return Err(Failure::Refused(Error::bad_request(why)));
    }
    let version = hook.review_version.ok_or_else(|| {
        Failure::Call("could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)".to_owned())
    })?;
    let client = hook.client.as_ref();
    let client =
        client.map_err(|why| Failure::Call(format!("could not get REST client: {why}")))?;
    let uid = uuid::Uuid::new_v4().to_string();
    let mut asked = request.request(&uid, seen);
    asked["object"] = new.clone();
    asked["oldObject"] = old.clone();
    let answer = client.post(&core.store, review::body(version, &asked), hook.timeout).await;
    let answer = answer.map_err(|why| Failure::Call(format!("failed to call webhook: {why}")))?;
    let verdict = review::verify(&answer, version, &uid, mutating).map_err(Failure::Call)?;
    verdict.warnings.iter().for_each(warning::add);
    if verdict.allowed { Ok(verdict) } else { Err(Failure::Refused(verdict.denial(&hook.name))) }
}

/// Goes on without a webhook that cannot be called, where its policy says so.
fn survive(hook: &Hook, failure: Failure) -> Result<()> {
    match failure {
        Failure::Refused(error) => Err(error),
        Failure::Call(why) => {
            let why = format!("failed calling webhook {:?}: {why}", hook.name);
            if hook.required {
                return Err(Error::internal(why));
            }
            tracing::warn!("{why}; going on without it");
            Ok(())
        }
    }
}

/// The object after a webhook's patch, in the version that the webhook saw.
fn patched(
    request: &Attributes<'_>,
    invocation: &Invocation<'_>,
    verdict: Verdict,
) -> Result<Option<Value>> {
    if verdict.patch.is_empty() {
        return Ok(None);
    }
    let name = &invocation.hook.name;
    let (operations, _) = decode::parse_json(&verdict.patch).map_err(Error::internal)?;
    if operations.as_array().is_some_and(Vec::is_empty) {
        return Ok(None);
    }
    if invocation.new.is_null() {
        return Err(Error::internal(format!(
            "admission webhook {name:?} attempted to modify the object, which is not supported for this operation"
        )));
    }
    if verdict.patch_type != "JSONPatch" {
        let why = format!("unsupported patch type {:?}", verdict.patch_type);
        return survive(invocation.hook, Failure::Call(why)).map(|()| None);
    }
    let mut patched = patch::json::apply(&invocation.new, &operations)
        .map_err(|error| Error::internal(format!("the patch of webhook {name:?}: {error}")))?;
    read(request, &invocation.seen, &mut patched)?;
    Ok(Some(patched))
}

/// What the webhook was shown, as it would come back without a patch.
fn undressed(invocation: &Invocation<'_>, request: &Attributes<'_>) -> Value {
    let mut object = invocation.new.clone();
    // It was decoded once already and cannot fail now.
    let _ = read(request, &invocation.seen, &mut object);
    object
}

/// Reads an object as its kind has it.
fn read(request: &Attributes<'_>, seen: &Resource, object: &mut Value) -> Result<()> {
    if request.is_of_resource() {
        return decode_object(seen, object).map(drop).map_err(Error::internal);
    }
    decode::check_kind(&request.kind, object).map_err(Error::internal)?;
    let schema = review::schema_of(&request.kind);
    decode::canonicalize(&schema, object).map(drop).map_err(Error::internal)
}

/// An object of the request in another version of its resource.
async fn in_version(
    core: &Core,
    object: &Value,
    request: &Attributes<'_>,
    from: &Resource,
    to: &Resource,
) -> Result<Value> {
    let same = from.version == to.version && from.group == to.group;
    if object.is_null() || same || !request.is_of_resource() {
        return Ok(object.clone());
    }
    rest::in_version(core, object, from, to).await
}

/// An object as Go writes it where it has not been created yet.
fn shown(mut object: Value, seen: &Resource) -> Value {
    if seen.is_builtin()
        && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.entry("creationTimestamp").or_insert(Value::Null);
    }
    object
}
