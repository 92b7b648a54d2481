//! Operators and functions: what they take, give and cost.

use kube_cel::cel::common::ast::{CallExpr, Expr};

use super::types::REQUEST;
use super::{Judged, Scope, Type};

/// Names before the dot that are libraries and not variables.
const LIBRARIES: [&str; 8] =
    ["optional", "math", "sets", "strings", "base64", "lists", "format", "jsonpatch"];

impl<'s> Scope<'s> {
    pub(super) fn call(&mut self, call: &CallExpr) -> Result<Judged<'s>, String> {
        let name = call.func_name.as_str();
        if let Some(target) = &call.target {
            let library = match &target.expr {
                Expr::Ident(known) if self.variable(known).is_none() => Some(known.as_str()),
                _ => None,
            };
            let library = library.filter(|it| LIBRARIES.contains(it) || *it == "ip");
            let mut cost = 0_u64;
            let mut given = Vec::new();
            if library.is_none() {
                let target = self.judge(target)?;
                cost = target.cost;
                given.push(target.result);
            }
            for argument in &call.args {
                let argument = self.judge(argument)?;
                cost = argument.cost.saturating_add(cost);
                given.push(argument.result);
            }
            if library.is_some() {
                let walked = given.iter().map(Type::size).fold(0, u64::saturating_add);
                let result = Type::Any;
                return Ok(judged(result, cost.saturating_add(walk(walked))));
            }
            let (result, own) = member(name, &given)?;
            return Ok(judged(result, cost.saturating_add(own)));
        }
        if let ("_?._", [operand, _]) = (name, call.args.as_slice()) {
            // The second argument names a field and is no expression of its own.
            let operand = self.judge(operand)?;
            return Ok(judged(Type::Any, operand.cost.saturating_add(1)));
        }
        let mut costs = Vec::new();
        let mut given = Vec::new();
        for argument in &call.args {
            let argument = self.judge(argument)?;
            costs.push(argument.cost);
            given.push(argument.result);
        }
        let sum = costs.iter().copied().fold(0, u64::saturating_add);
        if name == "_?_:_" && costs.len() == 3 {
            let mut given = given.into_iter();
            let condition = given.next();
            if !matches!(condition, Some(Type::Bool | Type::Any)) {
                return Err(no_overload(name, &[condition.unwrap_or(Type::Any)]));
            }
            let result = given.reduce(Type::join).unwrap_or(Type::Any);
            return Ok(judged(result, costs[0].saturating_add(costs[1].max(costs[2]))));
        }
        let (result, own) = match operator(name, &given) {
            Some(found) => found?,
            None => global(name, &given)?,
        };
        Ok(judged(result, sum.saturating_add(own)))
    }
}

fn judged(result: Type<'_>, cost: u64) -> Judged<'_> {
    Judged { result, cost }
}

fn no_overload(name: &str, given: &[Type<'_>]) -> String {
    let names: Vec<_> = given.iter().map(Type::name).collect();
    format!("found no matching overload for '{name}' applied to '({})'", names.join(", "))
}

/// A tenth per character.
fn walk(length: u64) -> u64 {
    length.div_ceil(10)
}

/// Matching a text with an expression of this length.
fn search(text: u64, pattern: u64) -> u64 {
    walk(text.saturating_add(1)).saturating_mul(pattern.div_ceil(4))
}

/// Result and own cost of an operator; `None` when the name is none.
fn operator<'s>(name: &str, given: &[Type<'s>]) -> Option<Result<(Type<'s>, u64), String>> {
    use Type::{Any, Bool, Bytes, Double, Duration, Int, List, Map, Text, Timestamp, Uint};
    let wrong = || Err(no_overload(name, given));
    let fits = |fits: bool, result: Type<'s>, cost: u64| {
        Some(if fits { Ok((result, cost)) } else { wrong() })
    };
    match (name, given) {
        ("_&&_" | "_||_", [left, right]) => {
            let bools = matches!(left, Bool | Any) && matches!(right, Bool | Any);
            fits(bools, Bool, 0)
        }
        ("!_" | "@not_strictly_false", [it]) => fits(matches!(it, Bool | Any), Bool, 1),
        ("-_", [it]) => fits(matches!(it, Int | Double | Any), it.clone(), 1),
        ("_==_" | "_!=_", [left, right]) => {
            let comparable = left.same(right) || (left.is_number() && right.is_number());
            fits(comparable, Bool, walk(left.size().min(right.size())))
        }
        ("_<_" | "_<=_" | "_>_" | "_>=_", [left, right]) => {
            let ordered = |it: &Type<'_>| {
                matches!(it, Any | Bool | Text(_) | Bytes(_) | Timestamp | Duration)
                    || it.is_number()
            };
            let comparable = left.same(right) || (left.is_number() && right.is_number());
            let cost = match (left, right) {
                (Text(left), Text(right)) | (Bytes(left), Bytes(right)) => walk(*left.min(right)),
                _ => 1,
            };
            fits(ordered(left) && ordered(right) && comparable, Bool, cost)
        }
        ("_+_", [left, right]) => Some(match (left, right) {
            (Any, other) | (other, Any) => Ok((other.clone(), 1)),
            (Int, Int) | (Uint, Uint) | (Double, Double) => Ok((left.clone(), 1)),
            (Text(a), Text(b)) => Ok((Text(a.saturating_add(*b)), walk(a.saturating_add(*b)))),
            (Bytes(a), Bytes(b)) => Ok((Bytes(a.saturating_add(*b)), walk(a.saturating_add(*b)))),
            (List(a, few), List(b, many)) => {
                let items = Box::new(Type::join((**a).clone(), (**b).clone()));
                Ok((List(items, few.saturating_add(*many)), 1))
            }
            (Timestamp, Duration) | (Duration, Timestamp) => Ok((Timestamp, 1)),
            (Duration, Duration) => Ok((Duration, 1)),
            _ => wrong(),
        }),
        ("_-_", [left, right]) => Some(match (left, right) {
            (Any, other) | (other, Any) => Ok((other.clone(), 1)),
            (Int, Int) | (Uint, Uint) | (Double, Double) => Ok((left.clone(), 1)),
            (Timestamp, Timestamp) | (Duration, Duration) => Ok((Duration, 1)),
            (Timestamp, Duration) => Ok((Timestamp, 1)),
            _ => wrong(),
        }),
        ("_*_" | "_/_" | "_%_", [left, right]) => Some(match (left, right) {
            (Any, other) | (other, Any) => Ok((other.clone(), 1)),
            (Double, Double) if name == "_%_" => wrong(),
            (Int, Int) | (Uint, Uint) | (Double, Double) => Ok((left.clone(), 1)),
            _ => wrong(),
        }),
        ("_[_]", [of, at]) => Some(match (of, at) {
            (List(items, _), Int | Any) => Ok(((**items).clone(), 1)),
            (Map(values, _), Text(_) | Any) => Ok(((**values).clone(), 1)),
            (Any, _) => Ok((Any, 1)),
            _ => wrong(),
        }),
        ("_[?_]", _) => Some(Ok((Any, 1))),
        ("@in", [item, of]) => match of {
            List(items, most) => fits(items.same(item), Bool, *most),
            Map(..) => fits(matches!(item, Text(_) | Any), Bool, 1),
            Any => fits(true, Bool, REQUEST),
            _ => fits(false, Bool, 1),
        },
        _ => None,
    }
}

/// Result and own cost of `target.name(…)`; the first of `given` is the target.
fn member<'s>(name: &str, given: &[Type<'s>]) -> Result<(Type<'s>, u64), String> {
    let target = given.first().cloned().unwrap_or(Type::Any);
    let size = target.size();
    let other = given.get(1).map_or(1, Type::size);
    let on_text = || matches!(target, Type::Text(_) | Type::Any);
    let on_list = || matches!(target, Type::List(..) | Type::Any);
    let texts = given[1..].iter().all(|it| matches!(it, Type::Text(_) | Type::Any));
    let item = match &target {
        Type::List(items, _) => (**items).clone(),
        _ => Type::Any,
    };
    let each = walk(item.size()).saturating_add(1).saturating_mul(size);
    if let Some((of, result, cost)) = authorization(name, given.len() - 1) {
        if of.iter().any(|of| target.same(of)) && texts {
            return Ok((result, cost));
        }
        if matches!(target, Type::Opaque(_)) {
            return Err(no_overload(name, given));
        }
    }
    let (fits, result, cost) = match name {
        "size" => {
            let sized = matches!(
                target,
                Type::Text(_) | Type::Bytes(_) | Type::List(..) | Type::Map(..) | Type::Any
            );
            (sized && given.len() == 1, Type::Int, 1)
        }
        "startsWith" | "endsWith" => (on_text() && texts, Type::Bool, walk(other)),
        "contains" if on_text() => (texts, Type::Bool, walk(size).saturating_mul(walk(other))),
        "matches" => (on_text() && texts, Type::Bool, search(size, other)),
        "find" => (on_text() && texts, Type::Text(size), search(size, other)),
        "findAll" => {
            let found = Type::List(Box::new(Type::Text(size)), size);
            (on_text(), found, search(size, other))
        }
        "charAt" => (on_text(), Type::Text(1), 1),
        "lowerAscii" | "upperAscii" | "trim" | "substring" => {
            (on_text(), Type::Text(size), walk(size))
        }
        "replace" | "format" => (on_text(), Type::Text(size), walk(size).saturating_mul(2)),
        "split" => {
            let parts = Type::List(Box::new(Type::Text(size)), size);
            (on_text(), parts, walk(size).saturating_mul(2))
        }
        "join" => {
            let gaps = given.get(1).map_or(0, Type::size).saturating_mul(size.saturating_sub(1));
            let whole = item.size().saturating_mul(size).saturating_add(gaps);
            (on_list(), Type::Text(whole), walk(whole))
        }
        "indexOf" | "lastIndexOf" => {
            (on_text() || on_list(), Type::Int, walk(size).saturating_mul(walk(other)))
        }
        "reverse" => (on_text() || on_list(), target.clone(), size),
        "isSorted" => (on_list(), Type::Bool, each),
        "sum" | "min" | "max" => (on_list(), item, each),
        "sort" | "distinct" | "flatten" | "slice" | "first" | "last" | "sortBy" => {
            (on_list(), Type::Any, size)
        }
        "getFullYear" | "getMonth" | "getDayOfYear" | "getDayOfMonth" | "getDate"
        | "getDayOfWeek" => (matches!(target, Type::Timestamp | Type::Any), Type::Int, 1),
        "getHours" | "getMinutes" | "getSeconds" | "getMilliseconds" => {
            let timed = matches!(target, Type::Timestamp | Type::Duration | Type::Any);
            (timed, Type::Int, 1)
        }
        "getScheme" | "getHost" | "getHostname" | "getPort" | "getEscapedPath" => {
            (matches!(target, Type::Opaque("url") | Type::Any), Type::Text(REQUEST), 1)
        }
        "getQuery" => (matches!(target, Type::Opaque("url") | Type::Any), Type::Any, 1),
        "isGreaterThan"
        | "isLessThan"
        | "isInteger"
        | "isCanonical"
        | "isLoopback"
        | "isUnspecified"
        | "isLinkLocalMulticast"
        | "isLinkLocalUnicast"
        | "isGlobalUnicast"
        | "containsIP"
        | "containsCIDR"
        | "hasValue"
        | "contains" => (opaque(&target), Type::Bool, 1),
        "compareTo" | "sign" | "asInteger" | "family" | "prefixLength" | "major" | "minor"
        | "patch" => (opaque(&target), Type::Int, 1),
        "asApproximateFloat" => (opaque(&target), Type::Double, 1),
        "string" => (opaque(&target), Type::Text(REQUEST), 1),
        "add" | "sub" | "masked" | "ip" => (opaque(&target), target.clone(), 1),
        "value" | "orValue" | "or" | "optMap" | "optFlatMap" | "validate" => {
            (opaque(&target), Type::Any, 1)
        }
        _ => {
            return Err(format!("undeclared reference to '{name}' (in container '')"));
        }
    };
    if fits {
        Ok((result, cost))
    } else {
        let names: Vec<_> = given[1..].iter().map(Type::name).collect();
        let of = target.name();
        Err(format!(
            "found no matching overload for '{name}' applied to '{of}.({})'",
            names.join(", ")
        ))
    }
}

/// What a function of `authorizer` with so many arguments is called on, its result and cost.
fn authorization<'s>(
    name: &str,
    arguments: usize,
) -> Option<(&'static [Type<'static>], Type<'s>, u64)> {
    /// A question takes as long as much else.
    const QUESTION: u64 = 350_000;
    const AUTHORIZER: &[Type<'_>] = &[Type::AUTHORIZER];
    const RESOURCE: &[Type<'_>] = &[Type::RESOURCE_CHECK];
    const DECISION: &[Type<'_>] = &[Type::DECISION];
    Some(match (name, arguments) {
        ("path", 1) => (AUTHORIZER, Type::PATH_CHECK, 1),
        ("group", 1) => (AUTHORIZER, Type::GROUP_CHECK, 1),
        ("serviceAccount", 2) => (AUTHORIZER, Type::AUTHORIZER, 1),
        ("resource", 1) => (const { &[Type::GROUP_CHECK] }, Type::RESOURCE_CHECK, 1),
        ("subresource" | "namespace" | "name", 1) => (RESOURCE, Type::RESOURCE_CHECK, 1),
        ("check", 1) => {
            (const { &[Type::PATH_CHECK, Type::RESOURCE_CHECK] }, Type::DECISION, QUESTION)
        }
        ("allowed" | "errored", 0) => (DECISION, Type::Bool, 1),
        ("reason" | "error", 0) => (DECISION, Type::Text(REQUEST), 1),
        _ => return None,
    })
}

fn opaque(target: &Type<'_>) -> bool {
    matches!(target, Type::Opaque(_) | Type::Any)
}

/// Result and own cost of `name(…)`.
fn global<'s>(name: &str, given: &[Type<'s>]) -> Result<(Type<'s>, u64), String> {
    use Type::{Any, Text};
    let size = given.first().map_or(1, Type::size);
    let is_text = matches!(given.first(), Some(Text(_) | Any));
    let (fits, result, cost) = match name {
        "size" | "matches" if !given.is_empty() => return member(name, given),
        "int" => (given.len() == 1, Type::Int, 1),
        "uint" => (given.len() == 1, Type::Uint, 1),
        "double" => (given.len() == 1, Type::Double, 1),
        "string" => (given.len() == 1, Text(size.max(64)), walk(size)),
        "bytes" => (given.len() == 1, Type::Bytes(size), walk(size)),
        "bool" => (given.len() == 1, Type::Bool, 1),
        "timestamp" => (given.len() == 1, Type::Timestamp, 1),
        "duration" => (given.len() == 1, Type::Duration, 1),
        "type" => (given.len() == 1, Type::Kind, 1),
        "dyn" => (given.len() == 1, Any, 1),
        "isURL" | "isQuantity" | "isIP" | "isCIDR" | "isSemver" => {
            (is_text, Type::Bool, walk(size))
        }
        "url" => (is_text, Type::Opaque("url"), walk(size)),
        "quantity" => (is_text, Type::Opaque("quantity"), walk(size)),
        "ip" => (is_text, Type::Opaque("ip"), walk(size)),
        "cidr" => (is_text, Type::Opaque("cidr"), walk(size)),
        "semver" => (is_text, Type::Opaque("semver"), walk(size)),
        _ => {
            return Err(format!("undeclared reference to '{name}' (in container '')"));
        }
    };
    if fits { Ok((result, cost)) } else { Err(no_overload(name, given)) }
}
