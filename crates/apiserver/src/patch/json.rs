//! JSON patch (RFC 6902) with the liberties of kube-apiserver's library.
//!
//! `replace` of an absent key adds it, negative positions count from the end of a list,
//! a `test` against `null` holds for what is absent, and the whole document can be no
//! target. The `json-patch` crate follows the RFC to the letter in these, so the
//! operations are carried out here.

use serde_json::{Map, Value};

use crate::decode::{MAX_DEPTH, depth};
use crate::{Error, Result};

/// Operations that one patch may have.
const MAX_OPERATIONS: usize = 10_000;

/// Bytes that all `copy` operations of one patch may add, as JSON: without a limit each
/// could double the document.
const MAX_COPIED: usize = 3 * 1024 * 1024;

/// What the real server says about every operation that fails.
const REJECTED: &str = "the server rejected our request due to an error in our request";

/// The document after all operations; the first one that fails fails the patch.
///
/// # Errors
/// 400 when the patch is not a list of operations, 413 when it has too many of them,
/// 422 when one cannot be carried out.
pub fn apply(doc: &Value, patch: &Value) -> Result<Value> {
    let operations = decode(patch)?;
    if operations.len() > MAX_OPERATIONS {
        return Err(Error::too_large(format!(
            "The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
            operations.len()
        )));
    }
    let mut out = doc.clone();
    let mut copied = 0;
    let mut height = Height::of(doc);
    for operation in &operations {
        operation
            .carry_out(&mut out, &mut copied)
            .filter(|()| height.allows(operation, &out))
            .ok_or_else(|| Error::unprocessable(REJECTED))?;
    }
    Ok(out)
}

/// A bound on how deep the document is. Operations that move values below each other could
/// otherwise make one that no stack is enough for, out of small values.
struct Height(usize);

impl Height {
    fn of(doc: &Value) -> Self {
        Self(depth(doc))
    }

    /// Whether the document may be as deep as it is after this operation.
    fn allows(&mut self, operation: &Operation<'_>, doc: &Value) -> bool {
        let place = operation.path.map_or(0, |path| path.matches('/').count());
        let value = match operation.op {
            "add" | "replace" => operation.value.map_or(0, depth),
            // At most what there is.
            "move" | "copy" => self.0,
            _ => return true,
        };
        self.0 = self.0.max(place + value);
        if self.0 > MAX_DEPTH {
            // The bound only grows; what it says is looked up before it refuses.
            self.0 = depth(doc);
        }
        self.0 <= MAX_DEPTH
    }
}

/// One element of the patch; missing texts are empty, as Go decodes them.
struct Operation<'a> {
    op: &'a str,
    path: Option<&'a str>,
    from: Option<&'a str>,
    value: Option<&'a Value>,
}

fn decode(patch: &Value) -> Result<Vec<Operation<'_>>> {
    let refuse = |value: &Value, into: &str| {
        Error::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {} into Go {into}",
            super::go_kind(value)
        ))
    };
    let list = match patch {
        Value::Array(list) => list.as_slice(),
        Value::Null => &[],
        other => return Err(refuse(other, "value of type []handlers.jsonPatchOp")),
    };
    list.iter()
        .map(|operation| {
            let Value::Object(fields) = operation else {
                return Err(refuse(operation, "value of type handlers.jsonPatchOp"));
            };
            let text = |name: &str| match fields.get(name) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.as_str())),
                Some(other) => {
                    Err(refuse(other, &format!("struct field jsonPatchOp.{name} of type string")))
                }
            };
            Ok(Operation {
                op: text("op")?.unwrap_or_default(),
                path: text("path")?,
                from: text("from")?,
                value: fields.get("value"),
            })
        })
        .collect()
}

impl Operation<'_> {
    /// `None` when it cannot be carried out. `copied` counts what copies have added.
    fn carry_out(&self, doc: &mut Value, copied: &mut usize) -> Option<()> {
        let path = self.path?;
        let value = || self.value.cloned().unwrap_or(Value::Null);
        match self.op {
            "add" => Target::find(doc, path)?.add(value()),
            "remove" => Target::find(doc, path)?.remove().map(drop),
            "replace" => Target::find(doc, path)?.replace(value()),
            "move" => {
                let moved = Target::find(doc, self.from?)?.remove()?;
                Target::find(doc, path)?.add(moved)
            }
            "copy" => {
                let source = Target::find(doc, self.from?)?;
                let value = source.get()?.unwrap_or(&Value::Null);
                *copied += value.to_string().len();
                if *copied > MAX_COPIED {
                    return None;
                }
                let value = value.clone();
                Target::find(doc, path)?.add(value)
            }
            "test" => {
                let found = Target::find(doc, path)?;
                let found = found.get()?.unwrap_or(&Value::Null);
                (found == self.value.unwrap_or(&Value::Null)).then_some(())
            }
            _ => None,
        }
    }
}

/// A key or position in an object or list that exists.
enum Target<'a> {
    Key(&'a mut Map<String, Value>, String),
    Item(&'a mut Vec<Value>, String),
}

impl<'a> Target<'a> {
    /// Follows a JSON pointer up to its last part.
    fn find(doc: &'a mut Value, path: &str) -> Option<Self> {
        let mut parts: Vec<String> = path
            .split('/')
            .skip(1)
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect();
        // The whole document is no place in it.
        let last = parts.pop()?;
        let mut at = doc;
        for part in parts {
            at = match at {
                Value::Object(map) => map.get_mut(&part)?,
                Value::Array(list) => {
                    let at = position(&part, list.len())?;
                    list.get_mut(at)?
                }
                _ => return None,
            };
        }
        match at {
            Value::Object(map) => Some(Self::Key(map, last)),
            Value::Array(list) => Some(Self::Item(list, last)),
            _ => None,
        }
    }

    /// The value; `Some(None)` for an absent key, which is no error yet.
    fn get(&self) -> Option<Option<&Value>> {
        match self {
            Self::Key(map, key) => Some(map.get(key)),
            Self::Item(list, part) => list.get(position(part, list.len())?).map(Some),
        }
    }

    fn add(self, value: Value) -> Option<()> {
        match self {
            Self::Key(map, key) => {
                map.insert(key, value);
            }
            Self::Item(list, part) if part == "-" => list.push(value),
            Self::Item(list, part) => {
                let at = position(&part, list.len() + 1)?;
                list.insert(at, value);
            }
        }
        Some(())
    }

    fn replace(self, value: Value) -> Option<()> {
        match self {
            Self::Key(map, key) => {
                map.insert(key, value);
            }
            Self::Item(list, part) => {
                let at = position(&part, list.len())?;
                *list.get_mut(at)? = value;
            }
        }
        Some(())
    }

    fn remove(self) -> Option<Value> {
        match self {
            Self::Key(map, key) => map.remove(&key),
            Self::Item(list, part) => {
                let at = position(&part, list.len())?;
                Some(list.remove(at))
            }
        }
    }
}

/// A position below `length`; negative ones count from the end.
fn position(part: &str, length: usize) -> Option<usize> {
    let at: isize = part.parse().ok()?;
    let at = if at < 0 { length.checked_sub(at.unsigned_abs())? } else { at.unsigned_abs() };
    (at < length).then_some(at)
}

#[cfg(test)]
mod tests;
