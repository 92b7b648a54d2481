//! What leaves the object when it is no longer applied.

use serde_json::json;

use super::{Set, World};

#[test]
fn what_nobody_else_owns_goes() {
    let mut world = World::config_map();
    world.apply("a", json!({"data": {"x": "1", "y": "2"}, "metadata": {"labels": {"l": "1"}}}));
    world.apply("a", json!({"data": {"x": "1"}}));
    assert_eq!(world.get("/data"), json!({"x": "1"}));
    assert_eq!(world.get("/metadata/labels"), json!(null));
    world.apply("b", json!({"data": {"z": "1"}}));
    world.apply("a", json!({}));
    assert_eq!(world.get("/data"), json!({"z": "1"}));
    assert_eq!(world.owners().len(), 1);
    world.apply("b", json!({}));
    assert_eq!(world.get("/data"), json!(null));
    assert_eq!(world.get("/metadata/managedFields"), json!(null));
    assert_eq!(world.get("/metadata/name"), "n");
}

#[test]
fn what_another_applies_too_stays() {
    let mut world = World::config_map();
    world.apply("a", json!({"data": {"x": "1"}}));
    world.apply("b", json!({"data": {"x": "1"}}));
    world.apply("a", json!({}));
    assert_eq!(world.get("/data"), json!({"x": "1"}));
    assert_eq!(world.owned("a/Apply"), json!(null));
    world.apply("b", json!({"data": {"x": "5"}}));
    assert_eq!(world.get("/data"), json!({"x": "5"}));
}

#[test]
fn what_an_update_owns_stays() {
    let mut world = World::config_map();
    world.create("m", json!({"data": {"x": "1", "y": "2"}}));
    world.apply("m", json!({"data": {"x": "1"}}));
    world.apply("m", json!({}));
    assert_eq!(world.get("/data"), json!({"x": "1", "y": "2"}));
}

/// Values that nobody owns go with the last owned key of their map, unless the map
/// itself is applied.
#[test]
fn unowned_values_of_a_map() {
    let capacity = |value: serde_json::Value| json!({"status": {"capacity": value}});
    let mut world = World::of("", "v1", "Node");
    world.reset = Set::of_fields(&[&["status"]]);
    world.create(
        "kubelet",
        json!({"metadata": {"labels": {"a": "b"}}, "status": {"capacity": {"cpu": "4"}}}),
    );
    world.subresource = "status";
    world.reset = Set::of_fields(&[&["spec"]]);
    world.update("kubelet", |node| {
        node["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    });
    world.force("vm", capacity(json!({"example.com/vm": "5"})));
    assert_eq!(world.get("/status/capacity"), json!({"cpu": "4", "example.com/vm": "5"}));
    world.force("vm", capacity(json!({})));
    assert_eq!(world.get("/status/capacity"), json!({"cpu": "4"}));
    world.force("vm", capacity(json!({"example.com/vm": "6"})));
    world.force("vm", json!({"status": {}}));
    assert_eq!(world.get("/status/capacity"), json!(null));
    assert_eq!(world.get("/status/conditions/0/type"), "Ready");
    assert_eq!(world.get("/metadata/labels/a"), "b");
}

#[test]
fn items_of_keyed_lists_come_and_go() {
    let mut world = World::widget();
    let ports = |list: serde_json::Value| json!({"spec": {"ports": list}});
    world.apply("a", ports(json!([{"port": 80, "name": "w"}, {"port": 80, "protocol": "UDP"}])));
    world.apply("b", ports(json!([{"port": 80, "tags": ["t"]}, {"port": 9}])));
    assert_eq!(
        world.get("/spec/ports"),
        json!([
            {"port": 80, "name": "w", "tags": ["t"]},
            {"port": 80, "protocol": "UDP"},
            {"port": 9},
        ])
    );
    world.apply("a", ports(json!([{"port": 80}])));
    assert_eq!(world.get("/spec/ports"), json!([{"port": 80, "tags": ["t"]}, {"port": 9}]));
    world.apply("b", json!({}));
    assert_eq!(world.get("/spec/ports"), json!([{"port": 80}]));
    world.apply("a", json!({}));
    assert_eq!(world.get("/spec"), json!(null));
}

#[test]
fn items_follow_the_order_of_the_configuration() {
    let list = |tags: &[&str]| json!({"spec": {"tags": tags}});
    let cases: [(&[&str], &[&str], &[&str]); 5] = [
        (&["a", "b", "c"], &["x"], &["a", "b", "c", "x"]),
        (&["a", "b", "c"], &["c", "a"], &["b", "c", "a"]),
        (&["a", "b"], &["b", "x", "a"], &["b", "x", "a"]),
        (&["a", "b", "c"], &["a", "x", "c"], &["a", "b", "x", "c"]),
        (&[], &["x", "y"], &["x", "y"]),
    ];
    for (live, config, merged) in cases {
        let mut world = World::widget();
        world.create("u", list(live));
        world.apply("a", list(config));
        assert_eq!(world.get("/spec/tags"), json!(merged), "{live:?} + {config:?}");
    }
}

/// Kubernetes 1.28 leaves null behind where the last field of an object goes although
/// the object itself is owned; newer versions leave an empty object.
#[test]
fn an_emptied_object_becomes_null() {
    let mut world = World::free();
    world.apply("a", json!({"spec": {"l": [{"a": 1}], "m": {"x": {"y": 1}}}}));
    world.apply("b", json!({"spec": {"m": {"x": {"z": 2}}}}));
    world.apply("a", json!({"spec": {"m": {}}}));
    assert_eq!(world.get("/spec"), json!({"m": {"x": {"z": 2}}}));
    assert_eq!(world.owned("a/Apply"), json!({"f:spec": {".": {}, "f:m": {}}}));
    world.apply("b", json!({}));
    assert_eq!(world.get("/spec"), json!({"m": null}));
}
