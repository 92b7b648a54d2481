//! What of two answers must be equal, and how a difference is shown.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::json::{Json, Object};

pub(crate) mod tests;

/// Differences shown in full; more are counted.
const SHOWN: usize = 12;
/// Characters shown of one value, and of a whole body where both are of different kinds.
const VALUE_WIDTH: usize = 600;
const BODY_WIDTH: usize = 1600;

/// One place where two values differ; a missing side is absent there.
#[derive(Debug, PartialEq)]
pub(crate) struct Difference {
    path: String,
    expected: Option<Json>,
    actual: Option<Json>,
}

/// `None` when `actual` is as recorded, else a readable account of how it is not.
pub(crate) fn explain(expected: &Json, actual: &Json) -> Option<String> {
    let differences = diff(&comparable(expected), &comparable(actual));
    if differences.is_empty() {
        return None;
    }
    let mut text = String::new();
    if are_different_answers(expected, actual) {
        // A success beside an error differs in every field; the two of them say more.
        for (side, answer) in [("expected", expected), ("actual", actual)] {
            let part = |key| answer.get(key).map(Json::to_string).unwrap_or_default();
            let _ = writeln!(
                text,
                "    {side}: {} {}",
                part("status"),
                short(&part("body"), BODY_WIDTH)
            );
        }
        return Some(text);
    }
    for Difference { path, expected, actual } in differences.iter().take(SHOWN) {
        let _ = writeln!(
            text,
            "    {path}\n      expected: {}\n      actual:   {}",
            side(expected),
            side(actual)
        );
    }
    if differences.len() > SHOWN {
        let _ = writeln!(text, "    ... and {} more differences", differences.len() - SHOWN);
    }
    // Messages are not compared, but they tell why.
    for (side, answer) in [("expected", expected), ("actual", actual)] {
        if let Some(message) = status_of(answer).and_then(|status| status.get("message")) {
            let _ = writeln!(text, "    {side} message: {message}");
        }
    }
    Some(text)
}

/// Whether one answer is an error or of a kind that the other is not.
fn are_different_answers(expected: &Json, actual: &Json) -> bool {
    let kind = |answer: &Json| answer.get("body").and_then(|body| body.get("kind")).cloned();
    expected.get("body").is_some() && actual.get("body").is_some() && kind(expected) != kind(actual)
}

fn status_of(answer: &Json) -> Option<&Json> {
    answer.get("body").filter(|body| body.text_of("kind") == "Status")
}

fn side(value: &Option<Json>) -> String {
    value
        .as_ref()
        .map_or_else(|| "<absent>".to_owned(), |value| short(&value.to_string(), VALUE_WIDTH))
}

/// `text`, cut at a number of characters.
pub(crate) fn short(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}… ({} more bytes)", &text[..at], text.len() - at),
    }
}

/// Drops what is recorded for the reader only: messages of Status, causes and conditions.
/// Causes are a set.
fn comparable(value: &Json) -> Json {
    match value {
        Json::Object(object) => {
            let drop_message = value.text_of("kind") == "Status" || is_condition(object);
            let members = object.iter().filter(|(key, _)| !drop_message || *key != "message");
            Json::Object(
                members.map(|(key, value)| (key.clone(), comparable_member(key, value))).collect(),
            )
        }
        Json::Array(items) => Json::Array(items.iter().map(comparable).collect()),
        other => other.clone(),
    }
}

fn comparable_member(key: &str, value: &Json) -> Json {
    let (true, Json::Array(causes)) = (key == "causes", value) else {
        return comparable(value);
    };
    let mut causes = causes.clone();
    for cause in &mut causes {
        if let Json::Object(cause) = cause {
            cause.shift_remove("message");
        }
    }
    causes.sort_by_cached_key(Json::sort_key);
    comparable(&Json::Array(causes))
}

fn is_condition(object: &Object) -> bool {
    object.contains_key("type")
        && object.contains_key("status")
        && ["lastTransitionTime", "lastUpdateTime", "reason"]
            .iter()
            .any(|key| object.contains_key(*key))
}

/// Every place where two values differ, keys in order of the alphabet.
fn diff(expected: &Json, actual: &Json) -> Vec<Difference> {
    let mut differences = Vec::new();
    descend("$".to_owned(), Some(expected), Some(actual), &mut differences);
    differences
}

fn descend(
    path: String,
    expected: Option<&Json>,
    actual: Option<&Json>,
    found: &mut Vec<Difference>,
) {
    match (expected, actual) {
        (Some(Json::Object(left)), Some(Json::Object(right))) => {
            for key in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
                descend(member_path(&path, key), left.get(key), right.get(key), found);
            }
        }
        (Some(Json::Array(left)), Some(Json::Array(right))) => {
            for index in 0..left.len().max(right.len()) {
                descend(format!("{path}[{index}]"), left.get(index), right.get(index), found);
            }
        }
        (left, right) if left == right => {}
        (left, right) => {
            found.push(Difference { path, expected: left.cloned(), actual: right.cloned() });
        }
    }
}

fn member_path(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-$<>#{}".contains(c);
    match !key.is_empty() && key.chars().all(plain) {
        true => format!("{path}.{key}"),
        false => format!("{path}['{key}']"),
    }
}
