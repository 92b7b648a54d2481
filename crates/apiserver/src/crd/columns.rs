//! Columns of tables: `additionalPrinterColumns`, or name and age.

mod age;
mod jsonpath;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::schema::text;
pub(crate) use jsonpath::JsonPath;

/// One column behind the name.
#[derive(Debug)]
pub struct Column {
    /// Heading.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: String,
    /// OpenAPI format; may be empty.
    pub format: String,
    /// Words for people.
    pub description: String,
    /// Columns above zero are shown with `-o wide` only.
    pub priority: i64,
    /// `None` when the definition's path cannot be read: such cells stay empty.
    path: Option<JsonPath>,
}

/// The columns of a version.
#[derive(Debug)]
pub struct Columns(Vec<Column>);

impl Columns {
    /// From `additionalPrinterColumns`; without any, the age alone.
    pub fn of<'a>(raw: impl Iterator<Item = &'a Value>) -> Self {
        let own: Vec<_> = raw.map(Column::of).collect();
        if own.is_empty() {
            let age = json!({
                "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp",
                "description": "CreationTimestamp is a timestamp representing the server time when this object was created.",
            });
            return Self(vec![Column::of(&age)]);
        }
        Self(own)
    }

    /// The columns behind the name.
    pub fn iter(&self) -> impl Iterator<Item = &Column> {
        self.0.iter()
    }

    /// `columnDefinitions` of a Table, the name first.
    pub fn definitions(&self) -> Vec<Value> {
        let name = json!({
            "name": "Name", "type": "string", "format": "name", "priority": 0,
            "description": "Name must be unique within a namespace.",
        });
        let own = self.0.iter().map(|column| {
            json!({
                "name": column.name, "type": column.kind, "format": column.format,
                "description": column.description, "priority": column.priority,
            })
        });
        std::iter::once(name).chain(own).collect()
    }

    /// `cells` of an object's row. Dates become ages at `now`.
    pub fn row(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        let name = object["metadata"]["name"].clone();
        let own = self.0.iter().map(|column| column.cell(object, now));
        std::iter::once(name).chain(own).collect()
    }
}

impl Column {
    fn of(raw: &Value) -> Self {
        let own = |name: &str| text(raw, name).unwrap_or_default().to_owned();
        let path = own("jsonPath");
        let description = text(raw, "description").map_or_else(
            || format!("Custom resource definition column (in JSONPath format): {path}"),
            str::to_owned,
        );
        Self {
            name: own("name"),
            kind: own("type"),
            format: own("format"),
            description,
            priority: raw.get("priority").and_then(Value::as_i64).unwrap_or(0),
            path: JsonPath::parse(&path),
        }
    }

    fn cell(&self, object: &Value, now: Timestamp) -> Value {
        let found = self.path.as_ref().and_then(|path| path.first(object));
        let Some(value) = found else {
            return Value::Null;
        };
        match (self.kind.as_str(), value) {
            ("string", Value::String(_) | Value::Null) => value.clone(),
            ("string", other) => Value::String(other.to_string()),
            ("integer", Value::Number(number)) => match number.as_f64() {
                // Go cuts fractions off.
                Some(float) if number.is_f64() => json!(float as i64),
                _ => value.clone(),
            },
            ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
            ("date", Value::String(text)) => match text.parse::<Timestamp>() {
                Ok(then) => json!(age::of(then, now)),
                Err(_) => json!("<invalid>"),
            },
            _ => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn now() -> Timestamp {
        "2024-01-01T00:05:00Z".parse().unwrap()
    }

    #[test]
    fn cells_have_the_type_of_their_column() {
        let column = |kind: &str, path: &str| json!({"name": kind, "type": kind, "jsonPath": path});
        let raw = [
            column("integer", ".spec.n"),
            column("string", ".spec.n"),
            column("boolean", ".spec.b"),
            column("string", ".spec.l"),
            column("string", ".spec.l[0]"),
            column("integer", ".spec.b"),
            column("number", ".spec.none"),
            column("date", ".metadata.creationTimestamp"),
            column("date", ".spec.l[0]"),
        ];
        let object = json!({
            "metadata": {"name": "a", "creationTimestamp": "2024-01-01T00:00:00Z"},
            "spec": {"n": 5, "b": true, "l": ["p", "q"]},
        });
        let cells = Columns::of(raw.iter()).row(&object, now());
        let expected =
            json!(["a", 5, "5", true, "[\"p\",\"q\"]", "p", null, null, "5m", "<invalid>"]);
        assert_eq!(Value::Array(cells), expected);
    }

    #[test]
    fn name_and_age_without_columns() {
        let columns = Columns::of([].iter());
        let names: Vec<_> = columns.definitions().iter().map(|it| it["name"].clone()).collect();
        assert_eq!(names, ["Name", "Age"]);
        let object =
            json!({"metadata": {"name": "a", "creationTimestamp": "2024-01-01T00:04:59Z"}});
        assert_eq!(columns.row(&object, now()), [json!("a"), json!("1s")]);
    }
}
