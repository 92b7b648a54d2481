//! Schemas that a definition may not have, and rules that it may.

use serde_json::{Value, json};

use super::{causes, with};
use crate::field;

const BASE: &str = "spec.validation.openAPIV3Schema";

fn root(schema: Value) -> field::Errors {
    with(|crd| crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema)
}

/// Findings on a property `a`, with their places below it.
fn found(schema: Value) -> Vec<(String, String)> {
    let errors = root(json!({"type": "object", "properties": {"a": schema}}));
    let below = format!("{BASE}.properties[a].");
    let pair = |(reason, field): (&str, &str)| {
        (reason.to_owned(), field.strip_prefix(&below).unwrap_or(field).to_owned())
    };
    causes(&errors).into_iter().map(pair).collect()
}

fn assert_found(schema: Value, expected: &[(&str, &str)]) {
    let found = found(schema.clone());
    let found: Vec<_> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(found, expected, "{schema}");
}

#[test]
fn schemas_are_structural() {
    assert_found(json!({}), &[("Required", "type")]);
    assert_found(json!({"type": "odd"}), &[("NotSupported", "type")]);
    assert_found(json!({"type": "array"}), &[("Required", "items")]);
    assert_found(json!({"type": "array", "items": {}}), &[("Required", "items.type")]);
    assert_found(
        json!({"anyOf": [{"type": "string"}]}),
        &[("Forbidden", "anyOf[0].type"), ("Required", "type")],
    );
    let nested =
        json!({"type": "object", "not": {"properties": {"b": {"minimum": 1}}, "nullable": true}});
    assert_found(nested, &[("Forbidden", "not.nullable")]);
    let at_root = root(json!({"type": "object", "properties": {"a": {"type": "string"}},
        "oneOf": [{"required": ["a"]}, {"properties": {"b": {"minLength": 1}}}]}));
    let place = format!("{BASE}.properties[b]");
    assert_eq!(causes(&at_root), [("Required", place.as_str())]);
    assert_found(json!({"type": "string", "$ref": "#/x"}), &[("Forbidden", "$ref")]);
    assert_found(json!({"type": "string", "pattern": "(("}), &[("Invalid", "pattern")]);
    let unique = json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true});
    assert_found(unique, &[("Forbidden", "uniqueItems")]);
    let both = json!({"type": "object", "additionalProperties": {"type": "string"}, "properties": {"b": {"type": "string"}}});
    assert_found(both, &[("Forbidden", "additionalProperties")]);
    let either =
        |any: Value| json!({"x-kubernetes-int-or-string": true, "anyOf": any, "pattern": "^a$"});
    assert_found(either(json!([{"type": "integer"}, {"type": "string"}])), &[]);
    assert_found(either(json!([{"type": "string"}])), &[("Forbidden", "anyOf[0].type")]);
    let all = json!({"x-kubernetes-int-or-string": true, "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"pattern": "x"}]});
    assert_found(all, &[]);
    let embedded = json!({"type": "object", "x-kubernetes-embedded-resource": true});
    assert_found(embedded, &[("Required", "properties")]);
    assert_found(
        json!({"type": "string", "x-kubernetes-preserve-unknown-fields": false}),
        &[("Invalid", "x-kubernetes-preserve-unknown-fields")],
    );
}

#[test]
fn roots_are_objects_with_implicit_metadata() {
    assert_eq!(
        causes(&root(json!({"type": "string"}))),
        [("Invalid", format!("{BASE}.type").as_str())]
    );
    let metadata =
        |schema: Value| root(json!({"type": "object", "properties": {"metadata": schema}}));
    let at = format!("{BASE}.properties[metadata]");
    assert_eq!(
        metadata(
            json!({"type": "object", "properties": {"name": {"type": "string", "maxLength": 3}}})
        ),
        []
    );
    let labels = metadata(json!({"type": "object", "properties": {"labels": {"type": "object"}}}));
    assert_eq!(causes(&labels), [("Forbidden", at.as_str())]);
    let default = metadata(
        json!({"type": "object", "properties": {"name": {"type": "string", "default": "x"}}}),
    );
    assert_eq!(
        causes(&default),
        [("Forbidden", format!("{at}.properties[name].default").as_str())]
    );
    let free = root(json!({"type": "object", "additionalProperties": {"type": "string"}}));
    assert_eq!(causes(&free), [("Forbidden", format!("{BASE}.additionalProperties").as_str())]);
    let status = with(|crd| {
        let version = &mut crd["spec"]["versions"][0];
        version["subresources"] = json!({"status": {}});
        version["schema"]["openAPIV3Schema"]["minProperties"] = json!(1);
    });
    assert_eq!(causes(&status), [("Invalid", BASE)]);
}

#[test]
fn list_and_map_types_fit_their_items() {
    let item = json!({"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}, "o": {"type": "object"}, "p": {"type": "integer", "nullable": true}}});
    let map = |keys: Value| json!({"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys});
    assert_found(map(json!(["k"])), &[]);
    assert_found(map(json!([])), &[("Required", "x-kubernetes-list-map-keys")]);
    assert_found(map(json!(["k", "k"])), &[("Invalid", "x-kubernetes-list-map-keys")]);
    assert_found(map(json!(["none"])), &[("Invalid", "x-kubernetes-list-map-keys")]);
    let expected = [
        ("Invalid", "items.properties[o].type"),
        ("Required", "items.properties[o].default"),
        ("Required", "items.properties[p].default"),
        ("Forbidden", "items.properties[p].nullable"),
    ];
    assert_found(map(json!(["o", "p"])), &expected);
    let set =
        |items: Value| json!({"type": "array", "x-kubernetes-list-type": "set", "items": items});
    assert_found(set(json!({"type": "string"})), &[]);
    assert_found(set(json!({"type": "object"})), &[("Invalid", "items.x-kubernetes-map-type")]);
    let keys =
        json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-map-keys": ["k"]});
    assert_found(keys, &[("Required", "x-kubernetes-list-type")]);
    assert_found(
        json!({"type": "string", "x-kubernetes-list-type": "odd"}),
        &[("Invalid", "type"), ("NotSupported", "x-kubernetes-list-type")],
    );
    assert_found(
        json!({"type": "object", "x-kubernetes-map-type": "odd"}),
        &[("NotSupported", "x-kubernetes-map-type")],
    );
}

#[test]
fn defaults_are_pruned_and_valid() {
    assert_found(json!({"type": "string", "default": 5}), &[("TypeInvalid", "default")]);
    assert_found(json!({"type": "integer", "minimum": 3, "default": 1}), &[("Invalid", "default")]);
    let object =
        json!({"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}});
    let with_default = |default: Value| {
        let mut schema = object.clone();
        schema["default"] = default;
        schema
    };
    assert_found(with_default(json!({"b": "x"})), &[]);
    assert_found(with_default(json!({"b": "x", "c": 1})), &[("Invalid", "default")]);
    assert_found(with_default(json!({})), &[("Required", "default.b")]);
    let ruled = json!({"type": "integer", "default": 1, "x-kubernetes-validations": [{"rule": "self > 1"}]});
    assert_found(ruled, &[("Invalid", "default")]);
}

fn rule(schema: Value, rule: Value) -> Value {
    let mut schema = schema;
    schema["x-kubernetes-validations"] = json!([rule]);
    schema
}

#[test]
fn rules_are_written_well() {
    const AT: &str = "x-kubernetes-validations[0]";
    let cases = [
        (json!({"rule": " "}), ("Required", "rule")),
        (json!({"rule": "true", "message": " "}), ("Invalid", "message")),
        (json!({"rule": "true", "message": "a\nb"}), ("Invalid", "message")),
        (json!({"rule": "true &&\ntrue"}), ("Required", "message")),
        (json!({"rule": "true", "reason": "Odd"}), ("NotSupported", "reason")),
        (json!({"rule": "true", "fieldPath": ".none"}), ("Invalid", "fieldPath")),
        (json!({"rule": "true", "fieldPath": "b"}), ("Invalid", "fieldPath")),
        (json!({"rule": "self.bad("}), ("Invalid", "rule")),
        (json!({"rule": "self.b"}), ("Invalid", "rule")),
        (json!({"rule": "true", "messageExpression": "1"}), ("Invalid", "messageExpression")),
    ];
    let object = json!({"type": "object", "properties": {"b": {"type": "integer"}}});
    for (written, (reason, part)) in cases {
        assert_found(rule(object.clone(), written), &[(reason, &format!("{AT}.{part}"))]);
    }
    assert_found(
        rule(
            object,
            json!({"rule": "self.b > 0", "fieldPath": ".b", "reason": "FieldValueInvalid"}),
        ),
        &[],
    );
}

/// Fields of every type, for rules on the whole.
fn whole(text: &str) -> Vec<(String, String)> {
    let schema = json!({"type": "object", "properties": {
        "s": {"type": "string", "maxLength": 10}, "i": {"type": "integer"}, "n": {"type": "number"},
        "b": {"type": "boolean"}, "t": {"type": "string", "format": "date-time"},
        "e": {"x-kubernetes-int-or-string": true}, "a-b": {"type": "string", "maxLength": 9},
        "l": {"type": "array", "maxItems": 9, "items": {"type": "string", "maxLength": 9}},
        "m": {"type": "object", "maxProperties": 9, "additionalProperties": {"type": "integer"}},
        "free": {"x-kubernetes-preserve-unknown-fields": true},
    }});
    found(rule(schema, json!({"rule": text})))
}

#[test]
fn rules_with_fitting_types_pass() {
    for text in [
        "self.s.startsWith('k') && self.i > 1 && self.n < 1.5 && !self.b",
        "self.i < self.n || self.e == 5 || self.e == '5%'",
        "has(self.s) ? self.s.size() > 1 : size(self.l) == 0",
        "self.l.all(x, x.matches('^a')) && self.l.exists(x, x == self.s)",
        "self.l.filter(x, x != 'a').map(x, x + 'b').size() < 3",
        "self.m.all(k, self.m[k] > 1) && 'a' in self.m && 'x' in self.l",
        "self.t > timestamp('2020-01-01T00:00:00Z') && self.t.getFullYear() > 2000",
        "self.a__dash__b == oldSelf.a__dash__b",
        "quantity(self.s).isLessThan(quantity('1')) && url(self.s).getScheme() == 'https'",
        "self.l.map(x, size(x)).sum() > 3 && self.l.isSorted()",
        "type(self.e) == int && string(self.i) + self.s != '' && self.n * 2.0 > double(self.i)",
        "self.?s.orValue('') == '' && optional.of(1).hasValue()",
        "self.l.exists_one(x, x == 'a') && (self.b ? [1] : [2, 3])[0] == 1",
    ] {
        assert_eq!(whole(text), [], "{text}");
    }
}

#[test]
fn rules_with_mixed_types_fail() {
    for text in [
        "self.s + 1 == 2",
        "self.none > 1",
        "self.s > 1",
        "self.i && self.b",
        "nothing == 1",
        "self.i.startsWith('a')",
        "self.s.bad()",
        "bad(self.s)",
        "self.i + self.n > 1.0",
        "self.i.all(x, x > 1)",
        "self.m[1] == 1",
        "1 in self.l",
        "self.free.x == 1",
        "self.s",
    ] {
        let expected = ("Invalid".to_owned(), "x-kubernetes-validations[0].rule".to_owned());
        assert_eq!(whole(text), [expected], "{text}");
    }
}

#[test]
fn rules_on_what_may_be_huge_cost_too_much() {
    let inner = rule(json!({"type": "string"}), json!({"rule": "self.contains('x')"}));
    let nested = json!({"type": "array", "items": {"type": "array", "items": inner}});
    let place = "items.items.x-kubernetes-validations[0].rule";
    assert_found(nested, &[("Forbidden", place), ("Forbidden", place), ("Forbidden", BASE)]);
    let bounded =
        rule(json!({"type": "string", "maxLength": 10}), json!({"rule": "self.contains('x')"}));
    assert_found(
        json!({"type": "array", "maxItems": 10, "items": {"type": "array", "maxItems": 10, "items": bounded}}),
        &[],
    );
}

#[test]
fn transition_rules_need_items_that_can_be_told_apart() {
    let item = rule(json!({"type": "integer"}), json!({"rule": "self == oldSelf"}));
    let list = json!({"type": "array", "maxItems": 3, "items": item});
    assert_found(list, &[("Invalid", "items.x-kubernetes-validations[0].rule")]);
    let item = json!({"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}, "v": item}});
    let map = json!({"type": "array", "maxItems": 3, "items": item, "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k"]});
    assert_found(map, &[]);
}

#[test]
fn rules_of_routes_with_many_matches_fit_the_budget() {
    let text = |most: u64| json!({"type": "string", "maxLength": most});
    let path = json!({"type": "object", "properties": {"type": text(20), "value": text(1024)},
    "x-kubernetes-validations": [
        {"rule": "(self.type in ['Exact','PathPrefix']) ? self.value.startsWith('/') : true"},
        {"rule": "(self.type in ['Exact','PathPrefix']) ? !self.value.contains('//') : true"},
        {"rule": "(self.type in ['Exact','PathPrefix']) ? !self.value.endsWith('/..') : true"},
        {"rule": "(self.type in ['Exact']) ? self.value.matches('^(?:[-A-Za-z0-9/._~!$&*+,;=:@]|[%][0-9a-fA-F]{2})+$') : true"},
    ]});
    let matches = json!({"type": "array", "maxItems": 64, "items": {"type": "object", "properties": {"path": path}}});
    let filter = json!({"type": "object", "properties": {"type": text(20), "redirect": {"type": "object", "properties": {"port": {"type": "integer"}}}},
        "x-kubernetes-validations": [{"rule": "!(has(self.redirect) && self.type != 'RequestRedirect')"}]});
    let filters = json!({"type": "array", "maxItems": 16, "items": filter,
        "x-kubernetes-validations": [{"rule": "!(self.exists(f, f.type == 'A') && self.exists(f, f.type == 'B'))"}]});
    let backends = json!({"type": "array", "maxItems": 16, "items": {"type": "object", "properties": {"filters": filters}}});
    let rules = json!({"type": "array", "maxItems": 16, "items": {"type": "object",
        "properties": {"matches": matches, "filters": filters, "backendRefs": backends},
        "x-kubernetes-validations": [{"rule": "(has(self.backendRefs) && self.backendRefs.size() > 0) ? (!has(self.filters) || self.filters.all(f, !has(f.redirect))) : true"}]}});
    let parent = json!({"type": "object", "properties": {"group": text(253), "kind": text(63), "name": text(253), "namespace": text(63), "sectionName": text(253)}});
    let same = "self.all(p1, self.exists_one(p2, p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name && (((!has(p1.__namespace__) || p1.__namespace__ == '') && (!has(p2.__namespace__) || p2.__namespace__ == '')) || (has(p1.__namespace__) && has(p2.__namespace__) && p1.__namespace__ == p2.__namespace__)) && (!has(p1.sectionName) || p1.sectionName == p2.sectionName)))";
    let parents = json!({"type": "array", "maxItems": 32, "items": parent, "x-kubernetes-validations": [{"rule": same}]});
    assert_found(
        json!({"type": "object", "properties": {"rules": rules, "parentRefs": parents}}),
        &[],
    );
}
