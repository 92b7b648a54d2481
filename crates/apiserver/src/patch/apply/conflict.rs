//! Fields that an apply would take from other managers.

use std::collections::BTreeMap;

use http::StatusCode;

use super::managed::{Identity, Operation};
use super::set::Set;
use crate::error::{Cause, Details, Error};

/// What each other manager would lose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Conflicts {
    pub(super) sets: BTreeMap<Identity, Set>,
}

impl Conflicts {
    pub(super) fn is_empty(&self) -> bool {
        self.sets.values().all(Set::is_empty)
    }

    /// The conflicts about fields other than these.
    pub(super) fn without(mut self, allowed: &Set) -> Self {
        for set in self.sets.values_mut() {
            set.subtract(allowed);
        }
        self.sets.retain(|_, set| !set.is_empty());
        self
    }

    /// 409 with one cause per field.
    pub(super) fn to_error(&self) -> Error {
        let mut causes = Vec::new();
        let mut listed = Vec::new();
        for (id, set) in &self.sets {
            let who = describe(id);
            listed.push(format!("conflicts with {who}:"));
            for path in set.paths() {
                let path: String = path.iter().map(ToString::to_string).collect();
                listed.push(format!("- {path}"));
                causes.push(Cause {
                    reason: "FieldManagerConflict",
                    message: format!("conflict with {who}"),
                    field: path,
                });
            }
        }
        let message = match causes.as_slice() {
            [one] => format!("Apply failed with 1 conflict: {}: {}", one.message, one.field),
            many => format!("Apply failed with {} conflicts: {}", many.len(), listed.join("\n")),
        };
        Error {
            code: StatusCode::CONFLICT,
            reason: "Conflict",
            message,
            details: Some(Details { causes, ..Details::default() }),
        }
    }
}

/// `"name" with subresource "status" using v1`; appliers have no version.
fn describe(id: &Identity) -> String {
    let mut text = format!("{:?}", id.manager);
    if !id.subresource.is_empty() {
        text.push_str(&format!(" with subresource {:?}", id.subresource));
    }
    if id.operation == Operation::Update {
        text.push_str(&format!(" using {}", id.api_version));
    }
    text
}
