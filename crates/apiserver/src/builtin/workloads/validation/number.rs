//! Ranges of numbers and of `IntOrString`.

use serde_json::Value;

use crate::builtin::workloads::fields::{self, number};
use crate::{field, names};

pub(in crate::builtin::workloads) const NEGATIVE: &str = "must be greater than or equal to 0";

/// Numbers that may be absent, but not below zero.
pub(in crate::builtin::workloads) fn nonnegative(
    of: &Value,
    names: &[&str],
    path: &str,
    errors: &mut field::Errors,
) {
    for name in names {
        if number(of, name).is_some_and(|number| number < 0) {
            errors.push(field::Error::invalid(field::child(path, name), &of[*name], NEGATIVE));
        }
    }
}

/// A count, or a percentage up to 100 when `capped`.
pub(in crate::builtin::workloads) fn count_or_percent(
    of: &Value,
    name: &str,
    capped: bool,
    path: &str,
    errors: &mut field::Errors,
) {
    if !fields::present(of, name) {
        return;
    }
    let value = &of[name];
    let path = field::child(path, name);
    if let Some(text) = value.as_str() {
        for complaint in names::percentage(text) {
            errors.push(field::Error::invalid(&path, value, complaint));
        }
        if capped && percent(text).is_some_and(|percent| percent > 100) {
            let words = "must not be greater than 100%";
            errors.push(field::Error::invalid(&path, value, words));
        }
    } else if value.as_i64().is_some_and(|number| number < 0) {
        errors.push(field::Error::invalid(&path, value, NEGATIVE));
    }
}

fn percent(text: &str) -> Option<i64> {
    text.strip_suffix('%')?.parse().ok()
}

/// The number in a count or percentage; zero when it is absent or has no form.
pub(in crate::builtin::workloads) fn amount(of: &Value, name: &str) -> i64 {
    match &of[name] {
        Value::String(text) => percent(text).unwrap_or_default(),
        value => value.as_i64().unwrap_or_default(),
    }
}
