#![allow(clippy::unwrap_used)]

use std::time::Duration;

use kubewright_attachment::annotation;
use kubewright_attachment::definition::Definition;
use kubewright_attachment::desired::{Lookup, Resolution};
use kubewright_attachment::network::NetworkKey;
use kubewright_attachment::pod::Pod;
use kubewright_attachment::problem::Problem;

use super::*;

struct Everything;

impl Lookup for Everything {
    fn definition(&self, _: &NetworkKey) -> Option<Definition> {
        let config = r#"{"cniVersion":"0.4.0","type":"bridge","capabilities":{"ips":true}}"#;
        Some(Definition::Standard { config: config.to_owned() })
    }

    fn device(&mut self, _: &NetworkKey) -> Option<String> {
        None
    }
}

fn desired(annotation: &str) -> Desired {
    let pod = Pod::new("a", "p", "u").unwrap();
    let requests = annotation::parse(None, Some(annotation));
    Resolution::new("/nowhere").resolve(&requests, &pod, &mut Everything)
}

fn failure(name: &str, interface: Option<&str>) -> Failure {
    Failure {
        name: Some(name.to_owned()),
        interface: interface.map(str::to_owned),
        problem: Problem::new(Reason::AttachFailed, format!("{name} failed")),
    }
}

const BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60) };

/// One round with these failures of what is tried; returns what was held.
fn round(
    holds: &mut Holds,
    annotation: &str,
    fails: &[&str],
    now: Instant,
) -> (Vec<usize>, Option<Instant>) {
    let wanted = desired(annotation);
    let mut tried = wanted.clone();
    let held = holds.hold(&mut tried, now);
    let mut failures: Vec<Failure> = tried
        .wanted
        .iter()
        .filter_map(|of| match &of.attachment {
            Err(problem) => Some(Failure {
                name: Some(of.network.to_string()),
                interface: None,
                problem: problem.clone(),
            }),
            Ok(_) => {
                let name = of.network.to_string();
                fails.contains(&name.as_str()).then(|| failure(&name, Some("net1")))
            }
        })
        .collect();
    let next = holds.learn(&wanted, &held, &mut failures, BACKOFF, now);
    for failure in &failures {
        assert_eq!(failure.interface.as_deref(), Some("net1"), "told the same while it is held");
    }
    (held, next)
}

#[test]
fn what_failed_is_left_alone_for_ever_longer_and_others_are_not() {
    let (mut holds, mut now) = (Holds::default(), Instant::now());
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let (held, next) = round(&mut holds, "bad,good", &["a/bad"], now);
        assert!(held.is_empty());
        let next = next.unwrap();
        // Something else changes meanwhile.
        let (held, again) = round(&mut holds, "bad,good,more", &["a/bad"], now);
        assert_eq!((held, again), (vec![0], Some(next)));
        pauses.push(next - now);
        now = next;
    }
    assert!(pauses[0] <= Duration::from_secs(1) && pauses[0] >= Duration::from_millis(500));
    assert!(pauses[11] >= Duration::from_secs(30) && pauses[11] <= Duration::from_secs(60));
    round(&mut holds, "bad,good", &[], now);
    assert!(holds.is_empty());
}

#[test]
fn what_has_changed_is_tried_at_once() {
    let (mut holds, now) = (Holds::default(), Instant::now());
    round(&mut holds, "bad", &["a/bad"], now);
    assert_eq!(round(&mut holds, "bad", &["a/bad"], now).0, [0]);
    let changed = r#"[{"name":"bad","ips":["10.0.0.1/24"]}]"#;
    assert!(round(&mut holds, changed, &["a/bad"], now).0.is_empty());
    round(&mut holds, "good", &[], now);
    assert!(holds.is_empty(), "what nobody asks for is forgotten");
}

#[test]
fn what_cannot_be_detached_is_tried_again_too() {
    let (mut holds, now) = (Holds::default(), Instant::now());
    let wanted = desired("good");
    let problem = Problem::new(Reason::DetachFailed, "no");
    let gone = || Failure { name: Some("a/old".into()), interface: None, problem: problem.clone() };
    let first = holds.learn(&wanted, &[], &mut [gone()], BACKOFF, now).unwrap();
    assert!(first > now);
    let lasting = Problem::new(Reason::NetworkNotFound, "none");
    let mut lasting = [Failure { name: Some("a/b".into()), interface: None, problem: lasting }];
    assert_eq!(holds.learn(&wanted, &[], &mut lasting, BACKOFF, now), None, "only a change helps");
    assert!(holds.is_empty());
}
