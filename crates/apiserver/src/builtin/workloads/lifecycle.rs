//! Which half of an object a write may change, and when its generation rises.

use serde_json::Value;

use super::fields::{self, carry, carry_metadata, object, set};

/// A new object: first generation, and a status that only the server writes.
pub(super) fn create(object: &mut Value, status: Value) {
    set_generation(object, 1);
    set(object, "status", status);
}

/// A write to the object itself: the status stays, and a changed `part` (`spec`,
/// `template`) raises the generation.
pub(super) fn update(object: &mut Value, stored: &Value, part: &str) {
    carry(object, stored, "status");
    let changed = object.get(part) != stored.get(part);
    follow(object, stored, changed);
}

/// A write to `status`: everything else that controllers read stays.
pub(super) fn update_status(object: &mut Value, stored: &Value) {
    carry(object, stored, "spec");
    follow(object, stored, false);
}

/// The generation of the stored object, or the next one.
pub(super) fn follow(object: &mut Value, stored: &Value, changed: bool) {
    if changed {
        let generation = fields::number(&stored["metadata"], "generation").unwrap_or_default();
        set_generation(object, generation + 1);
    } else {
        carry_metadata(object, stored, "generation");
    }
}

fn set_generation(of: &mut Value, generation: i64) {
    if let Some(metadata) = object(of, "metadata") {
        set(metadata, "generation", generation.into());
    }
}
