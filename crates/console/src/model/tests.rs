use super::words::{age, clip, count, sentence};
use super::*;
use crate::world::tests::{now, world};
use jiff::SignedDuration;

#[test]
fn ages_are_for_people() {
    for (seconds, text) in [
        (-5, "0 s"),
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (11_100, "3 h 5 min"),
        (86_400, "1 d"),
        (187_200, "2 d 4 h"),
        (864_000, "10 d"),
        (31_536_000, "365 d"),
    ] {
        assert_eq!(age(now(), now() - SignedDuration::from_secs(seconds)), text, "{seconds}");
    }
}

#[test]
fn texts_are_cut_at_characters_and_do_not_control_terminals_or_directions() {
    assert_eq!(clip("größe", 3), "grö…");
    assert_eq!(clip("größe", 5), "größe");
    assert_eq!(clip("a\u{1b}[31m\nb", 20), "a [31m b");
    assert_eq!(clip("user\u{202e}nimda", 20), "user\u{fffd}nimda");
    assert_eq!(count(1, "node", "nodes"), "1 node");
    assert_eq!(sentence("request a is gone"), "Request a is gone.");
}

#[test]
fn a_filter_looks_into_everything_whatever_the_case() {
    let filter = Filter::new("  WORKER ");
    assert!(filter.takes(["a", "my-worker-1"]) && !filter.takes(["a", "b"]));
    assert!(Filter::default().takes([]));
}

#[test]
fn long_tables_say_how_long_they_are() {
    let rows = Rows::of((0..MOST_ROWS + 7).collect(), None);
    assert_eq!((rows.rows.len(), rows.total), (MOST_ROWS, MOST_ROWS + 7));
}

#[test]
fn how_a_kind_is_seen_is_told() {
    let of = |sight| {
        let mut world = world(&[]);
        world.list_fails(Source::Pods, sight);
        Notice::of(&world, Source::Pods, Some("install")).map(|it| (it.tone, it.command))
    };
    assert_eq!(of(Sight::Whole), None);
    assert_eq!(of(Sight::Unseen), Some((Tone::Busy, None)));
    assert_eq!(of(Sight::Absent), Some((Tone::Idle, Some("install"))));
    assert_eq!(of(Sight::Forbidden), Some((Tone::Warn, None)));
    assert_eq!(of(Sight::Failed("x".into())), Some((Tone::Bad, None)));
}
