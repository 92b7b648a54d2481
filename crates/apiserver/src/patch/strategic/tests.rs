#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::schema::by_kind;

fn deployment(patch: &Value, doc: &Value) -> Result<Value> {
    apply(doc, patch, by_kind("apps", "v1", "Deployment").unwrap())
}

/// A deployment with this pod spec.
fn with(spec: Value) -> Value {
    json!({"spec": {"template": {"spec": spec}}})
}

fn pod_spec(before: Value, patch: Value) -> Result<Value> {
    let after = deployment(&with(patch), &with(before))?;
    Ok(after["spec"]["template"]["spec"].clone())
}

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|item| item["name"].as_str().unwrap()).collect()
}

#[test]
fn keyed_lists_merge_by_key() {
    let before = json!({"containers": [
        {"name": "c", "image": "x:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
    ]});
    let patch = json!({"containers": [
        {"name": "c", "env": [{"name": "B", "value": "9"}, {"name": "C", "value": "3"}]},
        {"name": "side", "image": "s:1"},
    ]});
    let after = pod_spec(before, patch).unwrap();
    assert_eq!(
        after["containers"],
        json!([
            {"name": "c", "image": "x:1", "env": [
                {"name": "A", "value": "1"}, {"name": "B", "value": "9"}, {"name": "C", "value": "3"},
            ]},
            {"name": "side", "image": "s:1"},
        ])
    );
}

#[test]
fn ports_merge_by_their_patch_key_alone() {
    let before =
        json!({"containers": [{"name": "c", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]});
    let patch = json!({"containers": [{"name": "c", "ports": [{"containerPort": 81}]}]});
    let after = pod_spec(before, patch).unwrap();
    assert_eq!(
        after["containers"][0]["ports"],
        json!([{"containerPort": 81}, {"containerPort": 80, "protocol": "TCP"}])
    );
}

#[test]
fn items_of_the_patch_come_where_the_server_order_allows() {
    let list = |names: &[&str]| json!({"containers": names.iter().map(|n| json!({"name": n})).collect::<Vec<_>>()});
    let cases: [(&[&str], &[&str], &[&str]); 4] = [
        (&["c"], &["b", "a"], &["b", "a", "c"]),
        (&["a", "b", "c"], &["c", "a"], &["b", "c", "a"]),
        (&["a", "b"], &["b", "n"], &["a", "b", "n"]),
        (&[], &["x"], &["x"]),
    ];
    for (before, patch, after) in cases {
        let merged = pod_spec(list(before), list(patch)).unwrap();
        assert_eq!(names(&merged["containers"]), after, "{before:?} + {patch:?}");
    }
}

#[test]
fn set_element_order_orders_what_it_lists() {
    let before = json!({"containers": [{"name": "b"}, {"name": "a"}, {"name": "c"}]});
    let patch = json!({
        "$setElementOrder/containers": [{"name": "a"}, {"name": "new"}, {"name": "b"}, {"name": "c"}],
        "containers": [{"name": "new", "image": "n:1"}],
    });
    let after = pod_spec(before.clone(), patch).unwrap();
    assert_eq!(names(&after["containers"]), ["a", "new", "b", "c"]);

    let only_order = json!({"$setElementOrder/containers": [{"name": "c"}, {"name": "b"}]});
    let after = pod_spec(before.clone(), only_order).unwrap();
    assert_eq!(names(&after["containers"]), ["a", "c", "b"]);

    let missing = json!({
        "$setElementOrder/containers": [{"name": "a"}],
        "containers": [{"name": "zz"}],
    });
    assert_eq!(pod_spec(before, missing).unwrap_err().code.as_u16(), 500);
}

#[test]
fn set_element_order_with_deletions_and_nested_orders() {
    let before = json!({"containers": [
        {"name": "c", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        {"name": "log"},
    ]});
    let patch = json!({
        "$setElementOrder/containers": [{"name": "c"}],
        "containers": [
            {"$patch": "delete", "name": "log"},
            {"$setElementOrder/env": [{"name": "B"}], "name": "c",
             "env": [{"$patch": "delete", "name": "A"}], "image": "new:2"},
        ],
    });
    let after = pod_spec(before, patch).unwrap();
    assert_eq!(
        after["containers"],
        json!([{"name": "c", "image": "new:2", "env": [{"name": "B", "value": "2"}]}])
    );
}

#[test]
fn directives_vanish_where_there_is_nothing_to_merge_with() {
    let patch = json!({"containers": [{
        "name": "c",
        "$setElementOrder/env": [{"name": "B"}, {"name": "A"}],
        "env": [{"name": "B", "value": null}, {"name": "A"}, {"$patch": "delete", "name": "Z"}],
    }]});
    let after = pod_spec(json!({}), patch).unwrap();
    assert_eq!(
        after,
        json!({"containers": [{"name": "c", "env": [{"name": "B"}, {"name": "A"}]}]})
    );
}

#[test]
fn items_are_deleted_and_lists_replaced() {
    let before = json!({"containers": [{"name": "a", "image": "1"}, {"name": "b"}]});
    let gone = json!({"containers": [{"name": "a", "$patch": "delete"}]});
    assert_eq!(pod_spec(before.clone(), gone).unwrap(), json!({"containers": [{"name": "b"}]}));
    let replaced = json!({"containers": [{"name": "n"}, {"$patch": "replace"}]});
    assert_eq!(pod_spec(before, replaced).unwrap(), json!({"containers": [{"name": "n"}]}));
}

#[test]
fn lists_without_strategy_are_replaced() {
    let before = json!({"tolerations": [{"key": "x"}], "containers": [{"name": "c", "command": ["a", "b"]}]});
    let patch =
        json!({"tolerations": [{"key": "y"}], "containers": [{"name": "c", "command": ["z"]}]});
    assert_eq!(pod_spec(before, patch.clone()).unwrap(), patch);
}

#[test]
fn objects_are_replaced_emptied_and_trimmed() {
    let labels = |labels: Value| json!({"metadata": {"labels": labels}});
    let before = labels(json!({"a": "1", "b": "2"}));
    let cases = [
        (json!({"$patch": "replace", "z": "9"}), json!({"z": "9"})),
        (json!({"$patch": "delete"}), json!({})),
        (json!({"a": null, "c": "3"}), json!({"b": "2", "c": "3"})),
        (json!({}), json!({"a": "1", "b": "2"})),
    ];
    for (patch, after) in cases {
        let merged = deployment(&labels(patch.clone()), &before).unwrap();
        assert_eq!(merged, labels(after), "{patch}");
    }
    let odd = deployment(&labels(json!({"$patch": "odd"})), &before).unwrap_err();
    assert_eq!(odd.code.as_u16(), 500);
    assert_eq!(odd.message, "unknown patch type: odd in map: map[$patch:odd]");
}

#[test]
fn retain_keys_drops_the_others() {
    let strategy = |value: Value| json!({"spec": {"strategy": value}});
    let before = strategy(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}));
    let patch = strategy(json!({"$retainKeys": ["type"], "type": "Recreate"}));
    assert_eq!(deployment(&patch, &before).unwrap(), strategy(json!({"type": "Recreate"})));
    for bad in
        [json!({"$retainKeys": ["type"], "rollingUpdate": {}}), json!({"$retainKeys": "type"})]
    {
        let error = deployment(&strategy(bad), &before).unwrap_err();
        assert_eq!(error.code.as_u16(), 400);
    }
}

#[test]
fn lists_of_scalars_merge_as_sets() {
    let schema = by_kind("", "v1", "Node").unwrap();
    let finalizers = |list: Value| json!({"metadata": {"finalizers": list}});
    let before = finalizers(json!(["a", "b"]));
    let added = apply(&before, &finalizers(json!(["c", "a"])), schema).unwrap();
    assert_eq!(added, finalizers(json!(["c", "a", "b"])));
    let patch = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a", "zz"]}});
    assert_eq!(apply(&before, &patch, schema).unwrap(), finalizers(json!(["b"])));
    let nothing = json!({"metadata": {}});
    assert_eq!(apply(&nothing, &patch, schema).unwrap(), nothing);
}

#[test]
fn an_object_with_the_strategy_replace_is_not_merged() {
    let schema = by_kind("policy", "v1", "PodDisruptionBudget").unwrap();
    let selector = |labels: Value| json!({"spec": {"selector": {"matchLabels": labels}}});
    let merged = apply(&selector(json!({"a": "1"})), &selector(json!({"b": "2"})), schema).unwrap();
    assert_eq!(merged, selector(json!({"b": "2"})));
}

#[test]
fn what_cannot_be_merged() {
    let before = json!({"containers": [{"name": "c"}]});
    let no_key = pod_spec(before.clone(), json!({"containers": [{"image": "x"}]})).unwrap_err();
    assert_eq!(no_key.code.as_u16(), 500);
    assert_eq!(no_key.message, "map: map[image:x] does not contain declared merge key: name");
    let mixed = pod_spec(before, json!({"containers": ["c"]})).unwrap_err();
    assert_eq!(mixed.code.as_u16(), 500);
    let node = by_kind("", "v1", "Node").unwrap();
    let nested = json!({"metadata": {"finalizers": [["a"]]}});
    let nested = apply(&nested, &nested, node).unwrap_err();
    assert_eq!((nested.code.as_u16(), nested.reason), (422, "Invalid"));
    let no_object = deployment(&json!([1]), &json!({})).unwrap_err();
    assert_eq!(no_object.code.as_u16(), 400);
}
