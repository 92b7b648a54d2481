#![allow(clippy::unwrap_used)]

use kubewright_attachment::problem::Problem;
use kubewright_operator::events::Severity;

use super::*;

fn entry(name: &str, interface: &str) -> Entry {
    Entry { name: name.into(), interface: interface.into(), ..Entry::default() }
}

fn notice(entries: &[Entry], failures: &[Failure]) -> Notice {
    Notice { status: Some(entries.to_vec()), failures: failures.to_vec() }
}

fn told(edits: &[Edit]) -> Annotations {
    let after = |name: &str| {
        edits.iter().find(|edit| edit.annotation == name).and_then(|edit| edit.after.clone())
    };
    let (status, errors) = (after(NETWORK_STATUS), after(NETWORK_ERRORS));
    Annotations { status, errors, ..Annotations::default() }
}

fn failure() -> Failure {
    let problem = Problem::new(Reason::NetworkNotFound, "there is none");
    Failure { name: Some("a/b".into()), interface: None, problem }
}

#[test]
fn what_is_told_already_is_not_written_again() {
    let notice = notice(&[entry("a/b", "net1")], &[failure()]);
    let edits = edits(&Annotations::default(), &notice);
    assert_eq!(edits.len(), 2);
    let told = told(&edits);
    assert_eq!(super::edits(&told, &notice), []);
    // Written differently, it says the same.
    let pretty: Value = serde_json::from_str(told.status.as_deref().unwrap()).unwrap();
    let pretty = Some(serde_json::to_string_pretty(&pretty).unwrap());
    let told = Annotations { status: pretty, ..told };
    assert_eq!(super::edits(&told, &notice), []);
}

#[test]
fn what_is_over_is_taken_back_and_what_is_not_known_stays() {
    let before =
        told(&edits(&Annotations::default(), &notice(&[entry("a/b", "net1")], &[failure()])));
    let after = edits(&before, &Notice { status: None, failures: Vec::new() });
    assert_eq!(after.len(), 1);
    assert_eq!((after[0].annotation, &after[0].after), (NETWORK_ERRORS, &None));
    let after = edits(&before, &notice(&[], &[]));
    assert!(after.iter().all(|edit| edit.after.is_none()) && after.len() == 2);
    assert_eq!(edits(&Annotations::default(), &notice(&[], &[])), []);
}

#[test]
fn a_write_tests_what_it_began_with() {
    let pod = pod(Annotations::default());
    let first = edits(&pod.annotations, &notice(&[entry("a/b", "net1")], &[]));
    let steps = patch(&pod, &first);
    assert_eq!(
        steps[1],
        json!({ "op": "test", "path": "/metadata/resourceVersion", "value": "7" })
    );
    assert_eq!(steps[2], json!({ "op": "add", "path": "/metadata/annotations", "value": {} }));
    let pod = Pod { annotations: told(&first), annotated: true, ..pod };
    let second = edits(&pod.annotations, &notice(&[], &[]));
    let steps = patch(&pod, &second);
    let path = "/metadata/annotations/k8s.v1.cni.cncf.io~1network-status";
    assert_eq!(steps[1]["op"], "test");
    assert_eq!(steps[2], json!({ "op": "remove", "path": path }));
}

#[test]
fn many_failures_are_abridged_and_told_once() {
    let mut failures = vec![failure(); 3000];
    failures[0].problem.message = "ö".repeat(1 << 20);
    let notice = Notice { status: None, failures };
    let edits = edits(&Annotations::default(), &notice);
    let told = told(&edits);
    let text = told.errors.clone().unwrap();
    assert!(text.len() < 16 << 10, "{}", text.len());
    assert!(text.contains("… and 2980 more"), "{text}");
    assert_eq!(super::edits(&told, &notice), []);
}

fn pod(annotations: Annotations) -> Pod {
    let pod: crate::pod::WirePod = serde_json::from_value(json!({ "metadata": {
        "namespace": "a", "name": "p", "uid": "u", "resourceVersion": "7" } }))
    .unwrap();
    Pod { annotations, ..Pod::from(pod) }
}

fn fresh(annotations: &Annotations, version: &str) -> Fresh {
    let Annotations { status, errors, .. } = annotations.clone();
    Fresh { status, errors, version: version.into() }
}

/// A test of the patch that failed, and a pod that is not valid or that a policy refuses, are both
/// told as 422.
#[test]
fn what_is_refused_as_it_was_is_not_taken_for_stale() {
    let new = edits(&Annotations::default(), &notice(&[entry("a/b", "net1")], &[]));
    let written = told(&new);
    let first = pod(Annotations::default());
    assert!(is_as_tested(&first, &new, &fresh(&first.annotations, "7")));
    assert!(!is_as_tested(&first, &new, &fresh(&first.annotations, "8")), "it tests the version");
    assert!(!is_as_tested(&first, &new, &fresh(&written, "7")));
    // Where the annotation itself is tested, the version says nothing.
    let next = pod(written.clone());
    let over = edits(&written, &notice(&[], &[]));
    assert!(is_as_tested(&next, &over, &fresh(&written, "8")));
    assert!(!is_as_tested(&next, &over, &fresh(&Annotations::default(), "8")));
}

#[test]
fn a_write_that_something_undoes_is_refused() {
    let new = edits(&Annotations::default(), &notice(&[entry("a/b", "net1")], &[]));
    assert!(matches!(done(fresh(&told(&new), "8"), &new), Written::Done(_)));
    let undone = done(fresh(&Annotations::default(), "8"), &new);
    let Written::Refused(why) = undone else { panic!("{undone:?}") };
    assert!(why.contains(NETWORK_STATUS), "{why}");
}

#[test]
fn every_event_is_in_the_catalogue() {
    let listed: Vec<(&str, bool)> = crate::events::CATALOGUE
        .iter()
        .map(|entry| (entry.reason, entry.severity == Severity::Warning))
        .collect();
    for reason in Reason::ALL {
        let word = reason_of(reason);
        assert!(listed.contains(&(word.as_str(), true)), "{word}");
    }
    // Three of what was done, and as many of what failed as there are reasons.
    assert_eq!(listed.len(), 3 + Reason::ALL.len());
}
