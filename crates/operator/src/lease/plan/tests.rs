#![allow(clippy::unwrap_used)]
mod simulation;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn record(version: &str, holder: Option<&str>) -> Record {
    Record {
        version: version.to_owned(),
        holder: holder.map(str::to_owned),
        duration: Some(15 * SECOND),
    }
}

fn me() -> (View, Instant) {
    (View::new("me", Timing::default()), Instant::now())
}

/// A view that took version 1 at the instant it returns.
fn leader() -> (View, Instant) {
    let (mut view, start) = me();
    view.wrote(record("1", Some("me")), start, start);
    (view, start)
}

fn acquire(version: &str) -> Action {
    Action::Acquire { version: version.to_owned() }
}

fn renew(version: &str) -> Action {
    Action::Renew { version: version.to_owned() }
}

#[test]
fn a_candidate_looks_first_and_takes_what_is_free() {
    let (mut view, now) = me();
    assert_eq!(plan(&view, now), Action::Read);
    view.saw(None, now);
    assert_eq!(plan(&view, now), Action::Create);
    view.saw(Some(record("7", None)), now);
    assert_eq!(plan(&view, now), acquire("7"));
    view.saw(Some(record("8", Some(""))), now);
    assert_eq!(plan(&view, now), acquire("8"), "an empty holder is none");
    view.saw(Some(record("9", Some("me"))), now);
    assert_eq!(plan(&view, now), renew("9"), "written by us, unanswered");
    assert_eq!(view.certain_until(now), None, "holding the lease is not enough to write");
}

#[test]
fn a_held_lease_is_taken_a_full_duration_after_it_was_last_seen_to_change() {
    let (mut view, start) = me();
    view.saw(Some(record("1", Some("other"))), start);
    let Action::Wait(until) = plan(&view, start) else { panic!("the lease is held") };
    assert!(until >= start + 2 * SECOND && until <= start + SECOND * 12 / 5, "retry with jitter");
    assert_eq!(plan(&view, until), Action::Read);

    // Renewed meanwhile: the wait starts over.
    view.saw(Some(record("2", Some("other"))), start + 14 * SECOND);
    let almost = start + 29 * SECOND - Duration::from_millis(1);
    view.saw(Some(record("2", Some("other"))), almost);
    assert_eq!(plan(&view, almost), Action::Wait(start + 29 * SECOND));
    assert_eq!(plan(&view, start + 29 * SECOND), acquire("2"));
}

#[test]
fn the_duration_is_the_holders_or_ours_where_it_says_none() {
    for (theirs, expected) in [(Some(60 * SECOND), 60), (Some(5 * SECOND), 5), (None, 15)] {
        let (mut view, start) = me();
        view.saw(Some(Record { duration: theirs, ..record("1", Some("other")) }), start);
        let expiry = start + expected * SECOND;
        let before = plan(&view, expiry - Duration::from_millis(1));
        assert!(!matches!(before, Action::Acquire { .. }), "{theirs:?}: {before:?}");
        assert_eq!(plan(&view, expiry), acquire("1"), "{theirs:?}");
    }
}

#[test]
fn certainty_counts_from_the_sending() {
    let (mut view, sent) = me();
    view.saw(None, sent);
    view.wrote(record("1", Some("me")), sent, sent + 3 * SECOND);
    assert_eq!(view.term(), 1);
    assert_eq!(view.certain_until(sent + 3 * SECOND), Some(sent + 10 * SECOND));
    assert_eq!(view.certain_until(sent + 10 * SECOND), None);
    assert_eq!(plan(&view, sent + 3 * SECOND), renew("1"), "due two seconds after the last");

    view.wrote(record("2", Some("me")), sent + 3 * SECOND, sent + 4 * SECOND);
    assert_eq!(view.term(), 1, "prolonged, not begun anew");
    assert_eq!(plan(&view, sent + 4 * SECOND), Action::Wait(sent + 5 * SECOND));
    assert_eq!(view.certain_until(sent + 4 * SECOND), Some(sent + 13 * SECOND));
}

#[test]
fn an_answer_after_the_deadline_begins_nothing() {
    let (mut view, sent) = me();
    view.wrote(record("1", Some("me")), sent, sent + 11 * SECOND);
    assert_eq!(view.certain_until(sent + 11 * SECOND), None);
}

#[test]
fn a_lapse_begins_a_new_term() {
    let (mut view, start) = leader();
    let late = start + 11 * SECOND;
    view.refused(Refusal::Unknown, start + 5 * SECOND);
    assert_eq!(view.certain_until(late), None);
    assert_eq!(plan(&view, late), Action::Read);
    view.saw(Some(record("1", Some("me"))), late);
    assert_eq!(plan(&view, late), renew("1"), "nobody took it: no need to wait for ourselves");
    view.wrote(record("2", Some("me")), late, late);
    assert_eq!((view.term(), view.certain_until(late)), (2, Some(late + 10 * SECOND)));
}

#[test]
fn an_unanswered_renewal_keeps_the_old_deadline() {
    let (mut view, start) = leader();
    view.refused(Refusal::Unknown, start + 5 * SECOND);
    assert_eq!(view.certain_until(start + 9 * SECOND), Some(start + 10 * SECOND));
    let Action::Wait(until) = plan(&view, start + 5 * SECOND) else { panic!("not at once") };
    assert!(until < start + 8 * SECOND);
    assert_eq!(plan(&view, until), Action::Read, "it may have been performed");
}

#[test]
fn losing_a_race_is_looked_into_soon_but_not_at_once() {
    let (mut view, start) = me();
    view.saw(None, start);
    view.refused(Refusal::Overtaken, start);
    let soon = start + SECOND / 5;
    assert_eq!(plan(&view, start), Action::Wait(soon));
    assert_eq!(plan(&view, soon), Action::Read);
}

#[test]
fn another_holder_ends_leadership_at_once() {
    let (mut view, start) = leader();
    view.refused(Refusal::Overtaken, start + 2 * SECOND);
    assert!(view.certain_until(start + 2 * SECOND).is_some(), "an annotation may have changed");
    view.saw(Some(record("3", Some("other"))), start + 3 * SECOND);
    assert_eq!(view.certain_until(start + 3 * SECOND), None);
    assert_eq!(view.holder(), Some("other"));
}

#[test]
fn a_lease_that_vanished_under_its_holder_is_not_taken_before_the_holder_stops() {
    let (mut view, start) = me();
    view.saw(Some(record("1", Some("other"))), start);
    view.saw(None, start + 5 * SECOND);
    let almost = start + 20 * SECOND - Duration::from_millis(1);
    assert_ne!(plan(&view, almost), Action::Create);
    assert_eq!(plan(&view, start + 20 * SECOND), Action::Create);
}

#[test]
fn the_holder_itself_recreates_a_lease_that_vanished() {
    let (mut view, start) = leader();
    view.refused(Refusal::Overtaken, start + 2 * SECOND);
    view.saw(None, start + 3 * SECOND);
    assert_eq!(plan(&view, start + 3 * SECOND), Action::Create);
    view.wrote(record("9", Some("me")), start + 3 * SECOND, start + 3 * SECOND);
    assert_eq!(view.term(), 1);
}

#[test]
fn a_rumour_makes_a_candidate_look_and_nothing_else() {
    let (mut view, start) = me();
    view.saw(Some(record("1", Some("other"))), start);
    view.heard(start + SECOND);
    assert_eq!(plan(&view, start + SECOND), Action::Read);

    let (mut view, start) = leader();
    view.heard(start + SECOND);
    assert_eq!(plan(&view, start + SECOND), Action::Wait(start + 2 * SECOND));
}

#[test]
fn only_ones_own_lease_is_released() {
    let (mut view, start) = leader();
    view.release();
    assert_eq!(plan(&view, start), Action::Release { version: "1".to_owned() });
    view.released();
    assert_eq!(view.certain_until(start), None);
    assert_eq!(plan(&view, start), Action::Done);

    let (mut view, start) = leader();
    view.refused(Refusal::Unknown, start + SECOND);
    view.release();
    assert_eq!(plan(&view, start + SECOND), Action::Read, "the version is not known");
    view.saw(Some(record("3", Some("other"))), start + SECOND);
    assert_eq!(plan(&view, start + SECOND), Action::Done);

    let (mut view, start) = me();
    view.release();
    assert_eq!(plan(&view, start), Action::Done, "nothing was ever held");
}

#[test]
fn candidates_do_not_look_in_step() {
    let start = Instant::now();
    let turns: std::collections::HashSet<Instant> = (0..20)
        .map(|n| {
            let mut view = View::new(format!("candidate-{n}"), Timing::default());
            view.saw(Some(record("1", Some("other"))), start);
            let Action::Wait(until) = plan(&view, start) else { panic!("held") };
            until
        })
        .collect();
    assert!(turns.len() > 10, "{turns:?}");
}

#[test]
fn durations_must_leave_a_margin() {
    let ms = Duration::from_millis;
    for (lease, renew, retry, fits) in [
        (15_000, 10_000, 2_000, true),
        (1_000, 800, 100, true),
        (15_000, 12_001, 2_000, false),
        (15_000, 15_000, 2_000, false),
        (1_500, 1_000, 100, false),
        (0, 0, 0, false),
        (15_000, 10_000, 5_000, false),
        (15_000, 10_000, 0, false),
    ] {
        let timing = Timing::new(ms(lease), ms(renew), ms(retry));
        assert_eq!(timing.is_ok(), fits, "{lease} {renew} {retry}: {timing:?}");
    }
    let timing = Timing::default();
    let same = Timing::new(timing.lease_duration, timing.renew_deadline, timing.retry_period);
    assert_eq!(same, Ok(timing));
    assert_eq!(timing.margin(), 5 * SECOND);
}
