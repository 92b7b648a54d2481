//! Cases for comparison.

use super::{comparable, diff, explain};
use crate::checks::{Check, json};

pub(crate) const CHECKS: &[Check] = &[
    ("compare/missing_and_extra_members_differ", missing_and_extra),
    ("compare/numbers_of_different_type_differ", numbers),
    ("compare/order_of_lists_counts_and_of_keys_does_not", order),
    ("compare/messages_are_for_the_reader", messages),
    ("compare/causes_are_a_set", causes),
    ("compare/an_error_beside_an_object_is_shown_whole", different_answers),
    ("compare/many_differences_are_cut", many),
];

fn missing_and_extra() {
    let text =
        explain(&json(r#"{"a": 1, "x/y": 2}"#), &json(r#"{"a": 1, "b": 3}"#)).expect("they differ");
    assert!(text.contains("$.b\n      expected: <absent>\n      actual:   3"), "{text}");
    assert!(text.contains("$['x/y']\n      expected: 2\n      actual:   <absent>"), "{text}");
    assert!(explain(&json("{}"), &json(r#"{"a": null}"#)).is_some());
}

fn numbers() {
    assert_eq!(diff(&json("1"), &json("1.0")).len(), 1);
    assert_eq!(diff(&json("true"), &json("1")).len(), 1);
    assert_eq!(diff(&json("1.50"), &json("1.5")).len(), 0);
}

fn order() {
    assert_eq!(explain(&json(r#"{"a": 1, "b": 2}"#), &json(r#"{"b": 2, "a": 1}"#)), None);
    assert_eq!(diff(&json("[1, 2]"), &json("[2, 1, 3]")).len(), 3);
}

fn messages() {
    let status = |message| {
        json(&format!(r#"{{"body": {{"kind": "Status", "message": "{message}", "code": 404}}}}"#))
    };
    assert_eq!(explain(&status("a"), &status("b")), None);
    let condition = json(r#"[{"type": "Ready", "status": "True", "reason": "r", "message": "m"}]"#);
    assert_eq!(
        comparable(&condition),
        json(r#"[{"type": "Ready", "status": "True", "reason": "r"}]"#)
    );
    let event = json(r#"{"type": "Normal", "message": "m"}"#);
    assert_eq!(comparable(&event), event);
}

fn causes() {
    let left =
        json(r#"{"causes": [{"field": "b", "message": "x"}, {"field": "a", "message": "y"}]}"#);
    let right =
        json(r#"{"causes": [{"message": "z", "field": "a"}, {"message": "w", "field": "b"}]}"#);
    assert_eq!(explain(&left, &right), None);
    let fewer = json(r#"{"causes": [{"field": "a"}]}"#);
    assert!(explain(&left, &fewer).is_some());
}

fn different_answers() {
    let expected = json(
        r#"{"status": 422, "body": {"kind": "Status", "reason": "Invalid", "message": "why"}}"#,
    );
    let actual = json(r#"{"status": 201, "body": {"kind": "ConfigMap", "data": {"a": "b"}}}"#);
    let text = explain(&expected, &actual).expect("they differ");
    assert!(text.contains("expected: 422 {") && text.contains("why"), "{text}");
    assert!(text.contains("actual: 201 {") && text.contains("ConfigMap"), "{text}");
}

fn many() {
    let list = |value: u8| json(&format!("{:?}", vec![value; 15]));
    let text = explain(&list(1), &list(2)).expect("they differ");
    assert!(text.ends_with("... and 3 more differences\n"), "{text}");
}
