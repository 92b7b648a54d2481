#![allow(clippy::unwrap_used)]
use std::fs;
use std::path::Path;

use kubewright_testkit::federation::git;
use kubewright_testkit::require;
use kubewright_testkit::require::programs;

use super::*;

/// A repository with one commit of one file.
fn repository(folder: &Path) -> Repository {
    git(folder, &["init", "--quiet", "--initial-branch=main"]).unwrap();
    fs::write(folder.join("file"), "one\ntwo\n").unwrap();
    git(folder, &["add", "file"]).unwrap();
    git(folder, &["commit", "--quiet", "--message", "Begin"]).unwrap();
    Repository::at(folder)
}

#[test]
fn a_commit_is_called_the_same_however_large_its_repository_is() {
    require!(programs(&["git"]));
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    let commit = repository.commit("HEAD").unwrap();
    // What git would take for a larger repository.
    for digits in ["7", "20", "40"] {
        git(folder.path(), &["config", "core.abbrev", digits]).unwrap();
        assert_eq!(repository.describe().unwrap(), commit[..12]);
    }
}

#[test]
fn a_commit_is_checked_out_as_the_same_bytes_for_everyone() {
    require!(programs(&["git"]));
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    let file = folder.path().join("file");
    for (key, value) in [("core.autocrlf", "true"), ("core.eol", "crlf")] {
        git(folder.path(), &["config", key, value]).unwrap();
        fs::remove_file(&file).unwrap();
        repository.text(&["checkout", "--", "file"]).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "one\ntwo\n", "{key}");
    }
}

#[test]
fn an_origin_that_says_nothing_is_not_waited_for_without_end() {
    require!(programs(&["git"]));
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    // Connections come about, and nobody ever answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("git://{}/origin", silent.local_addr().unwrap());
    let stop = Stop::default();
    stop.stop();
    let name = "main".parse().unwrap();
    let asked = repository.ask(&origin, Some(&name), &stop).map(drop);
    let fetched = repository.fetch_object(&origin, &"1".repeat(40), &stop);
    for result in [asked, fetched] {
        let error = result.unwrap_err();
        assert!(matches!(error, ProcessError::Stopped { .. }), "{error}");
        assert!(error.to_string().starts_with("git -C "), "{error}");
    }
}
