//! The entries as such: identity, time, order, limits, bad input.

use serde_json::json;

use super::super::managed::Managed;
use super::super::{Element, Scalar, Set, keep_times};
use super::World;

fn times(world: &World) -> Vec<(String, serde_json::Value)> {
    let entries = world.get("/metadata/managedFields");
    let entries = entries.as_array().cloned().unwrap_or_default();
    entries
        .iter()
        .map(|entry| (entry["manager"].as_str().unwrap().to_owned(), entry["time"].clone()))
        .collect()
}

#[test]
fn an_apply_without_change_keeps_the_time() {
    let mut world = World::config_map();
    world.apply("a", json!({"data": {"x": "1"}}));
    let before = world.object.clone();
    world.apply("a", json!({"data": {"x": "1"}}));
    assert_eq!(world.object, before);
    world.apply("a", json!({"data": {"x": "2"}}));
    assert_eq!(times(&world), [("a".into(), json!("2024-01-01T00:00:03Z"))]);
}

#[test]
fn a_new_applier_that_changes_nothing_has_no_time() {
    let mut world = World::config_map();
    world.apply("a", json!({"data": {"x": "1"}}));
    world.apply("b", json!({"data": {"x": "1"}}));
    assert_eq!(
        times(&world),
        [("b".into(), json!(null)), ("a".into(), json!("2024-01-01T00:00:01Z")),]
    );
}

#[test]
fn entries_stand_by_operation_time_and_name() {
    let mut world = World::config_map();
    world.create("u2", json!({"data": {"a": "1"}}));
    world.update("u1", |map| map["data"]["b"] = json!("1"));
    world.apply("z", json!({"data": {"c": "1"}}));
    world.apply("y", json!({"data": {"d": "1"}}));
    let order: Vec<_> = world.owners().into_iter().map(|(id, _)| id).collect();
    assert_eq!(order, ["z/Apply", "y/Apply", "u2/Update", "u1/Update"]);
}

#[test]
fn old_updates_are_put_together() {
    let mut world = World::config_map();
    world.apply("applier", json!({"data": {"applied": "1"}}));
    for at in 0..14 {
        let key = format!("k{at}");
        world.update(&format!("u{at:02}"), |map| map["data"][key] = json!("1"));
    }
    let owners = world.owners();
    assert_eq!(owners.len(), 11, "ten updates and one apply");
    assert_eq!(
        world.owned("ancient-changes/Update"),
        json!({"f:data": {"f:k0": {}, "f:k1": {}, "f:k2": {}, "f:k3": {}, "f:k4": {}}})
    );
    assert_eq!(owners[1].0, "ancient-changes/Update");
    assert_eq!(owners[10].0, "u13/Update");
}

#[test]
fn leaving_the_entries_out_does_not_delete_them() {
    let mut world = World::config_map();
    world.create("a", json!({"data": {"x": "1"}}));
    let before = world.object.clone();
    for entries in [json!(null), json!([]), json!([{"operation": "Odd"}])] {
        world.update("b", |map| map["metadata"]["managedFields"] = entries);
        assert_eq!(world.object, before);
    }
    world.subresource = "status";
    world.update("b", |map| map["metadata"]["managedFields"] = json!([{}]));
    assert_eq!(world.object, before, "a subresource does not reset");
}

#[test]
fn a_client_may_edit_the_entries() {
    let mut world = World::config_map();
    world.create("a", json!({"data": {"x": "1"}}));
    world.update("b", |map| {
        map["metadata"]["managedFields"][0]["manager"] = json!("renamed");
    });
    assert_eq!(world.owners()[0].0, "renamed/Update");
}

#[test]
fn entries_that_cannot_be_read() {
    let entry = |change: (&str, serde_json::Value)| {
        let mut entry = json!({
            "manager": "m", "operation": "Update", "apiVersion": "v1",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {}},
        });
        entry[change.0] = change.1;
        json!({"metadata": {"managedFields": [entry]}})
    };
    assert!(Managed::decode(&entry(("time", json!("2024-01-01T00:00:00Z")))).is_ok());
    for bad in [
        ("operation", json!("Patch")),
        ("apiVersion", json!("")),
        ("fieldsType", json!("")),
        ("fieldsType", json!("FieldsV2")),
        ("fieldsV1", json!([])),
        ("fieldsV1", json!({"data": {}})),
        ("fieldsV1", json!({"x:data": {}})),
        ("fieldsV1", json!({"k:[]": {}})),
        ("fieldsV1", json!({"i:x": {}})),
    ] {
        assert!(Managed::decode(&entry(bad.clone())).is_err(), "{bad:?}");
    }
    let mut world = World::config_map();
    world.object = Some(world.whole(entry(("fieldsType", json!("FieldsV2")))));
    let error = world.try_apply("a", json!({}), true).unwrap_err();
    assert_eq!(error.code.as_u16(), 500);
}

#[test]
fn times_come_back_only_when_nothing_else_changed() {
    let object = |time: &str, x: &str| json!({"data": {"x": x}, "metadata": {"managedFields": [{"manager": "m", "time": time}]}});
    let live = object("1", "a");
    let mut same = object("2", "a");
    keep_times(&live, &mut same);
    assert_eq!(same, live);
    let mut changed = object("2", "b");
    keep_times(&live, &mut changed);
    assert_eq!(changed, object("2", "b"));
}

#[test]
fn elements_in_messages_and_in_order() {
    let key = |text: &str| Element::parse(text).unwrap();
    let ordered = [
        key("f:a"),
        key("f:b"),
        key(r#"k:{"name":"x","port":2}"#),
        key("v:1"),
        key("v:\"x\""),
        key("v:true"),
        key("i:3"),
    ];
    assert!(ordered.is_sorted());
    let words: Vec<_> = ordered.iter().map(ToString::to_string).collect();
    assert_eq!(words, [".a", ".b", "[name=\"x\",port=2]", "[=1]", "[=\"x\"]", "[=true]", "[3]"]);
    assert_eq!(key(r#"k:{"port":1.0}"#), Element::Key(vec![("port".into(), Scalar::Integer(1))]));
}

#[test]
fn subtraction_of_paths_and_of_trees() {
    let set = Set::of_fields(&[&["a"], &["a", "b"], &["a", "c"], &["d"]]);
    let gone = Set::of_fields(&[&["a"], &["d"]]);
    let mut paths = set.clone();
    paths.subtract(&gone);
    assert_eq!(paths, Set::of_fields(&[&["a", "b"], &["a", "c"]]));
    let mut trees = set.clone();
    trees.subtract_trees(&gone);
    assert!(trees.is_empty());
    assert_eq!(set.intersection(&gone), gone);
    assert!(set.contains(&[Element::Field("a".into()), Element::Field("b".into())]));
}
