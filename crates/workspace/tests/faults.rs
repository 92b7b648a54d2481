//! The faults of the tool that this one replaces, each with a test of its name.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::fs;
use std::path::Path;

use kubewright_testkit::federation::git;
use kubewright_testkit::require;
use kubewright_testkit::require::programs;
use kubewright_workspace::build::{BuildError, Keys, Options};
use kubewright_workspace::image::Images;
use kubewright_workspace::manifest_images::{By, RenderError, RewriteError, render};
use kubewright_workspace::process::Stop;
use kubewright_workspace::sources::{Sources, SourcesError};
use kubewright_workspace::sync;
use kubewright_workspace::sync::plan::{Step, Why};
use sandbox::{Sandbox, chain};

fn append(file: &Path, text: &str) {
    let before = fs::read_to_string(file).unwrap_or_default();
    fs::write(file, before + text).unwrap();
}

fn graph_error(sandbox: &Sandbox) -> String {
    match Sources::of(&sandbox.workspace) {
        Err(error @ SourcesError::Graph(_)) => chain(&error),
        other => panic!("{other:?}"),
    }
}

/// Tags were computed before go.mod was edited, and manifests after it.
#[test]
fn tag_race() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let tags = |sandbox: &Sandbox| {
        let (sources, keys) = (sandbox.sources(), sandbox.keys());
        let images = Images::of(&sandbox.workspace, &sources, &keys).unwrap();
        let rendered = render(&sandbox.workspace, &images, By::Tag).unwrap();
        let set: Vec<String> = rendered[0].images.iter().map(|image| image.to.clone()).collect();
        let made = images.all().map(|(name, image)| images.reference(name, image));
        (set, made.collect::<Vec<_>>())
    };
    let before = tags(&sandbox);
    sandbox.build().done();
    sandbox.images();
    let after = tags(&sandbox);
    assert_eq!(before, after, "building changed the tags");
    assert!(after.0.iter().all(|set| after.1.contains(set)), "{after:?}");
    // By digest it is the image that was made.
    let (sources, keys) = (sandbox.sources(), sandbox.keys());
    let images = Images::of(&sandbox.workspace, &sources, &keys).unwrap();
    let rendered = render(&sandbox.workspace, &images, By::Digest).unwrap();
    let made = sandbox.images();
    for image in &rendered[0].images {
        let digest = image.to.split_once('@').unwrap().1;
        assert!(made.iter().any(|(_, made)| made == digest), "{image:?}");
    }
    // With a file changed, every image that it is in has another tag.
    append(&sandbox.tree("felix").join("felix.go"), "// changed\n");
    let changed = tags(&sandbox).1;
    let differ: Vec<&str> = after
        .1
        .iter()
        .filter(|tag| !changed.contains(tag))
        .map(|tag| tag.split(':').next().unwrap())
        .collect();
    assert_eq!(differ, ["felix", "kube-controllers", "flannel-migration", "node"]);
}

/// The module of confd is kelseyhightower's; the old replace named projectcalico's.
#[test]
fn replace_without_effect() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let file = sandbox.tree("node").join("go.mod");
    append(&file, "\nreplace github.com/projectcalico/confd => ../confd\n");
    let error = graph_error(&sandbox);
    assert!(
        error.contains("component node: go.mod:13: the replace of github.com/projectcalico/confd has no effect, because component confd is module github.com/kelseyhightower/confd"),
        "{error}"
    );
    git(&sandbox.tree("node"), &["checkout", "--", "go.mod"]).unwrap();
    append(&file, "\nreplace github.com/projectcalico/felix v9.9.9 => ../felix\n");
    let error = graph_error(&sandbox);
    assert!(
        error.contains("the replace of github.com/projectcalico/felix v9.9.9 has no effect"),
        "{error}"
    );
}

#[test]
fn cycle() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let tree = sandbox.tree("libcalico-go");
    append(&tree.join("go.mod"), "\nrequire github.com/projectcalico/felix v0.0.0\n");
    let manifest = sandbox.workspace.root.join("workspace.toml");
    let text = fs::read_to_string(&manifest).unwrap().replacen(
        "depends_on = []",
        "depends_on = [\"felix\"]",
        1,
    );
    fs::write(&manifest, text).unwrap();
    sandbox.reopen();
    let error = graph_error(&sandbox);
    assert!(error.contains("in a circle: felix → libcalico-go → felix"), "{error}");
}

#[test]
fn missing_repository() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    fs::remove_dir_all(sandbox.tree("typha")).unwrap();
    let error = chain(&Sources::of(&sandbox.workspace).unwrap_err());
    assert!(error.starts_with("component typha is missing"), "{error}");
    assert!(error.contains("kubewright workspace sync"), "{error}");
    let synced = sandbox.sync();
    let again: Vec<&str> = synced
        .iter()
        .filter(|synced| synced.step == Step::Add)
        .map(|synced| synced.component.as_str())
        .collect();
    assert_eq!(again, ["typha"]);
    sandbox.sources();
    // One that cannot be cloned is named, and does not keep the others.
    fs::remove_dir_all(sandbox.tree("typha")).unwrap();
    fs::remove_dir_all(sandbox.workspace.state("mirrors").join("typha.git")).unwrap();
    fs::remove_dir_all(sandbox.federation.origin("typha")).unwrap();
    let results = sandbox.sync_with(&sync::Options::default());
    let failed: Vec<String> = results
        .iter()
        .filter_map(|result| result.as_ref().err())
        .map(|error| chain(error))
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].starts_with("component typha: cannot fetch from file://"), "{failed:?}");
}

#[test]
fn dirty_tree() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let readme = sandbox.tree("felix").join("README.md");
    append(&readme, "mine\n");
    let committed = sandbox.tree("typha");
    fs::write(committed.join("own"), "").unwrap();
    git(&committed, &["add", "own"]).unwrap();
    git(&committed, &["commit", "--quiet", "--message", "Own"]).unwrap();
    // The tag moves, so both trees should.
    for name in ["felix", "typha", "confd"] {
        sandbox.federation.commit(name, "new", "new\n").unwrap();
        git(&sandbox.federation.origin(name), &["tag", "--force", "v3.14.0"]).unwrap();
    }
    let options = sync::Options { update: true, ..sync::Options::default() };
    let results = sandbox.sync_with(&options);
    let step = |name: &str| {
        let mut all = results.iter().map(|result| result.as_ref().unwrap());
        all.find(|synced| synced.component.as_str() == name).unwrap().step.clone()
    };
    assert_eq!(step("felix"), Step::Leave { why: Why::Dirty });
    assert_eq!(step("typha"), Step::Leave { why: Why::OwnCommits });
    assert_eq!(step("confd"), Step::Move);
    assert!(fs::read_to_string(readme).unwrap().ends_with("mine\n"));
    assert!(committed.join("own").exists() && !committed.join("new").exists());
    assert!(sandbox.tree("confd").join("new").exists());
}

/// Commands run in a copy, and a tree that changes under a build all the same is an error.
#[test]
fn trees_stay_clean_whatever_a_command_does() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let script = "mkdir -p bin && cp README.md bin/out && echo x >> README.md && touch left-over";
    sandbox.command("pod2daemon", &["sh", "-c", script], "bin/out");
    sandbox.build_only("pod2daemon").done();
    sandbox.trees_are_clean();
    let tree = sandbox.tree("pod2daemon").join("README.md");
    let script = format!("mkdir bin && touch bin/out && echo x >> {}", tree.display());
    sandbox.command("pod2daemon", &["sh", "-c", &script], "bin/out");
    let failed = sandbox.build_only("pod2daemon").0.failed;
    assert!(matches!(&failed[..], [BuildError::TreeChanged { .. }]), "{failed:?}");
}

/// A command that writes into the tree of another component does not pass unseen.
#[test]
fn trees_of_others_stay_clean_too() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let other = sandbox.tree("typha").join("typha.go");
    let script = format!("mkdir bin && touch bin/out && echo >> {}", other.display());
    sandbox.command("pod2daemon", &["sh", "-c", &script], "bin/out");
    let failed = sandbox.build_only("pod2daemon").0.failed;
    let [BuildError::OtherTreeChanged { component, files, commands }] = &failed[..] else {
        panic!("{failed:?}")
    };
    assert_eq!((component.as_str(), &files[..]), ("typha", &["typha.go".to_owned()][..]));
    assert_eq!(commands.len(), 1);
}

/// A command is told the version of its component, and asks no repository around the workspace.
#[test]
fn a_command_knows_the_version_of_its_component() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    git(&sandbox.workspace.root, &["init", "--quiet"]).unwrap();
    let script = "mkdir bin; echo {describe} {commit} > bin/out; ! git rev-parse --git-dir";
    sandbox.command("pod2daemon", &["sh", "-c", script], "bin/out");
    sandbox.build_only("pod2daemon").done();
    let said = fs::read_to_string(sandbox.program("pod2daemon", "bin/out")).unwrap();
    let commit = git(&sandbox.tree("pod2daemon"), &["rev-parse", "HEAD"]).unwrap();
    assert_eq!(said, format!("v3.14.0 {commit}"));
}

/// What killed builds leave behind goes with the next one.
#[test]
fn leftovers_of_killed_builds_are_swept() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let (out, work) = (sandbox.workspace.state("out/typha"), sandbox.workspace.state("work"));
    let half = [out.join(".new-half/linux-amd64/bin"), work.join("typha/bin")];
    for half in &half {
        fs::create_dir_all(half).unwrap();
        fs::write(half.join("typha"), "half").unwrap();
    }
    let lock = sandbox.workspace.root.join(".kubewright-new-half");
    fs::write(&lock, "version = ").unwrap();
    sandbox.command("pod2daemon", &["sh", "-c", "mkdir bin; touch bin/out"], "bin/out");
    sandbox.build_only("pod2daemon").done();
    assert!(!lock.exists());
    assert!(half.iter().all(|half| !half.exists()));
    assert_eq!(fs::read_dir(work).unwrap().count(), 0);
}

/// An output was taken from where an earlier build had left it.
#[test]
fn stale_output_path() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let old = sandbox.tree("pod2daemon").join("bin");
    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("out"), "of last week").unwrap();
    sandbox.command("pod2daemon", &["sh", "-c", "true"], "bin/out");
    let failed = sandbox.build_only("pod2daemon").0.failed;
    assert!(matches!(&failed[..], [BuildError::NoOutput { .. }]), "{failed:?}");
    // What is tampered with in the store is made again.
    sandbox.command("pod2daemon", &["sh", "-c", "mkdir bin && echo new > bin/out"], "bin/out");
    sandbox.build_only("pod2daemon").done();
    let output = sandbox.program("pod2daemon", "bin/out");
    fs::write(&output, "tampered").unwrap();
    assert_eq!(sandbox.build_only("pod2daemon").rebuilt(), ["pod2daemon"]);
    assert_eq!(fs::read_to_string(output).unwrap(), "new\n");
}

/// `LOCAL_BUILD=false` was taken for true; that the word is understood is tested beside it.
#[test]
fn local_build_false_builds_with_what_go_mod_pins() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let sources = sandbox.sources();
    let pinned = Keys::of_sources(&sandbox.workspace, &sources, false).unwrap();
    let local = sandbox.keys();
    let felix = "felix".parse().unwrap();
    assert_ne!(pinned.of(&felix), local.of(&felix));
    // With what is pinned, Go has to ask the network, which is off.
    let failed = sandbox.build_keys(&sources, &pinned, &["felix"]).0.failed;
    assert_eq!(failed.len(), 1);
    let error = chain(&failed[0]);
    assert!(error.contains("libcalico-go") && error.contains("GOPROXY"), "{error}");
}

#[test]
fn stop_at_the_first_error() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    append(&sandbox.tree("typha").join("typha.go"), "this is no Go\n");
    let options = Options { jobs: Some(1), ..Options::default() };
    let report = sandbox.build_with(&options).0;
    assert_eq!(report.failed.len(), 1);
    let error = chain(&report.failed[0]);
    assert!(
        error.starts_with("component typha: cannot build ./cmd/typha for linux/amd64"),
        "{error}"
    );
    assert!(error.contains("typha.go:"), "{error}");
    let left: Vec<&str> = report.left.iter().map(|name| name.as_str()).collect();
    for waiting in ["felix", "kube-controllers", "node"] {
        assert!(left.contains(&waiting), "{left:?}");
    }
    assert!(report.built.len() + report.left.len() + 1 == 8);
}

#[test]
fn no_endless_wait_for_a_build() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    sandbox.command("pod2daemon", &["sleep", "100000"], "bin/out");
    let stop = Stop::default();
    stop.stop();
    let failed = sandbox.build_stopped("pod2daemon", &stop).0.failed;
    assert!(matches!(&failed[..], [BuildError::Stopped(_)]), "{failed:?}");
}

#[test]
fn unmapped_image() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let file = sandbox.workspace.root.join("manifests/calico.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("calico/node:v3.14.0", "calico/noed:v3.14.0")).unwrap();
    let (sources, keys) = (sandbox.sources(), sandbox.keys());
    let images = Images::of(&sandbox.workspace, &sources, &keys).unwrap();
    let error = render(&sandbox.workspace, &images, By::Tag).unwrap_err();
    let RenderError::Rewrite { source: RewriteError::Unmapped { line, reference }, .. } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!((*line, &reference[..]), (19, "calico/noed:v3.14.0"));
    drop(images);
    // Unless it is said to be of others.
    sandbox.workspace.manifest.manifests.external = vec!["calico/noed:*".to_owned()];
    let images = Images::of(&sandbox.workspace, &sources, &keys).unwrap();
    let rendered = render(&sandbox.workspace, &images, By::Tag).unwrap();
    assert!(rendered[0].text.contains("image: calico/noed:v3.14.0\n"));
    assert!(rendered[0].text.contains("# the plugin"), "comments stay");
}

#[test]
fn declared_edges_must_be_there_and_edges_declared() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let manifest = sandbox.workspace.root.join("workspace.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let text = text.replacen("depends_on = []", "depends_on = [\"pod2daemon\"]", 1);
    let text = text.replace("\"pod2daemon\", \"typha\"]", "\"typha\"]");
    fs::write(&manifest, text).unwrap();
    sandbox.reopen();
    let error = graph_error(&sandbox);
    assert!(
        error.contains("component libcalico-go declares that it depends on pod2daemon"),
        "{error}"
    );
    assert!(
        error.contains("component felix depends on pod2daemon (go.mod requires v0.0.0"),
        "{error}"
    );
}

/// What an interrupted sync left behind is no obstacle, and what it has fetched is not fetched again.
#[test]
fn an_interrupted_sync_goes_on() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    fs::remove_dir_all(sandbox.tree("felix")).unwrap();
    let half = sandbox.workspace.state("sync").join("felix");
    fs::create_dir_all(half.join("cmd")).unwrap();
    fs::write(half.join("cmd/half"), "").unwrap();
    // The origin is away: the mirror has all that is needed.
    fs::rename(sandbox.federation.origin("felix"), sandbox.folder.path().join("away")).unwrap();
    sandbox.sync();
    assert!(sandbox.tree("felix").join("felix.go").exists());
    assert!(!half.exists());
    sandbox.trees_are_clean();
}

/// A tree cannot make a build write elsewhere by a link.
#[test]
fn a_link_leads_no_file_out_of_a_copy() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let elsewhere = sandbox.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for target in [elsewhere.clone(), elsewhere.join("not/there")] {
        let link = sandbox.tree("node").join("filesystem");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(target, link).unwrap();
        sandbox.command("node", &["sh", "-c", "mkdir -p bin; touch bin/out"], "bin/out");
        sandbox.workspace.manifest.component.get_mut("node").unwrap().depends_on = None;
        let failed = sandbox.build_only("node").0.failed;
        assert_eq!(failed.len(), 1);
        assert!(chain(&failed[0]).contains("out of the component"), "{}", chain(&failed[0]));
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }
}

#[test]
fn a_link_leads_no_tree_out_of_the_workspace() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    let elsewhere = sandbox.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let link = sandbox.workspace.root.join("link");
    std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
    let felix = sandbox.workspace.manifest.component.get_mut("felix").unwrap();
    felix.path = Some("link/new/felix".into());
    let results = sandbox.sync_with(&sync::Options::default());
    let failed: Vec<String> = results
        .iter()
        .filter_map(|result| result.as_ref().err())
        .map(|error| chain(error))
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("leads elsewhere by a link"), "{failed:?}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn files_that_git_ignores_are_not_overwritten_and_no_hook_runs() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let felix = sandbox.tree("felix");
    let hooks = sandbox.workspace.state("mirrors").join("felix.git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    let ran = sandbox.folder.path().join("ran");
    let hook = hooks.join("post-checkout");
    fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let exclude = sandbox.workspace.state("mirrors").join("felix.git/info");
    fs::create_dir_all(&exclude).unwrap();
    append(&exclude.join("exclude"), "new\n");
    fs::write(felix.join("new"), "mine").unwrap();
    sandbox.federation.commit("felix", "new", "theirs\n").unwrap();
    git(&sandbox.federation.origin("felix"), &["tag", "--force", "v3.14.0"]).unwrap();
    let options = sync::Options { update: true, ..sync::Options::default() };
    let results = sandbox.sync_with(&options);
    let failed: Vec<String> = results
        .iter()
        .filter_map(|result| result.as_ref().err())
        .map(|error| chain(error))
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("felix"), "{failed:?}");
    assert_eq!(fs::read_to_string(felix.join("new")).unwrap(), "mine");
    assert!(!ran.exists());
}
