//! Ten repositories in Calico's shape: real git, real Go.
#![allow(clippy::unwrap_used)]

mod sandbox;

use kubewright_testkit::federation::{MEMBERS, git};
use kubewright_testkit::require;
use kubewright_testkit::require::programs;
use kubewright_workspace::build::Outcome;
use kubewright_workspace::manifest::import;
use kubewright_workspace::release::ReleaseError;
use kubewright_workspace::sources::Sources;
use sandbox::{Sandbox, chain};

#[test]
fn from_ten_repositories_to_programs() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let sources = sandbox.sources();
    for member in MEMBERS {
        let name = member.name.parse().unwrap();
        let mut needs: Vec<&str> = sources.graph.needs(&name).map(|(to, _)| to.as_str()).collect();
        let mut wanted = member.needs.to_vec();
        needs.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(needs, wanted, "{name}");
    }
    let built = sandbox.build().done();
    let programs: Vec<&str> = built.iter().map(|built| built.component.as_str()).collect();
    assert_eq!(programs.len(), 8, "{programs:?}");
    assert!(built.iter().all(|built| built.result == Outcome::Built), "{built:?}");
    let said = sandbox.run_program("node", "bin/calico-node");
    assert_eq!(
        said,
        "calico-node: node libcalico-go confd libcalico-go typha libcalico-go felix libcalico-go \
         pod2daemon typha libcalico-go typha libcalico-go\n"
    );
    sandbox.trees_are_clean();

    let again = sandbox.build().done();
    assert!(again.iter().all(|built| built.result == Outcome::Cached), "{again:?}");
}

#[test]
fn touching_felix_rebuilds_exactly_what_needs_it() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    sandbox.build().done();
    let file = sandbox.workspace.tree(&"felix".parse().unwrap()).join("touched.go");
    std::fs::write(&file, "package felix\n").unwrap();
    assert_eq!(sandbox.build().rebuilt(), ["felix", "kube-controllers", "node"]);
    assert_eq!(sandbox.build().rebuilt(), [""; 0]);
    // Back to what it was: that is still there.
    std::fs::remove_file(&file).unwrap();
    assert_eq!(sandbox.build().rebuilt(), [""; 0]);
    git(file.parent().unwrap(), &["status"]).unwrap();
}

#[test]
fn the_same_commits_give_the_same_images_wherever_they_are_built() {
    require!(programs(&["git", "go"]));
    let (mut here, mut there) = (Sandbox::calico(), Sandbox::calico());
    let [one, other] = [&mut here, &mut there].map(|sandbox| {
        sandbox.sync();
        sandbox.build().done();
        sandbox.images()
    });
    assert_eq!(one.len(), 9, "{one:?}");
    assert_eq!(one, other);
    let names: Vec<&str> =
        one.iter().map(|(reference, _)| reference.split(':').next().unwrap()).collect();
    assert_eq!(
        names,
        [
            "dikastes",
            "ctl",
            "cni",
            "felix",
            "kube-controllers",
            "flannel-migration",
            "node",
            "pod2daemon-flexvol",
            "typha"
        ]
    );
    here.trees_are_clean();
}

#[test]
fn a_release_is_built_twice_and_tagged_last() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    for name in sandbox.workspace.manifest.component.keys() {
        let tree = sandbox.workspace.tree(name);
        git(&tree, &["config", "user.name", "Test"]).unwrap();
        git(&tree, &["config", "user.email", "test@example.org"]).unwrap();
    }
    let tried =
        sandbox.release("v3.14.1", false).unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!((tried.files.len(), tried.images.len(), tried.tagged.len()), (9, 9, 0));
    let sums = std::fs::read_to_string(tried.folder.join("SHA256SUMS")).unwrap();
    let checked = std::process::Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&tried.folder)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{sums}");
    let notes = std::fs::read_to_string(tried.folder.join("NOTES.md")).unwrap();
    assert!(notes.contains("## felix\n\nNothing changed since v3.14.0."), "{notes}");

    let done = sandbox.release("v3.14.1", true).unwrap();
    assert_eq!(done.tagged.len(), 10);
    assert_eq!(done.images, tried.images);
    assert!(done.images.keys().all(|name| name.contains(":v3.14.1-")), "{:?}", done.images);
    let tag = git(&sandbox.tree("felix"), &["describe", "--exact-match", "--match", "v3.14.1"]);
    assert_eq!(tag.unwrap(), "v3.14.1\n");
    sandbox.trees_are_clean();

    std::fs::write(sandbox.tree("typha").join("mine"), "").unwrap();
    let error = sandbox.release("v3.14.1", false).unwrap_err();
    assert!(matches!(error, ReleaseError::Dirty(_)), "{error}");
}

#[test]
fn checkouts_in_a_folder_become_the_same_workspace() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let graph = sandbox.sources().graph;
    let origin = sandbox.federation.origin("");
    git(&origin, &["init", "--quiet", "without-commits"]).unwrap();
    let imported =
        import::import(&origin, &origin).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let text = imported.text;
    let left: Vec<&str> = imported.left.iter().filter_map(|left| left.rsplit('/').next()).collect();
    assert_eq!(left, ["without-commits: it has no commit"]);
    std::fs::write(origin.join("workspace.toml"), &text).unwrap();
    let found = sandbox::open(&origin);
    let sources = Sources::of(&found).unwrap();
    assert_eq!(sources.graph.order(), graph.order());
    let felix = &found.manifest.component["felix"];
    assert_eq!(felix.build[0].outputs[0].as_str(), "bin/calico-felix");
    assert_eq!(found.manifest.component["kube-controllers"].build.len(), 2, "{text}");
}

/// Inputs are where Go looks for them, although the tree does not have them.
#[test]
fn inputs_can_be_embedded() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let tree = sandbox.tree("node");
    let module = std::fs::read_to_string(tree.join("go.mod")).unwrap();
    std::fs::write(tree.join("go.mod"), module.replace("go 1.14", "go 1.16")).unwrap();
    let main = "package main\n\nimport (\n\t_ \"embed\"\n\n\tself \"github.com/projectcalico/node\"\n)\n\n\
                func main() {\n\tprint(self.Bird)\n}\n";
    std::fs::write(tree.join("cmd/calico-node/main.go"), main).unwrap();
    let bird = "package node\n\nimport _ \"embed\"\n\n//go:embed filesystem/etc/calico/confd/conf.d/bird.toml\n\
                var Bird string\n";
    std::fs::write(tree.join("bird.go"), bird).unwrap();
    sandbox.build_only("node").done();
    let program = sandbox.program("node", "bin/calico-node");
    let said = std::process::Command::new(program).output().unwrap();
    assert_eq!(String::from_utf8(said.stderr).unwrap(), "[template]\n");
    assert!(!tree.join("filesystem").exists());
}
