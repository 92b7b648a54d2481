#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use super::*;
use crate::selection::Selection;

type Case = (&'static str, &'static [(&'static str, &'static str)], bool);

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn conditions_hold_as_calico_says() {
    let cases: &[Case] = &[
        ("", &[], true),
        ("  ", &[], true),
        ("all()", &[], true),
        ("global()", &[], true),
        ("all( )", &[], true),
        ("has(a)", &[("a", "")], true),
        ("has( a )", &[], false),
        ("!has(a)", &[], true),
        ("!!has(a)", &[], false),
        ("a == 'b'", &[("a", "b")], true),
        ("a=='b'", &[("a", "c")], false),
        ("a == \"b's\"", &[("a", "b's")], true),
        ("a != 'b'", &[], true),
        ("a != 'b'", &[("a", "b")], false),
        ("a in {'x', \"y\"}", &[("a", "y")], true),
        ("a in {'x',}", &[("a", "x")], true),
        ("a in {}", &[("a", "x")], false),
        ("a not in {'x'}", &[], true),
        ("a not in {'x'}", &[("a", "x")], false),
        ("a contains 'mid'", &[("a", "amidst")], true),
        ("a contains 'mid'", &[], false),
        ("a starts with 'am'", &[("a", "amidst")], true),
        ("a ends with 'st'", &[("a", "amidst")], true),
        ("a ends with 'am'", &[("a", "amidst")], false),
        ("a == '1' && b == '2' || c == '3'", &[("c", "3")], true),
        ("a == '1' && (b == '2' || c == '3')", &[("c", "3")], false),
        ("a == '1' && (b == '2' || c == '3')", &[("a", "1"), ("c", "3")], true),
        ("!(a == '1' || b == '2')", &[("c", "3")], true),
        ("kubernetes.io/os == 'linux'", &[("kubernetes.io/os", "linux")], true),
        // Keywords are labels where a label stands.
        ("all == 'x'", &[("all", "x")], true),
        ("has in {'x'}", &[("has", "x")], true),
        ("in in {'in'}", &[("in", "in")], true),
        ("not == 'x'", &[("not", "y")], false),
    ];
    for (text, pairs, wanted) in cases {
        let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(selector.matches(&labels(pairs)), *wanted, "{text} on {pairs:?}");
    }
}

#[test]
fn errors_say_where() {
    let cases = [
        ("a = 'b'", "unexpected \"=\" at 2"),
        ("a == 'b", "string that begins at 5 does not end"),
        ("a == b", "unexpected \"b\" at 5"),
        ("a", "selector ends where an operator is expected"),
        ("a == 'b' &&", "selector ends where a condition is expected"),
        ("(a == 'b'", "selector ends where `)` is expected"),
        ("a == 'b')", "unexpected \")\" at 8"),
        ("a in 'b'", "unexpected \"b\" at 5"),
        ("a in {'b' 'c'}", "unexpected \"c\" at 10"),
        ("a not 'b'", "unexpected \"b\" at 6"),
        ("a starts at 'b'", "unexpected \"at\" at 9"),
        ("has()", "unexpected \")\" at 4"),
        ("§", "unexpected \"§\" at 0"),
        ("a == 'b' c == 'd'", "unexpected \"c\" at 9"),
    ];
    for (text, wanted) in cases {
        assert_eq!(Selector::parse(text).unwrap_err().to_string(), wanted, "{text}");
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let text = format!("{}all(){}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(Selector::parse(&text).unwrap_err(), SelectorError::TooDeep { limit: 64 });
    assert!(Selector::parse(&format!("{}has(a)", "!".repeat(100_000))).is_ok());
}

#[test]
fn label_selectors_select_the_same() {
    let sets: Vec<BTreeMap<String, String>> = vec![
        labels(&[]),
        labels(&[("a", "1")]),
        labels(&[("a", "2")]),
        labels(&[("a", "1"), ("b", "x")]),
        labels(&[("b", "y")]),
    ];
    for text in [
        "all()",
        "has(a)",
        "!has(a)",
        "a == '1'",
        "a != '1'",
        "a == '1' && a == '2'",
        "a in {'1', '2'} && b not in {'y'}",
        "!(a == '1') && !(b in {'x'})",
    ] {
        let selector = Selector::parse(text).unwrap();
        let selection = Selection::compile(&selector.to_label_selector().unwrap()).unwrap();
        for set in &sets {
            assert_eq!(selection.matches(set), selector.matches(set), "{text} on {set:?}");
        }
    }
}

#[test]
fn what_kubernetes_cannot_say_is_refused() {
    for (text, part) in [
        ("a == '1' || b == '2'", "||"),
        ("a contains 'x'", "contains"),
        ("has(a) && global()", "global()"),
        ("!(a == '1' && b == '2')", "negated"),
    ] {
        let error = Selector::parse(text).unwrap().to_label_selector().unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}
