//! Cases for paths.

use super::Path;
use crate::checks::{Check, json};

pub(crate) const CHECKS: &[Check] = &[
    ("paths/finds_keys_indexes_and_quoted_keys", finds_keys_indexes_and_quoted_keys),
    ("paths/filters_by_a_dotted_member", filters_by_a_dotted_member),
    ("paths/collects_all_with_null_for_absent", collects_all_with_null_for_absent),
    ("paths/drops_every_hit_and_nothing_else", drops_every_hit_and_nothing_else),
    ("paths/finds_in_place", finds_in_place),
    ("paths/rejects_what_it_cannot_read", rejects_what_it_cannot_read),
];

fn path(text: &str) -> Path {
    text.parse().expect("the path is well formed")
}

fn finds_keys_indexes_and_quoted_keys() {
    let body = json(r#"{"a": {"x/y.z": [10, 20]}}"#);
    assert_eq!(path("$.a['x/y.z'][1]").find(&body), json("20"));
    assert_eq!(path("$.a['x/y.z'][-2]").find(&body), json("10"));
    assert_eq!(path("$.a['x/y.z'][2]").find(&body), json("null"));
    assert_eq!(path("$.b.c").find(&body), json("null"));
    assert_eq!(path("$").find(&body), body);
}

fn filters_by_a_dotted_member() {
    let body = json(
        r#"{"items": [{"metadata": {"name": "a"}, "v": 1}, {"metadata": {"name": "b.c"}, "v": 2},
            {"resources": ["x"], "v": 3}]}"#,
    );
    assert_eq!(path("$.items[?metadata.name=b.c].v").find(&body), json("2"));
    assert_eq!(path("$.items[?resources.0=x].v").find(&body), json("3"));
    assert_eq!(path("$.items[?v=1].metadata.name").find(&body), json(r#""a""#));
    assert_eq!(path("$.items[?v=9]").find(&body), json("null"));
}

fn collects_all_with_null_for_absent() {
    let body = json(r#"[{"n": 1}, {}, {"n": 3}]"#);
    assert_eq!(path("$[*].n").find(&body), json("[1, null, 3]"));
}

fn drops_every_hit_and_nothing_else() {
    let mut body =
        json(r#"{"l": [{"k": "a", "v": 1}, {"k": "b", "v": 2}, {"k": "a", "v": 3}], "m": 1}"#);
    path("$.l[*].v").drop_from(&mut body);
    path("$.l[?k=a]").drop_from(&mut body);
    path("$.m.deeper").drop_from(&mut body);
    assert_eq!(body, json(r#"{"l": [{"k": "b"}], "m": 1}"#));
    path("$.l[0]").drop_from(&mut body);
    assert_eq!(body, json(r#"{"l": [], "m": 1}"#));
}

fn finds_in_place() {
    let mut body = json(r#"{"l": [{"k": "a"}, {"k": "b"}]}"#);
    *path("$.l[?k=b].k").find_mut(&mut body).expect("it is there") = "c".into();
    assert_eq!(body, json(r#"{"l": [{"k": "a"}, {"k": "c"}]}"#));
    assert!(path("$.l[*].k").find_mut(&mut body).is_none());
}

fn rejects_what_it_cannot_read() {
    for text in ["a.b", "$a", "$.a[x]", "$.a['b]", "$.", "$[?k]"] {
        assert!(text.parse::<Path>().is_err(), "{text} was accepted");
    }
}
