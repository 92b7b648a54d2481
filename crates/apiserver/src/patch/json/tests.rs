#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

fn doc() -> Value {
    json!({"a": {"x": "1", "y/z": "2", "t~": "3"}, "l": ["p", "q", "r"], "n": null})
}

#[test]
fn operations_that_succeed() {
    let cases = [
        (json!([]), json!({})),
        (json!([{"op": "add", "path": "/a/k", "value": 1}]), json!({"a": {"k": 1}})),
        (json!([{"op": "add", "path": "/b", "value": {"c": 1}}]), json!({"b": {"c": 1}})),
        (json!([{"op": "replace", "path": "/a/absent", "value": 1}]), json!({"a": {"absent": 1}})),
        (json!([{"op": "replace", "path": "/a/y~1z", "value": 1}]), json!({"a": {"y/z": 1}})),
        (json!([{"op": "replace", "path": "/a/t~0", "value": 1}]), json!({"a": {"t~": 1}})),
        (json!([{"op": "remove", "path": "/a/x"}]), json!({"a": {"x": null}})),
        (json!([{"op": "add", "path": "/l/-", "value": "s"}]), json!({"l": ["p", "q", "r", "s"]})),
        (json!([{"op": "add", "path": "/l/0", "value": "s"}]), json!({"l": ["s", "p", "q", "r"]})),
        (json!([{"op": "add", "path": "/l/3", "value": "s"}]), json!({"l": ["p", "q", "r", "s"]})),
        (json!([{"op": "add", "path": "/l/-1", "value": "s"}]), json!({"l": ["p", "q", "r", "s"]})),
        (json!([{"op": "remove", "path": "/l/-1"}]), json!({"l": ["p", "q"]})),
        (json!([{"op": "replace", "path": "/l/1", "value": "s"}]), json!({"l": ["p", "s", "r"]})),
        (json!([{"op": "copy", "from": "/l/0", "path": "/a/k"}]), json!({"a": {"k": "p"}})),
        (
            json!([{"op": "move", "from": "/a/x", "path": "/a/k"}]),
            json!({"a": {"k": "1", "x": null}}),
        ),
        (json!([{"op": "test", "path": "/l/2", "value": "r"}]), json!({})),
        (json!([{"op": "test", "path": "/a/absent", "value": null}]), json!({})),
        (json!([{"op": "test", "path": "/n", "value": null}]), json!({})),
    ];
    for (patch, change) in cases {
        // What is expected is written as a merge patch of the document.
        let expected = crate::patch::merge::apply(&doc(), &change).unwrap();
        assert_eq!(apply(&doc(), &patch).unwrap(), expected, "{patch}");
    }
}

#[test]
fn operations_that_cannot_be_carried_out_are_422() {
    let cases = [
        json!([{"op": "remove", "path": "/a/absent"}]),
        json!([{"op": "remove", "path": "/a/y/z"}]),
        json!([{"op": "remove", "path": "/l/3"}]),
        json!([{"op": "remove", "path": "/l/-4"}]),
        json!([{"op": "remove", "path": "/l/x"}]),
        json!([{"op": "replace", "path": "/l/3", "value": 1}]),
        json!([{"op": "replace", "path": "", "value": {}}]),
        json!([{"op": "add", "path": "/no/such/parent", "value": 1}]),
        json!([{"op": "add", "path": "/a/x/deeper", "value": 1}]),
        json!([{"op": "add", "path": "/l/4", "value": 1}]),
        json!([{"op": "add", "path": "", "value": 1}]),
        json!([{"op": "test", "path": "", "value": {}}]),
        json!([{"op": "test", "path": "/a/x", "value": "2"}]),
        json!([{"op": "test", "path": "/l/7", "value": null}]),
        json!([{"op": "move", "from": "/a/absent", "path": "/a/k"}]),
        json!([{"op": "copy", "path": "/a/k"}]),
        json!([{"op": "odd", "path": "/a/x"}]),
        json!([{"path": "/a/x"}]),
        json!([{"op": "remove"}]),
        json!([{"op": "add", "path": "/a/k", "value": 1}, {"op": "remove", "path": "/nope"}]),
    ];
    for patch in cases {
        let error = apply(&doc(), &patch).unwrap_err();
        assert_eq!((error.code.as_u16(), error.reason), (422, "Invalid"), "{patch}");
    }
}

#[test]
fn what_is_no_list_of_operations_is_400() {
    for patch in [
        json!({"op": "add"}),
        json!("x"),
        json!([1]),
        json!([{"op": 1, "path": "/a"}]),
        json!([{"op": "add", "path": ["a"]}]),
    ] {
        let error = apply(&doc(), &patch).unwrap_err();
        assert_eq!((error.code.as_u16(), error.reason), (400, "BadRequest"), "{patch}");
    }
}

#[test]
fn too_many_operations_are_413() {
    let test = json!({"op": "test", "path": "/a/x", "value": "1"});
    let most = Value::Array(vec![test.clone(); MAX_OPERATIONS]);
    assert_eq!(apply(&doc(), &most).unwrap(), doc());
    let more = Value::Array(vec![test; MAX_OPERATIONS + 1]);
    assert_eq!(apply(&doc(), &more).unwrap_err().code.as_u16(), 413);
}

#[test]
fn copies_cannot_grow_without_limit() {
    // Every copy doubles what the next one copies.
    let double = |at: usize| json!({"op": "copy", "from": "/a", "path": format!("/a/k{at}")});
    let patch: Value = (0..64).map(double).collect();
    assert_eq!(apply(&doc(), &patch).unwrap_err().code.as_u16(), 422);
}

#[test]
fn no_patch_makes_a_document_deeper_than_one_can_be_sent() {
    let deeper = json!([
        {"op": "move", "from": "/a", "path": "/b"},
        {"op": "add", "path": "/a", "value": {}},
        {"op": "move", "from": "/b", "path": "/a/x"},
    ]);
    let deeper = deeper.as_array().unwrap();
    let times =
        |count| Value::Array(std::iter::repeat_n(deeper.clone(), count).flatten().collect());
    let deep = apply(&json!({"a": {}}), &times(98)).unwrap();
    assert_eq!(depth(&deep), MAX_DEPTH);
    assert_eq!(apply(&json!({"a": {}}), &times(99)).unwrap_err().code.as_u16(), 422);
    assert_eq!(apply(&json!({"a": {}}), &times(3000)).unwrap_err().code.as_u16(), 422);

    // Moving to and fro is no depth.
    let there = json!({"op": "move", "from": "/a", "path": "/b/c"});
    let back = json!({"op": "move", "from": "/b/c", "path": "/a"});
    let to_and_fro: Vec<_> = std::iter::repeat_n([there, back], 500).flatten().collect();
    let doc = json!({"a": {"x": {}}, "b": {}});
    assert_eq!(apply(&doc, &Value::Array(to_and_fro)).unwrap(), doc);
}
