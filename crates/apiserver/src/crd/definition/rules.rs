//! CEL rules of a definition: form, types and cost.

use serde_json::Value;

use crate::crd::cel::check::{Judged, Type, judge, most_items, most_keys};
use crate::crd::cel::{mentions_old_self, parse};
use crate::crd::path::Path;
use crate::crd::schema::{ListType, Schema, flag, items, text};
use crate::field::{self, Error};

/// The most that one rule may cost on the largest object.
const RULE_LIMIT: u64 = 10_000_000;
/// The most that all rules of a schema may cost together.
const SCHEMA_LIMIT: u64 = 100_000_000;
/// So many of the most expensive rules are named when all together cost too much.
const NAMED: usize = 4;
const RULES: &str = "x-kubernetes-validations";

/// Findings on how the rules of one place are written.
pub(super) fn validate_form(schema: &Value, path: &Path<'_>, out: &mut field::Errors) {
    const REASONS: [&str; 4] =
        ["FieldValueRequired", "FieldValueForbidden", "FieldValueInvalid", "FieldValueDuplicate"];
    let listed = path.field(RULES);
    for (index, rule) in items(schema, RULES).enumerate() {
        let place = listed.index(index);
        let at = |name: &str| place.field(name).to_string();
        let own = |name: &str| text(rule, name).unwrap_or_default();
        let blank = |name: &str| !own(name).is_empty() && own(name).trim().is_empty();
        let lines = |name: &str| own(name).trim().contains(['\n', '\r']);
        let mut invalid = |name: &str, detail: String| {
            out.push(Error::invalid(at(name), &Value::from(own(name)), detail));
        };
        if own("rule").trim().is_empty() {
            out.push(Error::required(at("rule"), "rule is not specified"));
        } else if blank("message") {
            invalid("message", "message must be non-empty if specified".to_owned());
        } else if own("message").trim().len() > 2048 {
            invalid("message", "message must have a maximum length of 2048 characters".to_owned());
        } else if lines("message") {
            invalid("message", "message must not contain line breaks".to_owned());
        } else if lines("rule") && own("message").is_empty() {
            let detail = "message must be specified if rule contains line breaks";
            out.push(Error::required(at("message"), detail));
        }
        if blank("messageExpression") {
            let detail = "messageExpression must be non-empty if specified";
            out.push(Error::required(at("messageExpression"), detail));
        }
        if let Some(reason) = rule.get("reason").filter(|it| !it.is_null())
            && !reason.as_str().is_some_and(|it| REASONS.contains(&it))
        {
            out.push(Error::not_supported(at("reason"), reason, &REASONS));
        }
        let mut field_path = |detail: String| {
            let value = Value::from(own("fieldPath"));
            out.push(Error::invalid(at("fieldPath"), &value, detail));
        };
        if blank("fieldPath") {
            field_path("fieldPath must be non-empty if specified".to_owned());
        } else if lines("fieldPath") {
            field_path("fieldPath must not contain line breaks".to_owned());
        } else if let Some(Err(why)) = text(rule, "fieldPath").map(|it| leads(it.trim(), schema)) {
            field_path(format!("fieldPath must be a valid path: {why}"));
        }
    }
}

/// Follows `.spec.names['a.b']` through a schema; lists cannot be crossed.
fn leads(path: &str, schema: &Value) -> Result<(), String> {
    let mut rest = path;
    let mut place = schema;
    while !rest.is_empty() {
        let name;
        if let Some(after) = rest.strip_prefix("['") {
            (name, rest) = after.split_once("']").ok_or("unclosed bracket")?;
        } else if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            (name, rest) = after.split_at(end);
        } else {
            return Err("expected [ or . but got something else".to_owned());
        }
        let field = place.get("properties").and_then(|it| it.get(name));
        let values = place.get("additionalProperties").filter(|it| it.is_object());
        place =
            field.or(values).ok_or_else(|| format!("does not refer to a valid field: {name}"))?;
    }
    Ok(())
}

/// Findings on what the rules mean. `raw` and `schema` are the same schema, free of
/// other findings.
pub(super) fn validate(raw: &Value, schema: &Schema, path: &Path<'_>) -> field::Errors {
    let mut budget = Budget::default();
    let root = Place { root: true, times: 1, uncorrelated: None };
    walk(raw, schema, path, &root, &mut budget);
    let total = budget.costs.iter().map(|(_, cost)| *cost).fold(0, u64::saturating_add);
    if total > SCHEMA_LIMIT {
        budget.costs.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
        for (place, _) in budget.costs.into_iter().take(NAMED) {
            let detail = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
            budget.errors.push(Error::forbidden(place, detail));
        }
        let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        let detail = too_expensive(what, total, SCHEMA_LIMIT);
        budget.errors.push(Error::forbidden(path.to_string(), detail));
    }
    budget.errors
}

#[derive(Default)]
struct Budget {
    errors: field::Errors,
    /// Where, and what it costs on the largest object.
    costs: Vec<(String, u64)>,
}

/// Where a rule stands.
struct Place {
    root: bool,
    /// How often the place can be in one object.
    times: u64,
    /// The place above from which on the stored value cannot be found.
    uncorrelated: Option<String>,
}

impl Place {
    fn below(&self, times: u64, uncorrelated: Option<String>) -> Self {
        Self {
            root: false,
            times: self.times.saturating_mul(times),
            uncorrelated: self.uncorrelated.clone().or(uncorrelated),
        }
    }
}

fn walk(raw: &Value, schema: &Schema, path: &Path<'_>, place: &Place, budget: &mut Budget) {
    if let (Some(below), Some(values)) =
        (raw.get("additionalProperties"), schema.additional_schema())
    {
        let lost = schema.atomic_map.then(|| path.to_string());
        let inside = place.below(most_keys(schema), lost);
        walk(below, values, &path.field("additionalProperties"), &inside, budget);
    }
    let properties = path.field("properties");
    for (name, below) in super::structural::fields(raw) {
        if let Some(field) = schema.properties.get(name) {
            let lost = schema.atomic_map.then(|| path.to_string());
            walk(below, field, &properties.key(name), &place.below(1, lost), budget);
        }
    }
    if let (Some(below), Some(inner)) = (raw.get("items"), &schema.items) {
        let lost = (schema.list_type != Some(ListType::Map)).then(|| path.to_string());
        let inside = place.below(most_items(schema), lost);
        walk(below, inner, &path.field("items"), &inside, budget);
    }
    let listed = path.field(RULES);
    for (index, rule) in items(raw, RULES).enumerate() {
        check(rule, schema, &listed.index(index), place, budget);
    }
}

fn check(rule: &Value, schema: &Schema, path: &Path<'_>, place: &Place, budget: &mut Budget) {
    let optional_old = flag(rule, "optionalOldSelf");
    let go = format!(
        "apiextensions.ValidationRule{{Rule:{:?}, Message:{:?}}}",
        text(rule, "rule").unwrap_or_default(),
        text(rule, "message").unwrap_or_default(),
    );
    for (name, of) in
        [("rule", "estimated rule cost"), ("messageExpression", "estimated messageExpression cost")]
    {
        let Some(source) = text(rule, name) else {
            continue;
        };
        let at = path.field(name).to_string();
        let judged = parse(source.trim()).and_then(|expression| {
            let judged = judge(&expression, schema, place.root, optional_old)?;
            fits(name, &judged)?;
            Ok((judged, mentions_old_self(&expression)))
        });
        let (judged, transition) = match judged {
            Ok(judged) => judged,
            Err(why) => {
                let detail = format!("compilation failed: {why}");
                budget.errors.push(Error::invalid_go(at, &go, detail));
                continue;
            }
        };
        let cost = judged.cost.saturating_mul(place.times);
        if cost > RULE_LIMIT {
            let detail = too_expensive(of, cost, RULE_LIMIT);
            budget.errors.push(Error::forbidden(&at, detail));
        }
        budget.costs.push((at.clone(), cost));
        if let Some(lost) = place.uncorrelated.as_ref().filter(|_| transition && name == "rule") {
            let detail = format!(
                "oldSelf cannot be used on the uncorrelatable portion of the schema within {lost}"
            );
            budget.errors.push(Error::invalid(at, &Value::from(source), detail));
        }
    }
}

/// Rules say yes or no, messages are texts.
fn fits(name: &str, judged: &Judged<'_>) -> Result<(), String> {
    match (name, &judged.result) {
        ("rule", Type::Bool) | ("messageExpression", Type::Text(_)) | (_, Type::Any) => Ok(()),
        ("rule", _) => Err("cel expression must evaluate to a bool".to_owned()),
        _ => Err("messageExpression must evaluate to a string".to_owned()),
    }
}

fn too_expensive(what: &str, cost: u64, limit: u64) -> String {
    let factor = cost / limit;
    let factor = if factor > 100 {
        "more than 100x".to_owned()
    } else {
        format!("{:.1}x", cost as f64 / limit as f64)
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
    )
}
