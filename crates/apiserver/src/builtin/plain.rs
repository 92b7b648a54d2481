//! Kinds without rules of their own.

use serde_json::Value;

use super::part::keep;
use super::{Part, Strategy};
use crate::names;

/// Rules that fit most kinds: DNS subdomains as names, `status` apart from the rest.
pub struct Plain {
    /// A PUT must say which version it replaces.
    pub conditional: bool,
}

impl Strategy for Plain {
    fn prepare_update(&self, part: Part<'_>, object: &mut Value, stored: &Value) {
        match part {
            Part::Main => keep(object, stored, "status"),
            Part::Sub("status") => keep(object, stored, "spec"),
            Part::Sub(_) => {}
        }
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn allow_unconditional_update(&self) -> bool {
        !self.conditional
    }
}
