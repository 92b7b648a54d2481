use serde_json::{Value, json};

use super::*;
use crate::world::tests::{now, world};

fn event(name: &str, kind: &str, reporter: &str, at: &str) -> (Source, Value) {
    let object = json!({ "metadata": { "name": name, "namespace": "n" }, "type": kind,
        "reason": "Because", "note": format!("note of {name}"), "eventTime": at,
        "reportingController": reporter, "regarding": { "kind": "Pod", "name": "p" } });
    (Source::Events, object)
}

fn some() -> World {
    let mut series = event("series", "Normal", "kubelet", "2026-11-21T10:00:00.000000Z");
    series.1["series"] = json!({ "count": 7, "lastObservedTime": "2026-11-21T11:59:30.000000Z" });
    let old = json!({ "metadata": { "name": "old", "namespace": "n" }, "type": "Warning",
        "deprecatedLastTimestamp": "2026-11-21T11:00:00Z", "deprecatedCount": 3,
        "deprecatedSource": { "component": "scheduler" } });
    world(&[
        event("ours", "Warning", "kubewright-podnet", "2026-11-21T11:58:00.000000Z"),
        event("fine", "Normal", "kubewright-podnet", "2026-11-21T11:59:00.000000Z"),
        series,
        (Source::Events, old),
    ])
}

#[test]
fn the_latest_comes_first_in_all_spellings() {
    let shown = events(&some(), &Filter::default(), now());
    let seen: Vec<_> =
        shown.rows.iter().map(|row| (row.note.as_str(), row.age.as_str(), row.count)).collect();
    assert_eq!(
        seen,
        [
            ("note of series", "30 s", 7),
            ("note of fine", "1 min", 1),
            ("note of ours", "2 min", 1),
            ("", "1 h", 3),
        ]
    );
    assert_eq!(shown.rows[3].reporter, "scheduler");
    assert_eq!(events(&some(), &Filter::new("NOTE OF F"), now()).rows.len(), 1);
}

#[test]
fn warnings_are_those_of_our_controllers() {
    let shown = warnings(&some(), now());
    assert_eq!(shown.rows.len(), 1);
    assert_eq!((shown.rows[0].note.as_str(), shown.notice), ("note of ours", None));
    assert_eq!(warnings(&world(&[]), now()).notice.map(|it| it.title).as_deref(), Some("None"));
}
