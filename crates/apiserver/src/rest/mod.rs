//! What a request does to objects: create, read, update, patch, delete, list, watch.
//!
//! Order of a write, as in kube-apiserver: decode → default → (patch: merge) → note the
//! owners of fields → prepare (what the client may not set) → validate → compare-and-swap.
//! Nothing here knows of HTTP.

mod admission;
mod body;
mod create;
mod delete;
mod list;
mod options;
mod patch;
mod rules;
mod stored_form;
mod update;
mod watch;

use std::sync::Arc;

pub(crate) use body::{Body, decode_object, parse};
pub(crate) use create::{create, random_suffix, terminating};
pub(crate) use delete::{Deleted, delete, delete_collection};
pub(crate) use list::{List, ListOptions, check_known, list, parse_version};
pub(crate) use options::{DeleteOptions, FieldValidation, Propagation, WriteOptions};
pub(crate) use patch::{PatchKind, patch};
pub(crate) use stored_form::{in_version, load, load_all};
pub(crate) use update::{change, internal_update, replace};
pub(crate) use watch::{Event, Watch, watch};

use serde_json::Value;

use crate::access::Identity;
use crate::builtin::Part;
use crate::error::{Error, Result};
use crate::resource::Resource;
use crate::server::Core;
use crate::store::{ObjectKey, Stored};

/// What a request is about.
pub(crate) struct Target<'a> {
    pub(crate) core: &'a Core,
    pub(crate) resource: &'a Arc<Resource>,
    /// Empty for cluster-scoped resources and for lists over all namespaces.
    pub(crate) namespace: &'a str,
    /// Empty for create and list.
    pub(crate) name: &'a str,
    /// Empty for the resource itself.
    pub(crate) subresource: &'a str,
    /// Who asks; `None` for the server itself.
    pub(crate) identity: Option<&'a Identity>,
}

/// The result of a write.
pub(crate) struct Written {
    /// The object, with `kind` and `apiVersion`.
    pub(crate) object: Value,
    /// A new object came to be.
    pub(crate) created: bool,
    /// For the client.
    pub(crate) warnings: Vec<String>,
}

/// An object as it was stored. It is read back only where another version was stored than the
/// one that was written.
async fn written(target: &Target<'_>, mut object: Value, stored: &Stored) -> Result<Value> {
    if !target.resource.is_builtin() && !target.resource.shows_as_stored(stored) {
        return load(target.core, target.resource, stored).await;
    }
    crate::meta::set_resource_version(&mut object, &stored.resource_version.to_string());
    Ok(object)
}

impl Target<'_> {
    pub(crate) fn key(&self) -> ObjectKey {
        ObjectKey::new(self.namespace, self.name)
    }

    fn part(&self) -> Part<'_> {
        // A scale is a view of the spec, so its writes follow the rules of the spec.
        match self.subresource {
            "" | "scale" => Part::Main,
            name => Part::Sub(name),
        }
    }

    fn not_found(&self) -> Error {
        Error::not_found(&self.resource.group_resource(), self.name)
    }

    fn modified(&self) -> Error {
        Error::modified(&self.resource.group_resource(), self.name)
    }

    /// The visible object.
    pub(crate) fn get(&self) -> Result<Arc<Stored>> {
        self.core.store.get(&self.resource.key, &self.key()).ok_or_else(|| self.not_found())
    }

    /// The object that a write must build on.
    fn latest(&self) -> Option<Arc<Stored>> {
        self.core.store.latest(&self.resource.key, &self.key())
    }
}
