//! Releases that are made again, interrupted, or of something else.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};

use kubewright_testkit::federation::git;
use kubewright_testkit::require;
use kubewright_testkit::require::programs;
use kubewright_workspace::build::Keys;
use kubewright_workspace::manifest::{Build, Recipe};
use kubewright_workspace::release::ReleaseError;
use kubewright_workspace::sources::Sources;
use kubewright_workspace::sync;
use kubewright_workspace::workspace::Workspace;
use sandbox::{chain, release};
use tempfile::TempDir;

/// Two repositories that are built by a command, in moments.
struct Pair {
    _folder: TempDir,
    workspace: Workspace,
}

impl Pair {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut text = String::new();
        for name in ["one", "two"] {
            let origin = folder.path().join("origin").join(name);
            repository(&origin);
            text += &format!(
                "[component.{name}]\ngit = \"file://{}\"\nref = \"main\"\n\
                 build = {{ command = [\"sh\", \"-c\", \"mkdir bin; echo {{describe}} > bin/{name}\"], output = \"bin/{name}\" }}\n",
                origin.display()
            );
        }
        let root = folder.path().join("workspace");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("workspace.toml"), text).unwrap();
        let mut workspace = sandbox::open(&root);
        let names: Vec<_> = workspace.manifest.component.keys().cloned().collect();
        let names: Vec<_> = names.iter().collect();
        let (options, stop) = (sync::Options::default(), Default::default());
        let silent = kubewright_workspace::progress::Silent;
        for synced in sync::sync(&mut workspace, &names, &options, &silent, &stop).unwrap() {
            synced.unwrap();
        }
        for name in ["one", "two"] {
            let tree = root.join(name);
            git(&tree, &["config", "user.name", "Test"]).unwrap();
            git(&tree, &["config", "user.email", "test@example.org"]).unwrap();
        }
        Self { _folder: folder, workspace }
    }

    fn tree(&self, name: &str) -> PathBuf {
        self.workspace.tree(&name.parse().unwrap())
    }
}

fn repository(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "--quiet", "--initial-branch=main"]).unwrap();
    fs::write(folder.join("file"), "x\n").unwrap();
    git(folder, &["add", "file"]).unwrap();
    git(folder, &["commit", "--quiet", "--message", "Begin"]).unwrap();
    git(folder, &["tag", "v1.0.0"]).unwrap();
}

#[test]
fn what_is_released_bears_its_own_version() {
    require!(programs(&["git", "sh"]));
    let pair = Pair::new();
    let done =
        release(&pair.workspace, "v1.1.0", true, true).unwrap_or_else(|e| panic!("{}", chain(&e)));
    let one = done.files.keys().find(|file| file.starts_with("one_")).unwrap();
    assert_eq!(fs::read_to_string(done.folder.join(one)).unwrap(), "v1.1.0\n");
    // Which is what everybody gets who builds what is tagged.
    let sources = Sources::of(&pair.workspace).unwrap();
    let keys = Keys::of_sources(&pair.workspace, &sources, true).unwrap();
    let version = "v1.1.0".parse().unwrap();
    let released = Keys::of_release(&pair.workspace, &sources, true, &version).unwrap();
    let one = "one".parse().unwrap();
    assert_eq!(keys.of(&one), released.of(&one));
}

#[test]
fn what_go_mod_pins_can_be_released_too() {
    require!(programs(&["git", "sh"]));
    let pair = Pair::new();
    let done = release(&pair.workspace, "v1.1.0", true, false);
    assert_eq!(done.unwrap_or_else(|error| panic!("{}", chain(&error))).tagged.len(), 2);
}

#[test]
fn the_same_version_is_never_something_else() {
    require!(programs(&["git", "sh"]));
    let pair = Pair::new();
    let first = release(&pair.workspace, "v1.1.0", true, true).unwrap();
    assert_eq!(first.tagged.len(), 2);
    // Edited by people, as notes are.
    fs::write(first.folder.join("NOTES.md"), "mine\n").unwrap();
    let again = release(&pair.workspace, "v1.1.0", true, true).unwrap();
    assert_eq!((again.files, again.tagged.len()), (first.files.clone(), 0));
    assert_eq!(fs::read_to_string(first.folder.join("NOTES.md")).unwrap(), "mine\n");
    let file = first.folder.join(first.files.keys().next().unwrap());
    fs::write(&file, "something else").unwrap();
    let error = release(&pair.workspace, "v1.1.0", true, true).unwrap_err();
    let ReleaseError::Differs { files, .. } = &error else { panic!("{error:?}") };
    assert_eq!(files, &[first.files.keys().next().unwrap().clone()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "something else");
    let error = release(&pair.workspace, "HEAD", true, true).unwrap_err();
    assert!(matches!(error, ReleaseError::Version(_)), "{error:?}");
}

#[test]
fn no_file_of_a_release_takes_the_name_of_another() {
    require!(programs(&["git", "sh"]));
    let mut pair = Pair::new();
    let one = pair.workspace.manifest.component.get_mut("one").unwrap();
    one.build = vec![Build {
        recipe: Recipe::Command(["sh", "-c", "mkdir bin; touch bin/v v"].map(Into::into).into()),
        outputs: vec!["bin/v".parse().unwrap(), "v".parse().unwrap()],
    }]
    .into();
    let error = release(&pair.workspace, "v1.1.0", true, true).unwrap_err();
    let ReleaseError::Twice { file, first, second } = &error else { panic!("{error:?}") };
    assert!(file.starts_with("one_v_v1.1.0_linux-"), "{file}");
    assert!(first.ends_with("bin/v") && second.ends_with("v") && first != second, "{error}");
}

/// What was built for others too is compared only for those that are released.
#[test]
fn a_release_may_be_for_fewer_platforms_than_were_built() {
    require!(programs(&["git", "sh"]));
    let mut pair = Pair::new();
    let platforms = ["linux/amd64", "linux/arm64"].map(|platform| platform.parse().unwrap());
    pair.workspace.manifest.workspace.platforms = platforms.to_vec();
    release(&pair.workspace, "v1.1.0", false, true).unwrap_or_else(|e| panic!("{}", chain(&e)));
    pair.workspace.manifest.workspace.platforms.truncate(1);
    let fewer = release(&pair.workspace, "v1.1.0", false, true);
    let fewer = fewer.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert!(fewer.files.keys().all(|file| file.ends_with("linux-amd64")), "{:?}", fewer.files);
}

#[test]
fn an_interrupted_release_is_made_by_the_same_command() {
    require!(programs(&["git", "sh"]));
    let pair = Pair::new();
    let first = release(&pair.workspace, "v1.1.0", true, true).unwrap();
    let sums = fs::read_to_string(first.folder.join("SHA256SUMS")).unwrap();
    let releases = first.folder.parent().unwrap().to_owned();
    let whole = |what: &str| {
        let done = release(&pair.workspace, "v1.1.0", true, true);
        done.unwrap_or_else(|error| panic!("{what}: {}", chain(&error)));
        assert_eq!(fs::read_to_string(first.folder.join("SHA256SUMS")).unwrap(), sums, "{what}");
        for name in ["one", "two"] {
            let tag = git(&pair.tree(name), &["describe", "--exact-match"]).unwrap();
            assert_eq!(tag, "v1.1.0\n", "{what}");
            let trees = git(&pair.tree(name), &["worktree", "list"]).unwrap();
            assert!(!trees.contains(".second"), "{what}: {trees}");
        }
        let names: Vec<_> =
            fs::read_dir(&releases).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["v1.1.0"], "{what}");
    };
    git(&pair.tree("two"), &["tag", "--delete", "v1.1.0"]).unwrap();
    whole("between two tags");
    git(&pair.tree("one"), &["tag", "--delete", "v1.1.0"]).unwrap();
    git(&pair.tree("two"), &["tag", "--delete", "v1.1.0"]).unwrap();
    whole("before the first tag");
    fs::rename(&first.folder, releases.join(".old")).unwrap();
    whole("between two names");
    fs::create_dir(releases.join(".new")).unwrap();
    fs::write(releases.join(".new/half"), "").unwrap();
    whole("while files were copied");
    let second = releases.join(".second");
    git(&pair.tree("one"), &["worktree", "add", "--detach", &second.join("one").to_string_lossy()])
        .unwrap();
    whole("while it was built again");
}

#[test]
fn nobody_knows_who_tags() {
    require!(programs(&["git", "sh"]));
    let pair = Pair::new();
    git(&pair.tree("two"), &["config", "user.name", ""]).unwrap();
    let error = release(&pair.workspace, "v1.1.0", true, true).unwrap_err();
    assert!(
        chain(&error).starts_with("component two: cannot tell who tags it"),
        "{}",
        chain(&error)
    );
    assert!(git(&pair.tree("one"), &["rev-parse", "--verify", "refs/tags/v1.1.0"]).is_err());
}

/// A component that is a folder of the repository around the workspace.
#[test]
fn a_folder_of_a_repository_can_be_released() {
    require!(programs(&["git", "sh"]));
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    repository(root);
    fs::create_dir_all(root.join("src/tool")).unwrap();
    fs::write(root.join("src/tool/name"), "tool\n").unwrap();
    fs::write(
        root.join("workspace.toml"),
        "[component.tool]\npath = \"src/tool\"\nbuild = { command = [\"cp\", \"name\", \"out\"], output = \"out\" }\n",
    )
    .unwrap();
    git(root, &["add", "--all"]).unwrap();
    git(root, &["commit", "--quiet", "--message", "Tool"]).unwrap();
    git(root, &["config", "user.name", "Test"]).unwrap();
    git(root, &["config", "user.email", "test@example.org"]).unwrap();
    let workspace = sandbox::open(root);
    let done = release(&workspace, "v2", true, true).unwrap_or_else(|e| panic!("{}", chain(&e)));
    assert_eq!(done.tagged.len(), 1);
    assert_eq!(git(root, &["status", "--porcelain"]).unwrap(), "");
    assert_eq!(git(root, &["worktree", "list"]).unwrap().lines().count(), 1);
}
