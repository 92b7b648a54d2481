#![allow(clippy::unwrap_used)]

use std::io::Error;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

fn fingerprint(of: &str) -> Fingerprint {
    Fingerprint::of(&json!({ "seeder": of }))
}

fn open(folder: &TempDir) -> Journal {
    Journal::open(folder.path(), "init", &fingerprint("a")).unwrap()
}

async fn done(journal: &mut Journal, step: &str) -> bool {
    journal.run(step, async || Ok::<_, Error>(())).await.unwrap()
}

#[tokio::test]
async fn a_step_is_done_once_also_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(&folder);
    assert!(done(&mut journal, "certs").await);
    assert!(!done(&mut journal, "certs").await);
    drop(journal);
    let mut journal = open(&folder);
    assert!(!done(&mut journal, "certs").await);
    assert!(done(&mut journal, "kubeconfig").await);
    assert!(!journal.is_finished());
    journal.finish().unwrap();
    drop(journal);
    assert!(open(&folder).is_finished() && is_finished(folder.path(), "init"));
}

#[tokio::test]
async fn a_step_that_failed_is_begun_and_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(&folder);
    let failed = journal.run("certs", async || Err(Error::other("disk on fire"))).await;
    assert_eq!(failed.unwrap_err().to_string(), "step certs failed");
    assert_eq!(journal.progress("certs"), Some(Progress::Begun));
    drop(journal);
    assert!(done(&mut open(&folder), "certs").await);
}

#[tokio::test]
async fn what_is_undone_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(&folder);
    let nothing = async || Ok::<_, Error>(());
    assert!(!journal.undo("certs", nothing).await.unwrap(), "it was never begun");
    done(&mut journal, "certs").await;
    journal.finish().unwrap();
    assert!(journal.undo("certs", nothing).await.unwrap());
    assert!(!journal.is_finished(), "something was undone");
    assert!(done(&mut journal, "certs").await);
}

#[tokio::test]
async fn observers_hear_what_is_on_disk_already() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(folder.path(), "init");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    let mut journal = open(&folder);
    journal.observe(Box::new(move |step| {
        let record: Record = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(record.steps.last(), Some(step));
        hears.lock().unwrap().push(format!("{} {}", step.name, step.progress));
    }));
    done(&mut journal, "certs").await;
    assert_eq!(*heard.lock().unwrap(), ["certs begun", "certs done"]);
}

#[tokio::test]
async fn a_corrected_configuration_starts_over_and_a_finished_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    done(&mut open(&folder), "certs").await;
    let mut journal = Journal::open(folder.path(), "init", &fingerprint("b")).unwrap();
    assert!(done(&mut journal, "certs").await, "the old record is of another configuration");
    journal.finish().unwrap();
    drop(journal);
    let refused = Journal::open(folder.path(), "init", &fingerprint("a")).unwrap_err();
    assert!(refused.to_string().contains("`kubewright node reset`"), "{refused}");
    assert!(forget(folder.path(), "init").unwrap());
    assert!(open(&folder).steps().is_empty());
}

#[tokio::test]
async fn one_description_that_fits_is_enough() {
    let of = |texts: [&str; 2]| fingerprint(texts[0]).or(&serde_json::json!(texts[1]));
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), "init", &of(["meant", "given"])).unwrap();
    journal.finish().unwrap();
    drop(journal);
    for known in [["meant", "other"], ["other", "other"], ["other", "given"], ["meant", "given"]] {
        // Each is the next one's past.
        assert!(
            Journal::open(folder.path(), "init", &of(known)).unwrap().is_finished(),
            "{known:?}"
        );
    }
    Journal::open(folder.path(), "init", &of(["new", "new"])).unwrap_err();
}

/// The keys that a finished machine is refused for, or those that are as it was made.
fn asked_again(
    folder: &TempDir,
    wanted: &Value,
    asks: &[&str],
) -> Result<Vec<String>, Vec<String>> {
    let fingerprint = Fingerprint::of(wanted).asking(|key| asks.contains(&key));
    match Journal::open(folder.path(), "init", &fingerprint) {
        Ok(journal) => Ok(journal.kept().to_vec()),
        Err(JournalError::Changed { differing, .. }) => Err(differing),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn whoever_says_less_than_before_asks_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let made = json!({ "node": { "name": "a" }, "port": 7443, "gates": { "A": true } });
    Journal::open(folder.path(), "init", &Fingerprint::of(&made)).unwrap().finish().unwrap();
    let now = json!({ "node": { "name": "a" }, "port": 6443, "gates": {}, "more": null });
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    assert_eq!(asked_again(&folder, &now, &[]), Ok(keys(&["gates", "port"])));
    assert_eq!(asked_again(&folder, &now, &["node.name", "more"]), Ok(keys(&["gates", "port"])));
    assert_eq!(asked_again(&folder, &now, &["node.name", "port"]), Err(keys(&["port"])));
    let gates = json!({ "gates": { "A": true, "B": true } });
    assert_eq!(asked_again(&folder, &gates, &["gates.A"]), Ok(keys(&["gates.B"])));
    assert_eq!(asked_again(&folder, &gates, &["gates.B"]), Err(keys(&["gates.B"])));
    let refused = Journal::open(folder.path(), "init", &Fingerprint::of(&now)).unwrap_err();
    assert!(refused.to_string().contains("with another gates, port (on record"), "{refused}");
    // Nothing of that has changed what the machine was made with.
    assert_eq!(asked_again(&folder, &made, &["node.name", "port", "gates.A"]), Ok(vec![]));
}

#[tokio::test]
async fn of_a_machine_that_was_adopted_only_what_was_asked_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let now = json!({ "name": "a", "port": 6443 });
    let fingerprint = Fingerprint::of(&now).asking(|key| key == "name");
    let mut journal = Journal::open(folder.path(), "init", &fingerprint).unwrap();
    journal.adopt("checks", &fingerprint).unwrap();
    drop(journal);
    // As it was made once, of which nobody knows.
    let made = json!({ "name": "a", "port": 7443 });
    assert_eq!(asked_again(&folder, &made, &["name", "port"]), Ok(vec![]));
    assert_eq!(asked_again(&folder, &now, &["name"]), Ok(vec![]));
    let other = json!({ "name": "b", "port": 7443 });
    assert_eq!(asked_again(&folder, &other, &["name"]), Err(vec!["name".to_owned()]));
}

#[tokio::test]
async fn a_record_without_values_is_still_known_by_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = json!({ "port": 1 });
    Journal::open(folder.path(), "init", &Fingerprint::of(&wanted)).unwrap().finish().unwrap();
    let path = path(folder.path(), "init");
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    record.as_object_mut().unwrap().remove("values");
    fs::write(&path, record.to_string()).unwrap();
    assert_eq!(asked_again(&folder, &json!({ "port": 2 }), &[]), Err(vec![]));
    assert_eq!(asked_again(&folder, &wanted, &[]), Ok(vec![]));
    assert_eq!(asked_again(&folder, &json!({ "port": 2 }), &[]), Ok(vec!["port".to_owned()]));
}

#[test]
fn whoever_resets_keeps_others_out_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("lib/node");
    let held = Held::take(&state).unwrap();
    assert!(held.is_alone());
    assert!(matches!(Held::take(&state), Err(JournalError::Busy { .. })));
    let joining = Journal::open(&state, "join", &fingerprint("a"));
    assert!(matches!(joining, Err(JournalError::Busy { .. })));
    // At its end it removes the state, and the lock with that: it holds it all the same.
    fs::remove_file(state.join("journal.lock")).unwrap();
    drop(held);
    assert!(!folder.path().join("lib").exists());
    let joining = Journal::open(&state, "join", &fingerprint("a")).unwrap();
    assert!(matches!(Held::take(&state), Err(JournalError::Busy { .. })));
    drop(joining);
    assert!(!Held::take(&state).unwrap().is_alone());
    assert!(state.join("journal.lock").exists(), "it was there before");
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(&folder);
    let second = Journal::open(folder.path(), "join", &fingerprint("a"));
    assert!(matches!(second, Err(JournalError::Busy { .. })));
}

#[tokio::test]
async fn a_corrupt_journal_is_set_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(folder.path(), "init");
    for text in [
        "{\"version\": 1, \"steps\"",
        "",
        "{\"version\":9,\"purpose\":\"init\",\"fingerprint\":\"\",\"finished\":true,\"steps\":[]}",
    ] {
        fs::write(&path, text).unwrap();
        let mut journal = open(&folder);
        let aside = journal.set_aside().unwrap().to_owned();
        assert_eq!(fs::read_to_string(aside).unwrap(), text);
        assert!(journal.steps().is_empty());
        assert!(done(&mut journal, "certs").await);
    }
    let aside = fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("corrupt"));
    assert_eq!(aside.count(), 3, "none is lost");
}

#[tokio::test]
async fn nobody_else_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    done(&mut open(&folder), "certs").await;
    let mode = fs::metadata(path(folder.path(), "init")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn light_steps_are_put_on_record_together_and_never_under_another_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (Fingerprint::of(&json!(1)), Fingerprint::of(&json!(2)));
    let open = |fingerprint: &Fingerprint| {
        let mut journal = Journal::open(folder.path(), "join", fingerprint).unwrap();
        journal.lighten();
        journal
    };
    let nothing = async || Ok::<_, std::fmt::Error>(());
    let mut journal = open(&one);
    journal.run("a", nothing).await.unwrap();
    assert_eq!(recorded(folder.path(), "join"), None);
    journal.keep().unwrap();
    journal.run("b", nothing).await.unwrap();
    drop(journal);
    let steps = recorded(folder.path(), "join").unwrap().steps;
    assert_eq!(steps.iter().map(|step| &*step.name).collect::<Vec<_>>(), ["a"]);

    // What the first one has done is not taken for the second one's, nor by the first one after
    // the second one has begun.
    let mut journal = open(&other);
    journal.run("a", nothing).await.unwrap();
    drop(journal);
    assert!(!open(&one).is_done("a"));

    let mut journal = open(&one);
    journal.run("a", nothing).await.unwrap();
    journal.finish().unwrap();
    assert!(recorded(folder.path(), "join").unwrap().finished);
    journal.start_over().unwrap();
    drop(journal);
    let journal = open(&one);
    assert!(!journal.is_finished() && !journal.is_done("a"));
}
