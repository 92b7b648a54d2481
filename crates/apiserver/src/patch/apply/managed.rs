//! `metadata.managedFields`: who owns what, since when.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Manager;
use super::set::Set;

/// How many entries of updates an object may have; older ones are put together.
const MAX_UPDATE_ENTRIES: usize = 10;
/// Manager of the entry that older updates are put into.
const ANCIENT_CHANGES: &str = "ancient-changes";

/// What an entry came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    /// Server-side apply.
    Apply,
    /// Anything else.
    Update,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// What tells one entry from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pub(super) manager: String,
    pub(super) operation: Operation,
    /// Empty for appliers: they stay the same when they move to another version.
    pub(super) api_version: String,
    pub(super) subresource: String,
}

impl Identity {
    pub(super) fn new(manager: &Manager<'_>, operation: Operation) -> Self {
        let api_version = match operation {
            Operation::Apply => "",
            Operation::Update => manager.api_version,
        };
        let name = if manager.name.is_empty() { "unknown" } else { manager.name };
        Self {
            manager: name.to_owned(),
            operation,
            api_version: api_version.to_owned(),
            subresource: manager.subresource.to_owned(),
        }
    }
}

/// Fields of one manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Version that the paths of the set are of.
    pub(super) api_version: String,
    pub(super) fields: Set,
    /// When the manager last changed something, RFC 3339.
    pub(super) time: Option<String>,
}

/// All entries of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Managed {
    pub(super) entries: BTreeMap<Identity, Entry>,
}

impl Managed {
    /// Reads `metadata.managedFields`; none when it is missing.
    ///
    /// # Errors
    /// A sentence about the entry that cannot be read.
    pub(super) fn decode(object: &Value) -> Result<Self, String> {
        let mut managed = Self::default();
        let Some(list) = field(object).and_then(Value::as_array) else {
            return Ok(managed);
        };
        for (at, entry) in list.iter().enumerate() {
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
            let operation = match text("operation") {
                "Apply" => Operation::Apply,
                "Update" => Operation::Update,
                _ => return Err("operation must be `Apply` or `Update`".to_owned()),
            };
            let api_version = text("apiVersion");
            if api_version.is_empty() {
                return Err("apiVersion must not be empty".to_owned());
            }
            match text("fieldsType") {
                "FieldsV1" => {}
                "" => return Err(format!("missing fieldsType in managed fields entry {at}")),
                other => {
                    return Err(format!(
                        "invalid fieldsType {other:?} in managed fields entry {at}"
                    ));
                }
            }
            let fields = match entry.get("fieldsV1") {
                None | Some(Value::Null) => Set::default(),
                Some(fields) => Set::from_fields_v1(fields)
                    .map_err(|why| format!("error decoding set: {why}"))?,
            };
            let identity = Identity {
                manager: text("manager").to_owned(),
                operation,
                api_version: match operation {
                    Operation::Apply => String::new(),
                    Operation::Update => api_version.to_owned(),
                },
                subresource: text("subresource").to_owned(),
            };
            let time = entry.get("time").and_then(Value::as_str);
            managed.entries.insert(
                identity,
                Entry {
                    api_version: api_version.to_owned(),
                    fields,
                    time: time.map(ToOwned::to_owned),
                },
            );
        }
        Ok(managed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes `metadata.managedFields`: appliers first, then by time, manager, version and
    /// subresource. Without entries the field is left out.
    pub(super) fn encode(&self, object: &mut Value) {
        if self.entries.is_empty() {
            clear(object);
            return;
        }
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by(|(a, x), (b, y)| {
            (a.operation, &x.time, &a.manager, &x.api_version, &a.subresource).cmp(&(
                b.operation,
                &y.time,
                &b.manager,
                &y.api_version,
                &b.subresource,
            ))
        });
        let list = entries.into_iter().map(|(id, entry)| encode(id, entry));
        let list = Value::Array(list.collect());
        if let Some(object) = object.as_object_mut() {
            let metadata = object.entry("metadata").or_insert_with(|| json!({}));
            if metadata.is_null() {
                *metadata = json!({});
            }
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.insert("managedFields".to_owned(), list);
            }
        }
    }

    /// Puts the oldest entries of updates together until there are few enough of them.
    pub(super) fn cap_updates(&mut self) {
        let mut updates: Vec<(Option<String>, Identity)> = self
            .entries
            .iter()
            .filter(|(id, _)| id.operation == Operation::Update)
            .map(|(id, entry)| (entry.time.clone(), id.clone()))
            .collect();
        if updates.len() <= MAX_UPDATE_ENTRIES {
            return;
        }
        updates.sort();
        let mut left = updates.len();
        // The first entry of a version only becomes a bucket once there is a second.
        let mut first: BTreeMap<String, Identity> = BTreeMap::new();
        for (_, id) in updates {
            if left <= MAX_UPDATE_ENTRIES {
                return;
            }
            let version = id.api_version.clone();
            let Some(first) = first.get(&version) else {
                first.insert(version, id);
                continue;
            };
            let bucket = Identity {
                manager: ANCIENT_CHANGES.to_owned(),
                operation: Operation::Update,
                api_version: version,
                subresource: String::new(),
            };
            if !self.entries.contains_key(&bucket)
                && let Some(entry) = self.entries.remove(first)
            {
                self.entries.insert(bucket.clone(), entry);
            }
            if id == bucket {
                continue;
            }
            if let Some(merged) = self.entries.remove(&id)
                && let Some(entry) = self.entries.get_mut(&bucket)
            {
                entry.fields.extend(&merged.fields);
                // The younger of the two times.
                entry.time = merged.time;
                left -= 1;
            }
        }
    }
}

fn encode(id: &Identity, entry: &Entry) -> Value {
    let mut out = Map::new();
    if !id.manager.is_empty() {
        out.insert("manager".to_owned(), json!(id.manager));
    }
    out.insert("operation".to_owned(), json!(id.operation.name()));
    out.insert("apiVersion".to_owned(), json!(entry.api_version));
    if let Some(time) = &entry.time {
        out.insert("time".to_owned(), json!(time));
    }
    out.insert("fieldsType".to_owned(), json!("FieldsV1"));
    out.insert("fieldsV1".to_owned(), entry.fields.to_fields_v1());
    if !id.subresource.is_empty() {
        out.insert("subresource".to_owned(), json!(id.subresource));
    }
    Value::Object(out)
}

/// `metadata.managedFields` as it stands in the object.
pub(super) fn field(object: &Value) -> Option<&Value> {
    object.get("metadata")?.get("managedFields")
}

/// Takes `metadata.managedFields` out of the object.
pub(super) fn clear(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// The entries to start an update from. A client may edit the entries with the object;
/// one that leaves them out does not delete them, and a single empty entry resets them.
pub(super) fn decode_live_or_new(live: &Value, new: &Value, subresource: bool) -> Managed {
    let stored = || Managed::decode(live).unwrap_or_default();
    if subresource {
        return stored();
    }
    if let Some([only]) = field(new).and_then(Value::as_array).map(Vec::as_slice)
        && only.as_object().is_some_and(Map::is_empty)
    {
        return Managed::default();
    }
    match Managed::decode(new) {
        Ok(managed) if !managed.is_empty() => managed,
        _ => stored(),
    }
}
