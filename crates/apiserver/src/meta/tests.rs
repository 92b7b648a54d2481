#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::field::Error;
use crate::names;

fn checks() -> Checks<'static> {
    Checks { namespaced: true, builtin: true, name: &names::object_subdomain }
}

fn found(errors: &[Error]) -> Vec<(String, &'static str)> {
    errors.iter().map(|error| (error.field.clone(), error.reason())).collect()
}

fn create(metadata: Value) -> Vec<(String, &'static str)> {
    let mut object = json!({"metadata": {"name": "a", "namespace": "n"}});
    for (key, value) in metadata.as_object().unwrap() {
        object["metadata"][key] = value.clone();
    }
    found(&validate_create(&object, &checks()))
}

fn one(field: &str, reason: &'static str) -> Vec<(String, &'static str)> {
    vec![(field.to_owned(), reason)]
}

#[test]
fn findings_on_create() {
    let owner = |extra: Value| {
        let mut owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "u"});
        for (key, value) in extra.as_object().unwrap() {
            owner[key] = value.clone();
        }
        owner
    };
    let table = [
        (json!({"labels": {"bad key": "v"}}), one("metadata.labels", "FieldValueInvalid")),
        (json!({"labels": {"k": "bad value!"}}), one("metadata.labels", "FieldValueInvalid")),
        (
            json!({"labels": {"example.com/ok": "", "k": "a_b.c-d"}, "annotations": {"X/y": "any\n"}}),
            one("metadata.annotations", "FieldValueInvalid").split_off(1),
        ),
        (
            json!({"annotations": {"bad key": "v"}}),
            one("metadata.annotations", "FieldValueInvalid"),
        ),
        (
            json!({"annotations": {"x": "x".repeat(262_145)}}),
            one("metadata.annotations", "FieldValueTooLong"),
        ),
        (json!({"finalizers": ["nodomain"]}), one("metadata.finalizers[0]", "FieldValueInvalid")),
        (json!({"finalizers": ["bad domain/x"]}), one("metadata.finalizers", "FieldValueInvalid")),
        (
            json!({"finalizers": ["orphan", "foregroundDeletion"]}),
            one("metadata.finalizers", "FieldValueInvalid"),
        ),
        (
            json!({"ownerReferences": [owner(json!({"uid": ""}))]}),
            one("metadata.ownerReferences.uid", "FieldValueInvalid"),
        ),
        (
            json!({"ownerReferences": [owner(json!({"kind": "Event"}))]}),
            one("metadata.ownerReferences", "FieldValueInvalid"),
        ),
        (
            json!({"ownerReferences": [owner(json!({"controller": true})), owner(json!({"controller": true, "name": "b"}))]}),
            one("metadata.ownerReferences", "FieldValueInvalid"),
        ),
        (json!({"name": "UP"}), one("metadata.name", "FieldValueInvalid")),
        (json!({"name": ""}), one("metadata.name", "FieldValueRequired")),
        (json!({"generateName": "ok-"}), vec![]),
        (
            json!({"managedFields": [{"operation": "Odd", "manager": "m"}]}),
            one("metadata.managedFields[0].operation", "FieldValueInvalid"),
        ),
    ];
    for (metadata, wanted) in table {
        assert_eq!(create(metadata.clone()), wanted, "{metadata}");
    }
}

#[test]
fn namespaces_depend_on_the_scope() {
    let cluster = Checks { namespaced: false, ..checks() };
    let object = json!({"metadata": {"name": "a", "namespace": "n"}});
    let errors = validate_create(&object, &cluster);
    assert_eq!(found(&errors), one("metadata.namespace", "FieldValueForbidden"));
    let object = json!({"metadata": {"name": "a"}});
    let errors = validate_create(&object, &checks());
    assert_eq!(found(&errors), one("metadata.namespace", "FieldValueRequired"));
}

#[test]
fn an_update_cannot_touch_identity() {
    let stored = json!({"metadata": {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "5", "generation": 2,
        "creationTimestamp": "2024-01-01T00:00:00Z", "deletionTimestamp": "2024-01-02T00:00:00Z",
        "deletionGracePeriodSeconds": 0, "finalizers": ["a.b/c"]}});
    let mut object = json!({"metadata": {"name": "a", "namespace": "n", "resourceVersion": "5", "generation": 9,
        "creationTimestamp": "2001-01-01T00:00:00Z", "finalizers": ["a.b/c"]}});
    prepare_update(&mut object, &stored);
    assert_eq!(object, stored);
    assert_eq!(validate_update(&object, &stored, &checks()), vec![]);

    object["metadata"]["finalizers"] = json!(["a.b/new", "a.b/c"]);
    object["metadata"]["uid"] = json!("other");
    object["metadata"]["resourceVersion"] = json!("");
    let errors = validate_update(&object, &stored, &checks());
    let wanted = [
        ("metadata.finalizers", "FieldValueForbidden"),
        ("metadata.resourceVersion", "FieldValueInvalid"),
        ("metadata.uid", "FieldValueInvalid"),
    ];
    assert_eq!(found(&errors), wanted.map(|(field, reason)| (field.to_owned(), reason)));
    assert!(errors[0].detail.ends_with("found new finalizers []string{\"a.b/new\"}"));
}

#[test]
fn setters_remove_what_is_empty() {
    let mut object = json!({});
    set_name(&mut object, "a");
    set_label(&mut object, "k", "v");
    set_annotation(&mut object, "x", "");
    set_generation(&mut object, 3);
    set_finalizers(&mut object, &["a.b/c"]);
    let wanted = json!({"metadata": {"name": "a", "labels": {"k": "v"}, "annotations": {"x": ""},
        "generation": 3, "finalizers": ["a.b/c"]}});
    assert_eq!(object, wanted);
    set_generation(&mut object, 0);
    set_finalizers(&mut object, &[]);
    set_namespace(&mut object, "");
    assert_eq!(
        object,
        json!({"metadata": {"name": "a", "labels": {"k": "v"}, "annotations": {"x": ""}}})
    );
}

#[test]
fn creation_forgets_what_a_client_sent() {
    let mut object = json!({"metadata": {"name": "a", "uid": "forged", "generation": 7,
        "creationTimestamp": "2001-01-01T00:00:00Z", "deletionTimestamp": "2001-01-01T00:00:00Z"}});
    prepare_create(&mut object, "u", "2024-01-01T00:00:00Z");
    let wanted = json!({"metadata": {"name": "a", "uid": "u", "generation": 7, "creationTimestamp": "2024-01-01T00:00:00Z"}});
    assert_eq!(object, wanted);
}
