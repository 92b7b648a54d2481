//! Texts of which only a few are allowed, and texts with a syntax.

use serde_json::Value;

use crate::builtin::workloads::fields::text;
use crate::field;

/// A text that must be one of `allowed`; the empty one is a missing value.
pub(in crate::builtin::workloads) fn required(
    of: &Value,
    name: &str,
    allowed: &[&str],
    path: &str,
    errors: &mut field::Errors,
) {
    if text(of, name).is_empty() {
        errors.push(field::Error::required(field::child(path, name), ""));
    } else {
        optional(of, name, allowed, path, errors);
    }
}

/// A text that must be one of `allowed` where it is set.
pub(in crate::builtin::workloads) fn optional(
    of: &Value,
    name: &str,
    allowed: &[&str],
    path: &str,
    errors: &mut field::Errors,
) {
    let value = text(of, name);
    if !value.is_empty() && !allowed.contains(&value) {
        errors.push(field::Error::not_supported(field::child(path, name), &of[name], allowed));
    }
}

/// A text that must be there and pass `check`.
pub(in crate::builtin::workloads) fn named(
    of: &Value,
    name: &str,
    check: fn(&str) -> Vec<String>,
    path: &str,
    errors: &mut field::Errors,
) {
    if text(of, name).is_empty() {
        errors.push(field::Error::required(field::child(path, name), ""));
    } else {
        checked(of, name, check, path, errors);
    }
}

/// A text that must pass `check` where it is set.
pub(in crate::builtin::workloads) fn checked(
    of: &Value,
    name: &str,
    check: fn(&str) -> Vec<String>,
    path: &str,
    errors: &mut field::Errors,
) {
    let value = text(of, name);
    if value.is_empty() {
        return;
    }
    for complaint in check(value) {
        errors.push(field::Error::invalid(field::child(path, name), &of[name], complaint));
    }
}

/// A text that must be there.
pub(in crate::builtin::workloads) fn filled(
    of: &Value,
    name: &str,
    path: &str,
    errors: &mut field::Errors,
) {
    if text(of, name).is_empty() {
        errors.push(field::Error::required(field::child(path, name), ""));
    }
}
