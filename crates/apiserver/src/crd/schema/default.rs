//! Defaulting, and dropping of nulls where none may stand.

use serde_json::Value;

use super::Schema;

impl Schema {
    /// Fills in defaults at every level that is present, and in place of nulls that
    /// may not stand. Idempotent.
    pub fn default(&self, object: &mut Value) {
        match object {
            Value::Object(map) => {
                for (name, field) in &self.properties {
                    let Some(default) = &field.default else {
                        continue;
                    };
                    if map.get(name).is_none_or(|it| it.is_null() && !field.nullable) {
                        map.insert(name.clone(), default.clone());
                    }
                }
                for (name, value) in map {
                    if let Some(below) = self.properties.get(name) {
                        below.default(value);
                    } else if let Some(below) = self.additional_schema() {
                        below.replace_null(value);
                        below.default(value);
                    }
                }
            }
            Value::Array(list) => {
                let Some(items) = &self.items else { return };
                for value in list {
                    items.replace_null(value);
                    items.default(value);
                }
            }
            _ => {}
        }
    }

    fn replace_null(&self, value: &mut Value) {
        if value.is_null()
            && !self.nullable
            && let Some(default) = &self.default
        {
            *value = default.clone();
        }
    }

    /// Drops nulls of fields that are not nullable and have no default.
    pub(super) fn drop_nulls(&self, object: &mut Value) {
        match object {
            Value::Object(map) => {
                map.retain(|name, value| {
                    let Some(below) = self.at(name) else {
                        return true;
                    };
                    if value.is_null() {
                        return below.nullable || below.default.is_some();
                    }
                    below.drop_nulls(value);
                    true
                });
            }
            Value::Array(list) => {
                if let Some(items) = &self.items {
                    list.iter_mut().for_each(|value| items.drop_nulls(value));
                }
            }
            _ => {}
        }
    }
}
