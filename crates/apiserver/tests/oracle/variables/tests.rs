//! Cases for variables.

use super::Variables;
use crate::checks::{Check, json};

pub(crate) const CHECKS: &[Check] = &[
    ("variables/replaced_in_strings_and_keys", replaced_in_strings_and_keys),
    ("variables/fill_repeats", fill_repeats),
    ("variables/an_unset_one_is_named", an_unset_one_is_named),
];

fn variables() -> Variables {
    let mut variables = Variables::default();
    variables.set("run", "zabcde".into());
    variables.set("wh.url", "https://h/p".into());
    variables.set("n", json("7"));
    variables
}

fn replaced_in_strings_and_keys() {
    let value = json(r#"{"k-${run}": ["${wh.url}?n=${n}", "${run}${run}", 1, "$ {run}"]}"#);
    assert_eq!(
        variables().json(&value).expect("all are set"),
        json(r#"{"k-zabcde": ["https://h/p?n=7", "zabcdezabcde", 1, "$ {run}"]}"#)
    );
}

fn fill_repeats() {
    assert_eq!(variables().text("a${fill.4}b").expect("fill needs no value"), "axxxxb");
}

fn an_unset_one_is_named() {
    let error = variables().text("${nobody}").expect_err("it is not set");
    assert!(error.to_string().contains("${nobody}"), "{error}");
}
