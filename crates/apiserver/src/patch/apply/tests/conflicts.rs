//! Conflicts, force, and what kubectl may take.

use serde_json::json;

use super::{Error, World};

fn data(pairs: &[(&str, &str)]) -> serde_json::Value {
    let map: serde_json::Map<_, _> =
        pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({"data": map})
}

fn fields(error: &Error) -> Vec<String> {
    assert_eq!((error.code.as_u16(), error.reason), (409, "Conflict"));
    let causes = error.details.as_ref().unwrap().causes.iter();
    causes
        .map(|cause| {
            assert_eq!(cause.reason, "FieldManagerConflict");
            cause.field.clone()
        })
        .collect()
}

#[test]
fn another_appliers_field_is_a_conflict() {
    let mut world = World::config_map();
    world.apply("a", data(&[("x", "1"), ("y", "1")]));
    let one = world.try_apply("b", data(&[("x", "2")]), false).unwrap_err();
    assert_eq!(fields(&one), [".data.x"]);
    assert_eq!(one.message, "Apply failed with 1 conflict: conflict with \"a\": .data.x");
    let two = world.try_apply("b", data(&[("x", "2"), ("y", "2")]), false).unwrap_err();
    assert_eq!(
        two.message,
        "Apply failed with 2 conflicts: conflicts with \"a\":\n- .data.x\n- .data.y"
    );
}

#[test]
fn the_same_value_is_shared_without_conflict() {
    let mut world = World::config_map();
    world.apply("a", data(&[("x", "1")]));
    world.apply("b", data(&[("x", "1")]));
    assert_eq!(world.owned("a/Apply"), json!({"f:data": {"f:x": {}}}));
    assert_eq!(world.owned("b/Apply"), json!({"f:data": {"f:x": {}}}));
    let error = world.try_apply("a", data(&[("x", "2")]), false).unwrap_err();
    assert_eq!(fields(&error), [".data.x"]);
}

#[test]
fn force_takes_the_field_and_leaves_the_rest() {
    let mut world = World::config_map();
    world.apply("a", data(&[("x", "1"), ("y", "1")]));
    world.force("b", data(&[("x", "2")]));
    assert_eq!(world.get("/data"), json!({"x": "2", "y": "1"}));
    assert_eq!(world.owned("a/Apply"), json!({"f:data": {"f:y": {}}}));
    assert_eq!(world.owned("b/Apply"), json!({"f:data": {"f:x": {}}}));
}

#[test]
fn an_applier_conflicts_with_its_own_update() {
    let mut world = World::config_map();
    world.create("m", data(&[("x", "1")]));
    world.apply("m", data(&[("x", "1")]));
    let error = world.try_apply("m", data(&[("x", "3")]), false).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"m\" using v1: .data.x"
    );
}

#[test]
fn a_subresource_is_named_in_the_conflict() {
    let mut world = World::of("", "v1", "Node");
    world.create("admin", json!({}));
    world.subresource = "status";
    let status = |nic: &str| json!({"status": {"capacity": {"example.com/nic": nic}}});
    world.apply("a", status("2"));
    let error = world.try_apply("b", status("3"), false).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"a\" with subresource \"status\": \
         .status.capacity.example.com/nic"
    );
    world.update("k", |node| node["status"]["capacity"]["example.com/nic"] = json!("4"));
    let error = world.try_apply("b", status("3"), false).unwrap_err();
    assert_eq!(
        error.details.unwrap().causes[0].message,
        "conflict with \"k\" with subresource \"status\" using v1"
    );
}

#[test]
fn list_items_are_named_by_their_keys() {
    let mut world = World::of("apps", "v1", "Deployment");
    let container = |rest: serde_json::Value| {
        let mut container = json!({"name": "c"});
        for (key, value) in rest.as_object().unwrap() {
            container[key] = value.clone();
        }
        json!({"spec": {"template": {"spec": {"containers": [container]}}}})
    };
    world.apply("a", container(json!({"command": ["a"], "image": "x:1"})));
    let error = world.try_apply("b", container(json!({"command": ["b"]})), false).unwrap_err();
    assert_eq!(fields(&error), [".spec.template.spec.containers[name=\"c\"].command"]);
}

#[test]
fn an_atomic_part_conflicts_as_a_whole() {
    let mut world = World::widget();
    world.apply("a", json!({"spec": {"whole": {"x": "1"}, "steps": ["s"]}}));
    let error = world
        .try_apply("b", json!({"spec": {"whole": {"y": "1"}, "steps": ["t"]}}), false)
        .unwrap_err();
    assert_eq!(fields(&error), [".spec.steps", ".spec.whole"]);
}

const LAST: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn applied_by_client(world: &mut World, last: &str) {
    world.create(
        "kubectl-client-side-apply",
        json!({
            "metadata": {"annotations": {LAST: last}},
            "data": {"x": "1", "y": "2"},
        }),
    );
}

#[test]
fn kubectl_takes_over_what_it_applied_client_side() {
    let last = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"n"},"data":{"x":"1","y":"2"}}"#;
    let mut world = World::config_map();
    applied_by_client(&mut world, last);
    let other = world.try_apply("other", data(&[("x", "9")]), false);
    assert_eq!(fields(&other.unwrap_err()), [".data.x"]);
    world.apply("kubectl", data(&[("x", "9")]));
    assert_eq!(world.get("/data"), json!({"x": "9", "y": "2"}));
    assert_eq!(
        world.get("/metadata/annotations")[LAST],
        "{\"apiVersion\":\"v1\",\"data\":{\"x\":\"9\"},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"n\"}}\n"
    );
    assert_eq!(
        world.owned("kubectl-client-side-apply/Update")["f:data"],
        json!({".": {}, "f:y": {}})
    );
}

#[test]
fn kubectl_may_not_take_what_changed_since() {
    let last = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"n"},"data":{"x":"0","y":"2"}}"#;
    let mut world = World::config_map();
    applied_by_client(&mut world, last);
    let error = world.try_apply("kubectl", data(&[("x", "9"), ("y", "9")]), false).unwrap_err();
    assert_eq!(fields(&error), [".data.x"]);
    let mut unreadable = World::config_map();
    applied_by_client(&mut unreadable, "{}");
    let error = unreadable.try_apply("kubectl", data(&[("y", "9")]), false).unwrap_err();
    assert_eq!(fields(&error), [".data.y"]);
}
