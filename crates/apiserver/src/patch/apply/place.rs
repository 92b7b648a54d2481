//! A place in an object: its schema, and how its value is seen by apply.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::element::{Element, Scalar};
use crate::schema::{self, ListKind, Schema, Shape};

static ANY: LazyLock<Schema> = LazyLock::new(Schema::any);

/// A schema, and what it cannot tell by itself.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    schema: &'a Schema,
    /// The whole object: `metadata` is ObjectMeta whatever a CRD says about it.
    root: bool,
    /// A type of Kubernetes itself: required keys of lists default to the empty text.
    built_in: bool,
}

/// How apply sees a value.
pub(super) enum Kind<'a> {
    /// An object merged key by key.
    Map(Fields<'a>),
    /// A list of a set or of keyed items.
    List(Items<'a>),
    /// A scalar, or a list or object that is owned as a whole.
    Leaf,
}

/// Schemas of the fields of an object.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    place: Place<'a>,
    named: Option<&'a BTreeMap<String, Schema>>,
    element: Option<&'a Schema>,
}

/// Schema and identity of the items of a list.
#[derive(Clone, Copy)]
pub(super) struct Items<'a> {
    item: Place<'a>,
    keys: Option<&'a [String]>,
}

impl<'a> Place<'a> {
    /// A whole object of this type.
    pub(super) fn root(schema: &'a Schema, built_in: bool) -> Self {
        Self { schema: schema.resolve(), root: true, built_in }
    }

    /// A place of this schema inside the same object.
    pub(super) fn at(self, schema: &'a Schema) -> Self {
        Self { schema: schema.resolve(), root: false, built_in: self.built_in }
    }

    pub(super) fn shape(self) -> &'a Shape {
        &self.schema.shape
    }

    /// How this value is seen here. The value's own type wins over the schema: typing
    /// errors are found elsewhere, and only in what a client applies.
    pub(super) fn kind(self, value: &Value) -> Kind<'a> {
        match (value, &self.schema.shape) {
            (Value::Object(_), _) => match self.fields() {
                Some(fields) => Kind::Map(fields),
                None => Kind::Leaf,
            },
            (Value::Array(_), Shape::List { .. }) => match self.items() {
                Some(items) => Kind::List(items),
                None => Kind::Leaf,
            },
            _ => Kind::Leaf,
        }
    }

    /// The fields, unless this place is atomic.
    pub(super) fn fields(self) -> Option<Fields<'a>> {
        let (named, element) = match &self.schema.shape {
            Shape::Struct(object) if object.atomic => return None,
            Shape::Map { atomic: true, .. } => return None,
            Shape::Struct(object) => {
                let element = object.preserve_unknown.then_some(&*ANY);
                (Some(&object.fields), element)
            }
            Shape::Map { values, .. } => (None, Some(&**values)),
            _ => (None, Some(&*ANY)),
        };
        Some(Fields { place: self, named, element })
    }

    /// The items, unless this place is no list or an atomic one.
    pub(super) fn items(self) -> Option<Items<'a>> {
        let Shape::List { items, kind } = &self.schema.shape else {
            return None;
        };
        let keys = match kind {
            ListKind::Atomic => return None,
            ListKind::Set => None,
            ListKind::Map(keys) => Some(keys.as_slice()),
        };
        Some(Items { item: self.at(items), keys })
    }

    /// Whether apply replaces this place as a whole, by its schema alone.
    pub(super) fn is_atomic(self) -> bool {
        match &self.schema.shape {
            Shape::Struct(object) => object.atomic,
            Shape::Map { atomic, .. } => *atomic,
            Shape::List { kind, .. } => *kind == ListKind::Atomic,
            _ => false,
        }
    }

    /// The place that a path element leads to.
    pub(super) fn child(self, element: &Element) -> Place<'a> {
        match element {
            Element::Field(name) => match self.fields() {
                Some(fields) => fields.child(name),
                None => self.at(&ANY),
            },
            _ => match &self.schema.shape {
                Shape::List { items, .. } => self.at(items),
                _ => self.at(&ANY),
            },
        }
    }
}

impl<'a> Fields<'a> {
    /// Whether the schema lists this field. Such a field is owned through what is below
    /// it, while the key of a free map is owned itself.
    pub(super) fn names(self, field: &str) -> bool {
        self.named.is_some_and(|named| named.contains_key(field))
            || (self.place.root && matches!(field, "apiVersion" | "kind" | "metadata"))
    }

    /// Whether this field may stand here.
    pub(super) fn declares(self, field: &str) -> bool {
        self.element.is_some() || self.names(field)
    }

    /// Whether the published schema requires this field of a built-in type: then every
    /// object has it, if only as null.
    pub(super) fn requires(self, field: &str) -> bool {
        let Shape::Struct(object) = self.place.shape() else {
            return false;
        };
        self.place.built_in && object.required.iter().any(|name| name == field)
    }

    /// The place of a field; anything for a field that is not declared.
    pub(super) fn child(self, field: &str) -> Place<'a> {
        if self.place.root && field == "metadata" {
            let schema = schema::named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
            return Place { built_in: true, ..self.place.at(schema) };
        }
        let schema = self.named.and_then(|named| named.get(field)).or(self.element).unwrap_or(&ANY);
        self.place.at(schema)
    }

    /// Default of a field that is a plain zero of Go: `0`, `false`.
    pub(super) fn is_zero_default(self, field: &str, value: &Value) -> bool {
        let default = self
            .named
            .and_then(|named| named.get(field))
            .and_then(|schema| schema.default.as_ref());
        default == Some(value) && (value.as_i64() == Some(0) || value.as_bool() == Some(false))
    }
}

impl<'a> Items<'a> {
    /// The place of every item.
    pub(super) fn item(self) -> Place<'a> {
        self.item
    }

    /// What tells this item apart from the others.
    ///
    /// # Errors
    /// A sentence that says why the item cannot be told apart.
    pub(super) fn element(self, item: &Value) -> Result<Element, String> {
        let Some(keys) = self.keys else {
            if item.is_null() {
                return Err("associative list without keys has an element that's an explicit null"
                    .to_owned());
            }
            return Scalar::from_value(item).map(Element::Value).ok_or_else(|| {
                "associative list without keys has an element that is no scalar".to_owned()
            });
        };
        let object = match item {
            Value::Object(object) => object,
            Value::Null => {
                return Err("associative list with keys may not have a null element".to_owned());
            }
            _ => {
                return Err("associative list with keys may not have non-map elements".to_owned());
            }
        };
        let mut fields = Vec::with_capacity(keys.len());
        for key in keys {
            let value = match object.get(key) {
                Some(value) => Scalar::from_value(value)
                    .ok_or_else(|| format!("key {key:?} of a list item is no scalar"))?,
                None => match self.default(key) {
                    Some(value) => value,
                    None => continue,
                },
            };
            fields.push((key.clone(), value));
        }
        if fields.is_empty() {
            return Err("associative list with keys has an element that omits all key fields \
                 (and doesn't have default values for any key fields)"
                .to_owned());
        }
        fields.sort();
        Ok(Element::Key(fields))
    }

    fn default(self, key: &str) -> Option<Scalar> {
        let Shape::Struct(object) = self.item.shape() else {
            return None;
        };
        let field = object.fields.get(key)?;
        if let Some(default) = &field.default {
            return Scalar::from_value(default);
        }
        let text = matches!(field.resolve().shape, Shape::String(_));
        let required = object.required.iter().any(|name| name == key);
        (self.item.built_in && text && required).then(|| Scalar::Text(String::new()))
    }

    /// The items with what tells them apart, in order.
    ///
    /// # Errors
    /// An item that cannot be told apart, or stands twice.
    pub(super) fn index(self, list: &[Value]) -> Result<Vec<(Element, &Value)>, String> {
        let mut seen = std::collections::BTreeSet::new();
        let mut out = Vec::with_capacity(list.len());
        for (at, item) in list.iter().enumerate() {
            let element = self.element(item).map_err(|why| format!("element {at}: {why}"))?;
            if !seen.insert(element.clone()) {
                return Err(format!("duplicate entries for key {element}"));
            }
            out.push((element, item));
        }
        Ok(out)
    }
}
