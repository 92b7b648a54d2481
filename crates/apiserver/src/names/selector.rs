//! `metav1.LabelSelector` as a part of objects.

use serde_json::Value;

use super::{label_value, validate_label_name, validate_labels};
use crate::field::{self, Error};

/// Checks a `LabelSelector`. `strict_values` also checks the values of expressions,
/// which updates of old objects may skip.
pub fn validate_label_selector(
    selector: Option<&Value>,
    path: &str,
    strict_values: bool,
) -> field::Errors {
    let Some(selector) = selector.filter(|selector| selector.is_object()) else {
        return Vec::new();
    };
    let mut errors =
        validate_labels(selector.get("matchLabels"), &field::child(path, "matchLabels"));
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    for (at, expression) in expressions.into_iter().flatten().enumerate() {
        let path = field::index(&field::child(path, "matchExpressions"), at);
        errors.extend(requirement(expression, &path, strict_values));
    }
    errors
}

fn requirement(expression: &Value, path: &str, strict_values: bool) -> field::Errors {
    let mut errors = Vec::new();
    let values = expression.get("values").and_then(Value::as_array);
    let count = values.map_or(0, Vec::len);
    let operator = expression.get("operator").cloned().unwrap_or_else(|| "".into());
    match operator.as_str().unwrap_or_default() {
        "In" | "NotIn" if count == 0 => errors.push(Error::required(
            field::child(path, "values"),
            "must be specified when `operator` is 'In' or 'NotIn'",
        )),
        "Exists" | "DoesNotExist" if count > 0 => errors.push(Error::forbidden(
            field::child(path, "values"),
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => errors.push(Error::invalid(
            field::child(path, "operator"),
            &operator,
            "not a valid selector operator",
        )),
    }
    let key = expression.get("key").and_then(Value::as_str).unwrap_or_default();
    errors.extend(validate_label_name(key, &field::child(path, "key")));
    if strict_values {
        for (at, value) in values.into_iter().flatten().enumerate() {
            let path = field::index(&field::child(path, "values"), at);
            for complaint in label_value(value.as_str().unwrap_or_default()) {
                errors.push(Error::invalid(path.clone(), value, complaint));
            }
        }
    }
    errors
}
