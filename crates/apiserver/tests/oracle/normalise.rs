//! Turns what differs from run to run (uids, versions, times, names) into stable labels.
//!
//! Equal stays equal and different stays different: a value keeps its label for the whole
//! scenario, numbered in order of first appearance.

use std::collections::HashMap;
use std::sync::LazyLock;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use crate::json::{Json, Object};

pub(crate) mod tests;

macro_rules! pattern {
    ($name:ident, $pattern:literal) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($pattern).expect("the pattern is well formed"));
    };
}
pattern!(UUID, r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$");
pattern!(TIME, r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$");
pattern!(AGE, r"^(\d+y)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?$");
pattern!(IPV4, r"^\d+\.\d+\.\d+\.\d+$");

/// Times closer to now than this are the server's, others the scenario's own.
const RECENT: SignedDuration = SignedDuration::from_hours(48);
/// Characters the server adds to `generateName`.
const GENERATED_SUFFIX: usize = 5;

/// The labels given so far in one scenario.
#[derive(Default)]
pub(crate) struct Normaliser {
    /// Actual text and its placeholder, longest first.
    replacements: Vec<(String, String)>,
    labels: HashMap<(&'static str, String), String>,
    counts: HashMap<&'static str, usize>,
}

impl Normaliser {
    /// From now on `actual` reads as `placeholder` wherever it appears.
    pub(crate) fn replace(&mut self, actual: &str, placeholder: &str) {
        let pair = (actual.to_owned(), placeholder.to_owned());
        if !actual.is_empty() && !self.replacements.contains(&pair) {
            self.replacements.push(pair);
            self.replacements.sort_by_key(|(actual, _)| std::cmp::Reverse(actual.len()));
        }
    }

    /// `text` with everything known replaced.
    pub(crate) fn text(&self, text: &str) -> String {
        self.replacements
            .iter()
            .fold(text.to_owned(), |text, (actual, placeholder)| text.replace(actual, placeholder))
    }

    /// Learns the names that the server made from `generateName`.
    pub(crate) fn learn_names(&mut self, value: &Json) {
        match value {
            Json::Object(object) => {
                let (prefix, name) = (value.text_of("generateName"), value.text_of("name"));
                let suffix = name.strip_prefix(prefix).map(|suffix| suffix.chars().count());
                if !prefix.is_empty() && suffix == Some(GENERATED_SUFFIX) {
                    let placeholder = self.text(prefix) + &self.label("gen", name);
                    self.replace(name, &placeholder);
                }
                object.values().for_each(|value| self.learn_names(value));
            }
            Json::Array(items) => items.iter().for_each(|item| self.learn_names(item)),
            _ => {}
        }
    }

    /// A body with labels; `managed_fields` are dropped unless they are to be compared.
    pub(crate) fn body(&mut self, body: Json, managed_fields: bool) -> Json {
        self.learn_names(&body);
        self.walk(body, "", managed_fields)
    }

    fn label(&mut self, class: &'static str, value: &str) -> String {
        let count = self.counts.entry(class).or_default();
        self.labels
            .entry((class, value.to_owned()))
            .or_insert_with(|| {
                *count += 1;
                format!("<{class}#{count}>")
            })
            .clone()
    }

    fn walk(&mut self, value: Json, key: &str, managed_fields: bool) -> Json {
        match value {
            Json::Object(object) => self.object(object, managed_fields),
            Json::Array(items) => {
                let key = if key == "clusterIPs" { "clusterIP" } else { "" };
                Json::Array(
                    items.into_iter().map(|item| self.walk(item, key, managed_fields)).collect(),
                )
            }
            Json::Number(number) if matches!(key, "nodePort" | "healthCheckNodePort") => {
                match number.as_i64() {
                    None | Some(0) => Json::Number(number),
                    Some(port) => Json::String(self.label("nodeport", &port.to_string())),
                }
            }
            Json::String(text) => Json::String(self.string(text, key)),
            other => other,
        }
    }

    fn object(&mut self, mut object: Object, managed_fields: bool) -> Json {
        level_table(&mut object);
        level_list_metadata(&mut object);
        let mut out = IndexMap::with_capacity(object.len());
        for (key, mut value) in object {
            match (key.as_str(), &mut value) {
                ("storageVersionHash", _) => continue,
                ("managedFields", Json::Array(entries)) if managed_fields => {
                    entries.sort_by_key(|entry| {
                        ["manager", "operation", "subresource", "apiVersion"]
                            .map(|member| entry.text_of(member).to_owned())
                    });
                }
                ("managedFields", _) => continue,
                _ => {}
            }
            let value = self.walk(value, &key, managed_fields);
            out.insert(self.text(&key), value);
        }
        if let Some(Json::Array(causes)) = out.get_mut("causes") {
            causes.sort_by_key(|cause| {
                ["field", "reason", "message"].map(|member| cause.text_of(member).to_owned())
            });
        }
        Json::Object(out)
    }

    fn string(&mut self, text: String, key: &str) -> String {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match key {
            "resourceVersion" if is_number && text != "0" => return self.label("rv", &text),
            "resourceVersion" => return text,
            "continue" if text.starts_with("eyJ") => return "<continue>".to_owned(),
            "clusterIP" if IPV4.is_match(&text) => return self.label("ip", &text),
            _ => {}
        }
        if UUID.is_match(&text) {
            return self.label("uid", &text);
        }
        if let Some(parts) = TIME.captures(&text) {
            let label = if parts.get(2).is_some() { "<microtime>" } else { "<time>" };
            return if is_recent(&parts[1]) { label.to_owned() } else { text };
        }
        if key == "token" && text.starts_with("eyJ") && text.matches('.').count() == 2 {
            return "<jwt>".to_owned();
        }
        self.text(&text)
    }
}

/// Ages in cells become `<age>`; descriptions of columns are prose and go.
fn level_table(table: &mut Object) {
    if table.get("kind").and_then(Json::as_str) != Some("Table") {
        return;
    }
    let mut ages = Vec::new();
    if let Some(Json::Array(columns)) = table.get_mut("columnDefinitions") {
        for column in columns {
            ages.push(column.text_of("name") == "Age");
            if let Json::Object(column) = column {
                column.shift_remove("description");
            }
        }
    }
    let Some(Json::Array(rows)) = table.get_mut("rows") else {
        return;
    };
    for row in rows {
        let Some(Json::Array(cells)) = row.get_mut("cells") else {
            continue;
        };
        for (index, cell) in cells.iter_mut().enumerate() {
            // Later watch events have no column definitions, so the form decides there.
            if ages.get(index) == Some(&true) || cell.as_str().is_some_and(is_age) {
                *cell = "<age>".into();
            }
        }
    }
}

/// Versions and continue tokens of lists are not those of an object: they get no number.
fn level_list_metadata(list: &mut Object) {
    let kind = list.get("kind").and_then(Json::as_str).unwrap_or_default();
    if !kind.ends_with("List") && kind != "Table" {
        return;
    }
    let Some(Json::Object(metadata)) = list.get_mut("metadata") else {
        return;
    };
    if metadata.contains_key("name") {
        return;
    }
    for (key, placeholder) in [("resourceVersion", "<rv>"), ("continue", "<continue>")] {
        if let Some(value) =
            metadata.get_mut(key).filter(|value| !matches!(value.as_str(), None | Some("")))
        {
            *value = placeholder.into();
        }
    }
}

fn is_age(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && AGE.is_match(text)
}

fn is_recent(time: &str) -> bool {
    format!("{time}Z")
        .parse::<Timestamp>()
        .is_ok_and(|time| Timestamp::now().duration_since(time).abs() < RECENT)
}
