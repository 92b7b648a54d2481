#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::{Conversion, Definition, Scope, newest_first};
use crate::builtin::Part;
use crate::schema::{ListKind, Shape};

fn crd(versions: Value) -> Value {
    json!({
        "metadata": {"name": "widgets.kw.example.com"},
        "spec": {
            "group": "kw.example.com", "scope": "Namespaced", "versions": versions,
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        },
    })
}

fn version(schema: Value) -> Value {
    json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.n",
            "statusReplicasPath": ".status.n", "labelSelectorPath": ".status.selector"}}})
}

fn schema() -> Value {
    json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "n": {"type": "integer"},
            "l": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                "items": {"type": "object", "properties": {"k": {"type": "string", "default": "d"}}}},
            "s": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "m": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
            "e": {"x-kubernetes-int-or-string": true},
            "emb": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
        }},
        "status": {"type": "object", "properties": {
            "phase": {"type": "string", "enum": ["up"]}, "n": {"type": "integer"}, "selector": {"type": "string"},
        }, "x-kubernetes-validations": [{"rule": "!has(self.n) || self.n < 100"}]},
    }})
}

fn compiled() -> Definition {
    Definition::compile(&crd(json!([version(schema())]))).unwrap()
}

fn object(spec: Value, status: Value) -> Value {
    json!({"apiVersion": "kw.example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec, "status": status})
}

#[test]
fn versions_are_served_newest_first_and_warn_when_deprecated() {
    let plain = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let one = |name: &str, storage: bool| json!({"name": name, "served": name != "v1alpha1", "storage": storage, "schema": {"openAPIV3Schema": plain}});
    let mut beta = one("v1beta1", false);
    beta["deprecated"] = json!(true);
    let definition = Definition::compile(&crd(json!([
        one("v1alpha1", false),
        beta,
        one("v1", true),
        one("v10", false)
    ])))
    .unwrap();
    let names: Vec<_> = definition.served().iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["v10", "v1", "v1beta1"]);
    assert_eq!(definition.storage().name, "v1");
    assert!(definition.version("v1alpha1").is_none());
    let warning = definition.version("v1beta1").unwrap().deprecation_warning.clone();
    let expected = "kw.example.com/v1beta1 Widget is deprecated; use kw.example.com/v10 Widget";
    assert_eq!(warning.as_deref(), Some(expected));
    assert_eq!((definition.scope, &definition.conversion), (Scope::Namespaced, &Conversion::None));
    assert!(newest_first("v1beta2", "v1beta1").is_lt() && newest_first("foo", "v1alpha1").is_gt());
}

#[test]
fn apply_walks_the_schema_with_its_list_keys() {
    let definition = compiled();
    let merge = definition.storage().merge_schema();
    let spec = merge.field("spec").unwrap();
    let kind = |name: &str| match &spec.field(name).unwrap().shape {
        Shape::List { kind, .. } => kind.clone(),
        other => panic!("{name} is {other:?}"),
    };
    assert_eq!((kind("l"), kind("s")), (ListKind::Map(vec!["k".into()]), ListKind::Set));
    let Shape::List { items, .. } = &spec.field("l").unwrap().shape else { panic!("l is a list") };
    assert_eq!(items.field("k").unwrap().default, Some(json!("d")));
    assert!(matches!(spec.field("m").unwrap().shape, Shape::Map { atomic: true, .. }));
    assert_eq!(spec.field("e").unwrap().shape, Shape::IntOrString);
    for meta in [merge.field("metadata"), spec.field("emb").unwrap().field("metadata")] {
        assert!(meta.unwrap().field("labels").is_some());
    }
}

#[test]
fn status_writes_check_the_status_alone_and_all_rules() {
    let definition = compiled();
    let version = definition.storage();
    let fields = |part, object: &Value| -> Vec<_> {
        let errors = version.validate(part, object, Some(object), Vec::new());
        errors.into_iter().map(|it| it.field).collect()
    };
    let wrong = object(json!({"n": "x"}), json!({"phase": "odd"}));
    let unchecked = "<nil>";
    assert_eq!(fields(Part::Sub("status"), &wrong), ["phase", unchecked]);
    assert_eq!(fields(Part::Main, &wrong), ["spec.n", "status.phase", ".spec.n", unchecked]);
    let ruled = object(json!({}), json!({"n": 100}));
    assert_eq!(fields(Part::Sub("status"), &ruled), ["status"]);
    let negative = object(json!({"n": -1}), json!({}));
    assert_eq!(fields(Part::Main, &negative), [".spec.n"]);
    let mut other = object(json!({}), json!({}));
    other["kind"] = json!("Other");
    assert_eq!(fields(Part::Main, &other), ["kind"]);
}

#[test]
fn lists_stored_with_duplicates_may_stay() {
    let definition = compiled();
    let object = object(json!({"s": ["a", "a"]}), json!({}));
    let version = definition.storage();
    assert_eq!(version.validate(Part::Main, &object, None, Vec::new())[0].field, "spec.s[1]");
    assert!(version.validate(Part::Main, &object, Some(&object), Vec::new()).is_empty());
}

#[test]
fn each_part_sets_its_own_and_generation_follows_the_spec() {
    let definition = compiled();
    let version = definition.storage();
    let mut created = object(json!({"n": 1}), json!({"phase": "up"}));
    version.prepare_create(&mut created);
    assert_eq!((created.get("status"), &created["metadata"]["generation"]), (None, &json!(1)));
    let mut status = object(json!({"n": 9}), json!({"phase": "up"}));
    status["metadata"]["labels"] = json!({"a": "b"});
    version.prepare_update(Part::Sub("status"), &mut status, &created);
    assert_eq!((&status["spec"]["n"], &status["status"]["phase"]), (&json!(1), &json!("up")));
    assert!(status["metadata"].get("labels").is_none());
    let mut labelled = status.clone();
    labelled["metadata"]["labels"] = json!({"a": "b"});
    labelled["status"] = json!({"phase": "down"});
    version.prepare_update(Part::Main, &mut labelled, &status);
    assert_eq!(
        (&labelled["metadata"]["generation"], &labelled["status"]["phase"]),
        (&json!(1), &json!("up"))
    );
    let mut changed = labelled.clone();
    changed["spec"]["n"] = json!(2);
    version.prepare_update(Part::Main, &mut changed, &labelled);
    assert_eq!(changed["metadata"]["generation"], 2);
}

#[test]
fn scale_reads_and_writes_where_the_paths_lead() {
    let definition = compiled();
    let scale = definition.storage().subresources.scale.clone().unwrap();
    let mut object = object(json!({"n": 3}), json!({"n": 2, "selector": "a=b"}));
    let shown = scale.read(&object).unwrap();
    assert_eq!(shown["spec"], json!({"replicas": 3}));
    assert_eq!(shown["status"], json!({"replicas": 2, "selector": "a=b"}));
    assert!(scale.write(&mut object, 5));
    assert_eq!(object["spec"]["n"], 5);
    let mut empty = json!({});
    assert!(scale.read(&empty).is_none() && scale.write(&mut empty, 1));
    assert_eq!(empty, json!({"spec": {"n": 1}}));
    assert!(!scale.write(&mut json!({"spec": 1}), 1));
}

#[test]
fn published_schemas_name_their_kind_and_metadata() {
    let definition = compiled();
    let version = definition.storage();
    assert_eq!(version.openapi_name(), "com.example.kw.v1.Widget");
    let published = version.openapi("#/components/schemas/");
    let kind = json!([{"group": "kw.example.com", "version": "v1", "kind": "Widget"}]);
    assert_eq!(published["x-kubernetes-group-version-kind"], kind);
    let reference = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    assert_eq!(published["properties"]["metadata"]["allOf"][0]["$ref"], reference);
    let embedded = &published["properties"]["spec"]["properties"]["emb"]["properties"];
    assert_eq!(embedded["metadata"]["allOf"][0]["$ref"], reference);
    let list = version.openapi_list("#/definitions/");
    assert_eq!(
        list["properties"]["items"]["items"]["$ref"],
        "#/definitions/com.example.kw.v1.Widget"
    );
}

#[test]
fn definitions_are_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let definition = compiled();
    shared(&definition);
    let version = std::sync::Arc::clone(definition.storage());
    let ruled = object(json!({}), json!({"n": 100}));
    let found = std::thread::spawn(move || version.validate(Part::Main, &ruled, None, Vec::new()));
    assert_eq!(found.join().unwrap()[0].field, "status");
}
