//! What is fuzzed, and what must hold of the results.

use std::sync::LazyLock;

use kubewright_apiserver::builtin::{self, Strategy};
use kubewright_apiserver::crd::{CustomResourceDefinitions, Definition, Schema};
use kubewright_apiserver::decode;
use kubewright_apiserver::patch::{self, apply};
use kubewright_apiserver::selector::{FieldSelector, LabelSelector};
use serde_json::{Value, json};

use crate::mutation::{Chance, text, value};
use crate::seeds;

pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Chance),
}

pub(crate) const TARGETS: &[Target] = &[
    Target { name: "selectors", run: selectors },
    Target { name: "patches", run: patches },
    Target { name: "apply", run: applies },
    Target { name: "fields_v1", run: fields_v1 },
    Target { name: "schemas", run: schemas },
    Target { name: "yaml", run: yaml },
];

fn selectors(chance: &mut Chance) {
    let text = text(chance, &seeds::SELECTORS, &seeds::SELECTOR_WORDS);
    let text = String::from_utf8_lossy(&text);
    if let Ok(selector) = LabelSelector::parse(&text) {
        // What matches an object without labels asks for none.
        let _ = selector.matches(|_| Some("5"));
        assert!(!selector.is_empty() || selector.matches(|_| None));
    }
    if let Ok(selector) = FieldSelector::parse(&text) {
        let _ = selector.matches(|_| "a");
    }
}

static POD: LazyLock<kubewright_apiserver::schema::Schema> =
    LazyLock::new(|| decode::schema_of("", "v1", "Pod").unwrap());

fn object(chance: &mut Chance) -> Value {
    value(chance, &seeds::objects(), &seeds::patch_values(), &seeds::PATCH_NAMES)
}

fn patch(chance: &mut Chance) -> Value {
    value(chance, &seeds::patches(), &seeds::patch_values(), &seeds::PATCH_NAMES)
}

fn patches(chance: &mut Chance) {
    let (object, patch) = (object(chance), patch(chance));
    let _ = patch::json::apply(&object, &patch);
    if let Ok(merged) = patch::merge::apply(&object, &patch)
        && patch.is_object()
    {
        let again = patch::merge::apply(&merged, &patch);
        assert_eq!(again.ok().as_ref(), Some(&merged), "a merge patch holds once it was applied");
    }
    if let Ok(mut patched) = patch::strategic::apply(&object, &patch, &POD)
        && decode::canonicalize(&POD, &mut patched).is_ok()
        && !has_directives(&patch)
        && let Ok(mut again) = patch::strategic::apply(&patched, &patch, &POD)
        && decode::canonicalize(&POD, &mut again).is_ok()
    {
        assert_eq!(again, patched, "a patch without orders holds once it was applied: {patch}");
    }
}

/// Whether a strategic merge patch says what to do (`$patch`, `$deleteFromPrimitiveList/…`).
fn has_directives(patch: &Value) -> bool {
    match patch {
        Value::Object(map) => {
            map.iter().any(|(name, value)| name.starts_with('$') || has_directives(value))
        }
        Value::Array(items) => items.iter().any(has_directives),
        _ => false,
    }
}

fn applies(chance: &mut Chance) {
    let (mut live, mut config) = (object(chance), object(chance));
    // Who calls it has seen to this.
    for object in [&mut live, &mut config].into_iter().filter(|object| object.is_object()) {
        object["apiVersion"] = json!("v1");
        object["kind"] = json!("Pod");
    }
    let manager = |name| apply::Manager { name, api_version: "v1", subresource: "" };
    let (reset, now) = (apply::reset::built_in("", "Pod", ""), "2024-01-01T00:00:00Z");
    if decode::canonicalize(&POD, &mut live).is_err() {
        return;
    }
    let before = live.clone();
    apply::track_update(Some(&before), &mut live, &POD, &manager("first"), &reset, now);
    let once = |live: &Value, force| {
        apply::apply(Some(live), &config, &POD, &manager("second"), force, &reset, now)
    };
    let Ok(mut merged) = once(&live, true) else {
        return;
    };
    // As every write is; it fills in what keys of lists leave out, and what has no key is
    // refused.
    if decode::canonicalize(&POD, &mut merged).is_err() {
        return;
    }
    let mut pod = merged.clone();
    let rules = builtin::strategy("", "pods");
    rules.default(&mut pod);
    if !rules.validate_create(&pod).is_empty() {
        return;
    }
    // Whoever forced their will has it, without forcing it again.
    let again = once(&merged, false).map(|mut again| {
        decode::canonicalize(&POD, &mut again).unwrap();
        again
    });
    assert_eq!(again.as_ref(), Ok(&merged), "config {config}, live {live}");
}

fn fields_v1(chance: &mut Chance) {
    let fields = value(
        chance,
        &seeds::field_sets(),
        &[json!({}), json!(null), json!(1)],
        &seeds::FIELD_NAMES,
    );
    if let Ok(set) = apply::Set::from_fields_v1(&fields) {
        let written = set.to_fields_v1();
        let read = apply::Set::from_fields_v1(&written).unwrap();
        assert_eq!(read, set, "{fields}");
        let _ = set.paths();
        assert!(!set.intersection(&read).is_empty() || set.is_empty());
    }
}

fn schemas(chance: &mut Chance) {
    let raw = value(chance, &seeds::schemas(), &seeds::schema_values(), &seeds::SCHEMA_NAMES);
    let mut definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "widgets.example.com" },
        "spec": { "group": "example.com", "scope": "Namespaced",
            "names": { "plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList" },
            "versions": [{ "name": "v1", "served": true, "storage": true,
                "subresources": { "status": {} }, "schema": { "openAPIV3Schema": raw } }] },
    });
    let kind = decode::schema_of("apiextensions.k8s.io", "v1", "CustomResourceDefinition").unwrap();
    if decode::canonicalize(&kind, &mut definition).is_err() {
        return;
    }
    let rules = CustomResourceDefinitions;
    rules.default(&mut definition);
    rules.prepare_create(&mut definition);
    if !rules.validate_create(&definition).is_empty() {
        return;
    }
    let compiled = Definition::compile(&definition);
    let compiled = compiled.unwrap_or_else(|why| panic!("valid, but does not compile: {why}"));
    let schema: &Schema = &compiled.versions[0].schema;
    let mut object = value(
        chance,
        &[json!({ "spec": { "replicas": 3, "list": [{ "k": "x" }] }, "status": { "a": "b" } })],
        &seeds::schema_values(),
        &["spec", "replicas", "list", "k", "map", "status", "free", "metadata", "kind", "pod"],
    );
    let old = object.clone();
    schema.prune(&mut object);
    schema.default(&mut object);
    let pruned = object.clone();
    schema.prune(&mut object);
    schema.default(&mut object);
    assert_eq!(object, pruned, "what was pruned and defaulted stays as it is: {definition}");
    let _ = schema.validate_rules(&object, Some(&old));
}

fn yaml(chance: &mut Chance) {
    let bytes = text(chance, &seeds::YAML, &seeds::YAML_WORDS);
    let _ = decode::parse_json(&bytes);
    if let Ok((value, _)) = decode::parse_yaml(&bytes) {
        let size = value.to_string().len();
        assert!(size <= 64 * 1024 * 1024, "{size} bytes out of {}", bytes.len());
    }
}
