//! Rules in CEL, for what is to be refused in words that say what to write instead.

use serde_json::{Value, json};

/// A number of peer pods. `"010"` was once read as eight, and `"ten"` as none.
pub(super) fn number() -> Value {
    json!([{
        "rule": "self.matches('^(0|[1-9][0-9]*)$')",
        "message": "a number of peer pods is written in decimal without leading zeros, such as \"20\"",
    }])
}

/// The name of an object.
pub(super) fn name() -> Value {
    json!([{
        "rule": "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
        "message": "a name has lower-case letters, digits, '-' and '.', and begins and ends with a letter or digit",
    }])
}
