//! Whether a webhook is to be called for a request, as `ShouldCallHook` decides it.

use std::sync::Arc;

use serde_json::Value;

use super::attributes::{Attributes, Operation};
use super::configuration::{Hook, Rule};
use crate::builtin::workloads::selector::Selector;
use crate::crd::cel::{Asker, Requested};
use crate::error::{Error, GroupName, Result};
use crate::resource::Resource;
use crate::server::Core;
use crate::store::{ObjectKey, ResourceKey};

/// The objects of a request; null for none.
pub(super) struct Objects<'a> {
    pub(super) new: &'a Value,
    pub(super) old: &'a Value,
}

/// The version of the resource in which the webhook wants to see the request; `None` when
/// it is not to be called.
pub(super) fn seen_as(
    hook: &Hook,
    request: &Attributes<'_>,
    objects: &Objects<'_>,
    core: &Core,
) -> Result<Option<Arc<Resource>>> {
    let namespace = in_namespace(hook, request, objects, core);
    if namespace == Ok(false) {
        return Ok(None);
    }
    let object = of_object(hook, objects);
    if object == Ok(false) {
        return Ok(None);
    }
    let Some(seen) = by_rules(hook, request, core) else {
        return Ok(None);
    };
    namespace?;
    object?;
    Ok(Some(seen))
}

/// Whether all conditions hold for the request as the webhook would see it.
pub(super) fn conditions_hold(
    hook: &Hook,
    request: &Attributes<'_>,
    seen: &Resource,
    objects: &Objects<'_>,
    core: &Core,
) -> Result<bool> {
    if hook.conditions.is_empty() {
        return Ok(true);
    }
    let review = request.request("", seen);
    let variables = [("object", objects.new), ("oldObject", objects.old), ("request", &review)];
    let asker = Asker {
        authorizer: core.authorizer.clone(),
        identity: Arc::new(request.user.clone()),
        requested: Requested {
            group: request.resource.group.clone(),
            resource: request.resource.plural.clone(),
            subresource: request.subresource.to_owned(),
            namespace: request.namespace.clone(),
            name: request.name.clone(),
        },
    };
    let mut failure = None;
    for condition in &hook.conditions {
        match condition.as_ref().map_err(Clone::clone).and_then(|it| it.holds(&variables, &asker)) {
            Ok(true) => {}
            // One that is false decides, whatever the others are.
            Ok(false) => return Ok(false),
            Err(why) => failure = failure.or(Some(why)),
        }
    }
    match failure {
        None => Ok(true),
        Some(_) if !hook.required => Ok(false),
        Some(why) => Err(Error::forbidden(&request.resource.group_resource(), &request.name, why)),
    }
}

fn in_namespace(
    hook: &Hook,
    request: &Attributes<'_>,
    objects: &Objects<'_>,
    core: &Core,
) -> Result<bool> {
    let of_namespaces = is_namespaces(request.resource);
    if request.namespace.is_empty() && !of_namespaces {
        return Ok(true);
    }
    let selector = readable(hook, hook.namespaces.as_ref(), "namespaceSelector")?;
    if selector.is_everything() {
        return Ok(true);
    }
    // A namespace that is written is judged by what is written.
    let writes = matches!(request.operation, Operation::Create | Operation::Update);
    if of_namespaces && request.subresource.is_empty() && writes {
        return Ok(selector.matches(&objects.new["metadata"]["labels"]));
    }
    let key = ObjectKey::new("", &request.namespace);
    let Some(namespace) = core.store.latest(&ResourceKey::new("", "namespaces"), &key) else {
        return Err(Error::not_found(&GroupName::new("", "namespaces"), &request.namespace));
    };
    Ok(selector.matches(&namespace.value()["metadata"]["labels"]))
}

fn of_object(hook: &Hook, objects: &Objects<'_>) -> Result<bool> {
    let selector = readable(hook, hook.objects.as_ref(), "objectSelector")?;
    if selector.is_everything() {
        return Ok(true);
    }
    let matches =
        |object: &Value| !object.is_null() && selector.matches(&object["metadata"]["labels"]);
    Ok(matches(objects.new) || matches(objects.old))
}

fn readable<'h>(hook: &Hook, selector: Option<&'h Selector>, field: &str) -> Result<&'h Selector> {
    selector.ok_or_else(|| {
        Error::internal(format!("the {field} of webhook {:?} cannot be read", hook.name))
    })
}

fn by_rules(hook: &Hook, request: &Attributes<'_>, core: &Core) -> Option<Arc<Resource>> {
    if hook.rules.iter().any(|rule| rule.matches(request, request.resource)) {
        return Some(request.resource.clone());
    }
    if !hook.equivalent {
        return None;
    }
    let catalog = core.catalog();
    let others: Vec<_> = catalog
        .versions(&request.resource.key)
        .filter(|other| !Arc::ptr_eq(other, request.resource))
        .collect();
    // Earlier rules decide first.
    let found =
        hook.rules.iter().find_map(|rule| others.iter().find(|it| rule.matches(request, it)));
    found.map(|resource| Arc::clone(resource))
}

fn is_namespaces(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "namespaces"
}

impl Rule {
    fn matches(&self, request: &Attributes<'_>, resource: &Resource) -> bool {
        let listed = |list: &[String], text: &str| list.iter().any(|it| it == "*" || it == text);
        let cluster = is_namespaces(resource) || request.namespace.is_empty();
        let scope = match self.scope.as_str() {
            "Namespaced" => !cluster,
            "Cluster" => cluster,
            _ => true,
        };
        scope
            && listed(&self.operations, request.operation.as_str())
            && listed(&self.groups, &resource.group)
            && listed(&self.versions, &resource.version)
            && self.resources.iter().any(|known| {
                let (plural, sub) = known.split_once('/').unwrap_or((known, ""));
                (plural == "*" || plural == resource.plural)
                    && (sub == "*" || sub == request.subresource)
            })
    }
}
