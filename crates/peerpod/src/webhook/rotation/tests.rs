#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;

const HOUR: i64 = 3600;

fn lifetimes() -> Lifetimes {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    Lifetimes { authority: hours(300), serving: hours(30), overlap: hours(1) }
}

fn names() -> Vec<String> {
    vec!["webhook.ns.svc".to_owned()]
}

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + hour * HOUR).unwrap()
}

/// Takes steps until there is none.
fn settle(mut stored: Stored, trusted: Option<&str>, now: Timestamp) -> (Stored, Vec<Step>) {
    let mut steps = Vec::new();
    while let Some(step) = next_step(&stored, trusted, &names(), now, lifetimes()) {
        stored = take(step, stored, &names(), now, lifetimes()).unwrap();
        steps.push(step);
        assert!(steps.len() < 10, "{steps:?}");
    }
    (stored, steps)
}

#[test]
fn from_nothing_to_a_certificate_that_serves() {
    let (stored, steps) = settle(Stored::default(), None, at(0));
    assert_eq!(steps, [Step::MakeAuthority, Step::Sign]);
    let serving = stored.serving.as_ref().unwrap();
    assert_eq!(serving.facts.names, names());
    assert!(stored.current.as_ref().unwrap().signed(serving));
}

#[test]
fn what_is_stored_reads_back() {
    let (stored, _) = settle(Stored::default(), None, at(0));
    let (read, problems) = Stored::read(&stored.authorities(), &stored.serving());
    assert_eq!(read, stored);
    assert!(problems.is_empty());
    assert!(!format!("{stored:?}").contains("PRIVATE KEY"));
}

#[test]
fn what_is_damaged_is_made_again() {
    let (stored, _) = settle(Stored::default(), None, at(0));
    let mut serving = stored.serving();
    serving.insert("tls.crt".to_owned(), b"\xff".to_vec());
    let (read, problems) = Stored::read(&stored.authorities(), &serving);
    assert_eq!(read.serving, None);
    assert_eq!(problems.len(), 1);
    assert_eq!(settle(read, Some(&stored.bundle()), at(1)).1, [Step::Sign]);
}

#[test]
fn other_names_need_another_certificate() {
    let (stored, _) = settle(Stored::default(), None, at(0));
    let other = ["elsewhere".to_owned()];
    let step = next_step(&stored, None, &other, at(1), lifetimes());
    assert_eq!(step, Some(Step::Sign));
}

/// A webhook outside the cluster is called by its address.
#[test]
fn a_certificate_for_an_address_is_at_rest() {
    for name in ["127.0.0.1", "::1", "webhook.example"] {
        let names = [name.to_owned()];
        let (mut stored, now) = (Stored::default(), at(0));
        for step in [Step::MakeAuthority, Step::Sign] {
            assert_eq!(next_step(&stored, None, &names, now, lifetimes()), Some(step), "{name}");
            stored = take(step, stored, &names, now, lifetimes()).unwrap();
        }
        assert_eq!(next_step(&stored, None, &names, now, lifetimes()), None, "{name}");
    }
}

#[test]
fn an_authority_is_followed_only_when_its_successor_is_trusted() {
    let (first, _) = settle(Stored::default(), None, at(0));
    let trusted = first.bundle();
    // Two thirds of 300 hours.
    let (waiting, steps) = settle(first, Some(&trusted), at(201));
    assert_eq!(steps, [Step::MakeNext, Step::Sign], "the old authority goes on signing");
    assert!(waiting.bundle().starts_with(&trusted));

    let bundle = waiting.bundle();
    let (promoted, steps) = settle(waiting, Some(&bundle), at(201));
    assert_eq!(steps, [Step::Promote, Step::Sign]);
    assert!(promoted.bundle().contains(trusted.trim()), "replicas may serve the old one");

    let bundle = promoted.bundle();
    let (settled, steps) = settle(promoted, Some(&bundle), at(203));
    assert_eq!(steps, [Step::ForgetPrevious]);
    assert!(!settled.bundle().contains(trusted.trim()));
}

#[test]
fn an_authority_that_ran_out_is_replaced_at_once() {
    let (first, _) = settle(Stored::default(), None, at(0));
    let trusted = first.bundle();
    let (_, steps) = settle(first, Some(&trusted), at(301));
    assert_eq!(steps, [Step::MakeAuthority, Step::Sign]);
}

/// Through two lives of authorities, hour by hour, a registration that lags and replicas that
/// load late: what is served is always trusted and valid.
#[test]
fn at_no_hour_is_an_untrusted_certificate_served() {
    let (mut stored, _) = settle(Stored::default(), None, at(0));
    let mut trusted = stored.bundle();
    let mut loaded = stored.serving.clone().unwrap();
    let mut authorities = 1;
    for hour in 1..900 {
        if let Some(step) = next_step(&stored, Some(&trusted), &names(), at(hour), lifetimes()) {
            stored = take(step, stored, &names(), at(hour), lifetimes()).unwrap();
            authorities += i32::from(step == Step::MakeNext);
        }
        let trusts = |certificate: &Certificate| {
            trusted.split_inclusive("-----END CERTIFICATE-----\n").any(|pem| {
                super::super::certificate::facts("a trusted one", pem).unwrap().subject
                    == certificate.facts.issuer
            })
        };
        assert!(trusts(&loaded), "hour {hour}");
        assert!(trusts(stored.serving.as_ref().unwrap()), "hour {hour}");
        assert!(loaded.facts.until > at(hour), "hour {hour}");
        // Replicas load, and the registration is written, before the next hour.
        loaded = stored.serving.clone().unwrap();
        trusted = stored.bundle();
    }
    assert!(authorities >= 4, "{authorities}");
}
