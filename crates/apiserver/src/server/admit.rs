//! Rules that need to see more than one object: namespaces above all.

use serde_json::{Value, json};

use super::Core;
use crate::access::node::restriction::{self, Write};
use crate::error::{Details, Error, GroupName, Result};
use crate::meta;
use crate::resource::Resource;
use crate::rest::{Target, terminating};
use crate::store::{ObjectKey, ResourceKey};

/// Namespaces that cannot be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

fn namespaces() -> ResourceKey {
    ResourceKey::new("", "namespaces")
}

fn is_namespace(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "namespaces"
}

fn is_pod(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "pods"
}

fn is_definition(resource: &Resource) -> bool {
    resource.plural == "customresourcedefinitions" && resource.group == "apiextensions.k8s.io"
}

impl Core {
    /// The namespace of a new object must exist and not be going away.
    pub(crate) fn check_namespace(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Result<()> {
        let key = ObjectKey::new("", namespace);
        let Some(found) = self.store.latest(&namespaces(), &key) else {
            return Err(Error::not_found(&GroupName::new("", "namespaces"), namespace));
        };
        if found.terminating {
            return Err(terminating(&resource.group_resource(), name, namespace));
        }
        Ok(())
    }

    /// Admission of a new object, decoded and defaulted.
    pub(crate) fn admit_create(&self, target: &Target<'_>, object: &mut Value) -> Result<()> {
        let resource = target.resource;
        if is_pod(resource) {
            self.admit_pod(object, target.namespace)?;
        }
        restriction::check(target, Write::Create(object))?;
        // A custom resource whose definition goes away takes no new objects.
        let going = !resource.is_builtin()
            && self.definition_is_terminating(&resource.group, &resource.plural);
        if !going {
            return Ok(());
        }
        let mut error = Error::method_not_allowed();
        error.details = Some(Details {
            group: resource.group.clone(),
            kind: resource.plural.clone(),
            ..Details::default()
        });
        Err(error)
    }

    /// What must hold of a new object when everybody has changed it.
    pub(crate) fn check_created(&self, resource: &Resource, object: &Value) -> Result<()> {
        if is_pod(resource) { self.check_pod(object) } else { Ok(()) }
    }

    /// Admission of the next state of an object, decoded and defaulted.
    pub(crate) fn admit_update(
        &self,
        target: &Target<'_>,
        object: &mut Value,
        live: &Value,
    ) -> Result<()> {
        if is_pod(target.resource) && target.subresource.is_empty() {
            self.admit_pod_update(object, live)?;
        }
        restriction::check(target, Write::Update(object, live))
    }

    fn definition_is_terminating(&self, group: &str, plural: &str) -> bool {
        let key = ObjectKey::new("", &format!("{plural}.{group}"));
        let definitions = ResourceKey::new("apiextensions.k8s.io", "customresourcedefinitions");
        let definition = self.store.latest(&definitions, &key);
        definition.is_none_or(|stored| stored.terminating)
    }

    /// Admission of a deletion.
    pub(crate) fn admit_delete(&self, target: &Target<'_>) -> Result<()> {
        restriction::check(target, Write::Delete)?;
        if is_namespace(target.resource) && IMMORTAL.contains(&target.name) {
            let why = "this namespace may not be deleted";
            return Err(Error::forbidden(&target.resource.group_resource(), target.name, why));
        }
        Ok(())
    }

    /// Whether something other than finalizers holds a deleted object.
    pub(crate) fn holds(&self, resource: &Resource, object: &Value) -> bool {
        let spec = object["spec"]["finalizers"].as_array();
        is_namespace(resource) && spec.is_some_and(|list| !list.is_empty())
            // Its objects go first: `mark_terminating` adds the finalizer for that.
            || is_definition(resource) && !meta::is_terminating(object)
    }

    /// Marks an object of a kind that shows in a way of its own that it is going away;
    /// false for all others.
    pub(crate) fn mark_terminating(&self, resource: &Resource, object: &mut Value) -> bool {
        if is_namespace(resource) {
            if !meta::is_terminating(object) {
                meta::set(object, "deletionTimestamp", self.now());
            }
            object["status"]["phase"] = json!("Terminating");
            return true;
        }
        if is_definition(resource) && !meta::is_terminating(object) {
            crate::crd::terminating(object, &self.now());
            return true;
        }
        is_definition(resource)
    }
}
