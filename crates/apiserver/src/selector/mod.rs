//! Label and field selectors of list, watch and delete-collection.

mod field;
mod label;
#[cfg(test)]
mod tests;

pub use field::FieldSelector;
pub use label::LabelSelector;

use crate::store::Stored;

/// Which objects a request is about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// `labelSelector`.
    pub labels: LabelSelector,
    /// `fieldSelector`.
    pub fields: FieldSelector,
}

impl Selection {
    /// Nothing is asked: every object matches.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object is meant.
    pub fn matches(&self, object: &Stored) -> bool {
        let label = |name: &str| {
            let at = object.labels.binary_search_by(|(key, _)| (**key).cmp(name)).ok()?;
            Some(&*object.labels[at].1)
        };
        let field = |name: &str| match name {
            "metadata.name" => &object.key.name,
            "metadata.namespace" => &object.key.namespace,
            other => {
                let found = object.fields.iter().find(|(key, _)| **key == *other);
                found.map(|(_, value)| &**value).unwrap_or_default()
            }
        };
        self.labels.matches(label) && self.fields.matches(field)
    }
}
