//! Between the stored form of an object and the one that a version shows.

use serde_json::{Value, json};

use crate::resource::Resource;
use crate::store::{Draft, Stored};

impl Resource {
    /// A stored object as this version shows it.
    pub(crate) fn load(&self, stored: &Stored) -> Value {
        self.dress(stored.value())
    }

    /// Adds `kind` and `apiVersion`.
    fn dress(&self, object: Value) -> Value {
        let mut object = self.to_served(object);
        object["kind"] = json!(self.kind);
        object["apiVersion"] = json!(self.api_version());
        object
    }

    /// An object of this resource as another version of it shows it.
    pub(crate) fn convert(&self, to: &Resource, object: &Value) -> Value {
        to.dress(self.to_stored(object).into_owned())
    }

    /// The form in which an object is stored.
    fn strip(&self, object: &Value) -> Value {
        let mut object = self.to_stored(object).into_owned();
        if let Some(map) = object.as_object_mut() {
            map.remove("kind");
            map.remove("apiVersion");
        }
        object
    }

    /// An object as it goes into the store.
    pub(crate) fn draft(&self, object: &Value) -> Draft {
        let fields = self.selectable_fields(object).into_iter();
        Draft {
            value: self.strip(object),
            fields: fields.map(|(name, value)| (name.into(), value.into())).collect(),
            typed: self.is_builtin(),
        }
    }
}
