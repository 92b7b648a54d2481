//! What a write asks of admission webhooks, and of what they give back.

use serde_json::Value;

use super::{DeleteOptions, Target};
use crate::error::Result;
use crate::meta;
use crate::patch::apply;
use crate::warning;
use crate::webhook::{self, Attributes, Operation};

/// Lets mutating webhooks change an object. Who owns its fields stays readable: what they
/// break in `managedFields` is put back.
pub(super) async fn mutate(
    target: &Target<'_>,
    request: &Attributes<'_>,
    object: &mut Value,
    live: &Value,
    plugins: impl Fn(&mut Value) -> Result<()> + Send,
) -> Result<()> {
    let before = meta::get(object, "managedFields").cloned();
    webhook::mutate(target.core, request, object, live, plugins).await?;
    if meta::get(object, "managedFields") == before.as_ref() {
        return Ok(());
    }
    if let Err(why) = apply::check_managed(object) {
        warning::add(format!(
            ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: {why}"
        ));
        let metadata = meta::metadata_mut(object);
        match before {
            Some(before) => metadata.insert("managedFields".to_owned(), before),
            None => metadata.remove("managedFields"),
        };
    }
    Ok(())
}

/// Asks all webhooks whether an object may be deleted.
pub(super) async fn admit_deletion(
    target: &Target<'_>,
    options: &DeleteOptions,
    live: &Value,
) -> Result<()> {
    // Kubernetes names no object in the reviews of a deletion of many.
    let name = if options.collection { "" } else { target.name };
    let Some(request) = Attributes::of(target, Operation::Delete, name) else {
        return Ok(());
    };
    let request = Attributes { options: options.review(), dry_run: options.dry_run, ..request };
    let none = |_: &mut Value| Ok(());
    webhook::mutate(target.core, &request, &mut Value::Null, live, none).await?;
    webhook::validate(target.core, &request, &Value::Null, live).await
}
