//! Standard functions of CEL that the interpreter lacks.

use std::sync::Arc;

use kube_cel::cel::objects::ResolveResult;
use kube_cel::cel::{Context, ExecutionError, Value};

/// Names of types, as `type(x)` gives them.
pub(super) const TYPES: [&str; 9] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint"];

/// Adds `type`, `dyn` and `bool`, and the names of types to compare with.
pub(super) fn register(context: &mut Context<'_>) {
    for name in TYPES {
        context.add_variable_from_value(name, type_value(name));
    }
    context.add_function("type", |value: Value| -> ResolveResult {
        Ok(type_value(match value {
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Int(_) => "int",
            Value::UInt(_) => "uint",
            Value::Float(_) => "double",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::Bool(_) => "bool",
            Value::Null => "null_type",
            _ => "opaque",
        }))
    });
    context.add_function("dyn", |value: Value| -> ResolveResult { Ok(value) });
    context.add_function("bool", |value: Value| -> ResolveResult {
        let flag = match &value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => match text.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
                _ => None,
            },
            _ => None,
        };
        flag.map(Value::Bool).ok_or_else(|| ExecutionError::function_error("bool", "not a boolean"))
    });
}

/// Types are told apart from texts by a prefix that no rule can confuse with data.
fn type_value(name: &str) -> Value {
    Value::String(Arc::new(format!("\u{0}type:{name}")))
}
