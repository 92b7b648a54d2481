//! Lease: heartbeats of nodes and leader election.

use serde_json::Value;

use super::part::at;
use super::{Part, Strategy};
use crate::field::{self, Error};
use crate::names;

/// Rules of Leases.
pub struct Lease;

impl Strategy for Lease {
    fn validate_create(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        for (field, least, detail) in [
            ("leaseDurationSeconds", 1, "must be greater than 0"),
            ("leaseTransitions", 0, "must be greater than or equal to 0"),
        ] {
            if let Some(value) = at(object, &format!("/spec/{field}"))
                && value.as_i64().is_some_and(|number| number < least)
            {
                errors.push(Error::invalid(field::child("spec", field), value, detail));
            }
        }
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, _stored: &Value) -> field::Errors {
        self.validate_create(object)
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
