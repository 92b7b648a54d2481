//! Federations as they are: clones of forks, branches that were replaced, tags that are gone.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};

use kubewright_testkit::federation::git;
use kubewright_testkit::require;
use kubewright_testkit::require::programs;
use kubewright_workspace::name::ComponentName;
use kubewright_workspace::process::Stop;
use kubewright_workspace::progress::Silent;
use kubewright_workspace::sync::plan::{Step, Why};
use kubewright_workspace::sync::{self, SyncError, Synced};
use kubewright_workspace::workspace::Workspace;
use sandbox::chain;
use tempfile::TempDir;

/// One repository, and a workspace of it.
struct One {
    folder: TempDir,
    workspace: Workspace,
}

impl One {
    fn new(reference: &str) -> Self {
        Self::with(reference, |origin| format!("file://{}", origin.display()))
    }

    fn with(reference: &str, url: impl Fn(&Path) -> String) -> Self {
        let folder = TempDir::new().unwrap();
        let origin = folder.path().join("origin");
        fs::create_dir(&origin).unwrap();
        git(&origin, &["init", "--quiet", "--initial-branch=main"]).unwrap();
        commit(&origin, "begin");
        let reference = match reference {
            "" => String::new(),
            name => format!("ref = {name:?}\n"),
        };
        let root = folder.path().join("workspace");
        fs::create_dir(&root).unwrap();
        let text = format!("[component.one]\ngit = {:?}\n{reference}", url(&origin));
        fs::write(root.join("workspace.toml"), text).unwrap();
        Self { workspace: sandbox::open(&root), folder }
    }

    fn origin(&self) -> PathBuf {
        self.folder.path().join("origin")
    }

    fn tree(&self) -> PathBuf {
        self.workspace.root.join("one")
    }

    fn try_sync(&mut self, update: bool) -> Result<Synced, SyncError> {
        let name: ComponentName = "one".parse().unwrap();
        let options = sync::Options { update, ..sync::Options::default() };
        let (silent, stop) = (Silent, Stop::default());
        let synced = sync::sync(&mut self.workspace, &[&name], &options, &silent, &stop).unwrap();
        synced.into_iter().next().unwrap()
    }

    fn sync(&mut self, update: bool) -> Synced {
        self.try_sync(update).unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    fn locked(&self) -> String {
        self.workspace.lock.component["one"].commit.to_string()
    }
}

fn commit(folder: &Path, name: &str) -> String {
    fs::write(folder.join(name), name).unwrap();
    git(folder, &["add", name]).unwrap();
    git(folder, &["commit", "--quiet", "--message", name]).unwrap();
    head(folder)
}

fn head(folder: &Path) -> String {
    git(folder, &["rev-parse", "HEAD"]).unwrap().trim().to_owned()
}

#[test]
fn a_clone_of_a_fork_is_fetched_from_where_the_workspace_says() {
    require!(programs(&["git"]));
    let mut one = One::new("main");
    let (origin, fork) = (one.origin(), one.folder.path().join("fork"));
    git(one.folder.path(), &["clone", "--quiet", "origin", "fork"]).unwrap();
    commit(&fork, "only in the fork");
    let tree = one.tree();
    let from = format!("file://{}", fork.display());
    git(&one.workspace.root, &["clone", "--quiet", &from, "one"]).unwrap();
    // Its branch `main` is not the one that is meant.
    let synced = one.sync(false);
    assert_eq!(synced.step, Step::Leave { why: Why::OtherOrigin { url: Some(from) } });
    assert_eq!(one.locked(), head(&origin));
    // With the right remote beside it, it is asked under its name.
    git(&tree, &["remote", "add", "upstream", &origin.to_string_lossy()]).unwrap();
    git(&tree, &["fetch", "--quiet", "upstream"]).unwrap();
    git(&tree, &["reset", "--quiet", "--hard", "upstream/main"]).unwrap();
    let newer = commit(&origin, "newer");
    let synced = one.sync(true);
    assert_eq!((synced.step, head(&tree)), (Step::Advance, newer));
}

#[test]
fn a_tree_of_another_repository_is_not_taken_for_ours() {
    require!(programs(&["git"]));
    let mut one = One::new("main");
    let other = one.folder.path().join("other");
    git(one.folder.path(), &["init", "--quiet", "--initial-branch=main", "other"]).unwrap();
    commit(&other, "other");
    let tree = one.tree();
    git(&other, &["worktree", "add", "--quiet", "--detach", &tree.to_string_lossy()]).unwrap();
    let synced = one.sync(false);
    assert_eq!(synced.step, Step::Leave { why: Why::OtherOrigin { url: None } });
    assert_eq!(head(&tree), head(&other));
}

#[test]
fn a_branch_that_a_lost_tree_left_behind_advances() {
    require!(programs(&["git"]));
    let mut one = One::new("main");
    one.sync(false);
    fs::remove_dir_all(one.tree()).unwrap();
    let newer = commit(&one.origin(), "newer");
    let synced = one.sync(true);
    assert_eq!((synced.step, &synced.commit), (Step::Add, &newer));
    assert_eq!((head(&one.tree()), one.locked()), (newer.clone(), newer));
    assert_eq!(
        git(&one.tree(), &["status", "--porcelain", "--branch"]).unwrap(),
        "## main...origin/main\n"
    );
    // Commits that were made in it are still there, and told of.
    let own = commit(&one.tree(), "own");
    fs::remove_dir_all(one.tree()).unwrap();
    commit(&one.origin(), "newest");
    assert_eq!(one.sync(true).step, Step::Leave { why: Why::OwnCommits });
    assert_eq!(head(&one.tree()), own);
}

#[test]
fn tags_are_pinned_as_their_commits() {
    require!(programs(&["git"]));
    let mut one = One::new("v1");
    let origin = one.origin();
    git(&origin, &["tag", "--annotate", "--message", "One", "v1"]).unwrap();
    git(&origin, &["tag", "--annotate", "--message", "Of a tag", "outer", "v1"]).unwrap();
    let (commit, tag) = (head(&origin), git(&origin, &["rev-parse", "outer"]).unwrap());
    let tag = tag.trim().to_owned();
    assert_ne!(commit, tag);
    for reference in ["v1", "outer", "refs/tags/outer", &tag, &commit, &commit[..10]] {
        let component = one.workspace.manifest.component.get_mut("one").unwrap();
        component.reference = Some(reference.parse().unwrap());
        assert_eq!(one.sync(false).commit, commit, "{reference}");
        assert_eq!(one.locked(), commit, "{reference}");
    }
    // Also where somebody wrote the tag into the lock.
    let lock = one.workspace.lock_file();
    let text = fs::read_to_string(&lock).unwrap();
    fs::write(
        &lock,
        text.replace(&format!("commit = \"{commit}\""), &format!("commit = \"{tag}\"")),
    )
    .unwrap();
    one.sync(false);
    assert_eq!(one.locked(), commit);
    let text = fs::read_to_string(&lock).unwrap();
    fs::write(&lock, text.replace(&format!("commit = \"{commit}\""), "commit = \"main\"")).unwrap();
    let error = Workspace::open(&one.workspace.root.join("workspace.toml")).unwrap_err();
    assert!(chain(&error).contains("component one: main is no commit"), "{}", chain(&error));
}

#[test]
fn a_commit_that_was_never_pushed_is_not_pinned() {
    require!(programs(&["git"]));
    let mut one = One::new("main");
    let whole = one.origin();
    git(&one.workspace.root, &["clone", "--quiet", &whole.to_string_lossy(), "one"]).unwrap();
    let (pushed, own) = (head(&whole), commit(&one.tree(), "own"));
    for (reference, there) in [(&own, false), (&pushed, true)] {
        let component = one.workspace.manifest.component.get_mut("one").unwrap();
        component.reference = Some(reference.parse().unwrap());
        assert_eq!(one.try_sync(false).is_ok(), there, "{reference}");
    }
    assert_eq!(one.locked(), pushed);
}

#[test]
fn what_is_gone_at_the_origin_is_not_found_here() {
    require!(programs(&["git"]));
    for name in ["topic", "v1"] {
        let mut one = One::new(name);
        let origin = one.origin();
        let kind = if name == "topic" { "branch" } else { "tag" };
        git(&origin, &[kind, name]).unwrap();
        one.sync(false);
        git(&origin, &[kind, "--delete", name]).unwrap();
        let error = chain(&one.try_sync(true).unwrap_err());
        assert!(error.contains(&format!("has no branch, tag or commit {name}")), "{error}");
        // What the lock has is still there.
        one.sync(false);
    }
}

#[test]
fn a_replaced_branch_loses_nothing() {
    require!(programs(&["git"]));
    let mut one = One::new("main");
    let origin = one.origin();
    let old = commit(&origin, "old");
    one.sync(false);
    git(&origin, &["reset", "--quiet", "--hard", "HEAD~1"]).unwrap();
    let new = commit(&origin, "new");
    // The old commits are nowhere else now.
    assert_eq!(one.sync(true).step, Step::Leave { why: Why::OwnCommits });
    assert_eq!((head(&one.tree()), one.locked()), (old.clone(), new));
    // Elsewhere, the lock of before: the origin still has it, or says so.
    let text = fs::read_to_string(one.workspace.lock_file()).unwrap();
    fs::write(one.workspace.lock_file(), text.replace(&one.locked(), &old)).unwrap();
    fs::remove_dir_all(one.tree()).unwrap();
    fs::remove_dir_all(one.workspace.state("mirrors")).unwrap();
    git(&origin, &["reflog", "expire", "--expire=now", "--all"]).unwrap();
    git(&origin, &["gc", "--quiet", "--prune=now"]).unwrap();
    let error = one.try_sync(false).unwrap_err();
    assert!(
        matches!(&error, SyncError::Gone { commit, .. } if *commit == old),
        "{}",
        chain(&error)
    );
}

#[test]
fn the_default_branch_may_be_renamed() {
    require!(programs(&["git"]));
    let mut one = One::new("");
    one.sync(false);
    git(&one.origin(), &["branch", "--move", "trunk"]).unwrap();
    let newer = commit(&one.origin(), "newer");
    assert_eq!(one.sync(true).commit, newer);
    assert_eq!(head(&one.tree()), newer);
}

#[test]
fn a_relative_address_is_seen_from_the_workspace() {
    require!(programs(&["git"]));
    let mut one = One::with("main", |_| "../origin".to_owned());
    one.sync(false);
    assert_eq!(head(&one.tree()), head(&one.origin()));
    let lock = fs::read_to_string(one.workspace.lock_file()).unwrap();
    assert!(lock.contains("git = \"../origin\""), "{lock}");
    // Also for a tree that was cloned by hand.
    fs::remove_dir_all(one.tree()).unwrap();
    let whole = one.origin();
    git(&one.workspace.root, &["clone", "--quiet", &whole.to_string_lossy(), "one"]).unwrap();
    commit(&whole, "newer");
    assert_eq!(one.sync(true).step, Step::Advance);
}

#[test]
fn a_workspace_may_be_moved() {
    require!(programs(&["git"]));
    let mut one = One::new("main");
    one.sync(false);
    let moved = one.folder.path().join("moved");
    fs::rename(&one.workspace.root, &moved).unwrap();
    one.workspace = sandbox::open(&moved);
    assert_eq!(one.sync(false).step, Step::Nothing);
    let newer = commit(&one.origin(), "newer");
    assert_eq!((one.sync(true).step, head(&one.tree())), (Step::Advance, newer));
}

/// At rest neither trees nor mirrors are written.
#[test]
fn a_sync_at_rest_writes_nothing() {
    require!(programs(&["git"]));
    let mut one = One::new("main");
    one.sync(false);
    let config = one.workspace.state("mirrors/one.git/config");
    let before = fs::metadata(&config).unwrap().modified().unwrap();
    let lock = fs::metadata(one.workspace.lock_file()).unwrap().modified().unwrap();
    assert_eq!(one.sync(false).step, Step::Nothing);
    assert_eq!(fs::metadata(&config).unwrap().modified().unwrap(), before);
    assert_eq!(fs::metadata(one.workspace.lock_file()).unwrap().modified().unwrap(), lock);
}
