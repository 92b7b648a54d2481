#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::double::{Mode, Server};

fn node(name: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Node".into()),
        name: Some(name.into()),
        uid: Some(format!("uid-{name}")),
        ..Default::default()
    }
}

fn applied(note: &str) -> Event {
    Event::normal("Apply", "Applied", note)
}

fn refused(note: &str) -> Event {
    Event::warning("Apply", "Refused", note)
}

#[test]
fn only_transitions_are_changes() {
    let mut said = Transitions::default();
    let mut says = |object: &str, event: &Event| {
        said.changed(&Subject::new(&node(object), &event.action, &event.aspect), event)
    };
    assert!(says("a", &applied("two")));
    assert!(!says("a", &applied("two")));
    assert!(says("a", &applied("three")), "another note");
    assert!(says("a", &refused("three")), "another reason");
    assert!(says("a", &applied("three")), "and back");
    assert!(says("b", &applied("three")), "another object");
    assert!(says("a", &refused("x").aspect("eth0")), "another aspect");
    assert!(!says("a", &applied("three")), "does not interrupt the first");
    assert!(!says("a", &refused("x").aspect("eth0")));
}

#[test]
fn objects_are_forgotten_and_the_memory_is_bounded() {
    let mut said = Transitions::with_capacity(10);
    let subject = |n: usize| Subject::new(&node(&n.to_string()), "Apply", "");
    for n in 0..1000 {
        assert!(said.changed(&subject(n), &applied("x")));
        assert!(!said.changed(&subject(0), &applied("x")) || n == 0, "still in use: kept");
    }
    assert!(!said.changed(&subject(999), &applied("x")));
    assert!(said.changed(&subject(1), &applied("x")), "long ago");
    said.forget(&node("999"));
    assert!(said.changed(&subject(999), &applied("x")));
    said.settle(&subject(999));
    assert!(said.changed(&subject(999), &applied("x")));
}

proptest! {
    #[test]
    fn a_change_is_exactly_a_difference_from_the_last(states in proptest::collection::vec((0..3u8, 0..3u8), 0..60)) {
        let mut said = Transitions::default();
        let mut last = std::collections::HashMap::new();
        for (object, state) in states {
            let event = applied(&state.to_string());
            let changed = said.changed(&Subject::new(&node(&object.to_string()), "Apply", ""), &event);
            prop_assert_eq!(changed, last.insert(object, state) != Some(state));
        }
    }

    #[test]
    fn every_event_has_a_name_the_server_accepts(object in "\\PC{0,300}") {
        let name = event_name(&object, Timestamp::now());
        prop_assert!(name.len() <= 253);
        for label in name.split('.') {
            prop_assert!(!label.is_empty() && !label.starts_with('-') && !label.ends_with('-'), "{name}");
            prop_assert!(label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
        }
    }

    #[test]
    fn texts_are_cut_between_characters(text in "\\PC{0,600}") {
        let event = Event::normal(&text, &text, text.clone());
        prop_assert!(event.action.len() <= 128 && event.reason.len() <= 128 && event.note.len() <= 1024);
        prop_assert!(text.starts_with(&event.note));
    }
}

#[tokio::test]
async fn the_same_state_is_written_once() {
    let server = Server::new();
    let events = Events::new(server.client(), "hostendpoint");
    for _ in 0..5 {
        events.publish(&node("a"), applied("eth0")).await;
    }
    assert_eq!(server.writes(), ["POST /apis/events.k8s.io/v1/namespaces/default/events"]);
    let event = server.objects("/apis/events.k8s.io/v1/namespaces/default/events").remove(0);
    assert_eq!(event["regarding"]["uid"], "uid-a");
    assert_eq!(event["reason"], "Applied");
    assert_eq!(event["type"], "Normal");
    assert_eq!(event["note"], "eth0");
    assert_eq!(event["reportingController"], "kubewright.io/hostendpoint");
    assert!(event["eventTime"].is_string());

    let mut pod = node("p");
    pod.namespace = Some("prod".into());
    events.publish(&pod, refused("eth1")).await;
    assert_eq!(server.objects("/apis/events.k8s.io/v1/namespaces/prod/events").len(), 1);
    events.settled(&node("a"), "Apply", "");
    events.publish(&node("a"), applied("eth0")).await;
    assert_eq!(server.writes().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_written_harms_nobody() {
    let server = Server::new();
    let events = Events::new(server.client(), "hostendpoint");
    for (outage, again) in
        [(Mode::Failing(500), true), (Mode::Hanging, true), (Mode::Failing(403), false)]
    {
        events.forget(&node("a"));
        server.mode(outage);
        events.publish(&node("a"), applied("eth0")).await;
        server.mode(Mode::Up);
        let before = server.writes().len();
        events.publish(&node("a"), applied("eth0")).await;
        assert_eq!(server.writes().len() - before, usize::from(again), "{outage:?}");
    }
}
