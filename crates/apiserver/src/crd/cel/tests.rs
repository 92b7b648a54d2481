#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use crate::crd::schema::Schema;

fn found(schema: &Value, object: &Value, old: Option<&Value>) -> Vec<(String, String)> {
    let schema = Schema::compile(schema).unwrap();
    let errors = schema.validate_rules(object, old);
    let pair = |error: crate::field::Error| (error.field.clone(), error.body());
    errors.into_iter().map(pair).collect()
}

fn rule(kind: &Value, rules: &Value) -> Value {
    let mut schema = kind.clone();
    schema["x-kubernetes-validations"] = rules.clone();
    json!({"type": "object", "properties": {"f": schema}})
}

fn holds(kind: Value, rule_text: &str, value: Value) -> bool {
    let schema = rule(&kind, &json!([{"rule": rule_text}]));
    found(&schema, &json!({"f": value}), None).is_empty()
}

/// The rule fits the types of its place.
fn judged(kind: &Value, rule_text: &str) -> Result<(), String> {
    let schema = Schema::compile(kind).unwrap();
    let expression = super::parse(rule_text)?;
    super::check::judge(&expression, &schema, false, false).map(|_| ())
}

#[test]
fn reason_path_and_message() {
    let kind = json!({"type": "object", "properties": {"a-b": {"type": "integer"}}});
    let rules = json!([
        {"rule": "self.a__dash__b < 3", "reason": "FieldValueForbidden", "fieldPath": "['a-b']"},
        {"rule": "self.a__dash__b < 2", "messageExpression": "'is ' + string(self.a__dash__b)"},
        {"rule": "self.a__dash__b < 1", "message": "m", "messageExpression": "''"},
    ]);
    let errors = found(&rule(&kind, &rules), &json!({"f": {"a-b": 5}}), None);
    let expected = [
        ("f[a-b]", "Forbidden: failed rule: self.a__dash__b < 3"),
        ("f", "Invalid value: \"object\": is 5"),
        ("f", "Invalid value: \"object\": m"),
    ];
    assert_eq!(errors, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[test]
fn transition_rules_run_on_update_only() {
    let kind = json!({"type": "integer"});
    let schema = rule(&kind, &json!([{"rule": "self >= oldSelf"}]));
    assert!(found(&schema, &json!({"f": 1}), None).is_empty());
    assert!(found(&schema, &json!({"f": 1}), Some(&json!({}))).is_empty());
    assert!(found(&schema, &json!({"f": 2}), Some(&json!({"f": 1}))).is_empty());
    assert_eq!(found(&schema, &json!({"f": 0}), Some(&json!({"f": 1}))).len(), 1);
}

#[test]
fn optional_old_self_runs_always() {
    let rules = json!([{"rule": "!oldSelf.hasValue() || self >= oldSelf.value()", "optionalOldSelf": true}]);
    let schema = rule(&json!({"type": "integer"}), &rules);
    assert!(found(&schema, &json!({"f": 1}), None).is_empty());
    assert_eq!(found(&schema, &json!({"f": 0}), Some(&json!({"f": 1}))).len(), 1);
}

#[test]
fn map_list_items_are_told_apart_by_their_keys() {
    let item = json!({"type": "object", "required": ["k"], "properties": {
        "k": {"type": "string"},
        "v": {"type": "integer", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}}});
    let list = json!({"type": "array", "items": item, "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k"]});
    let schema = json!({"type": "object", "properties": {"l": list}});
    let old = json!({"l": [{"k": "a", "v": 1}, {"k": "b", "v": 2}]});
    let new = json!({"l": [{"k": "b", "v": 3}, {"k": "a", "v": 1}, {"k": "c", "v": 9}]});
    let errors = found(&schema, &new, Some(&old));
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].0, "l[0].v");
}

#[test]
fn root_sees_name_and_kind_and_fails_at_nil() {
    let schema = json!({"type": "object", "x-kubernetes-validations": [
        {"rule": "self.metadata.name.size() < 3 && self.kind == 'K'"}]});
    let object = |name: &str| json!({"kind": "K", "metadata": {"name": name}});
    assert!(found(&schema, &object("ab"), None).is_empty());
    assert_eq!(found(&schema, &object("abc"), None)[0].0, "<nil>");
}

#[test]
fn values_have_the_types_of_the_schema() {
    let text = |format: &str| json!({"type": "string", "format": format});
    assert!(holds(
        text("date-time"),
        "self > timestamp('2020-01-01T00:00:00Z')",
        json!("2024-01-01T00:00:00Z")
    ));
    assert!(holds(text("date"), "self.getFullYear() == 2024", json!("2024-01-01")));
    assert!(holds(text("duration"), "self < duration('2h')", json!("1h")));
    assert!(holds(text("byte"), "self.size() == 2", json!("aGk=")));
    assert!(holds(json!({"type": "number"}), "self == 1.0 && self / 2.0 == 0.5", json!(1)));
    let either = json!({"x-kubernetes-int-or-string": true});
    let both = "type(self) == int ? self < 100 : self.endsWith('%')";
    assert!(holds(either.clone(), both, json!(5)) && holds(either.clone(), both, json!("5%")));
    assert!(!holds(either.clone(), both, json!(500)) && !holds(either, both, json!("5")));
    let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
    assert!(holds(
        map.clone(),
        "self.all(k, k.matches('^[a-z]+$') && self[k] == 'v')",
        json!({"a": "v"})
    ));
    assert!(!holds(map, "self.all(k, k.matches('^[a-z]+$'))", json!({"A": "v"})));
    let names = json!({"type": "object", "properties": {"namespace": {"type": "string"}}});
    assert!(holds(
        names,
        "has(self.__namespace__) && self.__namespace__ == 'x'",
        json!({"namespace": "x"})
    ));
}

#[test]
fn libraries_of_kubernetes() {
    let text = || json!({"type": "string"});
    assert!(holds(text(), "isURL(self) && url(self).getScheme() == 'https'", json!("https://x/")));
    assert!(!holds(text(), "isURL(self) && url(self).getScheme() == 'https'", json!("::")));
    assert!(holds(text(), "quantity(self).isLessThan(quantity('1Gi'))", json!("1Mi")));
    assert!(holds(text(), "self.split(',').exists(x, x.trim() == 'b')", json!("a, b")));
    assert!(holds(
        json!({"type": "array", "items": {"type": "integer"}}),
        "self.isSorted() && self.sum() == 6 && 2 in self",
        json!([1, 2, 3])
    ));
    assert!(holds(
        json!({"type": "array", "items": {"type": "integer"}}),
        "self.filter(x, x > 1).map(x, x * 2) == [4, 6]",
        json!([1, 2, 3])
    ));
}

#[test]
fn rules_that_break_are_findings() {
    assert!(!holds(json!({"type": "integer"}), "1 / self == 1", json!(0)));
    let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
    assert!(!holds(map, "self['none'] == 'x'", json!({})));
}

#[test]
fn rules_as_definitions_in_the_wild_have_them() {
    let list = || {
        json!({"type": "array", "items": {"type": "object", "properties": {
            "name": {"type": "string"}, "n": {"type": "integer"}}}})
    };
    let two = || json!([{"name": "a", "n": 1}, {"name": "b", "n": 2}]);
    for text in [
        "self.all(x, self.exists_one(y, x.name == y.name))",
        "self.exists(x, x.name == 'b' && x.n in [1, 2])",
        "self.map(x, x.name).isSorted() && self.map(x, x.n).max() == 2",
        "self.filter(x, has(x.n)).size() == self.size()",
        "self.map(x, x.n > 1, x.name) == ['b']",
        "self[0].n + self[1].n == 3 && self[0].name + self[1].name == 'ab'",
        "sets.contains(['a', 'b'], self.map(x, x.name))",
        "self.map(x, x.name).join('-') == 'a-b'",
        "self == [{'name': 'a', 'n': 1}, {'name': 'b', 'n': 2}]",
    ] {
        assert!(holds(list(), text, two()), "{text}");
        assert_eq!(judged(&list(), text), Ok(()), "{text}");
    }
    let object = json!({"type": "object", "properties": {
        "a": {"type": "string"}, "b": {"type": "integer"}, "c": {"type": "boolean"}, "d": {"type": "string", "nullable": true},
        "m": {"type": "object", "additionalProperties": {"type": "string"}}}});
    let value = json!({"a": "Abc", "b": 7, "c": true, "d": null, "m": {"k": "v"}});
    for text in [
        "self.c ? self.b > 5 : self.b < 5",
        "self.a.lowerAscii() == 'abc' && self.a.matches('^[A-Z]') && !self.a.contains('x')",
        "self.missing == 1 || self.b == 7",
        "self.m.exists(k, self.m[k] == 'v') && 'k' in self.m && self.m.size() == 1",
        "self.d == null && has(self.a)",
        "string(self.b) == '7' && int('7') == self.b && double(self.b) == 7.0",
        "self.b / 2 == 3 && self.b % 2 == 1 && -self.b < 0",
        "self.a.find('[a-z]+') == 'bc' && self.a.substring(1) == 'bc' && self.a.replace('A', 'a') == 'abc'",
        "duration('1h') < duration('90m') && timestamp('2024-01-01T00:00:00Z') + duration('1s') > timestamp('2024-01-01T00:00:00Z')",
        "self.a in ['Abc', 'x'] && !(self.a in ['y'])",
        "self.b < 7.5 && self.b >= 7",
        "dyn(self.a) == 'Abc' && type(self.m) == map && type(self.c) == bool",
    ] {
        assert!(holds(object.clone(), text, value.clone()), "{text}");
        let known = !text.contains("missing");
        assert_eq!(judged(&object, text).is_ok(), known, "{text}");
    }
}

#[test]
fn fields_once_set_cannot_change() {
    let rules = json!([
        {"rule": "self == oldSelf", "message": "immutable", "reason": "FieldValueForbidden"},
    ]);
    let object = json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}});
    let schema = rule(&object, &rules);
    let old = json!({"f": {"a": ["x"]}});
    assert!(found(&schema, &old, Some(&old)).is_empty());
    let errors = found(&schema, &json!({"f": {"a": ["y"]}}), Some(&old));
    assert_eq!(errors, [("f".to_owned(), "Forbidden: immutable".to_owned())]);
    let kept = rule(&object, &json!([{"rule": "!has(oldSelf.a) || has(self.a)"}]));
    assert_eq!(found(&kept, &json!({"f": {}}), Some(&old)).len(), 1);
    assert!(found(&kept, &old, Some(&json!({"f": {}}))).is_empty());
}

#[test]
fn deep_expressions_take_no_more_than_an_ordinary_stack() {
    let brackets = |open: &str, inner: &str, close: &str, count| {
        format!("{}{inner}{}", open.repeat(count), close.repeat(count))
    };
    let judge_and_run = |rule_text: String| {
        let kind = json!({"type": "integer"});
        let whole = rule(&kind, &json!([{"rule": rule_text}]));
        let schema = Schema::compile(&whole).map_err(|error| error.to_string())?;
        judged(&kind, &rule_text)?;
        Ok::<_, String>(schema.validate_rules(&json!({"f": 1}), None).len())
    };
    let check = move || {
        for fine in [
            brackets("(", "true", ")", 49),
            brackets("[1].all(x, ", "true", ")", 8),
            brackets("!!(", "true", ")", 49),
            brackets("true && ", "true", "", 490),
            brackets("1 + ", "self > 0", "", 900),
            brackets("true ? true : ", "true", "", 40),
        ] {
            assert_eq!(judge_and_run(fine.clone()), Ok(0), "{fine}");
        }
        for refused in [
            brackets("(", "true", ")", 100_000),
            brackets("[", "1", "]", 51),
            brackets("- ", "1", "", 100_000),
            brackets("self", ".a", "", 1) + &".a".repeat(100_000),
        ] {
            assert!(judge_and_run(refused.clone()).is_err(), "{}", refused.len());
        }
    };
    // That of a thread of tokio.
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(check).unwrap();
    thread.join().unwrap();
}

#[test]
fn conditionals_go_as_deep_as_on_a_real_server() {
    let rule = |levels: usize| format!("{}true", "self == 1 ? false : ".repeat(levels));
    assert!(holds(json!({"type": "integer"}), &rule(240), json!(5)));
    assert!(super::parse(&rule(251)).unwrap_err().contains("recursion limit exceeded: 250"));
    for levels in [60, 97, 150, 400] {
        // In the middle branch, and in brackets: refused or taken, but no panic.
        let middle = format!("{}true{}", "true ? ".repeat(levels), " : false".repeat(levels));
        let _ = super::parse(&middle);
        let _ = super::parse(&format!("{}true{}", "(a ? ".repeat(levels), " : b)".repeat(levels)));
    }
}

#[test]
fn texts_are_counted_in_characters() {
    let text = json!({"type": "string"});
    assert!(holds(text.clone(), "self.size() == 2 && size(self) == 2", json!("üß")));
    assert!(holds(text, "self.replace('ü', 'ue', 1) == 'ueü'", json!("üü")));
}

#[test]
fn no_rule_takes_the_server_down() {
    let text = json!({"type": "string"});
    let ten = ".replace('x', 'xxxxxxxxxx')";
    for rule in [
        // What the interpreter panics on.
        "-(-9223372036854775807 - 1) == 0",
        "quantity('1e9999').isGreaterThan(quantity('1'))",
        "'%.99999999f'.format([1.0]) == ''",
        // What takes all memory.
        "lists.range(1000000000000).size() > 0",
        &format!("self{} == ''", ten.repeat(12)),
    ] {
        let schema = self::rule(&text, &json!([{"rule": rule}]));
        let errors = found(&schema, &json!({"f": "x"}), None);
        assert_eq!(errors.len(), 1, "{rule}");
        assert!(errors[0].1.contains("failed rule: "), "{errors:?}");
    }
    // The next one is as good as ever.
    assert!(holds(text, "lists.range(3).size() == 3", json!("x")));
}
