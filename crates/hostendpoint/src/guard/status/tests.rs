#![allow(clippy::unwrap_used)]

use super::*;
use crate::guard::fake::FakeNode;
use crate::guard::felix::FelixState;
use clap::Parser;
use jiff::Timestamp;
use std::path::Path;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: StatusArgs,
}

fn args(dir: &Path) -> StatusArgs {
    Command::try_parse_from(["status", "--state-dir", dir.to_str().unwrap()]).unwrap().args
}

fn note(dir: &Path, event: Event) {
    let at: Timestamp = "2026-11-20T08:00:00Z".parse().unwrap();
    Record::new(event, &BootClock::now().unwrap(), at).write(dir).unwrap();
}

async fn text(dir: &Path, node: &FakeNode) -> String {
    run_with(&args(dir), &node.edge()).await.unwrap().to_string()
}

#[tokio::test]
async fn each_missing_thing_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    note(dir.path(), Event::Locked);
    let node = FakeNode::in_place().with(|node| {
        node.endpoints = Some(vec!["bond0", "tunl0"]);
        node.policed = false;
        node.felix = FelixState::NotReady { status: 503 };
    });
    insta::assert_snapshot!(text(dir.path(), &node).await);
}

#[tokio::test]
async fn nothing_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(text(dir.path(), &FakeNode::in_place()).await);
}

#[tokio::test]
async fn a_corrupt_record_is_set_aside_and_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(record::RECORD), "{\"event\": \"lo").unwrap();
    let first = run_with(&args(dir.path()), &FakeNode::in_place().edge()).await.unwrap();
    assert!(
        first.notes[0].contains("corrupt") && first.notes[0].contains("guard.json.corrupt-0"),
        "{first}"
    );
    assert_eq!(first.table, Some(BootTable::Locked));
    let second = run_with(&args(dir.path()), &FakeNode::in_place().edge()).await.unwrap();
    assert_eq!(second.notes, [""; 0]);
}

#[tokio::test]
async fn the_kernel_is_believed_over_the_record() {
    let dir = tempfile::tempdir().unwrap();
    note(dir.path(), Event::Locked);
    let flushed = FakeNode::in_place().with(|node| node.locked = false);
    let said = text(dir.path(), &flushed).await;
    assert!(said.starts_with("node: not locked\n") && said.contains("flush the ruleset"), "{said}");

    note(dir.path(), Event::Released);
    let said = text(dir.path(), &FakeNode::in_place()).await;
    assert!(said.starts_with("node: locked\n") && said.contains("release again"), "{said}");

    note(dir.path(), Event::FailedOpen);
    let said = text(dir.path(), &flushed).await;
    assert!(
        said.contains("FAILED OPEN at 2026-11-20T08:00:00Z") && !said.contains("note:"),
        "{said}"
    );
}

#[tokio::test]
async fn programs_get_the_same_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::in_place().with(|node| node.felix = FelixState::NotReady { status: 503 });
    insta::assert_json_snapshot!(run_with(&args(dir.path()), &node.edge()).await.unwrap());
}

#[tokio::test]
async fn only_an_exposed_node_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    for (locked, policed, code) in
        [(true, true, 0), (true, false, 0), (false, true, 0), (false, false, 1)]
    {
        let node = FakeNode::in_place().with(|node| {
            node.locked = locked;
            node.policed = policed;
        });
        let status = run_with(&args(dir.path()), &node.edge()).await.unwrap();
        assert_eq!(status.exit_code(), code, "{status}");
    }
}
