//! What the inputs begin as, and what is put into them.

use serde_json::{Value, json};

pub(crate) const SELECTORS: [&str; 10] = [
    "",
    "app=x,tier in (a, b),!debug,size gt 3",
    "example.com/role notin (db,),a!=b",
    "metadata.name=a,metadata.namespace!=b",
    "spec.nodeName==n\\=1\\,\\\\",
    "a in ()",
    "!a,b<5,c>6",
    "status.phase!=Running",
    "x.y/z = w",
    "a==b==c",
];

pub(crate) const SELECTOR_WORDS: [&str; 16] =
    [",", "=", "!=", "==", " in ", " notin ", "(", ")", "!", "<", ">", "\\", "/", ".", "é", " "];

pub(crate) const YAML: [&str; 9] = [
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: \"1\"\n  m: |\n    x\n    y\n",
    "a: &x [1, 2, *x]\nb: *x\n",
    "- {a: b, ? c : d}\n- !!binary aGk=\n- 0o17\n- 1_000\n- .inf\n- 12:30:45\n",
    "<<: {a: 1}\ny: yes\nn: NO\nt: 2001-12-14t21:59:43.10-05:00\n",
    "'it''s': \"\\u263a\\x41\\\n  folded\"\n",
    "a: >-\n  text\n\n  more\nb: |+2\n   x\n",
    "%YAML 1.1\n---\na: 1\n...\n---\nb: 2\n",
    "? [complex, key]\n: value\n",
    "{\"json\": [1, 2.5e300, null, true], \"a\": {\"b\": \"\\ud83d\\ude00\"}}",
];

pub(crate) const YAML_WORDS: [&str; 24] = [
    "- ",
    ": ",
    "\n  ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "!!str ",
    "|\n",
    ">\n",
    "# ",
    "'",
    "\"",
    "? ",
    "---\n",
    "...\n",
    "<<: *a",
    "~",
    "\t",
    "1e999",
    "a: &a [*a,*a]\n",
    "\u{feff}",
];

/// Objects of built-in kinds and of none.
pub(crate) fn objects() -> Vec<Value> {
    vec![
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p", "labels": { "a": "b" },
                "finalizers": ["x", "y"] },
            "spec": { "containers": [
                { "name": "a", "image": "i", "ports": [{ "containerPort": 80, "protocol": "TCP" }],
                  "env": [{ "name": "E", "value": "1" }], "resources": { "limits": { "cpu": "1" } } },
                { "name": "b", "image": "j" }],
                "tolerations": [{ "key": "k", "operator": "Exists" }],
                "volumes": [{ "name": "v", "emptyDir": {} }] } }),
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p", "managedFields": [
                { "manager": "m", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
                  "fieldsV1": { "f:spec": { "f:containers": { "k:{\"name\":\"a\"}": { ".": {}, "f:image": {} } } } } }] },
            "spec": { "containers": [{ "name": "a", "image": "i" }] } }),
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s" }, "spec": {
            "ports": [{ "port": 80, "protocol": "TCP" }, { "port": 80, "protocol": "UDP" }] } }),
        json!({}),
    ]
}

pub(crate) fn patches() -> Vec<Value> {
    vec![
        json!([{ "op": "add", "path": "/spec/containers/0/ports/-", "value": { "containerPort": 1 } },
            { "op": "copy", "from": "/spec", "path": "/metadata/labels/x~1y" },
            { "op": "move", "from": "/spec/containers/1", "path": "/spec/containers/0" },
            { "op": "test", "path": "/metadata/name", "value": "p" },
            { "op": "remove", "path": "/spec/volumes/-1" },
            { "op": "replace", "path": "/a/b", "value": null }]),
        json!({ "metadata": { "labels": { "a": null, "c": "d" } },
            "spec": { "containers": [{ "name": "a", "$patch": "delete" }, { "name": "c" }],
                "$setElementOrder/containers": [{ "name": "c" }, { "name": "b" }],
                "volumes": [{ "name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {} }],
                "$deleteFromPrimitiveList/finalizers": ["x"], "$patch": "replace" } }),
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" }, "spec": {
            "containers": [{ "name": "a", "image": "other" }, { "name": "z", "env": [] }] } }),
    ]
}

pub(crate) const PATCH_NAMES: [&str; 22] = [
    "$patch",
    "$retainKeys",
    "$setElementOrder/containers",
    "$deleteFromPrimitiveList/finalizers",
    "$setElementOrder/finalizers",
    "op",
    "path",
    "from",
    "value",
    "name",
    "containers",
    "ports",
    "containerPort",
    "protocol",
    "finalizers",
    "metadata",
    "spec",
    "managedFields",
    "fieldsV1",
    "labels",
    "",
    "~0~1/",
];

pub(crate) fn patch_values() -> Vec<Value> {
    vec![
        json!(null),
        json!("delete"),
        json!("merge"),
        json!("replace"),
        json!("/spec/containers/0"),
        json!("/spec/containers/-"),
        json!("/metadata/labels/a"),
        json!(""),
        json!("copy"),
        json!("a"),
        json!(80),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!([]),
        json!({}),
        json!(true),
    ]
}

pub(crate) fn field_sets() -> Vec<Value> {
    vec![
        json!({ "f:a": { ".": {}, "f:b": {}, "k:{\"name\":\"x\",\"port\":80}": { ".": {}, "f:c": {} } },
            "f:l": { "v:\"text\"": {}, "v:1": {}, "v:null": {}, "v:[1,{}]": {}, "i:3": {} } }),
        json!({ ".": {} }),
        json!({}),
    ]
}

pub(crate) const FIELD_NAMES: [&str; 14] = [
    "f:a",
    "f:",
    ".",
    "k:{}",
    "k:{\"a\":1}",
    "k:{\"a\":{\"b\":[1.5]}}",
    "k:",
    "k:[",
    "v:",
    "v:1e400",
    "v:\"\\ud800\"",
    "i:99999999999999999999",
    "i:-1",
    "x",
];

pub(crate) fn schemas() -> Vec<Value> {
    vec![
        json!({ "type": "object", "required": ["spec"], "properties": {
            "spec": { "type": "object", "properties": {
                "replicas": { "type": "integer", "minimum": 0, "maximum": 10, "default": 1 },
                "mode": { "type": "string", "enum": ["a", "b"], "pattern": "^[a-z]+$", "maxLength": 5 },
                "port": { "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "integer" }, { "type": "string" }] },
                "list": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                    "maxItems": 4, "items": { "type": "object", "required": ["k"],
                        "properties": { "k": { "type": "string", "format": "uuid" } } } },
                "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true, "nullable": true },
                "map": { "type": "object", "additionalProperties": { "type": "number", "multipleOf": 0.5 } },
                "pod": { "type": "object", "x-kubernetes-embedded-resource": true } },
              "x-kubernetes-validations": [
                { "rule": "self.replicas > 0 && (!has(self.mode) || self.mode.matches('^a'))", "message": "m" },
                { "rule": "oldSelf.replicas <= self.replicas ? true : self.list.all(x, x.k != '')" }] },
            "status": { "type": "object", "oneOf": [{ "required": ["a"] }, { "not": { "required": ["b"] } }],
                "properties": { "a": { "type": "string", "format": "date-time" }, "b": { "type": "boolean" } } } } }),
        json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true }),
    ]
}

pub(crate) const SCHEMA_NAMES: [&str; 26] = [
    "type",
    "properties",
    "items",
    "additionalProperties",
    "default",
    "enum",
    "pattern",
    "format",
    "required",
    "minimum",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "nullable",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "x-kubernetes-validations",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "rule",
    "spec",
];

pub(crate) fn schema_values() -> Vec<Value> {
    vec![
        json!("object"),
        json!("array"),
        json!("string"),
        json!("integer"),
        json!("number"),
        json!(true),
        json!(false),
        json!(null),
        json!("map"),
        json!("set"),
        json!("(a|b)*c{1,900}"),
        json!("["),
        json!("ipv6"),
        json!(["a", "b"]),
        json!([{ "rule": "self == oldSelf" }]),
        json!([{ "rule": "self.all(a, self.all(b, self.all(c, a == b)))" }]),
        json!("self.spec.replicas + 9223372036854775807 > 0"),
        json!("[1, 2].map(x, x / 0).size() > 0"),
        json!("size(self) % 0 == 1"),
        json!(-1),
        json!(0),
        json!(1e308),
        json!(i64::MAX),
        json!({ "type": "string" }),
        json!([]),
        json!({}),
    ]
}
