//! YAML 1.1 as clients of Kubernetes write it: `y`, `yes` and `on` are booleans.

use std::cell::RefCell;

use serde::de::DeserializeSeed;
use serde_json::Value;

use super::DecodeError;
use super::tree::Node;

/// The value of the first document, and the paths of fields that stood twice.
pub(super) fn parse(body: &[u8]) -> Result<(Value, Vec<String>), DecodeError> {
    let text =
        std::str::from_utf8(body).map_err(|_| DecodeError::Yaml("invalid UTF-8".to_owned()))?;
    let text = first_document(text);
    if text.trim().is_empty() {
        return Ok((Value::Null, Vec::new()));
    }
    let found = RefCell::new(Vec::new());
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        legacy_octal_numbers: true,
        with_snippet: false,
    };
    let value = serde_saphyr::with_deserializer_from_str_with_options(text, options, |inner| {
        let node = Node { path: String::new(), found: &found };
        node.deserialize(inner)
    })
    .map_err(|error| DecodeError::Yaml(words(&error)))?;
    Ok((value, found.into_inner()))
}

fn words(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default().to_owned();
    match error.location() {
        Some(at) => format!("line {}: {text}", at.line()),
        None => text,
    }
}

/// Everything up to the second document marker: a real server reads one document.
fn first_document(text: &str) -> &str {
    let mut begun = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        let marker = bare == "---" || bare.starts_with("--- ");
        if (marker && begun) || bare == "..." {
            return &text[..at];
        }
        let blank = bare.trim_start().is_empty() || bare.trim_start().starts_with(['#', '%']);
        begun |= marker || !blank;
        at += line.len();
    }
    text
}
