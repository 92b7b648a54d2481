//! One step of a field path.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

/// A JSON scalar with a total order, as path elements need it.
///
/// Whole numbers compare equal however they are written (`1`, `1.0`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scalar {
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(Finite),
    /// A text.
    Text(String),
    /// `true` or `false`.
    Boolean(bool),
    /// `null`.
    Null,
}

/// A finite floating-point number; JSON has no other.
#[derive(Debug, Clone, Copy)]
pub struct Finite(f64);

impl PartialEq for Finite {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Finite {}

impl PartialOrd for Finite {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Finite {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Scalar {
    /// The scalar in a JSON value; `None` for lists and objects.
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(flag) => Some(Self::Boolean(*flag)),
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Number(number) => {
                if let Some(whole) = number.as_i64() {
                    return Some(Self::Integer(whole));
                }
                let float = number.as_f64()?;
                // Beyond 2^53 a float no longer tells neighbouring whole numbers apart.
                if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 {
                    Some(Self::Integer(float as i64))
                } else {
                    Some(Self::Number(Finite(float)))
                }
            }
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The scalar as JSON.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Integer(number) => Value::from(*number),
            Self::Number(Finite(number)) => Value::from(*number),
            Self::Text(text) => Value::from(text.as_str()),
            Self::Boolean(flag) => Value::from(*flag),
            Self::Null => Value::Null,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            other => write!(f, "{}", other.to_value()),
        }
    }
}

/// One step of a field path. The order of the variants is the canonical order of
/// elements in a set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// A field of an object (`f:`).
    Field(String),
    /// The item of a keyed list, by its keys in alphabetical order (`k:`).
    Key(Vec<(String, Scalar)>),
    /// The item of a set (`v:`).
    Value(Scalar),
    /// A position in a list (`i:`); accepted, never produced.
    Index(i64),
}

impl Element {
    /// Reads `f:name`, `k:{…}`, `v:…` or `i:0`.
    ///
    /// # Errors
    /// A sentence that names what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, rest) = text
            .split_once(':')
            .ok_or_else(|| format!("missing colon in path element {text:?}"))?;
        match kind {
            "f" => Ok(Self::Field(rest.to_owned())),
            "v" => {
                let value: Value = serde_json::from_str(rest).map_err(|why| why.to_string())?;
                Scalar::from_value(&value)
                    .map(Self::Value)
                    .ok_or_else(|| format!("path element {text:?} is not a scalar"))
            }
            "i" => {
                rest.parse().map(Self::Index).map_err(|why| format!("path element {text:?}: {why}"))
            }
            "k" => {
                let keys: serde_json::Map<String, Value> =
                    serde_json::from_str(rest).map_err(|why| why.to_string())?;
                let mut fields = keys
                    .into_iter()
                    .map(|(name, value)| Some((name, Scalar::from_value(&value)?)))
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(|| format!("path element {text:?} has a key that is no scalar"))?;
                fields.sort();
                Ok(Self::Key(fields))
            }
            _ => Err(format!("unknown kind of path element {text:?}")),
        }
    }

    /// The text that [`Element::parse`] reads.
    pub fn to_text(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Value(value) => format!("v:{}", value.to_value()),
            Self::Index(at) => format!("i:{at}"),
            Self::Key(fields) => {
                let mut text = String::from("k:{");
                for (at, (name, value)) in fields.iter().enumerate() {
                    if at > 0 {
                        text.push(',');
                    }
                    text.push_str(&Value::from(name.as_str()).to_string());
                    text.push(':');
                    text.push_str(&value.to_value().to_string());
                }
                text.push('}');
                text
            }
        }
    }
}

/// As it stands in messages: `.name`, `[name="c"]`, `[="x"]`, `[0]`.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(at) => write!(f, "[{at}]"),
            Self::Key(fields) => {
                f.write_str("[")?;
                for (at, (name, value)) in fields.iter().enumerate() {
                    if at > 0 {
                        f.write_str(",")?;
                    }
                    write!(f, "{name}={value}")?;
                }
                f.write_str("]")
            }
        }
    }
}
