//! `x-kubernetes-validations`: rules in CEL on any place of a schema.
//!
//! The language and Kubernetes' functions come from `kube-cel`; what stands here is
//! what Kubernetes does with rules: which values they see, when transition rules run,
//! and what is reported. Types and costs are judged once, when the definition is
//! written ([`check`]).

mod authorizer;
pub(crate) mod check;
mod condition;
mod depth;
mod function;
#[cfg(test)]
mod tests;
mod value;

use std::cell::OnceCell;
use std::panic::AssertUnwindSafe;

use kube_cel::KubeCelExt;
use kube_cel::cel::objects::OptionalValue;
use kube_cel::cel::parser::{Expression, Parser};
use kube_cel::cel::{Context, Value as Cel};
use serde_json::Value;

use super::path::Path;
use super::schema::{self, ListType, Schema, text};
use crate::field::{self, Error};

pub(crate) use authorizer::{Asker, Resource as Requested};
pub(crate) use condition::Condition;
pub(crate) use value::escape;

/// A rule, parsed.
#[derive(Debug)]
pub(crate) struct Rule {
    expression: Expression,
    source: String,
    message: String,
    message_expression: Option<Expression>,
    reason: Option<String>,
    /// Normalised: without the leading dot, `.a['b']` as `a[b]`.
    field_path: String,
    optional_old: bool,
    transition: bool,
}

/// Parses an expression.
///
/// # Errors
/// The words of the parser, or that the expression is too deep.
pub(crate) fn parse(source: &str) -> Result<Expression, String> {
    depth::check(source)?;
    let source = depth::without_double_negation(source);
    depth::with_stack(|| {
        Parser::default()
            .enable_optional_syntax(true)
            // Its own count of levels goes wrong where it is exceeded; ours was checked.
            .max_recursion_depth(u16::MAX)
            .parse(&source)
            .map_err(|errors| errors.to_string())
    })
}

/// Parses the rules of one place of a raw schema.
///
/// # Errors
/// When one does not parse.
pub(crate) fn compile(raw: &Value) -> Result<Vec<Rule>, schema::Error> {
    let checked = |source: &str| {
        parse(source).map_err(|message| schema::Error::Rule { rule: source.to_owned(), message })
    };
    schema::items(raw, "x-kubernetes-validations")
        .filter_map(|rule| Some((rule, text(rule, "rule")?.trim())))
        .map(|(rule, source)| {
            let expression = checked(source)?;
            let message_expression = text(rule, "messageExpression").map(checked).transpose()?;
            Ok(Rule {
                transition: mentions_old_self(&expression),
                expression,
                source: source.to_owned(),
                message: text(rule, "message").unwrap_or_default().trim().to_owned(),
                message_expression,
                reason: text(rule, "reason").map(str::to_owned),
                field_path: normalize(text(rule, "fieldPath").unwrap_or_default()),
                optional_old: schema::flag(rule, "optionalOldSelf"),
            })
        })
        .collect()
}

/// Whether a rule compares with the stored object.
pub(crate) fn mentions_old_self(expression: &Expression) -> bool {
    depth::with_stack(|| expression.references().has_variable("oldSelf"))
}

/// `.spec.a['b.c']` as `spec.a[b.c]`.
fn normalize(path: &str) -> String {
    let path = path.trim();
    let path = path.strip_prefix('.').unwrap_or(path);
    path.replace("['", "[").replace("']", "]")
}

thread_local! {
    /// Registering the functions costs more than most rules do.
    static FUNCTIONS: OnceCell<Context<'static>> = const { OnceCell::new() };
}

impl Schema {
    /// Runs every rule whose place is present. `old` is the stored object on update.
    /// Rules see the whole object, so this is also what a status write runs.
    pub fn validate_rules(&self, object: &Value, old: Option<&Value>) -> field::Errors {
        let mut out = Vec::new();
        if self.ruled {
            with_functions(|context| {
                depth::with_stack(|| {
                    walk(self, object, old, &Path::Root, true, context, &mut out);
                });
            });
        }
        out
    }
}

/// Evaluates an expression. What the interpreter stumbles over is an error of the expression:
/// a rule must not be able to end the task that serves somebody else.
fn evaluate(expression: &Expression, scope: &Context<'_>) -> Result<Cel, String> {
    let resolve = AssertUnwindSafe(|| Cel::resolve(expression, scope));
    match std::panic::catch_unwind(resolve) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the expression cannot be evaluated".to_owned()),
    }
}

/// Lends a context that knows all functions and no variables.
fn with_functions<T>(run: impl FnOnce(&Context<'static>) -> T) -> T {
    FUNCTIONS.with(|cell| {
        run(cell.get_or_init(|| {
            let mut context = Context::default().with_all();
            function::register(&mut context);
            authorizer::register(&mut context);
            context
        }))
    })
}

fn walk(
    schema: &Schema,
    value: &Value,
    old: Option<&Value>,
    path: &Path<'_>,
    root: bool,
    context: &Context<'_>,
    out: &mut field::Errors,
) {
    if !schema.ruled || value.is_null() {
        return;
    }
    let old = old.filter(|old| !old.is_null());
    if !schema.rules.is_empty() {
        run(schema, value, old, path, root, context, out);
    }
    match value {
        Value::Object(map) => {
            let old = old.filter(|_| !schema.atomic_map);
            for (name, value) in map {
                let old = old.and_then(|old| old.get(name));
                if let Some(below) = schema.properties.get(name) {
                    walk(below, value, old, &path.field(name), false, context, out);
                } else if let Some(below) = schema.additional_schema() {
                    walk(below, value, old, &path.key(name), false, context, out);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            for (at, value) in list.iter().enumerate() {
                let old = old.and_then(|old| correlated(schema, value, old));
                walk(items, value, old, &path.index(at), false, context, out);
            }
        }
        _ => {}
    }
}

/// The stored item that is the same as this one; only `map` lists tell.
fn correlated<'a>(schema: &Schema, item: &Value, old: &'a Value) -> Option<&'a Value> {
    if schema.list_type != Some(ListType::Map) {
        return None;
    }
    old.as_array()?.iter().find(|old| {
        let mut keys = schema.list_map_keys.iter();
        keys.all(|key| old.get(key) == item.get(key))
    })
}

fn run(
    schema: &Schema,
    value: &Value,
    old: Option<&Value>,
    path: &Path<'_>,
    root: bool,
    context: &Context<'_>,
    out: &mut field::Errors,
) {
    let now = value::of(value, Some(schema), root);
    let before = old.map(|old| value::of(old, Some(schema), root));
    for rule in &schema.rules {
        if rule.transition && !rule.optional_old && before.is_none() {
            continue;
        }
        let mut scope = context.new_inner_scope();
        scope.add_variable_from_value("self", now.clone());
        if rule.optional_old {
            let optional = before.clone().map_or_else(OptionalValue::none, OptionalValue::of);
            scope.add_variable_from_value("oldSelf", Cel::Opaque(std::sync::Arc::new(optional)));
        } else if let Some(before) = &before {
            scope.add_variable_from_value("oldSelf", before.clone());
        }
        match evaluate(&rule.expression, &scope) {
            Ok(Cel::Bool(true)) => {}
            Ok(_) => out.push(failure(rule, schema, path, &scope)),
            Err(error) => out.push(broken(rule, schema, path, &error)),
        }
    }
}

fn go_type(schema: &Schema) -> Value {
    use schema::Kind;
    Value::from(match schema.kind {
        Some(Kind::Object) => "object",
        Some(Kind::Array) => "array",
        Some(Kind::String) => "string",
        Some(Kind::Integer) => "integer",
        Some(Kind::Number) => "number",
        Some(Kind::Boolean) => "boolean",
        Some(Kind::IntOrString) | None => "",
    })
}

/// The finding of a rule that is false.
fn failure(rule: &Rule, schema: &Schema, path: &Path<'_>, scope: &Context<'_>) -> Error {
    let computed = rule
        .message_expression
        .as_ref()
        .and_then(|expression| match evaluate(expression, scope) {
            Ok(Cel::String(text)) => Some(text.trim().to_owned()),
            _ => None,
        })
        .filter(|text| !text.is_empty() && !text.contains('\n') && text.len() <= 5 * 1024);
    let detail = computed.unwrap_or_else(|| message_or_default(rule));
    let place = if rule.field_path.is_empty() {
        path.or_nil()
    } else if rule.field_path.starts_with('[') {
        format!("{path}{}", rule.field_path)
    } else {
        path.field(&rule.field_path).to_string()
    };
    let value = go_type(schema);
    match rule.reason.as_deref() {
        Some("FieldValueForbidden") => Error::forbidden(place, detail),
        Some("FieldValueRequired") => Error::required(place, detail),
        Some("FieldValueDuplicate") => Error::duplicate(place, &value),
        _ => Error::invalid(place, &value, detail),
    }
}

/// The finding of a rule that could not be evaluated.
fn broken(rule: &Rule, schema: &Schema, path: &Path<'_>, error: &str) -> Error {
    let detail = format!("{}: {error}", message_or_default(rule));
    Error::invalid(path.or_nil(), &go_type(schema), detail)
}

fn message_or_default(rule: &Rule) -> String {
    if rule.message.is_empty() {
        format!("failed rule: {}", rule.source)
    } else {
        rule.message.clone()
    }
}
