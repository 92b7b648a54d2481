//! From an object to a template of it.
//!
//! The objects are made as always, by typed code, but with marks in the places where values of the
//! chart go: words that YAML takes for plain text. The YAML of such an object becomes a template
//! when each line with a mark is replaced by what the mark stands for.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, bail};
use serde_json::Value;

use crate::output;

/// What begins and ends a mark.
const MARK: &str = "MARK";

/// What a mark stands for. Values are named as in `controllers.replicas`.
enum Mark {
    /// An expression, anywhere in a line.
    Expression(String),
    /// An entry or item that is there under a condition.
    When { condition: String, text: String },
    /// An entry with a value that is YAML, or left out where the value is empty.
    Block { value: &'static str },
    /// Items that are YAML.
    Items { value: &'static str },
    /// An item for each of a value's, which is the dot in these lines.
    Each { value: &'static str, lines: &'static [&'static str] },
    /// An entry that an expression gives as YAML.
    Include { expression: String },
}

/// All marks, and the defaults of the values behind them.
#[derive(Default)]
pub(super) struct Marks {
    marks: Vec<Mark>,
    defaults: BTreeMap<&'static str, Value>,
}

impl Marks {
    /// Defaults of values, as the objects had them.
    pub(super) fn defaults(&self) -> &BTreeMap<&'static str, Value> {
        &self.defaults
    }

    fn put(&mut self, mark: Mark) -> Value {
        self.marks.push(mark);
        Value::String(format!("{MARK}{}{MARK}", self.marks.len() - 1))
    }

    /// A mark for an expression, to stand in any text.
    pub(super) fn expression(&mut self, expression: &str) -> String {
        let mark = self.put(Mark::Expression(expression.to_owned()));
        mark.as_str().unwrap_or_default().to_owned()
    }

    /// A mark for an entry or item that is there under a condition.
    pub(super) fn when(&mut self, condition: &str, text: &str) -> Value {
        let (condition, text) = (condition.to_owned(), text.to_owned());
        self.put(Mark::When { condition, text })
    }

    /// A mark for an entry that is YAML.
    pub(super) fn block(&mut self, value: &'static str) -> Value {
        self.put(Mark::Block { value })
    }

    /// The default of a value that was in an object in another form.
    pub(super) fn remember(&mut self, value: &'static str, default: Value) {
        self.defaults.insert(value, default);
    }

    /// A mark for items.
    pub(super) fn items(&mut self, value: &'static str) -> Value {
        self.put(Mark::Items { value })
    }

    /// A mark for items that look like `lines`.
    pub(super) fn each(&mut self, value: &'static str, lines: &'static [&'static str]) -> Value {
        self.put(Mark::Each { value, lines })
    }

    /// A mark for an entry that an expression gives.
    pub(super) fn include(&mut self, expression: String) -> Value {
        self.put(Mark::Include { expression })
    }

    /// Puts a value where `pointer` points to; what is there becomes its default.
    pub(super) fn lift(
        &mut self,
        object: &mut Value,
        pointer: &str,
        value: &'static str,
    ) -> Result<()> {
        let place = place(object, pointer)?;
        let default = std::mem::take(place);
        *place = self.put(match default {
            Value::Null | Value::Object(_) | Value::Array(_) => Mark::Block { value },
            Value::String(_) => Mark::Expression(format!(".Values.{value} | quote")),
            Value::Bool(_) | Value::Number(_) => Mark::Expression(format!(".Values.{value}")),
        });
        self.defaults.insert(value, default);
        Ok(())
    }

    /// The template of an object.
    pub(super) fn template(&self, object: &Value) -> Result<String> {
        let mut text = String::from("---\n");
        for line in output::yaml(object)?.lines() {
            if line.contains("{{") {
                bail!("a template would take `{line}` for one of its own");
            }
            text += &self.line(line)?;
        }
        Ok(text)
    }

    /// A line with what its marks stand for.
    fn line(&self, line: &str) -> Result<String> {
        let Some((before, number, after)) = split(line) else {
            return Ok(format!("{line}\n"));
        };
        let mark = self.marks.get(number).ok_or_else(|| anyhow!("nobody made mark {number}"))?;
        let indent = before.len() - before.trim_start().len();
        let (space, before) = before.split_at(indent);
        let entry = before.trim_end();
        if !matches!(mark, Mark::Expression(_)) && !after.is_empty() {
            bail!("a mark that stands alone does not in `{line}`");
        }
        let within = indent + 2;
        Ok(match mark {
            Mark::Expression(expression) => {
                let rest = self.line(after)?;
                format!("{space}{before}{{{{ {expression} }}}}{rest}")
            }
            Mark::When { condition, text } => format!(
                "{space}{{{{- if {condition} }}}}\n\
                 {space}{before}{text}\n\
                 {space}{{{{- end }}}}\n"
            ),
            Mark::Block { value } => format!(
                "{space}{{{{- with .Values.{value} }}}}\n\
                 {space}{entry}\n\
                 {space}  {{{{- toYaml . | nindent {within} }}}}\n\
                 {space}{{{{- end }}}}\n"
            ),
            Mark::Items { value } => format!(
                "{space}{{{{- with .Values.{value} }}}}\n\
                 {space}{{{{- toYaml . | nindent {indent} }}}}\n\
                 {space}{{{{- end }}}}\n"
            ),
            Mark::Each { value, lines } => {
                let lines: String = lines.iter().map(|line| format!("{space}{line}\n")).collect();
                format!("{space}{{{{- range .Values.{value} }}}}\n{lines}{space}{{{{- end }}}}\n")
            }
            Mark::Include { expression } => format!(
                "{space}{entry}\n\
                 {space}  {{{{- {expression} | nindent {within} }}}}\n"
            ),
        })
    }
}

/// The first mark of a line, and what is before and after it.
fn split(line: &str) -> Option<(&str, usize, &str)> {
    let (before, rest) = line.split_once(MARK)?;
    let (number, after) = rest.split_once(MARK)?;
    Some((before, number.parse().ok()?, after))
}

/// What a JSON pointer points to; its last entry is made where it is missing.
pub(super) fn place<'a>(object: &'a mut Value, pointer: &str) -> Result<&'a mut Value> {
    let missing = || anyhow!("there is no {pointer} in an object of the chart");
    let (parent, key) = pointer.rsplit_once('/').ok_or_else(missing)?;
    let parent = object.pointer_mut(parent).ok_or_else(missing)?;
    match parent {
        Value::Array(items) => key.parse().ok().and_then(|at: usize| items.get_mut(at)),
        Value::Object(entries) => Some(entries.entry(key).or_insert(Value::Null)),
        _ => None,
    }
    .ok_or_else(missing)
}
