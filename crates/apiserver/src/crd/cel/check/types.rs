//! The types of CEL as far as schemas have them, with the most that they may hold.

use super::super::authorizer;
use crate::crd::schema::{Format, Kind, Schema};

/// Largest request, in bytes: nothing in an object can be longer.
pub(super) const REQUEST: u64 = 3 * 1024 * 1024;

/// A type, with sizes where a cost hangs on them.
#[derive(Debug, Clone)]
pub(crate) enum Type<'s> {
    /// Not known before evaluation.
    Any,
    Bool,
    Int,
    Uint,
    Double,
    Null,
    /// At most so many characters.
    Text(u64),
    /// At most so many bytes.
    Bytes(u64),
    Timestamp,
    Duration,
    /// What `type(x)` gives.
    Kind,
    /// Items, and the most of them.
    List(Box<Type<'s>>, u64),
    /// Values by text, and the most of them.
    Map(Box<Type<'s>>, u64),
    /// Fields of a schema; of a whole resource when the flag is set.
    Object(&'s Schema, bool),
    /// Kubernetes' own types (`quantity`, `url`).
    Opaque(&'static str),
}

/// The most items that a list can have.
pub(crate) fn most_items(schema: &Schema) -> u64 {
    let least = schema.items.as_deref().map_or(2, least_bytes);
    schema.max_items.unwrap_or((REQUEST - 2) / (least + 1))
}

/// The most entries that a map can have.
pub(crate) fn most_keys(schema: &Schema) -> u64 {
    let least = schema.additional_schema().map_or(2, least_bytes);
    // Beside each value stand a key, its quotes, a colon and a comma.
    schema.max_properties.unwrap_or((REQUEST - 2) / (least + 6))
}

/// The fewest bytes that a value takes in JSON.
fn least_bytes(schema: &Schema) -> u64 {
    match schema.kind {
        Some(Kind::Integer | Kind::Number | Kind::IntOrString) => 1,
        Some(Kind::Boolean) => 4,
        Some(Kind::String) => match schema.format {
            Some(Format::Duration) => 3,
            Some(Format::Date) => 12,
            Some(Format::DateTime) => 21,
            _ => 2,
        },
        Some(Kind::Object) => {
            let required = schema.required.iter().filter(|name| {
                let below = schema.properties.get(*name);
                below.is_none_or(|it| it.default.is_none())
            });
            let field = |name: &String| {
                name.len() as u64 + 4 + schema.properties.get(name).map_or(2, least_bytes)
            };
            2 + required.map(field).sum::<u64>()
        }
        _ => 2,
    }
}

impl<'s> Type<'s> {
    /// Of `authorizer` in conditions, and of what its functions give.
    pub(super) const AUTHORIZER: Self = Type::Opaque("kubernetes.authorization.Authorizer");
    pub(super) const PATH_CHECK: Self = Type::Opaque("kubernetes.authorization.PathCheck");
    pub(super) const GROUP_CHECK: Self = Type::Opaque("kubernetes.authorization.GroupCheck");
    pub(super) const RESOURCE_CHECK: Self = Type::Opaque("kubernetes.authorization.ResourceCheck");
    pub(super) const DECISION: Self = Type::Opaque("kubernetes.authorization.Decision");

    /// The type of values with this schema.
    pub(super) fn of(schema: &'s Schema, root: bool) -> Self {
        match schema.kind {
            Some(Kind::Boolean) => Type::Bool,
            Some(Kind::Integer) => Type::Int,
            Some(Kind::Number) => Type::Double,
            Some(Kind::String) => match schema.format {
                Some(Format::Date | Format::DateTime) => Type::Timestamp,
                Some(Format::Duration) => Type::Duration,
                Some(Format::Byte) => Type::Bytes(schema.max_length.unwrap_or(REQUEST - 2)),
                _ => Type::Text(longest(schema)),
            },
            Some(Kind::Array) => match &schema.items {
                Some(items) => Type::List(Box::new(Type::of(items, false)), most_items(schema)),
                None => Type::Any,
            },
            Some(Kind::Object) => match schema.additional_schema() {
                Some(values) => Type::Map(Box::new(Type::of(values, false)), most_keys(schema)),
                None => Type::Object(schema, root || schema.embedded),
            },
            Some(Kind::IntOrString) | None => Type::Any,
        }
    }

    /// The type of `self.name`.
    pub(super) fn field(&self, name: &str) -> Result<Type<'s>, String> {
        match self {
            Type::Object(schema, resource) => {
                if *resource {
                    match name {
                        "apiVersion" | "kind" => return Ok(Type::Text(REQUEST)),
                        "metadata" => {
                            static META: std::sync::LazyLock<Schema> =
                                std::sync::LazyLock::new(names_of_metadata);
                            return Ok(Type::Object(&META, false));
                        }
                        _ => {}
                    }
                }
                let named = |known: &&String| super::super::escape(known).as_deref() == Some(name);
                let found = schema.properties.keys().find(named);
                let below = found.and_then(|known| schema.properties.get(known));
                match below.filter(|below| visible(below)) {
                    Some(below) => Ok(Type::of(below, false)),
                    None => Err(format!("undefined field '{name}'")),
                }
            }
            Type::Map(values, _) => Ok((**values).clone()),
            Type::Any => Ok(Type::Any),
            other if other.same(&Type::AUTHORIZER) && name == authorizer::REQUESTED => {
                Ok(Type::RESOURCE_CHECK)
            }
            other => Err(format!("type '{}' does not support field selection", other.name())),
        }
    }

    /// A type for both, where two alternatives meet.
    pub(super) fn join(left: Self, right: Self) -> Self {
        match (left, right) {
            (Type::Text(left), Type::Text(right)) => Type::Text(left.max(right)),
            (Type::Bytes(left), Type::Bytes(right)) => Type::Bytes(left.max(right)),
            (Type::List(left, few), Type::List(right, many)) => {
                Type::List(Box::new(Type::join(*left, *right)), few.max(many))
            }
            (left, right) if left.same(&right) => left,
            _ => Type::Any,
        }
    }

    /// Whether values of the two can be compared.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Type::Any | Type::Null, _) | (_, Type::Any | Type::Null) => true,
            (Type::List(left, _), Type::List(right, _))
            | (Type::Map(left, _), Type::Map(right, _)) => left.same(right),
            (Type::Opaque(left), Type::Opaque(right)) => left == right,
            (Type::Object(..), Type::Map(..)) | (Type::Map(..), Type::Object(..)) => true,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// `int`, `uint` or `double`, which compare with each other.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Uint | Type::Double)
    }

    /// How much there is to compare or to walk through.
    pub(super) fn size(&self) -> u64 {
        match self {
            Type::Text(most) | Type::Bytes(most) | Type::List(_, most) | Type::Map(_, most) => {
                *most
            }
            Type::Any => REQUEST,
            Type::Bool | Type::Double | Type::Null => 0,
            Type::Timestamp | Type::Duration => 32,
            _ => 1,
        }
    }

    /// The name in complaints.
    pub(super) fn name(&self) -> String {
        match self {
            Type::Any => "dyn".to_owned(),
            Type::Bool => "bool".to_owned(),
            Type::Int => "int".to_owned(),
            Type::Uint => "uint".to_owned(),
            Type::Double => "double".to_owned(),
            Type::Null => "null".to_owned(),
            Type::Text(_) => "string".to_owned(),
            Type::Bytes(_) => "bytes".to_owned(),
            Type::Timestamp => "timestamp".to_owned(),
            Type::Duration => "duration".to_owned(),
            Type::Kind => "type".to_owned(),
            Type::List(items, _) => format!("list({})", items.name()),
            Type::Map(values, _) => format!("map(string, {})", values.name()),
            Type::Object(..) => "object".to_owned(),
            Type::Opaque(name) => (*name).to_owned(),
        }
    }
}

/// The most characters of a text; UTF-8 may take four bytes for each.
fn longest(schema: &Schema) -> u64 {
    let listed = schema.enumeration.iter().filter_map(|it| it.as_str());
    match (schema.max_length, listed.map(str::len).max()) {
        (Some(most), _) => most.saturating_mul(4).min(REQUEST - 2),
        (None, Some(most)) => most as u64,
        (None, None) => REQUEST - 2,
    }
}

/// Fields that only preserve what is unknown have no type, and rules cannot see them.
fn visible(schema: &Schema) -> bool {
    schema.kind.is_some()
}

fn names_of_metadata() -> Schema {
    let text = || Schema { kind: Some(Kind::String), ..<Schema as Default>::default() };
    let fields = ["name", "generateName"];
    Schema {
        kind: Some(Kind::Object),
        properties: fields.map(|name| (name.to_owned(), text())).into(),
        ..<Schema as Default>::default()
    }
}
