//! Texts and numbers whose form matters: times, base64, integers.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde_json::Value;

/// Go's standard encoding: padding is required, stray trailing bits are not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// What Go calls the JSON type of a value.
pub(super) fn json_word(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    }
}

/// Decodes and encodes again; line breaks inside are allowed.
pub(super) fn base64(text: &str) -> Result<String, String> {
    let bare: String = text.chars().filter(|c| !"\r\n".contains(*c)).collect();
    match BASE64.decode(&bare) {
        Ok(bytes) => Ok(BASE64.encode(bytes)),
        Err(_) => {
            let wrong = |byte: u8| !(byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(&byte));
            let at = text.bytes().position(wrong);
            let at = at.or_else(|| text.find('=')).unwrap_or(text.len());
            Err(format!("illegal base64 data at input byte {at}"))
        }
    }
}

/// One element of a Go time layout.
enum Element {
    Digits(usize),
    Letter(char),
}

const DATE_TIME: [(&str, Element); 11] = [
    ("2006", Element::Digits(4)),
    ("-", Element::Letter('-')),
    ("01", Element::Digits(2)),
    ("-", Element::Letter('-')),
    ("02", Element::Digits(2)),
    ("T", Element::Letter('T')),
    ("15", Element::Digits(2)),
    (":", Element::Letter(':')),
    ("04", Element::Digits(2)),
    (":", Element::Letter(':')),
    ("05", Element::Digits(2)),
];

fn digits(text: &str, count: usize) -> bool {
    text.len() >= count && text.as_bytes()[..count].iter().all(u8::is_ascii_digit)
}

/// Walks a layout over a text; `fraction` is how many digits must follow the seconds,
/// or `None` when any number may.
fn parse(text: &str, layout: &str, fraction: Option<usize>) -> Result<Timestamp, String> {
    let cannot = |rest: &str, element: &str| {
        format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {element:?}")
    };
    let mut rest = text;
    for (name, element) in DATE_TIME {
        let length = match element {
            Element::Digits(count) if digits(rest, count) => count,
            Element::Letter(letter) if rest.starts_with(letter) => 1,
            _ => return Err(cannot(rest, name)),
        };
        rest = &rest[length..];
    }
    match fraction {
        Some(count) => {
            let fits = rest.starts_with('.') && digits(&rest[1..], count);
            if !fits {
                return Err(cannot(rest, ".000000"));
            }
            rest = &rest[count + 1..];
        }
        None => {
            if let Some(after) = rest.strip_prefix(['.', ',']) {
                let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
                if end > 0 {
                    rest = &after[end..];
                }
            }
        }
    }
    let zone = match rest.as_bytes() {
        [b'Z'] => true,
        [b'+' | b'-', hours @ .., b':', _, _] if hours.len() == 2 => {
            digits(&rest[1..], 2) && digits(&rest[4..], 2)
        }
        _ => false,
    };
    if !zone {
        return Err(cannot(rest, "Z07:00"));
    }
    text.replace(',', ".").parse().map_err(|_| format!("parsing time {text:?}: day out of range"))
}

/// Reads a `metav1.Time`: RFC 3339, with or without a fraction.
///
/// # Errors
/// The message of Go's `time.Parse`.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    parse(text, "2006-01-02T15:04:05Z07:00", None)
}

/// Reads a `metav1.MicroTime`: RFC 3339 with exactly six digits of fraction.
///
/// # Errors
/// The message of Go's `time.Parse`.
pub fn parse_micro_time(text: &str) -> Result<Timestamp, String> {
    parse(text, "2006-01-02T15:04:05.000000Z07:00", Some(6))
}

/// `2024-01-02T03:04:05Z`.
pub(super) fn time(text: &str) -> Result<String, String> {
    Ok(parse_time(text)?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// `2024-01-02T03:04:05.000000Z`.
pub(super) fn micro_time(text: &str) -> Result<String, String> {
    let at = parse_micro_time(text)?;
    Ok(at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string())
}

/// The integer in a value, whole floats included.
pub(super) fn integer(value: &Value, bits: u8) -> Option<i64> {
    let number = match value.as_i64() {
        Some(number) => number,
        None => super::tree::number(value.as_f64()?)?.as_i64()?,
    };
    (bits != 32 || i32::try_from(number).is_ok()).then_some(number)
}
