//! JSON that reports duplicate fields and words its syntax errors as Go does.

use std::cell::RefCell;

use serde::de::DeserializeSeed;
use serde_json::Value;

use super::DecodeError;
use super::tree::{MAX_DEPTH, Node, depth};

/// The value, and the paths of fields that stood twice.
pub(super) fn parse(body: &[u8]) -> Result<(Value, Vec<String>), DecodeError> {
    let found = RefCell::new(Vec::new());
    let node = Node { path: String::new(), found: &found };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = node
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| DecodeError::Json(go_words(body, &error)))?;
    if depth(&value) > MAX_DEPTH {
        return Err(DecodeError::Json("exceeded max depth".to_owned()));
    }
    Ok((value, found.into_inner()))
}

/// The message of Go's `encoding/json` for the same mistake.
fn go_words(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected end of JSON input".to_owned();
    }
    let text = error.to_string();
    if text.starts_with("recursion limit exceeded") {
        return "exceeded max depth".to_owned();
    }
    let context = [
        ("key must be a string", "looking for beginning of object key string"),
        ("trailing comma", "looking for beginning of value"),
        ("expected `:`", "after object key"),
        ("expected `,` or `}`", "after object key:value pair"),
        ("expected `,` or `]`", "after array element"),
        ("trailing characters", "after top-level value"),
        ("control character", "in string literal"),
        ("invalid escape", "in string escape code"),
        ("invalid number", "in numeric literal"),
        ("expected ident", "in literal"),
        ("expected value", "looking for beginning of value"),
    ];
    let context = context.iter().find(|(words, _)| text.starts_with(words));
    match (context, offending(body, error)) {
        (Some((_, context)), Some(letter)) => {
            format!("invalid character {} {context}", quoted(letter))
        }
        _ => text,
    }
}

/// The letter at which the parser stopped.
fn offending(body: &[u8], error: &serde_json::Error) -> Option<char> {
    let line = body.split(|byte| *byte == b'\n').nth(error.line().checked_sub(1)?)?;
    let rest = line.get(error.column().saturating_sub(1)..)?;
    let rest = String::from_utf8_lossy(rest);
    Some(rest.chars().next().unwrap_or('\n'))
}

fn quoted(letter: char) -> String {
    match letter {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        other => format!("{other:?}"),
    }
}
