#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::judge;
use crate::crd::cel::parse;
use crate::crd::schema::Schema;

fn cost(schema: &Value, rule: &str) -> u64 {
    let schema = Schema::compile(schema).unwrap();
    let judged = judge(&parse(rule).unwrap(), &schema, false, false);
    judged.unwrap().cost
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn map(values: Value) -> Value {
    json!({"type": "object", "additionalProperties": values})
}

fn kind(name: &str) -> Value {
    json!({"type": name})
}

fn format(name: &str) -> Value {
    json!({"type": "string", "format": name})
}

/// What the estimator of Kubernetes says of the same rules where nothing is bounded.
#[test]
fn costs_of_unbounded_places_are_those_of_kubernetes() {
    let object = json!({"type": "object", "required": ["required"],
        "properties": {"required": kind("string"), "optional": kind("string")}});
    let each = "self.all(x, true)";
    for (schema, rule, expected) in [
        (list(kind("number")), each, 4_718_591),
        (list(kind("string")), each, 3_145_727),
        (list(kind("boolean")), each, 1_887_437),
        (list(list(kind("number"))), each, 3_145_727),
        (list(object.clone()), each, 555_128),
        (list(format("duration")), each, 2_359_295),
        (list(format("date")), each, 725_936),
        (list(format("date-time")), each, 428_963),
        (map(kind("number")), each, 1_348_169),
        (map(kind("string")), each, 1_179_647),
        (map(kind("boolean")), each, 943_718),
        (map(object.clone()), each, 428_963),
        (map(format("date-time")), each, 349_526),
        (map(kind("string")), "self.all(x, x.contains(self[x]))", 2_752_507),
        (list(kind("number")), "self.all(x, x == 0.0)", 6_291_454),
        (list(kind("number")), "self[1] == 0.0", 2),
        (list(kind("string")), "self[1] == self[1]", 314_577),
        (list(format("duration")), "self[0].getHours() == 2", 4),
        (list(map(kind("number"))), "self[0].x > 2.0", 4),
        (list(map(object)), "self.all(x, x['y'].required == 'z')", 7_340_027),
        (map(format("date-time")), "self['a'] == self['b']", 8),
        (map(kind("integer")), "oldSelf.size() == self.size()", 5),
        (kind("string"), "self.contains('test')", 314_574),
        (kind("string"), "self.startsWith('test')", 2),
        (kind("string"), "size(self + 'hello') > size('hello')", 314_578),
        (kind("string"), "self.matches('x')", 314_574),
        (kind("string"), "''.matches('(((((((((())))))))))[0-9]')", 7),
        (kind("string"), "self.find('[0-9]+') == ''", 629_147),
        (kind("string"), "self.lowerAscii() == 'lower!'", 314_575),
    ] {
        assert_eq!(cost(&schema, rule), expected, "{rule} on {schema}");
    }
    let quadratic = cost(&list(kind("number")), "self.all(x, self.all(y, true))");
    assert!(quadratic > 10_000_000);
}

#[test]
fn bounds_make_rules_cheap() {
    let most = |name: &str, bound: &str, most: u64| {
        let mut schema = match name {
            "array" => list(kind("number")),
            name => kind(name),
        };
        schema[bound] = json!(most);
        schema
    };
    for (schema, rule, expected) in [
        (most("array", "maxItems", 10), "self.all(x, true)", 32),
        (most("array", "maxItems", 10), "self.all(x, self.all(y, true))", 352),
        (most("array", "maxItems", 10), "self.all(x, self.all(y, self.all(z, true)))", 3552),
        (most("string", "maxLength", 10), "self.contains('test')", 5),
        (most("string", "maxLength", 4), "size(self + 'hello') > size('hello')", 7),
        (most("string", "maxLength", 50), "self.matches('x')", 22),
        (most("string", "maxLength", 10), "self.find('[0-9]+') == ''", 11),
        (most("string", "maxLength", 10), "self.lowerAscii() == 'lower!'", 6),
        (most("string", "maxLength", 0), "self == 'x'", 1),
        (json!({"type": "string", "enum": ["A", "LongValue"]}), "self.contains('A')", 2),
    ] {
        assert_eq!(cost(&schema, rule), expected, "{rule} on {schema}");
    }
}
