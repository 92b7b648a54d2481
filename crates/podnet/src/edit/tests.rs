#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use Dialect::{Kaloom, Standard};
use kubewright_attachment::annotation::STANDARD;

fn network(text: &str) -> NetworkName {
    text.parse().unwrap()
}

fn add(dialect: Dialect, current: &str, name: &str, wish: &Wish) -> Result<String, EditError> {
    attach(dialect, Some(current), "pods", &network(name), wish)
}

fn remove(dialect: Dialect, current: &str, name: &str) -> Result<Option<String>, EditError> {
    detach(dialect, Some(current), "pods", &network(name), Which::default())
}

#[test]
fn the_short_form_stays_short_as_long_as_it_can() {
    let plain = Wish::default();
    assert_eq!(add(Standard, "", "green", &plain).unwrap(), "green");
    assert_eq!(add(Standard, "a/b@c , d", "e/f", &plain).unwrap(), "a/b@c,d,e/f");
    let named = Wish { interface: Some("x0".into()), ..Wish::default() };
    assert_eq!(add(Standard, "d", "f", &named).unwrap(), "d,f@x0");
    let mac = Wish { mac: Some("02:00:00:00:00:01".into()), ..named };
    assert_eq!(
        add(Standard, "a/b@c,d", "f", &mac).unwrap(),
        r#"[{"interface":"c","name":"b","namespace":"a"},{"name":"d"},{"interface":"x0","mac":"02:00:00:00:00:01","name":"f"}]"#
    );
}

#[test]
fn what_nobody_here_knows_is_kept() {
    let current = r#"[{"name":"a","cni-args":{"x":[1]},"new":true}]"#;
    let text = add(Standard, current, "b", &Wish::default()).unwrap();
    assert_eq!(text, r#"[{"cni-args":{"x":[1]},"name":"a","new":true},{"name":"b"}]"#);
    assert_eq!(
        remove(Standard, &text, "b").unwrap().unwrap(),
        r#"[{"cni-args":{"x":[1]},"name":"a","new":true}]"#
    );
}

#[test]
fn kalooms_form_has_a_mac_and_no_more() {
    let current = r#"[{"name":"a","isPrimary":true}]"#;
    let mac = Wish { mac: Some("02:00:00:00:00:01".into()), ..Wish::default() };
    assert_eq!(
        add(Kaloom, current, "b", &mac).unwrap(),
        r#"[{"isPrimary":true,"name":"a"},{"ifMac":"02:00:00:00:00:01","name":"b"}]"#
    );
    for wish in [
        Wish { interface: Some("x".into()), ..Wish::default() },
        Wish { ips: vec!["10.0.0.1/24".into()], ..Wish::default() },
    ] {
        assert!(matches!(add(Kaloom, "", "b", &wish), Err(EditError::NoPlace { .. })));
    }
}

#[test]
fn a_network_is_the_same_with_and_without_its_namespace() {
    let plain = Wish::default();
    assert!(matches!(add(Standard, "pods/a", "a", &plain), Err(EditError::Present { .. })));
    assert!(matches!(add(Standard, "a@x", "a", &plain), Ok(text) if text == "a@x,a"));
    assert_eq!(remove(Standard, "b,pods/a", "a").unwrap().unwrap(), "b");
    assert!(matches!(remove(Standard, "other/a", "a"), Err(EditError::Absent { .. })));
    assert_eq!(remove(Kaloom, r#"[{"name":"a"}]"#, "default/a").unwrap(), None);
}

#[test]
fn which_of_two_is_to_be_said() {
    assert!(matches!(remove(Standard, "a,a@x", "a"), Err(EditError::Ambiguous { count: 2, .. })));
    let of = |text: &str, interface, may_be_unnamed| {
        let which = Which { interface: Some(interface), may_be_unnamed };
        detach(Standard, Some(text), "pods", &network("a"), which)
    };
    assert_eq!(of("a,a@x", "x", false).unwrap().unwrap(), "a");
    assert_eq!(of("a,a@x", "x", true).unwrap().unwrap(), "a", "by its name first");
    // As `list` shows it, where the annotation leaves it open.
    assert_eq!(of("a,a@x", "net1", true).unwrap().unwrap(), "a@x");
    assert!(matches!(of("a,a@x", "net1", false), Err(EditError::Absent { .. })));
    assert!(matches!(of("a@x", "net1", true), Err(EditError::Absent { .. })));
    assert!(matches!(of("a,a", "net1", true), Err(EditError::Ambiguous { count: 2, .. })));
}

/// One element that the agent refuses would void all the others, too.
#[test]
fn nothing_is_attached_that_would_void_the_annotation() {
    let text = |text: &str| Some(text.to_owned());
    for (dialect, wish) in [
        (Standard, Wish { mac: text("02:00:00:00:00:zz"), ..Wish::default() }),
        (Kaloom, Wish { mac: text("02:00:00:00:00:zz"), ..Wish::default() }),
        (Standard, Wish { ips: vec!["10.0.0.1/33".into()], ..Wish::default() }),
        (Standard, Wish { interface: text("eth0"), ..Wish::default() }),
        (Standard, Wish { interface: text("../x"), ..Wish::default() }),
    ] {
        let current = if dialect == Kaloom { r#"[{"name":"a"}]"# } else { "a" };
        let edited = add(dialect, current, "b", &wish);
        assert!(matches!(edited, Err(EditError::Void(_))), "{wish:?}: {edited:?}");
    }
    // A comma begins no other element.
    let comma = Wish { interface: text("x,y"), ..Wish::default() };
    let long = r#"[{"name":"a"},{"interface":"x,y","name":"b"}]"#;
    assert_eq!(add(Standard, "a", "b", &comma).unwrap(), long);
    // What is void already is not made longer, but may get shorter.
    assert!(matches!(add(Standard, "a@..,b", "c", &Wish::default()), Err(EditError::Void(_))));
    assert_eq!(remove(Standard, "a@..,b", "b").unwrap().unwrap(), "a@..");
    assert_eq!(remove(Standard, "a@..,b", "a").unwrap().unwrap(), "b");
}

#[test]
fn what_is_not_understood_is_not_touched() {
    for (dialect, text) in [(Standard, "[{"), (Standard, "[1]"), (Kaloom, "a,b"), (Kaloom, "{}")] {
        let edited = add(dialect, text, "b", &Wish::default());
        assert!(matches!(edited, Err(EditError::Unreadable { .. })), "{text}");
        assert!(matches!(remove(dialect, text, "b"), Err(EditError::Unreadable { .. })));
    }
}

#[test]
fn a_name_that_could_be_something_else_is_refused() {
    for text in
        ["", "/", "a/", "/a", "a/b/c", "a@b", "a,b", "../x", "a;b=c", "A", "-a", "a.", "a.b/c"]
    {
        assert!(text.parse::<NetworkName>().is_err(), "{text}");
    }
    assert_eq!(network("a-1/b.c").to_string(), "a-1/b.c");
}

#[test]
fn the_forms_are_the_pods() {
    let of = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned()));
        dialects_of(&pairs.collect()).collect::<Vec<_>>()
    };
    assert_eq!(of(&[(KALOOM, "[]")]), [Kaloom]);
    assert_eq!(of(&[(KALOOM, "[]"), (STANDARD, "a")]), [Standard, Kaloom]);
    assert_eq!(of(&[(STANDARD, " ")]), []);
}

proptest! {
    /// Attaching and detaching again leaves the same networks in the same order.
    #[test]
    fn detaching_undoes_attaching(names in prop::collection::vec("[a-e]", 0..5), kaloom: bool) {
        let dialect = if kaloom { Kaloom } else { Standard };
        let mut text = None;
        for name in &names {
            if let Ok(next) = attach(dialect, text.as_deref(), "pods", &network(name), &Wish::default()) {
                text = Some(next);
            }
        }
        let more = attach(dialect, text.as_deref(), "pods", &network("new"), &Wish::default()).unwrap();
        let less = detach(dialect, Some(&more), "pods", &network("new"), Which::default()).unwrap();
        prop_assert_eq!(less, text);
    }
}
