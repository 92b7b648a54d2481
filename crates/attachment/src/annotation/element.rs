//! One element of an annotation, read field by field so that an error names its field.

use serde_json::{Map, Value};

use super::{AnnotationError, Dialect, Request, check_count};
use crate::name::{check_namespace, check_network};

/// An object in the array of an annotation.
pub(super) struct Element<'a> {
    pub(super) dialect: Dialect,
    pub(super) position: usize,
    fields: &'a Map<String, Value>,
}

impl<'a> Element<'a> {
    pub(super) fn new(
        dialect: Dialect,
        position: usize,
        value: &'a Value,
    ) -> Result<Self, AnnotationError> {
        match value {
            Value::Object(fields) => Ok(Self { dialect, position, fields }),
            other => Err(AnnotationError {
                dialect,
                element: Some(position),
                field: None,
                fault: format!("must be an object, not {}", kind(other)),
            }),
        }
    }

    pub(super) fn error(&self, field: &str, fault: impl ToString) -> AnnotationError {
        AnnotationError {
            dialect: self.dialect,
            element: Some(self.position),
            field: Some(field.to_owned()),
            fault: fault.to_string(),
        }
    }

    /// The value of a field; null is as good as absent.
    pub(super) fn get(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// The text of a field; the empty text is as good as absent.
    pub(super) fn text(&self, field: &str) -> Result<Option<&'a str>, AnnotationError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(other) => Err(self.error(field, wrong("a string", other))),
        }
    }

    pub(super) fn flag(&self, field: &str) -> Result<bool, AnnotationError> {
        match self.get(field) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.error(field, wrong("true or false", other))),
        }
    }

    pub(super) fn object(
        &self,
        field: &str,
    ) -> Result<Option<&'a Map<String, Value>>, AnnotationError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(other) => Err(self.error(field, wrong("an object", other))),
        }
    }

    pub(super) fn array(&self, field: &str) -> Result<Option<&'a [Value]>, AnnotationError> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Array(array)) => Ok(Some(array)),
            Some(other) => Err(self.error(field, wrong("an array", other))),
        }
    }

    /// Every text of an array of texts.
    pub(super) fn texts(&self, field: &str) -> Result<Option<Vec<&'a str>>, AnnotationError> {
        let Some(array) = self.array(field)? else { return Ok(None) };
        let texts = array.iter().enumerate().map(|(index, value)| {
            let place = format!("{field}[{index}]");
            value.as_str().ok_or_else(|| self.error(&place, wrong("a string", value)))
        });
        texts.collect::<Result<Vec<_>, _>>().map(Some)
    }

    /// The text of a field, turned into what it stands for.
    pub(super) fn parsed<T: std::str::FromStr>(
        &self,
        field: &str,
    ) -> Result<Option<T>, AnnotationError>
    where
        T::Err: ToString,
    {
        let text = self.text(field)?;
        text.map(|text| text.parse().map_err(|fault: T::Err| self.error(field, fault))).transpose()
    }

    /// Name and namespace of the network.
    pub(super) fn request(&self) -> Result<Request, AnnotationError> {
        let name = self.text("name")?.ok_or_else(|| self.error("name", "is missing"))?;
        check_network(name).map_err(|fault| self.error("name", fault))?;
        let namespace = self.text("namespace")?;
        if let Some(namespace) = namespace {
            check_namespace(namespace).map_err(|fault| self.error("namespace", fault))?;
        }
        let plain = Request::plain(self.dialect, self.position, name.to_owned());
        Ok(Request { namespace: namespace.map(str::to_owned), ..plain })
    }
}

/// The elements of a JSON array.
pub(super) fn array(dialect: Dialect, text: &str) -> Result<Vec<Value>, AnnotationError> {
    let whole = |fault: String| AnnotationError { dialect, element: None, field: None, fault };
    match serde_json::from_str(text) {
        Ok(Value::Array(array)) => check_count(dialect, array.len()).map(|()| array),
        Ok(other) => Err(whole(wrong("an array", &other))),
        Err(error) => Err(whole(format!("not JSON: {error}"))),
    }
}

fn wrong(expected: &str, value: &Value) -> String {
    format!("must be {expected}, not {}", kind(value))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
