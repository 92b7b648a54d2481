#![allow(clippy::unwrap_used)]

use super::*;
use crate::guard::fake::FakeNode;
use crate::guard::record::{Found, read};
use clap::Parser;
use std::path::Path;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: LockArgs,
}

fn args(dir: &Path, arguments: &[&str]) -> LockArgs {
    let base = ["lock", "--state-dir", dir.to_str().unwrap()];
    Command::try_parse_from(base.iter().chain(arguments)).unwrap().args
}

const RANGES: [&str; 4] = ["--ssh-from", "10.1.0.0/16", "--nodes-from", "10.0.0.0/24"];

#[tokio::test]
async fn a_lock_is_one_transaction_and_a_record() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::in_place().with(|node| node.locked = false);
    let locked = run_with(&args(dir.path(), &RANGES), &node).await.unwrap();
    assert!(locked.loaded && node.node().locked);
    assert_eq!(
        (&node.node().scripts[..], &locked.warnings[..]),
        (&[locked.ruleset.clone()][..], &[][..])
    );
    assert!(
        matches!(read(dir.path()).unwrap(), Found::Record(record) if record.event == Event::Locked)
    );
}

#[tokio::test]
async fn a_dry_run_prints_the_ruleset_and_loads_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let node = FakeNode::in_place();
    let locked = run_with(&args(dir.path(), &["--dry-run"]), &node).await.unwrap();
    assert!(locked.to_string().contains("chain input {"), "{locked}");
    assert!(
        locked
            .to_string()
            .lines()
            .filter(|line| line.contains("warning"))
            .all(|line| line.starts_with('#'))
    );
    assert!(node.node().scripts.is_empty());
    assert_eq!(read(dir.path()).unwrap(), Found::Nothing);
}

#[tokio::test]
async fn a_record_that_cannot_be_written_does_not_keep_the_node_open() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let node = FakeNode::in_place().with(|node| node.locked = false);
    let locked = run_with(&args(&file.join("state"), &RANGES), &node).await.unwrap();
    assert!(node.node().locked && locked.warnings.len() == 1, "{locked}");
}

#[tokio::test]
async fn locking_oneself_out_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let locked =
        run_with(&args(dir.path(), &["--nodes-from", "10.0.0.0/8"]), &FakeNode::in_place())
            .await
            .unwrap();
    assert_eq!(locked.warnings.len(), 1);
    assert!(locked.warnings[0].contains("--ssh-from"), "{locked}");
}

#[tokio::test]
async fn a_missing_nft_says_what_to_install_and_that_the_node_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let error = run(&args(dir.path(), &["--nft", "/nonexistent/nft"])).await.unwrap_err();
    assert!(error.to_string().contains("NOT locked"), "{error}");
    assert!(
        error.0.to_string().contains("/nonexistent/nft")
            && error.0.to_string().contains("install nftables")
    );
    assert_eq!(read(dir.path()).unwrap(), Found::Nothing);
}
