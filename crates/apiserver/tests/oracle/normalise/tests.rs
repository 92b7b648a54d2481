//! Cases for normalisation.

use jiff::Timestamp;

use super::Normaliser;
use crate::checks::{Check, json};
use crate::json::Json;

pub(crate) const CHECKS: &[Check] = &[
    ("normalise/equal_stays_equal_and_different_stays_different", equality),
    ("normalise/numbers_follow_the_order_of_the_text", order_of_the_text),
    ("normalise/generated_names_are_replaced_everywhere", generated_names),
    ("normalise/lists_and_bookkeeping_get_no_number", lists),
    ("normalise/recent_times_are_labels_and_others_literal", times),
    ("normalise/ages_in_table_cells", ages),
    ("normalise/managed_fields_are_dropped_or_sorted", managed_fields),
    ("normalise/allocated_addresses_and_ports", addresses),
];

const UID_A: &str = "01234567-89ab-cdef-0123-456789abcdef";
const UID_B: &str = "11234567-89ab-cdef-0123-456789abcdef";

fn normalised(text: &str) -> Json {
    Normaliser::default().body(json(text), false)
}

fn equality() {
    let mut normaliser = Normaliser::default();
    let first =
        normaliser.body(json(&format!(r#"{{"uid": "{UID_A}", "resourceVersion": "7"}}"#)), false);
    assert_eq!(first, json(r#"{"uid": "<uid#1>", "resourceVersion": "<rv#1>"}"#));
    let second = normaliser
        .body(json(&format!(r#"["{UID_B}", "{UID_A}", {{"resourceVersion": "9"}}]"#)), false);
    assert_eq!(second, json(r#"["<uid#2>", "<uid#1>", {"resourceVersion": "<rv#2>"}]"#));
    assert_eq!(normalised(r#"{"resourceVersion": "0"}"#), json(r#"{"resourceVersion": "0"}"#));
}

fn order_of_the_text() {
    let body = normalised(&format!(r#"{{"uid": "{UID_B}", "owner": "{UID_A}"}}"#));
    assert_eq!(body, json(r#"{"uid": "<uid#1>", "owner": "<uid#2>"}"#));
}

fn generated_names() {
    let mut normaliser = Normaliser::default();
    normaliser.replace("zbcdfg", "${run}");
    let body = normaliser.body(
        json(r#"{"metadata": {"generateName": "p-zbcdfg-", "name": "p-zbcdfg-x2x4x"}, "link": "/pods/p-zbcdfg-x2x4x/log"}"#),
        false,
    );
    assert_eq!(
        body,
        json(
            r#"{"metadata": {"generateName": "p-${run}-", "name": "p-${run}-<gen#1>"}, "link": "/pods/p-${run}-<gen#1>/log"}"#
        )
    );
}

fn lists() {
    let body = r#"{"kind": "PodList", "metadata": {"resourceVersion": "5", "continue": "abc"}, "items": [{"metadata": {"resourceVersion": "4"}}]}"#;
    assert_eq!(
        normalised(body),
        json(
            r#"{"kind": "PodList", "metadata": {"resourceVersion": "<rv>", "continue": "<continue>"}, "items": [{"metadata": {"resourceVersion": "<rv#1>"}}]}"#
        )
    );
    let empty = r#"{"kind": "WidgetList", "metadata": {"resourceVersion": "", "continue": ""}}"#;
    assert_eq!(normalised(empty), json(empty));
    assert_eq!(
        normalised(r#"{"storageVersionHash": "x", "name": "pods"}"#),
        json(r#"{"name": "pods"}"#)
    );
}

fn times() {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    assert_eq!(
        normalised(&format!(r#"["{now}Z", "{now}.123456Z"]"#)),
        json(r#"["<time>", "<microtime>"]"#)
    );
    let old = r#"["2020-01-01T00:00:00Z", "2020-13-99T00:00:00Z"]"#;
    assert_eq!(normalised(old), json(old));
}

fn ages() {
    let body = r#"{"kind": "Table", "columnDefinitions": [{"name": "Name", "description": "d"}, {"name": "Age"}],
        "rows": [{"cells": ["2d3h", "<unknown>"]}, {"cells": ["s", 3]}]}"#;
    assert_eq!(
        normalised(body),
        json(
            r#"{"kind": "Table", "columnDefinitions": [{"name": "Name"}, {"name": "Age"}],
            "rows": [{"cells": ["<age>", "<age>"]}, {"cells": ["s", "<age>"]}]}"#
        )
    );
}

fn managed_fields() {
    let body = r#"{"managedFields": [{"manager": "b", "operation": "Apply"}, {"manager": "a", "operation": "Update"}, {"manager": "a", "operation": "Apply"}]}"#;
    assert_eq!(normalised(body), json("{}"));
    assert_eq!(
        Normaliser::default().body(json(body), true),
        json(
            r#"{"managedFields": [{"manager": "a", "operation": "Apply"}, {"manager": "a", "operation": "Update"}, {"manager": "b", "operation": "Apply"}]}"#
        )
    );
}

fn addresses() {
    assert_eq!(
        normalised(
            r#"{"clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7", "10.0.0.8"], "ports": [{"nodePort": 30001, "port": 80}, {"nodePort": 0}]}"#
        ),
        json(
            r#"{"clusterIP": "<ip#1>", "clusterIPs": ["<ip#1>", "<ip#2>"], "ports": [{"nodePort": "<nodeport#1>", "port": 80}, {"nodePort": 0}]}"#
        )
    );
    assert_eq!(normalised(r#"{"clusterIP": "None"}"#), json(r#"{"clusterIP": "None"}"#));
}
