//! The JSONPath of kubectl, as far as columns need it: fields, indices, wildcards,
//! slices, unions, recursive descent and filters.

use std::cmp::Ordering;

use serde_json::Value;

/// A parsed path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Wildcard,
    Recursive,
    Union(Vec<Step>),
    /// Start, end, step; negative numbers count from the end.
    Slice(Option<i64>, Option<i64>, i64),
    Index(i64),
    Filter(Operand, Option<(&'static str, Operand)>),
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Path(JsonPath),
    Literal(Value),
}

const OPERATORS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];

impl JsonPath {
    /// Parses `.a.b[0]`; `None` when it is no path.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix(['$', '@']).unwrap_or(text);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("..") {
                steps.push(Step::Recursive);
                rest = after;
                if !rest.starts_with('[') {
                    rest = name(rest, &mut steps);
                }
            } else if let Some(after) = rest.strip_prefix('.') {
                rest = name(after, &mut steps);
            } else if let Some(after) = rest.strip_prefix('[') {
                let end = closing(after)?;
                steps.push(bracket(after[..end].trim())?);
                rest = &after[end + 1..];
            } else {
                return None;
            }
        }
        Some(Self(steps))
    }

    /// The first value found.
    pub(crate) fn first<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.find(object).into_iter().next()
    }

    fn find<'a>(&self, object: &'a Value) -> Vec<&'a Value> {
        self.0.iter().fold(vec![object], |found, step| {
            found.into_iter().flat_map(|value| step.find(value)).collect()
        })
    }
}

/// Reads a name up to the next step; a backslash takes the next letter as it is.
fn name<'a>(text: &'a str, steps: &mut Vec<Step>) -> &'a str {
    let mut out = String::new();
    let mut letters = text.char_indices();
    let mut end = text.len();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '.' | '[' => {
                end = at;
                break;
            }
            '\\' => out.extend(letters.next().map(|(_, it)| it)),
            other => out.push(other),
        }
    }
    match out.as_str() {
        "" => {}
        "*" => steps.push(Step::Wildcard),
        _ => steps.push(Step::Field(out)),
    }
    &text[end..]
}

/// Where the bracket that is open closes, quotes and inner brackets aside.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), it) if open == it => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[' | '(') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']' | ')') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

fn bracket(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::Wildcard);
    }
    if let Some(filter) = text.strip_prefix("?(") {
        return filter_step(filter.strip_suffix(')')?.trim());
    }
    if let Some(name) = quoted(text) {
        return Some(Step::Field(name.to_owned()));
    }
    if text.contains(',') {
        let parts = text.split(',').map(|part| bracket(part.trim()));
        return parts.collect::<Option<_>>().map(Step::Union);
    }
    if text.contains(':') {
        let mut parts = text.split(':').map(str::trim);
        let mut number = || match parts.next() {
            None | Some("") => Some(None),
            Some(digits) => digits.parse().ok().map(Some),
        };
        let (start, end, step) = (number()?, number()?, number()?);
        return Some(Step::Slice(start, end, step.unwrap_or(1)));
    }
    text.parse().ok().map(Step::Index)
}

fn quoted(text: &str) -> Option<&str> {
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('\'').or_else(|| inside('"')).filter(|it| !it.contains(['\'', '"']))
}

fn filter_step(text: &str) -> Option<Step> {
    let operand = |text: &str| -> Option<Operand> {
        if let Some(name) = quoted(text) {
            return Some(Operand::Literal(Value::from(name)));
        }
        if text.starts_with(['@', '$', '.']) {
            return JsonPath::parse(text).map(Operand::Path);
        }
        serde_json::from_str(text).ok().map(Operand::Literal)
    };
    let found = text.char_indices().find_map(|(at, _)| {
        let known = OPERATORS.iter().find(|it| text[at..].starts_with(**it));
        known.map(|operator| (at, *operator))
    });
    match found {
        Some((at, operator)) => {
            let right = operand(text[at + operator.len()..].trim())?;
            Some(Step::Filter(operand(text[..at].trim())?, Some((operator, right))))
        }
        None => Some(Step::Filter(operand(text)?, None)),
    }
}

impl Step {
    fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Step::Field(name), value) => value.get(name).into_iter().collect(),
            (Step::Wildcard, Value::Array(list)) => list.iter().collect(),
            (Step::Wildcard, Value::Object(map)) => map.values().collect(),
            (Step::Recursive, value) => {
                let mut all = vec![value];
                descend(value, &mut all);
                all
            }
            (Step::Union(steps), value) => steps.iter().flat_map(|it| it.find(value)).collect(),
            (Step::Index(at), Value::Array(list)) => {
                let at = if *at < 0 { list.len() as i64 + at } else { *at };
                usize::try_from(at).ok().and_then(|at| list.get(at)).into_iter().collect()
            }
            (Step::Slice(start, end, step), Value::Array(list)) => {
                let length = list.len() as i64;
                let absolute = |at: i64| if at < 0 { length + at } else { at }.clamp(0, length);
                let start = absolute(start.unwrap_or(0)) as usize;
                let end = absolute(end.unwrap_or(length)) as usize;
                let step = usize::try_from(*step).unwrap_or(1).max(1);
                list.get(start..end).unwrap_or_default().iter().step_by(step).collect()
            }
            (Step::Filter(left, test), Value::Array(list)) => {
                let holds = |item: &&Value| match test {
                    None => left.value(item).is_some(),
                    Some((operator, right)) => {
                        let values = left.value(item).zip(right.value(item));
                        values.is_some_and(|(left, right)| compare(left, operator, right))
                    }
                };
                list.iter().filter(holds).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, item: &'a Value) -> Option<&'a Value> {
        match self {
            Operand::Path(path) => path.first(item),
            Operand::Literal(value) => Some(value),
        }
    }
}

fn descend<'a>(value: &'a Value, all: &mut Vec<&'a Value>) {
    let mut each = |below: &'a Value| {
        all.push(below);
        descend(below, all);
    };
    match value {
        Value::Array(list) => list.iter().for_each(&mut each),
        Value::Object(map) => map.values().for_each(&mut each),
        _ => {}
    }
}

fn compare(left: &Value, operator: &str, right: &Value) -> bool {
    let order = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (left, right) if left == right => Some(Ordering::Equal),
        _ => None,
    };
    match (operator, order) {
        ("!=", order) => order != Some(Ordering::Equal),
        ("==", Some(order)) => order.is_eq(),
        ("<", Some(order)) => order.is_lt(),
        ("<=", Some(order)) => order.is_le(),
        (">", Some(order)) => order.is_gt(),
        (">=", Some(order)) => order.is_ge(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_step() {
        let object = json!({
            "a": {"b.c": 1, "x/y": 2}, "l": [{"t": "A", "v": 1}, {"t": "B", "v": 2}, {"t": "C", "v": 3}],
        });
        let cases = [
            (".a['b.c']", json!(1)),
            (".a.b\\.c", json!(1)),
            (".a.x/y", json!(2)),
            (".l[0].v", json!(1)),
            (".l[-1].v", json!(3)),
            (".l[1:].v", json!(2)),
            (".l[*].t", json!("A")),
            (".l[?(@.t==\"B\")].v", json!(2)),
            (".l[?(@.v>=2)].t", json!("B")),
            (".l[?(@.t != 'A')].t", json!("B")),
            (".l[?(@.none)].t", Value::Null),
            ("..v", json!(1)),
            (".none.x", Value::Null),
        ];
        for (path, expected) in cases {
            let found = JsonPath::parse(path).unwrap();
            assert_eq!(found.first(&object).unwrap_or(&Value::Null), &expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_path() {
        for path in ["a.b", ".a[", ".a[x]", ".a[?(@.b]"] {
            assert_eq!(JsonPath::parse(path), None, "{path}");
        }
    }
}
