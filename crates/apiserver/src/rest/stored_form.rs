//! Between the stored form of an object and the one that a version shows.
//!
//! Built-in kinds are stored in one form. An object of a custom kind says itself in which
//! version it is stored: that of the definition when it was written. Read in another one it is
//! converted, by the definition's webhook or by name alone; read after the definition has
//! changed it is pruned and defaulted, as if it had been written now.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::crd::{Conversion, Definition, Version};
use crate::error::Result;
use crate::resource::{Resource, Rules};
use crate::server::Core;
use crate::store::{Draft, Stored};
use crate::webhook;

impl Resource {
    /// A stored object of a built-in kind as this version shows it.
    pub(crate) fn load(&self, stored: &Stored) -> Value {
        self.dress(self.to_served(stored.value()))
    }

    /// Adds `kind` and `apiVersion`.
    fn dress(&self, mut object: Value) -> Value {
        object["kind"] = json!(self.kind);
        object["apiVersion"] = json!(self.api_version());
        object
    }

    /// Whether a stored object can be shown as it is written.
    pub(crate) fn shows_as_stored(&self, stored: &Stored) -> bool {
        match &self.rules {
            Rules::Builtin { .. } => !self.converts(),
            Rules::Custom { version, definition, .. } => {
                stored.resource_version > definition.since
                    && origin(definition, stored.api_version()).name == version.name
            }
        }
    }

    /// The last state of an object, which is never read again as it is stored.
    pub(crate) fn tombstone(&self, object: &Value) -> Draft {
        let fields = self.selectable_fields(object).into_iter();
        let mut value = self.to_stored(object).into_owned();
        if let Some(map) = value.as_object_mut() {
            map.remove("kind");
            if self.is_builtin() {
                map.remove("apiVersion");
            }
        }
        Draft {
            value,
            fields: fields.map(|(name, value)| (name.into(), value.into())).collect(),
            typed: self.is_builtin(),
        }
    }
}

/// The version in which an object was stored; one that does not say it, or names one that is
/// gone, is in the one for storing.
fn origin<'d>(definition: &'d Definition, api_version: Option<&str>) -> &'d Arc<Version> {
    let name = api_version.and_then(|text| text.rsplit('/').next());
    let mut versions = definition.versions.iter();
    let found = versions.find(|version| Some(version.name.as_str()) == name);
    found.unwrap_or_else(|| definition.storage())
}

/// A stored object as a version of its resource shows it.
///
/// # Errors
/// Where a conversion webhook fails.
pub(crate) async fn load(core: &Core, resource: &Resource, stored: &Stored) -> Result<Value> {
    if resource.is_builtin() {
        return Ok(resource.load(stored));
    }
    let mut loaded = load_all(core, resource, [stored]).await?;
    Ok(loaded.pop().unwrap_or_default())
}

/// Stored objects of one resource as a version of it shows them. A webhook converts all of them
/// at once.
///
/// # Errors
/// Where it fails.
pub(crate) async fn load_all<'s>(
    core: &Core,
    resource: &Resource,
    all: impl IntoIterator<Item = &'s Stored>,
) -> Result<Vec<Value>> {
    let Rules::Custom { version, definition, .. } = &resource.rules else {
        return Ok(all.into_iter().map(|stored| resource.load(stored)).collect());
    };
    let mut objects = Vec::new();
    let (mut places, mut foreign) = (Vec::new(), Vec::new());
    for stored in all {
        let from = origin(definition, stored.api_version());
        let mut object = stored.value();
        object["kind"] = json!(resource.kind);
        object["apiVersion"] = json!(from.api_version());
        if stored.resource_version <= definition.since {
            from.schema.prune(&mut object);
            from.schema.default(&mut object);
        }
        if from.name != version.name {
            places.push(objects.len());
            foreign.push(std::mem::take(&mut object));
        }
        objects.push(object);
    }
    let converted = convert(core, definition, foreign, version).await?;
    for (place, object) in places.into_iter().zip(converted) {
        objects[place] = object;
    }
    Ok(objects)
}

/// An object of one version of a resource as another version shows it.
///
/// # Errors
/// Where a conversion webhook fails.
pub(crate) async fn in_version(
    core: &Core,
    object: &Value,
    from: &Resource,
    to: &Resource,
) -> Result<Value> {
    let Rules::Custom { version, definition, .. } = &to.rules else {
        return Ok(to.dress(to.to_served(from.to_stored(object).into_owned())));
    };
    let mut converted = convert(core, definition, vec![object.clone()], version).await?;
    Ok(converted.pop().unwrap_or_default())
}

async fn convert(
    core: &Core,
    definition: &Definition,
    mut objects: Vec<Value>,
    to: &Version,
) -> Result<Vec<Value>> {
    let api_version = to.api_version();
    match &definition.conversion {
        Conversion::None => {
            objects.iter_mut().for_each(|object| object["apiVersion"] = json!(api_version));
        }
        Conversion::Webhook(webhook) => {
            objects = webhook::convert(core, webhook, objects, &api_version).await?;
        }
    }
    for object in &mut objects {
        to.schema.prune(object);
    }
    Ok(objects)
}

/// An object as it goes into the store.
///
/// # Errors
/// Where a conversion webhook fails.
pub(crate) async fn draft(core: &Core, resource: &Resource, object: &Value) -> Result<Draft> {
    let Rules::Custom { version, definition, .. } = &resource.rules else {
        return Ok(resource.tombstone(object));
    };
    let storage = definition.storage();
    if storage.name == version.name {
        return Ok(resource.tombstone(object));
    }
    let mut converted = convert(core, definition, vec![object.clone()], storage).await?;
    let mut object = converted.pop().unwrap_or_default();
    storage.schema.default(&mut object);
    Ok(resource.tombstone(&object))
}
