//! Values that come before the file: `SEEDER`, `TOKEN`, and `--var Path=value`.

use std::str::FromStr;

use serde_json::{Map, Value};

use super::schema;

/// Environment variable: the seeder, in place of `clusterFormation.seeder`.
pub const SEEDER: &str = "SEEDER";
/// Environment variable: the token, in place of `clusterFormation.token`.
pub const TOKEN: &str = "TOKEN";

/// Keys that say the same in two ways, of which a file may give one: setting one of them takes the
/// place of the other.
const ALTERNATIVES: [[&str; 2]; 2] = [
    ["clusterFormation.token", "clusterFormation.tokenFile"],
    ["certificates.caCrt", "certificates.caCrtHash"],
];

/// One `--var Path=value`. Paths are those of the file, in any case, as in `Network.Cni.Driver`.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    path: String,
    value: String,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The value may be a secret.
        write!(f, "{}=…", self.path)
    }
}

/// A variable that cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// It has no `=`.
    #[error("not of the form Path=value, as in Network.Cni.Driver=cilium")]
    Form,
    /// Arguments can be read by every user of the machine.
    #[error(
        "{path} is a secret, and arguments are seen by every user of the machine: use the variable {TOKEN} of the environment, or clusterFormation.tokenFile"
    )]
    Secret {
        /// The path as given.
        path: String,
    },
    /// There is no such key.
    #[error("there is no {path}{}", near.as_ref().map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
    Unknown {
        /// The path as given.
        path: String,
        /// The key that was probably meant.
        near: Option<String>,
    },
    /// It is a group of keys or a list of such.
    #[error("{path} is no single value: set it in the file")]
    Group {
        /// The path as given.
        path: String,
    },
    /// It is not of the key's type.
    #[error("{path} has to be {wanted}")]
    Type {
        /// The path as given.
        path: String,
        /// What it has to be.
        wanted: &'static str,
    },
}

impl FromStr for Variable {
    type Err = VariableError;

    fn from_str(text: &str) -> Result<Self, VariableError> {
        let (path, value) = text.split_once('=').ok_or(VariableError::Form)?;
        if path.is_empty() {
            return Err(VariableError::Form);
        }
        if path.eq_ignore_ascii_case("clusterFormation.token") {
            return Err(VariableError::Secret { path: path.to_owned() });
        }
        Ok(Self { path: path.to_owned(), value: value.to_owned() })
    }
}

impl Variable {
    /// A value from the environment, for a path that is known to exist.
    pub(super) fn of_environment(path: &str, value: String) -> Self {
        Self { path: path.to_owned(), value }
    }

    /// Sets it in a tree, in place of what says the same in another way.
    pub(super) fn set(&self, tree: &mut Value) -> Result<(), VariableError> {
        let (keys, schema) = self.resolve()?;
        let value = self.value(schema)?;
        let path = keys.join(".");
        // Nothing takes the place of nothing.
        for [one, other] in ALTERNATIVES.into_iter().filter(|_| !self.value.is_empty()) {
            if path == one {
                remove(tree, other);
            } else if path == other {
                remove(tree, one);
            }
        }
        let mut at = tree;
        for key in &keys[..keys.len() - 1] {
            at = object(at).entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
        }
        if let Some(last) = keys.last() {
            object(at).insert(last.clone(), value);
        }
        Ok(())
    }

    /// The keys of the path as the schema spells them, and the schema of what it leads to.
    fn resolve(&self) -> Result<(Vec<String>, &'static Value), VariableError> {
        let mut schema = schema::root();
        let mut keys = Vec::new();
        for segment in self.path.split('.') {
            let known = schema::keys(schema);
            let found = known.iter().find(|key| key.eq_ignore_ascii_case(segment));
            if let Some(key) = found {
                schema = &schema["properties"][*key];
                keys.push((*key).to_owned());
            } else if let Some(any @ Value::Object(_)) = schema.get("additionalProperties") {
                schema = any;
                keys.push(segment.to_owned());
            } else {
                let near = schema::nearest(&known, segment);
                let near = near.map(|near| schema::below(&keys.join("."), near));
                return Err(VariableError::Unknown { path: self.path.clone(), near });
            }
        }
        Ok((keys, schema))
    }

    fn value(&self, schema: &Value) -> Result<Value, VariableError> {
        let wrong = |wanted| VariableError::Type { path: self.path.clone(), wanted };
        let parsed = || serde_json::from_str::<Value>(&self.value.to_ascii_lowercase()).ok();
        match schema["type"].as_str() {
            Some("object") => Err(VariableError::Group { path: self.path.clone() }),
            Some("boolean") => {
                parsed().filter(Value::is_boolean).ok_or_else(|| wrong("true or false"))
            }
            Some("integer") => {
                parsed().filter(Value::is_u64).ok_or_else(|| wrong("a whole number"))
            }
            Some("array") if schema["items"]["type"] == "object" => {
                Err(VariableError::Group { path: self.path.clone() })
            }
            Some("array") => {
                let items = self.value.split(',').filter(|item| !item.is_empty());
                Ok(items.map(|item| Value::String(item.to_owned())).collect())
            }
            _ => Ok(Value::String(self.value.clone())),
        }
    }
}

/// Removes what a path leads to, if there is anything.
pub(super) fn remove(tree: &mut Value, path: &str) {
    match path.split_once('.') {
        Some((key, below)) => {
            if let Some(inner) = tree.get_mut(key) {
                remove(inner, below);
            }
        }
        None => {
            if let Some(members) = tree.as_object_mut() {
                members.remove(path);
            }
        }
    }
}

/// The members of an object; what is none becomes one.
fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(members) => members,
        _ => unreachable!("it was just made one"),
    }
}
