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
    let pod: crate::pod::WirePod = serde_json::from_value(json!({ "metadata": {
        "namespace": "a", "name": "p", "uid": "u", "resourceVersion": "7" } }))
    .unwrap();
    let pod = Pod::from(pod);
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
