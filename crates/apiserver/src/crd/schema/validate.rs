//! Values against the schema: every keyword, with the findings of Kubernetes'
//! OpenAPI validator in its order.

use serde_json::{Number, Value};

use super::{Additional, Kind, Schema, list, metadata};
use crate::crd::path::Path;
use crate::field::{self, Error};

/// What a schema found, and how many of its checks ran: the alternative of an `anyOf`
/// or `oneOf` that got furthest is the one whose findings are reported.
#[derive(Default)]
struct Findings {
    errors: field::Errors,
    checks: usize,
}

impl Findings {
    fn push(&mut self, error: Error) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    fn merge(&mut self, other: Findings) {
        self.checks += other.checks;
        other.errors.into_iter().for_each(|error| self.push(error));
    }
}

impl Schema {
    /// Checks values against the schema's keywords. Paths are relative to `value`.
    pub fn validate_values(&self, value: &Value) -> field::Errors {
        self.check(value, &Path::Root).errors
    }

    /// Checks type, kind and metadata of embedded resources.
    pub fn validate_embedded(&self, value: &Value) -> field::Errors {
        let mut out = Vec::new();
        metadata::validate(value, self, &Path::Root, &mut out);
        out
    }

    /// Checks that lists of the types `set` and `map` hold nothing twice.
    pub fn validate_lists(&self, value: &Value) -> field::Errors {
        let mut out = Vec::new();
        list::validate(value, self, &Path::Root, &mut out);
        out
    }

    /// The same, below the name of the field where the value stands.
    pub(crate) fn validate_values_at(&self, value: &Value, path: &str) -> field::Errors {
        let errors = self.validate_values(value);
        let below = |error: Error| Error {
            field: match error.field.as_str() {
                "" | "<nil>" => path.to_owned(),
                inside => format!("{path}.{inside}"),
            },
            ..error
        };
        errors.into_iter().map(below).collect()
    }

    fn check(&self, value: &Value, path: &Path<'_>) -> Findings {
        let mut out = Findings::default();
        if self.kind.is_some() {
            self.check_type(value, path, &mut out);
            out.checks += 1;
        }
        if value.is_null() {
            self.check_enum(value, path, &mut out);
            return out;
        }
        self.check_combined(value, path, &mut out);
        out.checks += 2;
        match value {
            Value::String(text) => {
                self.check_text(text, value, path, &mut out);
                out.checks += 1;
                if let Some(format) = self.format {
                    if !format.fits(text) {
                        let name = format.name();
                        let detail = format!("{path} in body must be of type {name}: {text:?}");
                        out.push(Error::type_invalid(path.to_string(), value, detail));
                    }
                    out.checks += 1;
                }
            }
            Value::Number(number) => {
                self.check_number(number, value, path, &mut out);
                out.checks += 1;
            }
            Value::Array(items) => {
                self.check_list(items, path, &mut out);
                out.checks += 1;
            }
            _ => {}
        }
        self.check_enum(value, path, &mut out);
        out.checks += 1;
        if let Value::Object(map) = value {
            self.check_object(map, path, &mut out);
            out.checks += 1;
        }
        out
    }

    fn check_type(&self, value: &Value, path: &Path<'_>, out: &mut Findings) {
        let Some(kind) = self.kind else { return };
        let fits = match (kind, value) {
            (_, Value::Null) => self.nullable,
            (Kind::Object, Value::Object(_))
            | (Kind::Array, Value::Array(_))
            | (Kind::String | Kind::IntOrString, Value::String(_))
            | (Kind::Number, Value::Number(_))
            | (Kind::Boolean, Value::Bool(_)) => true,
            (Kind::Integer | Kind::IntOrString, Value::Number(number)) => whole(number),
            _ => false,
        };
        if !fits {
            let wanted = match kind {
                Kind::Object => "object",
                Kind::Array => "array",
                Kind::String => "string",
                Kind::Integer => "integer",
                Kind::Number => "number",
                Kind::Boolean => "boolean",
                Kind::IntOrString => "integer,string",
            };
            let actual = type_name(value);
            let detail = format!("{path} in body must be of type {wanted}: {actual:?}");
            out.push(Error::type_invalid(path.to_string(), &Value::from(actual), detail));
        }
    }

    fn check_combined(&self, value: &Value, path: &Path<'_>, out: &mut Findings) {
        // Not a finding about a field to Kubernetes, hence the strange place and value.
        let combined = |words: String| Error::invalid("<nil>", &Value::from(""), words);
        let best = |all: Vec<Findings>| {
            let best =
                all.into_iter().reduce(|best, it| if it.checks > best.checks { it } else { best });
            best.unwrap_or_default()
        };
        let combines =
            !self.any_of.is_empty() || !self.one_of.is_empty() || !self.all_of.is_empty();
        if !combines && self.not.is_none() {
            return;
        }
        let place = path.to_string();
        if !self.any_of.is_empty() {
            let mut failed = Vec::new();
            let passed = self.any_of.iter().find_map(|schema| {
                let findings = schema.check(value, path);
                if findings.errors.is_empty() {
                    return Some(findings);
                }
                failed.push(findings);
                None
            });
            match passed {
                Some(findings) => out.merge(findings),
                None => {
                    out.push(combined(format!(
                        "{place:?} must validate at least one schema (anyOf)"
                    )));
                    out.merge(best(failed));
                }
            }
        }
        if !self.one_of.is_empty() {
            let all = self.one_of.iter().map(|schema| schema.check(value, path));
            let (mut passed, failed): (Vec<_>, Vec<_>) = all.partition(|it| it.errors.is_empty());
            if passed.len() == 1 {
                out.merge(passed.remove(0));
            } else {
                let found = match passed.len() {
                    0 => "Found none valid".to_owned(),
                    many => format!("Found {many} valid alternatives"),
                };
                out.push(combined(format!(
                    "{place:?} must validate one and only one schema (oneOf). {found}"
                )));
                if passed.is_empty() {
                    out.merge(best(failed));
                }
            }
        }
        if !self.all_of.is_empty() {
            let mut passed = 0;
            for schema in &self.all_of {
                let findings = schema.check(value, path);
                passed += usize::from(findings.errors.is_empty());
                out.merge(findings);
            }
            if passed != self.all_of.len() {
                let none = if passed == 0 { ". None validated" } else { "" };
                out.push(combined(format!(
                    "{place:?} must validate all the schemas (allOf){none}"
                )));
            }
        }
        if let Some(not) = &self.not
            && not.check(value, path).errors.is_empty()
        {
            out.push(combined(format!("{place:?} must not validate the schema (not)")));
        }
    }

    fn check_text(&self, text: &str, value: &Value, path: &Path<'_>, out: &mut Findings) {
        let length = || text.chars().count() as u64;
        if let Some(max) = self.max_length.filter(|max| length() > *max) {
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            out.push(Error::too_long(path.to_string(), max));
        } else if let Some(min) = self.min_length.filter(|min| length() < *min) {
            let detail = format!("{path} in body should be at least {min} chars long");
            out.push(Error::invalid(path.to_string(), value, detail));
        } else if let Some((words, _)) = self.pattern.as_ref().filter(|(_, it)| !it.is_match(text))
        {
            let detail = format!("{path} in body should match '{words}'");
            out.push(Error::invalid(path.to_string(), value, detail));
        }
    }

    fn check_number(&self, number: &Number, value: &Value, path: &Path<'_>, out: &mut Findings) {
        let Some(it) = number.as_f64() else { return };
        let mut wrong = |words: String| {
            let detail = format!("{path} in body should be {words}");
            out.push(Error::invalid(path.to_string(), value, detail));
        };
        if let Some(factor) = self.multiple_of {
            let times = it / factor;
            let off = (times - times.round()).abs();
            if factor <= 0.0 || off > 1e-9 * times.abs().max(1.0) {
                wrong(format!("a multiple of {factor}"));
            }
        }
        if let Some(most) = self.maximum {
            if self.exclusive_maximum && it >= most {
                wrong(format!("less than {most}"));
            } else if it > most {
                wrong(format!("less than or equal to {most}"));
            }
        }
        if let Some(least) = self.minimum {
            if self.exclusive_minimum && it <= least {
                wrong(format!("greater than {least}"));
            } else if it < least {
                wrong(format!("greater than or equal to {least}"));
            }
        }
    }

    fn check_list(&self, list: &[Value], path: &Path<'_>, out: &mut Findings) {
        if let Some(items) = &self.items {
            for (at, value) in list.iter().enumerate() {
                out.merge(items.check(value, &path.index(at)));
            }
        }
        let actual = list.len();
        if let Some(min) = self.min_items.filter(|min| (actual as u64) < *min) {
            let detail = format!("{path} in body should have at least {min} items");
            out.push(Error::invalid(path.to_string(), &Value::from(actual), detail));
        }
        if let Some(max) = self.max_items.filter(|max| actual as u64 > *max) {
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            out.push(Error::too_many(path.to_string(), actual, max));
        }
    }

    fn check_enum(&self, value: &Value, path: &Path<'_>, out: &mut Findings) {
        if self.enumeration.is_empty() || self.enumeration.iter().any(|it| same(it, value)) {
            return;
        }
        let words = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
        let allowed: Vec<String> = self.enumeration.iter().map(words).collect();
        let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
        out.push(Error::not_supported(path.to_string(), value, &allowed));
    }

    fn check_object(
        &self,
        map: &serde_json::Map<String, Value>,
        path: &Path<'_>,
        out: &mut Findings,
    ) {
        let actual = map.len();
        if let Some(min) = self.min_properties.filter(|min| (actual as u64) < *min) {
            let detail = format!("{path} in body should have at least {min} properties");
            return out.push(Error::invalid(path.to_string(), &Value::from(actual), detail));
        }
        if let Some(max) = self.max_properties.filter(|max| actual as u64 > *max) {
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            return out.push(Error::too_many(path.to_string(), actual, max));
        }
        for (name, value) in map {
            let below = path.field(name);
            match (self.properties.get(name), &self.additional) {
                (Some(schema), _) => out.merge(schema.check(value, &below)),
                (None, Some(Additional::Of(schema))) => out.merge(schema.check(value, &below)),
                (None, Some(Additional::Nothing)) => {
                    let detail = format!("{below} in body is a forbidden property");
                    out.push(Error::invalid(path.or_nil(), &Value::from(""), detail));
                }
                _ => {}
            }
        }
        for name in self.required.iter().filter(|name| !map.contains_key(*name)) {
            out.push(Error::required(path.field(name).to_string(), ""));
        }
    }
}

fn whole(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|it| it.fract() == 0.0)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Equality in which `1` and `1.0` are the same.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        _ => left == right,
    }
}
