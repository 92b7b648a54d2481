//! The replayer's own tests, reported beside the scenarios.
//!
//! The scenarios need a harness that names each of them, and such a target has no `#[test]`
//! functions; these are listed by hand.

use crate::json::Json;
use crate::{compare, normalise, paths, scenario, variables, webhook};

/// Name and body of a check; it fails by panicking.
pub(crate) type Check = (&'static str, fn());

/// All checks of the replayer.
pub(crate) fn all() -> impl Iterator<Item = Check> {
    [
        compare::tests::CHECKS,
        normalise::tests::CHECKS,
        paths::tests::CHECKS,
        scenario::CHECKS,
        variables::tests::CHECKS,
        webhook::tests::CHECKS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Parses the JSON of a case.
pub(crate) fn json(text: &str) -> Json {
    serde_json::from_str(text).expect("the case is JSON")
}
