//! The structural schema of a custom resource, compiled once.
//!
//! A schema is made from `openAPIV3Schema` and then prunes, defaults and checks
//! objects. Semantics: `k8s.io/apiextensions-apiserver/pkg/apiserver/schema` and
//! `k8s.io/kube-openapi/pkg/validation` of Kubernetes 1.28.

mod default;
mod format;
mod list;
pub(crate) mod metadata;
mod pattern;
mod prune;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

pub(crate) use format::Format;
pub(crate) use pattern::compile as compile_pattern;

use super::cel::{self, Rule};

/// A schema that cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A pattern that Go's regexp would not take either, or one that grows too large.
    #[error("pattern {pattern:?}: {source}")]
    Pattern {
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: Box<regex::Error>,
    },
    /// A CEL rule that does not parse.
    #[error("rule {rule:?}: {message}")]
    Rule {
        /// The expression as written.
        rule: String,
        /// What the parser says.
        message: String,
    },
    /// Nested deeper than any sane schema.
    #[error("schema is nested deeper than {0} levels")]
    Depth(usize),
}

/// JSON types that a place may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

/// `additionalProperties`.
#[derive(Debug)]
pub(crate) enum Additional {
    /// `true`, which prunes below as if nothing was known.
    Any,
    /// `false`.
    Nothing,
    /// Every value has this schema.
    Of(Box<Schema>),
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListType {
    Atomic,
    Set,
    Map,
}

/// One place in a schema, with everything below it.
#[derive(Debug, Default)]
pub struct Schema {
    pub(crate) kind: Option<Kind>,
    pub(crate) nullable: bool,
    pub(crate) default: Option<Value>,
    pub(crate) properties: BTreeMap<String, Schema>,
    pub(crate) additional: Option<Additional>,
    pub(crate) items: Option<Box<Schema>>,
    pub(crate) preserve_unknown: bool,
    pub(crate) embedded: bool,
    pub(crate) list_type: Option<ListType>,
    pub(crate) list_map_keys: Vec<String>,
    pub(crate) atomic_map: bool,
    pub(crate) rules: Vec<Rule>,
    /// Rules stand here or below.
    pub(crate) ruled: bool,
    /// `set` or `map` lists stand here or below.
    pub(crate) unique: bool,
    /// Embedded resources stand here or below.
    pub(crate) embeds: bool,
    pub(crate) format: Option<Format>,
    pub(crate) enumeration: Vec<Value>,
    pub(crate) pattern: Option<(String, Regex)>,
    pub(crate) min_length: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) min_items: Option<u64>,
    pub(crate) max_items: Option<u64>,
    pub(crate) min_properties: Option<u64>,
    pub(crate) max_properties: Option<u64>,
    pub(crate) minimum: Option<f64>,
    pub(crate) exclusive_minimum: bool,
    pub(crate) maximum: Option<f64>,
    pub(crate) exclusive_maximum: bool,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) required: Vec<String>,
    pub(crate) all_of: Vec<Schema>,
    pub(crate) any_of: Vec<Schema>,
    pub(crate) one_of: Vec<Schema>,
    pub(crate) not: Option<Box<Schema>>,
}

/// Deeper schemas are refused, so that recursion over them cannot exhaust the stack.
pub(crate) const MAX_DEPTH: usize = 100;

impl Schema {
    /// Compiles an `openAPIV3Schema`.
    ///
    /// # Errors
    /// When a pattern or a CEL rule does not compile; a definition that passed
    /// validation has neither.
    pub fn compile(raw: &Value) -> Result<Self, Error> {
        Self::compile_at(raw, 0, true)
    }

    /// The same without CEL rules: for judging those of a definition one by one.
    pub(crate) fn compile_types(raw: &Value) -> Result<Self, Error> {
        Self::compile_at(raw, 0, false)
    }

    fn compile_at(raw: &Value, depth: usize, rules: bool) -> Result<Self, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Depth(MAX_DEPTH));
        }
        let one = |name: &str| -> Result<Option<Box<Schema>>, Error> {
            raw.get(name)
                .filter(|below| below.is_object())
                .map(|below| Self::compile_at(below, depth + 1, rules).map(Box::new))
                .transpose()
        };
        let many = |name: &str| -> Result<Vec<Schema>, Error> {
            items(raw, name).map(|below| Self::compile_at(below, depth + 1, rules)).collect()
        };
        let additional = match raw.get("additionalProperties") {
            Some(Value::Bool(true)) => Some(Additional::Any),
            Some(Value::Bool(false)) => Some(Additional::Nothing),
            _ => one("additionalProperties")?.map(Additional::Of),
        };
        let properties = raw
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, below)| Ok((name.clone(), Self::compile_at(below, depth + 1, rules)?)))
            .collect::<Result<BTreeMap<_, _>, Error>>()?;
        let count = |name: &str| raw.get(name).and_then(Value::as_u64);
        let number = |name: &str| raw.get(name).and_then(Value::as_f64);
        let mut schema = Self {
            kind: kind(raw),
            nullable: flag(raw, "nullable"),
            default: raw.get("default").filter(|it| !it.is_null()).cloned(),
            properties,
            additional,
            items: one("items")?,
            preserve_unknown: flag(raw, "x-kubernetes-preserve-unknown-fields"),
            embedded: flag(raw, "x-kubernetes-embedded-resource"),
            list_type: match text(raw, "x-kubernetes-list-type") {
                Some("set") => Some(ListType::Set),
                Some("map") => Some(ListType::Map),
                Some(_) => Some(ListType::Atomic),
                None => None,
            },
            list_map_keys: texts(raw, "x-kubernetes-list-map-keys"),
            atomic_map: text(raw, "x-kubernetes-map-type") == Some("atomic"),
            rules: if rules { cel::compile(raw)? } else { Vec::new() },
            format: text(raw, "format").and_then(Format::named),
            enumeration: items(raw, "enum").cloned().collect(),
            pattern: match text(raw, "pattern").filter(|pattern| !pattern.is_empty()) {
                Some(pattern) => Some((pattern.to_owned(), compile_pattern(pattern)?)),
                None => None,
            },
            min_length: count("minLength"),
            max_length: count("maxLength"),
            min_items: count("minItems"),
            max_items: count("maxItems"),
            min_properties: count("minProperties"),
            max_properties: count("maxProperties"),
            minimum: number("minimum"),
            exclusive_minimum: flag(raw, "exclusiveMinimum"),
            maximum: number("maximum"),
            exclusive_maximum: flag(raw, "exclusiveMaximum"),
            multiple_of: number("multipleOf"),
            required: texts(raw, "required"),
            all_of: many("allOf")?,
            any_of: many("anyOf")?,
            one_of: many("oneOf")?,
            not: one("not")?,
            ..<Self as Default>::default()
        };
        schema.ruled = !schema.rules.is_empty() || schema.below().any(|it| it.ruled);
        schema.unique = matches!(schema.list_type, Some(ListType::Set | ListType::Map))
            || schema.below().any(|it| it.unique);
        schema.embeds = schema.embedded || schema.below().any(|it| it.embeds);
        Ok(schema)
    }

    /// The schemas of everything directly below.
    fn below(&self) -> impl Iterator<Item = &Schema> {
        self.properties.values().chain(self.items.as_deref()).chain(self.additional_schema())
    }

    pub(crate) fn additional_schema(&self) -> Option<&Schema> {
        match &self.additional {
            Some(Additional::Of(schema)) => Some(schema),
            _ => None,
        }
    }

    /// The schema of a field or map entry.
    pub(crate) fn at(&self, name: &str) -> Option<&Schema> {
        self.properties.get(name).or_else(|| self.additional_schema())
    }
}

fn kind(raw: &Value) -> Option<Kind> {
    if flag(raw, "x-kubernetes-int-or-string") {
        return Some(Kind::IntOrString);
    }
    match text(raw, "type")? {
        "object" => Some(Kind::Object),
        "array" => Some(Kind::Array),
        "string" => Some(Kind::String),
        "integer" => Some(Kind::Integer),
        "number" => Some(Kind::Number),
        "boolean" => Some(Kind::Boolean),
        _ => None,
    }
}

/// A non-empty text of a raw schema.
pub(crate) fn text<'a>(raw: &'a Value, name: &str) -> Option<&'a str> {
    raw.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// A flag of a raw schema; missing is false.
pub(crate) fn flag(raw: &Value, name: &str) -> bool {
    raw.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The items of a list in a raw schema.
pub(crate) fn items<'a>(raw: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    raw.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// The texts in a list of a raw schema.
pub(crate) fn texts(raw: &Value, name: &str) -> Vec<String> {
    items(raw, name).filter_map(Value::as_str).map(str::to_owned).collect()
}
