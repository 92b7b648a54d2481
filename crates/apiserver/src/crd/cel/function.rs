//! Standard functions of CEL that the interpreter lacks, or has in a way that a server cannot
//! live with.

use std::sync::Arc;

use kube_cel::cel::extractors::{Arguments, This};
use kube_cel::cel::objects::ResolveResult;
use kube_cel::cel::{Context, ExecutionError, Value};

/// Names of types, as `type(x)` gives them.
pub(super) const TYPES: [&str; 9] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "uint"];

/// Items of a list, or bytes of a text, that a function may make out of next to nothing.
const LARGEST: usize = 16 * 1024 * 1024;

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
    // The interpreter counts the bytes of a text.
    context.add_function("size", |This(value): This<Value>| -> ResolveResult {
        let size = match value {
            Value::String(text) => text.chars().count(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(list) => list.len(),
            Value::Map(map) => map.map.len(),
            _ => return Err(ExecutionError::function_error("size", "no such overload")),
        };
        Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)))
    });
    context.add_function("replace", replace);
    context.add_function("lists.range", |end: i64| -> ResolveResult {
        let wanted = usize::try_from(end).ok().filter(|wanted| *wanted <= LARGEST / 32);
        if wanted.is_none() {
            return Err(ExecutionError::function_error("lists.range", "range out of bounds"));
        }
        Ok(Value::List(Arc::new((0..end).map(Value::Int).collect())))
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

/// `text.replace(old, new)`, or the first so many of them.
fn replace(This(text): This<Arc<String>>, Arguments(given): Arguments) -> ResolveResult {
    let wrong = |why: &str| ExecutionError::function_error("replace", why);
    let (old, new, times) = match given.as_slice() {
        [Value::String(old), Value::String(new)] => (old, new, usize::MAX),
        // A negative number stands for all.
        [Value::String(old), Value::String(new), Value::Int(times)] => {
            (old, new, usize::try_from(*times).unwrap_or(usize::MAX))
        }
        _ => return Err(wrong("no such overload")),
    };
    let found = text.matches(old.as_str()).take(times).count();
    if found.saturating_mul(new.len()).saturating_add(text.len()) > LARGEST {
        return Err(wrong("the result is too long"));
    }
    Ok(Value::String(Arc::new(text.replacen(old.as_str(), new, times))))
}

/// Types are told apart from texts by a prefix that no rule can confuse with data.
fn type_value(name: &str) -> Value {
    Value::String(Arc::new(format!("\u{0}type:{name}")))
}
