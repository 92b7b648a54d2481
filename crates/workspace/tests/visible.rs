//! What a build sees is what its key was made of: whatever else lies in a tree changes nothing.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::fs;
use std::path::Path;

use kubewright_testkit::federation::git;
use kubewright_testkit::require;
use kubewright_testkit::require::programs;
use kubewright_workspace::build::{self, BuildError};
use kubewright_workspace::manifest::{Input, Recipe};
use kubewright_workspace::sync;
use kubewright_workspace::sync::plan::{Step, Why};
use sandbox::{Sandbox, chain};

const PROGRAM: &str = "bin/typha";

/// Replaces what typha says of libcalico-go.
const OTHER: &str = "package libcalicogo\n\nfunc init() { name = \"other\" }\n";

/// typha on libcalico-go, whose name is a variable.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::calico();
    let library = "package libcalicogo\n\nvar name = \"libcalico-go\"\n\n\
                   // Names is what it is made of.\nfunc Names() []string { return []string{name} }\n";
    sandbox.federation.commit("libcalico-go", "libcalicogo.go", library).unwrap();
    git(&sandbox.federation.origin("libcalico-go"), &["tag", "--force", "v3.14.0"]).unwrap();
    sandbox.sync();
    sandbox
}

fn said(sandbox: &Sandbox) -> String {
    sandbox.build_only("typha").done();
    sandbox.run_program("typha", PROGRAM)
}

fn ignore(tree: &Path, pattern: &str) {
    let exclude = git(tree, &["rev-parse", "--git-path", "info/exclude"]).unwrap();
    let exclude = tree.join(exclude.trim());
    fs::create_dir_all(exclude.parent().unwrap()).unwrap();
    fs::write(exclude, format!("{pattern}\n")).unwrap();
}

#[test]
fn sources_that_git_ignores_are_not_compiled() {
    require!(programs(&["git", "go"]));
    let sandbox = sandbox();
    let tree = sandbox.tree("libcalico-go");
    let key = sandbox.keys();
    ignore(&tree, "generated.go");
    // One that would not even compile, and an import that would be an edge.
    fs::write(tree.join("generated.go"), OTHER.to_owned() + "nonsense\n").unwrap();
    assert_eq!(sandbox.keys(), key);
    assert_eq!(said(&sandbox), "typha: typha libcalico-go\n");
    fs::write(tree.join("generated.go"), OTHER).unwrap();
    fs::remove_dir_all(sandbox.workspace.state("out")).unwrap();
    assert_eq!(said(&sandbox), "typha: typha libcalico-go\n");
    // Not ignored any more, it counts.
    ignore(&tree, "nothing");
    assert_ne!(sandbox.keys(), key);
    assert_eq!(said(&sandbox), "typha: typha other\n");
    // And what is gone again is gone from the copy.
    fs::remove_file(tree.join("generated.go")).unwrap();
    assert_eq!(sandbox.keys(), key);
    fs::remove_dir_all(sandbox.workspace.state("out")).unwrap();
    assert_eq!(said(&sandbox), "typha: typha libcalico-go\n");
}

#[test]
fn what_a_build_did_not_see_is_told() {
    require!(programs(&["git", "go"]));
    let sandbox = sandbox();
    let tree = sandbox.tree("libcalico-go");
    ignore(&tree, "generated.go");
    fs::write(tree.join("generated.go"), "package libcalicogo\n\nconst Made = 1\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", tree.join("outside")).unwrap();
    let sources = sandbox.sources();
    let unseen = build::unseen(&sandbox.workspace, &sources, &"typha".parse().unwrap());
    assert_eq!(unseen, ["libcalico-go/generated.go", "libcalico-go/outside"]);
}

#[test]
fn sources_that_git_was_told_to_look_away_from_are_part_of_the_key() {
    require!(programs(&["git", "go"]));
    for mark in ["--assume-unchanged", "--skip-worktree"] {
        let mut sandbox = sandbox();
        let tree = sandbox.tree("libcalico-go");
        assert_eq!(said(&sandbox), "typha: typha libcalico-go\n");
        let before = sandbox.keys();
        git(&tree, &["update-index", mark, "libcalicogo.go"]).unwrap();
        assert_eq!(sandbox.keys(), before, "{mark} alone changes nothing");
        let file = tree.join("libcalicogo.go");
        let text = fs::read_to_string(&file).unwrap().replace("\"libcalico-go\"", "\"mine\"");
        fs::write(&file, text).unwrap();
        assert_eq!(git(&tree, &["status", "--porcelain"]).unwrap(), "", "{mark}");
        assert_ne!(sandbox.keys(), before, "{mark}");
        assert_eq!(said(&sandbox), "typha: typha mine\n", "{mark}");
        // It is work of somebody, too.
        sandbox.federation.commit("libcalico-go", "new", "new\n").unwrap();
        git(&sandbox.federation.origin("libcalico-go"), &["tag", "--force", "v3.14.0"]).unwrap();
        let results = sandbox.sync_with(&sync::Options { update: true, ..Default::default() });
        let mut all = results.iter().map(|result| result.as_ref().unwrap());
        let synced = all.find(|synced| synced.component.as_str() == "libcalico-go").unwrap();
        assert_eq!(synced.step, Step::Leave { why: Why::Dirty }, "{mark}");
    }
}

#[test]
fn a_sparse_checkout_has_another_key_and_is_no_change() {
    require!(programs(&["git", "go"]));
    let sandbox = sandbox();
    let tree = sandbox.tree("libcalico-go");
    let before = sandbox.keys();
    git(&tree, &["sparse-checkout", "set", "--no-cone", "/*", "!/config"]).unwrap();
    assert!(!tree.join("config").exists());
    sandbox.trees_are_clean();
    assert_ne!(sandbox.keys(), before);
    assert_eq!(said(&sandbox), "typha: typha libcalico-go\n");
    git(&tree, &["sparse-checkout", "disable"]).unwrap();
    assert_eq!(sandbox.keys(), before);
}

#[test]
fn pointers_of_git_lfs_have_another_key_than_their_files() {
    require!(programs(&["git", "go"]));
    let sandbox = sandbox();
    let tree = sandbox.tree("libcalico-go");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n";
    fs::write(tree.join(".gitattributes"), "*.bin filter=lfs diff=lfs merge=lfs -text\n").unwrap();
    fs::write(tree.join("data.bin"), pointer).unwrap();
    git(&tree, &["add", ".gitattributes", "data.bin"]).unwrap();
    git(&tree, &["commit", "--quiet", "--message", "Large"]).unwrap();
    let pointers = sandbox.keys();
    // What `git lfs pull` does: the filter makes the file the same for git.
    git(&tree, &["config", "filter.lfs.clean", &format!("printf '{pointer}'")]).unwrap();
    fs::write(tree.join("data.bin"), "data").unwrap();
    git(&tree, &["add", "data.bin"]).unwrap();
    assert_eq!(git(&tree, &["status", "--porcelain"]).unwrap(), "");
    assert_ne!(sandbox.keys(), pointers);
}

#[test]
fn repositories_inside_and_links_out_are_not_compiled() {
    require!(programs(&["git", "go"]));
    let sandbox = sandbox();
    let tree = sandbox.tree("typha");
    let outside = sandbox.folder.path().join("outside.go");
    fs::write(&outside, "package typha\n\nfunc init() { panic(\"from outside\") }\n").unwrap();
    std::os::unix::fs::symlink(&outside, tree.join("linked.go")).unwrap();
    let inner = tree.join("inner");
    fs::create_dir(&inner).unwrap();
    git(&inner, &["init", "--quiet"]).unwrap();
    fs::write(inner.join("inner.go"), "package inner\n").unwrap();
    assert_eq!(said(&sandbox), "typha: typha libcalico-go\n");
    fs::remove_file(tree.join("linked.go")).unwrap();
    fs::write(
        tree.join("needs.go"),
        "package typha\n\nimport _ \"github.com/projectcalico/typha/inner\"\n",
    )
    .unwrap();
    let failed = sandbox.build_only("typha").0.failed;
    assert!(matches!(&failed[..], [BuildError::Program { .. }]), "{failed:?}");
    assert!(chain(&failed[0]).contains("typha/inner"), "{}", chain(&failed[0]));
}

#[test]
fn what_go_env_has_set_is_part_of_the_key() {
    require!(programs(&["git", "go"]));
    let mut sandbox = sandbox();
    let file = sandbox.folder.path().join("goenv");
    fs::write(&file, "GOAMD64=v1\n").unwrap();
    sandbox.workspace.environment = sandbox.workspace.environment.clone().with("GOENV", &file);
    let before = sandbox.keys();
    fs::write(&file, "GOAMD64=v2\n").unwrap();
    sandbox.workspace.environment = sandbox.workspace.environment.clone().with("GOENV", &file);
    assert_ne!(sandbox.keys(), before);
    sandbox.build_only("typha").done();
    let program = sandbox.program("typha", PROGRAM);
    let said = std::process::Command::new("go").args(["version", "-m"]).arg(program).output();
    assert!(String::from_utf8(said.unwrap().stdout).unwrap().contains("GOAMD64=v2"));
}

#[test]
fn flags_and_replaces_that_lead_elsewhere_are_refused() {
    require!(programs(&["git", "go"]));
    let mut sandbox = sandbox();
    let module = sandbox.tree("typha").join("go.mod");
    let text = fs::read_to_string(&module).unwrap();
    let elsewhere = "require example.org/x v1.0.0\n\nreplace example.org/x => ../x\n";
    fs::write(&module, format!("{text}\n{elsewhere}")).unwrap();
    let failed = sandbox.build_only("typha").0.failed;
    let error = chain(&failed[0]);
    assert!(error.contains("go.mod:9 replaces example.org/x by ../x, outside"), "{error}");
    // One that is ours gives way, as it always did.
    let ours = "replace github.com/projectcalico/libcalico-go => ../libcalico-go\n";
    fs::write(&module, format!("{text}\n{ours}")).unwrap();
    assert_eq!(said(&sandbox), "typha: typha libcalico-go\n");
    let environment = sandbox.workspace.environment.clone();
    sandbox.workspace.environment = environment.with("GOFLAGS", "-mod=mod -overlay=/x.json");
    let failed = sandbox.build_only("typha").0.failed;
    assert!(matches!(&failed[..], [BuildError::Flag { .. }]), "{failed:?}");
}

#[test]
fn any_path_can_hold_a_workspace() {
    require!(programs(&["git", "go"]));
    let outer = tempfile::tempdir().unwrap();
    let usual = said(&sandbox());
    for name in ["two words", "it's $HOME \"quoted\"", "größe, 大小", "a\\b;c#d(e)"] {
        let folder = outer.path().join(name);
        fs::create_dir(&folder).unwrap();
        let mut sandbox = Sandbox::calico_in(&folder);
        sandbox.workspace.manifest.component.get_mut("typha").unwrap().path =
            Some("the tree/of 'typha'".into());
        sandbox.sync();
        assert_eq!(said(&sandbox), usual, "{name}");
        sandbox.build().done();
        sandbox.trees_are_clean();
    }
}

#[test]
fn where_c_takes_part_its_compiler_counts() {
    require!(programs(&["git", "go", "gcc"]));
    let mut sandbox = sandbox();
    let (compiler, version) =
        (sandbox.folder.path().join("cc"), sandbox.folder.path().join("version"));
    let script = format!(
        "#!/bin/sh\ntest \"$1\" = --version && exec cat {}\nexec gcc \"$@\"\n",
        version.display()
    );
    fs::write(&compiler, script).unwrap();
    fs::set_permissions(&compiler, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(&version, "cc 1\n").unwrap();
    sandbox.workspace.environment = sandbox.workspace.environment.clone().with("CC", &compiler);
    let without = sandbox.keys();
    let c = "package main\n\n// static int one(void) { return 1; }\nimport \"C\"\n\n\
             func init() {\n\tif C.one() != 1 {\n\t\tpanic(\"C\")\n\t}\n}\n";
    fs::write(sandbox.tree("typha").join("cmd/typha/c.go"), c).unwrap();
    let component = sandbox.workspace.manifest.component.get_mut("typha").unwrap();
    let mut build = component.build[0].clone();
    let Recipe::Go { cgo, .. } = &mut build.recipe else { panic!("{build:?}") };
    *cgo = true;
    component.build = vec![build].into();
    assert_eq!(said(&sandbox), "typha: typha libcalico-go\n");
    let (typha, other) = ("typha".parse().unwrap(), "pod2daemon".parse().unwrap());
    let before = sandbox.keys();
    fs::write(&version, "cc 2\n").unwrap();
    let after = sandbox.keys();
    assert_ne!(before.of(&typha), after.of(&typha));
    assert_eq!(without.of(&other), after.of(&other));
}

/// A submodule is a repository of its own, whether somebody has filled it or not.
#[test]
fn submodules_are_the_same_to_a_build_filled_or_not() {
    require!(programs(&["git", "go"]));
    let sandbox = sandbox();
    let tree = sandbox.tree("typha");
    let origin = sandbox.federation.origin("pod2daemon");
    let add = ["-c", "protocol.file.allow=always", "submodule", "add", "--quiet"];
    git(&tree, &[&add[..], &[&origin.to_string_lossy(), "sub"]].concat()).unwrap();
    git(&tree, &["commit", "--quiet", "--message", "Submodule"]).unwrap();
    assert!(tree.join("sub/go.mod").exists());
    let filled = sandbox.keys();
    assert_eq!(said(&sandbox), "typha: typha libcalico-go\n");
    assert!(!sandbox.workspace.state("src/typha/sub").exists());
    git(&tree, &["submodule", "--quiet", "deinit", "--force", "sub"]).unwrap();
    assert!(!tree.join("sub/go.mod").exists());
    assert_eq!(sandbox.keys(), filled);
    let unseen = build::unseen(&sandbox.workspace, &sandbox.sources(), &"typha".parse().unwrap());
    assert_eq!(unseen, ["typha/sub"]);
}

/// Of a repository with several modules the ones that others require are those of the workspace.
#[test]
fn modules_inside_of_modules_are_built_with_each_other() {
    require!(programs(&["git", "go"]));
    let sandbox = sandbox();
    let library = sandbox.tree("libcalico-go");
    for (folder, text) in [
        ("api", "package api\n\n// Name is what it is.\nconst Name = \"api\"\n"),
        ("tools", "package tools\n\nimport _ \"example.org/not/there\"\n"),
    ] {
        fs::create_dir(library.join(folder)).unwrap();
        let module = format!("module github.com/projectcalico/libcalico-go/{folder}\n\ngo 1.14\n");
        fs::write(library.join(folder).join("go.mod"), module).unwrap();
        fs::write(library.join(folder).join("x.go"), text).unwrap();
    }
    let typha = sandbox.tree("typha");
    let module = fs::read_to_string(typha.join("go.mod")).unwrap();
    let require = "\nrequire github.com/projectcalico/libcalico-go/api v1.2.3\n";
    fs::write(typha.join("go.mod"), module + require).unwrap();
    let uses = "package main\n\nimport (\n\t\"os\"\n\n\t\"github.com/projectcalico/libcalico-go/api\"\n)\n\n\
                func init() { os.Stdout.WriteString(api.Name + \" \") }\n";
    fs::write(typha.join("cmd/typha/uses.go"), uses).unwrap();
    assert_eq!(said(&sandbox), "api typha: typha libcalico-go\n");
    let before = sandbox.keys();
    fs::write(
        library.join("api/x.go"),
        "package api\n\n// Name is another.\nconst Name = \"new\"\n",
    )
    .unwrap();
    assert_ne!(sandbox.keys(), before);
    assert_eq!(said(&sandbox), "new typha: typha libcalico-go\n");
}

/// Inputs of a library are there for all who are built with it: generated sources, say.
#[test]
fn inputs_of_a_library_are_seen_by_what_needs_it() {
    require!(programs(&["git", "go"]));
    let mut sandbox = sandbox();
    let script =
        "mkdir out; echo 'package libcalicogo; func init() { name = \"made\" }' > out/made.go";
    sandbox.command("pod2daemon", &["sh", "-c", script], "out/made.go");
    let library = sandbox.workspace.manifest.component.get_mut("libcalico-go").unwrap();
    library.depends_on = None;
    library.inputs = vec![Input {
        from: "pod2daemon".parse().unwrap(),
        path: "out/made.go".parse().unwrap(),
        to: "made.go".parse().unwrap(),
    }];
    assert_eq!(said(&sandbox), "typha: typha made\n");
    sandbox.trees_are_clean();
}
