//! Walks schema and object together and leaves what Go would have written.

use serde_json::{Map, Value};

use super::go_facts::{self, Presence};
use super::{DecodeError, Findings, scalar};
use crate::quantity::Quantity;
use crate::schema::{Format, Schema, Shape, Struct};

/// Checks the types in an object and brings it into canonical form.
///
/// Give it a schema that still has its name ([`super::schema_of`]): a resolved one
/// loses the facts of its outermost type. Idempotent.
///
/// # Errors
/// [`DecodeError::Field`] for the first value of a wrong type or form.
pub fn canonicalize(schema: &Schema, value: &mut Value) -> Result<Findings, DecodeError> {
    let mut walk = Walk::default();
    walk.place(schema, value, "")?;
    walk.unknown.sort();
    Ok(Findings { duplicate: Vec::new(), unknown: walk.unknown })
}

/// Deeper objects are refused, as the stack is finite.
const DEEPEST: usize = 200;

#[derive(Default)]
struct Walk {
    /// Where we are, with indices and keys: `spec.ports[0].name`.
    path: Vec<String>,
    /// Where we are, as Go tells it: fields only, no indices and map keys.
    fields: Vec<String>,
    unknown: Vec<String>,
}

impl Walk {
    fn place(
        &mut self,
        schema: &Schema,
        value: &mut Value,
        parent: &str,
    ) -> Result<(), DecodeError> {
        if self.path.len() > DEEPEST {
            return Err(DecodeError::Field("exceeded max depth".to_owned()));
        }
        let name = match &schema.shape {
            Shape::Named(name) => name.as_str(),
            _ => "",
        };
        let schema = schema.resolve();
        match (&schema.shape, &mut *value) {
            (_, Value::Null) => *value = self.zero(schema, name)?,
            (Shape::Any | Shape::Named(_), _) => {}
            (Shape::Struct(object), Value::Object(map)) => self.object(name, object, map)?,
            (Shape::Map { values, .. }, Value::Object(map)) => {
                for (key, value) in map.iter_mut() {
                    self.path.push(format!(".{key}"));
                    self.place(values, value, parent)?;
                    self.path.pop();
                }
            }
            (Shape::List { items, .. }, Value::Array(list)) => {
                for (at, item) in list.iter_mut().enumerate() {
                    self.path.push(format!("[{at}]"));
                    self.place(items, item, parent)?;
                    self.path.pop();
                }
            }
            (Shape::String(format), Value::String(text)) => {
                let form = match format {
                    Format::Plain => return Ok(()),
                    Format::Byte => scalar::base64(text),
                    Format::Time => scalar::time(text),
                    Format::MicroTime => scalar::micro_time(text),
                };
                *text = form.map_err(DecodeError::Field)?;
            }
            (Shape::Integer { bits }, Value::Number(number)) => {
                let found = scalar::integer(&Value::Number(number.clone()), *bits);
                let Some(integer) = found else {
                    return Err(self.mismatch(&format!("number {number}"), schema, parent));
                };
                *value = Value::from(integer);
            }
            (Shape::IntOrString, Value::Number(number)) => {
                let found = scalar::integer(&Value::Number(number.clone()), 32);
                let Some(integer) = found else {
                    return Err(self.mismatch(&format!("number {number}"), schema, parent));
                };
                *value = Value::from(integer);
            }
            (Shape::IntOrString, Value::String(_))
            | (Shape::Number, Value::Number(_))
            | (Shape::Boolean, Value::Bool(_)) => {}
            (Shape::Quantity, found) => {
                let quantity = Quantity::of(found);
                let quantity = quantity.map_err(|error| DecodeError::Field(error.to_string()))?;
                *value = Value::String(quantity.to_string());
            }
            (_, found) => {
                let word = scalar::json_word(found);
                return Err(self.mismatch(&word, schema, parent));
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        name: &str,
        object: &Struct,
        map: &mut Map<String, Value>,
    ) -> Result<(), DecodeError> {
        let facts = go_facts::of(name);
        let short = name.rsplit('.').next().unwrap_or_default();
        for (key, mut value) in std::mem::take(map) {
            let Some(schema) = object.fields.get(&key) else {
                if object.preserve_unknown {
                    map.insert(key, value);
                } else {
                    self.unknown.push(format!("{}{key}", self.prefix()));
                }
                continue;
            };
            if value.is_null() {
                continue;
            }
            self.path.push(format!(".{key}"));
            self.fields.push(key.clone());
            self.place(schema, &mut value, short)?;
            self.path.pop();
            self.fields.pop();
            let required = object.required.contains(&key);
            let shape = &schema.resolve().shape;
            match facts.presence(&key, required, shape) {
                Presence::Omit if is_zero(&value) => {}
                // An empty list does not survive storage, nor does an empty map.
                _ if is_empty_collection(shape, &value) => {}
                _ => {
                    map.insert(key, value);
                }
            }
        }
        for (key, schema) in &object.fields {
            if map.contains_key(key) {
                continue;
            }
            let required = object.required.contains(key);
            let shape = &schema.resolve().shape;
            // The names of a kind are the business of whoever writes the object.
            let head = self.path.is_empty() && (key == "kind" || key == "apiVersion");
            match facts.presence(key, required, shape) {
                Presence::Always if !head => {
                    self.path.push(format!(".{key}"));
                    let mut value = Value::Null;
                    self.place(schema, &mut value, short)?;
                    self.path.pop();
                    map.insert(key.clone(), value);
                }
                Presence::Null => {
                    map.insert(key.clone(), Value::Null);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The zero value of a type, as Go writes it.
    fn zero(&mut self, schema: &Schema, name: &str) -> Result<Value, DecodeError> {
        Ok(match &schema.shape {
            Shape::Struct(object) => {
                let mut map = Map::new();
                self.object(name, object, &mut map)?;
                Value::Object(map)
            }
            Shape::String(Format::Plain | Format::Byte) => Value::from(""),
            Shape::Integer { .. } | Shape::Number | Shape::IntOrString => Value::from(0),
            Shape::Boolean => Value::Bool(false),
            Shape::Quantity => Value::from("0"),
            _ => Value::Null,
        })
    }

    /// The path so far, with a dot behind it.
    fn prefix(&self) -> String {
        let path: String = self.path.concat();
        match path.strip_prefix('.') {
            Some(path) => format!("{path}."),
            None => path,
        }
    }

    fn mismatch(&self, found: &str, schema: &Schema, parent: &str) -> DecodeError {
        let wanted = go_type(&schema.shape);
        let place = if self.fields.is_empty() {
            format!("Go value of type {wanted}")
        } else {
            let fields = self.fields.join(".");
            format!("Go struct field {parent}.{fields} of type {wanted}")
        };
        DecodeError::Field(format!("json: cannot unmarshal {found} into {place}"))
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

fn is_empty_collection(shape: &Shape, value: &Value) -> bool {
    matches!(shape, Shape::List { .. } | Shape::Map { .. }) && is_zero(value)
}

fn go_type(shape: &Shape) -> String {
    match shape {
        Shape::Named(name) => {
            let mut parts = name.rsplit('.');
            let kind = parts.next().unwrap_or_default();
            format!("{}.{kind}", parts.next().unwrap_or_default())
        }
        Shape::Struct(_) => "struct".to_owned(),
        Shape::Map { values, .. } => format!("map[string]{}", go_type(&values.shape)),
        Shape::List { items, .. } => format!("[]{}", go_type(&items.shape)),
        Shape::String(Format::Plain | Format::Byte) => "string".to_owned(),
        Shape::String(_) => "time.Time".to_owned(),
        Shape::Integer { bits } => format!("int{bits}"),
        Shape::Number => "float64".to_owned(),
        Shape::Boolean => "bool".to_owned(),
        Shape::IntOrString => "int32".to_owned(),
        Shape::Quantity => "resource.Quantity".to_owned(),
        Shape::Any => "interface {}".to_owned(),
    }
}
