//! A structural schema as patches and server-side apply need it.

use crate::crd::schema::metadata::OBJECT_META;
use crate::crd::schema::{Additional, Kind, ListType, Schema as Structural};
use crate::schema::{Format, ListKind, Schema, Shape, Struct};

/// The schema of whole objects: what every resource has stands beside what is declared.
pub(super) fn root(schema: &Structural) -> Schema {
    Schema::of(Shape::Struct(object(schema, true)))
}

fn object(schema: &Structural, resource: bool) -> Struct {
    let fields = schema.properties.iter();
    let mut fields: std::collections::BTreeMap<_, _> =
        fields.map(|(name, below)| (name.clone(), convert(below))).collect();
    if resource || schema.embedded {
        for name in ["apiVersion", "kind"] {
            let text = Schema::of(Shape::String(Format::Plain));
            fields.insert(name.to_owned(), text);
        }
        let meta = Schema::of(Shape::Named(OBJECT_META.to_owned()));
        fields.insert("metadata".to_owned(), meta);
    }
    Struct {
        fields,
        required: schema.required.clone(),
        atomic: schema.atomic_map,
        preserve_unknown: schema.preserve_unknown,
    }
}

fn convert(schema: &Structural) -> Schema {
    let shape = match schema.kind {
        Some(Kind::Object) => match &schema.additional {
            Some(Additional::Of(values)) => {
                Shape::Map { values: Box::new(convert(values)), atomic: schema.atomic_map }
            }
            Some(Additional::Any) if schema.properties.is_empty() => {
                Shape::Map { values: Box::new(Schema::any()), atomic: schema.atomic_map }
            }
            _ => Shape::Struct(object(schema, false)),
        },
        Some(Kind::Array) => Shape::List {
            items: Box::new(schema.items.as_deref().map_or_else(Schema::any, convert)),
            kind: match schema.list_type {
                Some(ListType::Set) => ListKind::Set,
                Some(ListType::Map) => ListKind::Map(schema.list_map_keys.clone()),
                Some(ListType::Atomic) | None => ListKind::Atomic,
            },
        },
        Some(Kind::String) => Shape::String(Format::Plain),
        Some(Kind::Integer) => Shape::Integer { bits: 64 },
        Some(Kind::Number) => Shape::Number,
        Some(Kind::Boolean) => Shape::Boolean,
        Some(Kind::IntOrString) => Shape::IntOrString,
        None => Shape::Any,
    };
    Schema { default: schema.default.clone(), ..Schema::of(shape) }
}
