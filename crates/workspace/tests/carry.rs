//! From a bundle, where there is no network and nothing that it was made of.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kubewright_oci::registry::Options;
use kubewright_testkit::federation::git;
use kubewright_testkit::require::programs;
use kubewright_testkit::{Containerd, Netns, Registry, containerd, registry, require};
use kubewright_workspace::bundle::{self, BundleError, BundledImage, Plan, Source};
use kubewright_workspace::image::Images;
use kubewright_workspace::process::Stop;
use kubewright_workspace::push;
use sandbox::{Sandbox, chain, open};

/// Everything that a sandbox has, in one file.
fn bundled(sandbox: &Sandbox, file: &Path) -> Result<bundle::Written, BundleError> {
    let (sources, keys) = (sandbox.sources(), sandbox.keys());
    let images = Images::of(&sandbox.workspace, &sources, &keys).unwrap();
    let all = images.all().map(|(name, image)| {
        let index = images.index(name, image).unwrap();
        BundledImage { name: index.reference, descriptor: index.descriptor }
    });
    let (workspace, stop) = (&sandbox.workspace, Stop::default());
    let plan = Plan::of_workspace(workspace, &sources, images.layout(), all.collect(), &stop)?;
    bundle::write(&plan, file, &|_| (), &stop)
}

/// A sandbox around a workspace that is there.
fn around(sandbox: &Sandbox, folder: &Path) -> Sandbox {
    let mut workspace = open(folder);
    workspace.environment = bundle::with_modules(workspace.environment, folder);
    let folder = tempfile::tempdir().unwrap();
    Sandbox { folder, federation: sandbox.federation.clone(), workspace }
}

#[test]
fn built_again_from_the_bundle_without_a_network_the_digests_are_the_same() {
    require!(require::root(), programs(&["git", "go", "ip"]));
    let carried = tempfile::tempdir().unwrap();
    let file = carried.path().join("calico.bundle");
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    sandbox.build().done();
    let before = sandbox.images();
    bundled(&sandbox, &file).unwrap();
    let about = bundle::verify(&file, &|_| ()).unwrap().about;
    assert_eq!((about.components.len(), about.images.len()), (10, 9));
    // Nothing that it was made of is left.
    fs::rename(sandbox.folder.path(), carried.path().join("away")).unwrap();
    fs::remove_dir_all(carried.path().join("away")).unwrap();
    let to = carried.path().join("workspace");
    let alone = Netns::new().unwrap();
    let after = alone.run_in(|| {
        bundle::load(&file, &to, &|_| (), &Stop::default())
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        // What was built there is not to be had here: it is built again.
        fs::remove_dir_all(to.join(".kubewright/images")).unwrap();
        let mut sandbox = around(&sandbox, &to);
        sandbox.sync();
        let built = sandbox.build().rebuilt();
        assert_eq!(built.len(), 8, "{built:?}");
        sandbox.trees_are_clean();
        sandbox.images()
    });
    assert_eq!(after, before);
    assert!(matches!(
        bundle::load(&file, &to, &|_| (), &Stop::default()),
        Err(BundleError::Occupied(_))
    ));
}

#[test]
fn a_bundle_has_commits_and_nothing_else() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    sandbox.build().done();
    sandbox.images();
    let file = sandbox.folder.path().join("calico.bundle");
    let tree = sandbox.tree("libcalico-go");
    fs::write(tree.join("changed.txt"), "not committed").unwrap();
    sandbox.build().done();
    sandbox.images();
    let error = bundled(&sandbox, &file).unwrap_err().to_string();
    assert!(error.starts_with("component libcalico-go: its tree has changes"), "{error}");
    git(&tree, &["add", "--all"]).unwrap();
    git(&tree, &["commit", "--quiet", "--message", "Change it"]).unwrap();
    sandbox.build().done();
    sandbox.images();
    let error = bundled(&sandbox, &file).unwrap_err().to_string();
    assert!(error.contains("at another commit than the lock"), "{error}");
    assert!(!file.exists());
}

/// The commit of a release is that of before, and the bundle still has its tag.
#[test]
fn a_bundle_has_the_tags_of_today() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    let sources = sandbox.sources();
    let keys = sandbox.keys();
    let images = Images::of(&sandbox.workspace, &sources, &keys).unwrap();
    let plan = |stop: &Stop| {
        Plan::of_workspace(&sandbox.workspace, &sources, images.layout(), Vec::new(), stop)
    };
    let of_typha = |plan: &Plan| {
        let mut items = plan.items().iter();
        let item = items.find(|item| item.path.as_str() == "git/typha.bundle").unwrap();
        let Source::File { path, .. } = &item.source else { panic!("{item:?}") };
        path.clone()
    };
    let before = of_typha(&plan(&Stop::default()).unwrap());
    git(&sandbox.tree("typha"), &["tag", "v9.9.9"]).unwrap();
    // One that was killed has left this behind, and its git may go on for a moment.
    let left = before.with_file_name("new-left");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("bundle.lock"), "half").unwrap();
    let stopped = Stop::default();
    stopped.stop();
    let error = plan(&stopped).unwrap_err();
    assert!(matches!(error, BundleError::Stopped), "{}", chain(&error));
    let after = of_typha(&plan(&Stop::default()).unwrap());
    let heads = git(&sandbox.tree("typha"), &["bundle", "list-heads", &after.to_string_lossy()]);
    assert!(heads.unwrap().contains("refs/tags/v9.9.9"));
    let there = fs::read_dir(after.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(there.filter(|path| path.is_file()).collect::<Vec<_>>(), [&*after]);
    assert_eq!(of_typha(&plan(&Stop::default()).unwrap()), after);
}

#[test]
fn the_same_workspace_gives_the_same_bundle() {
    require!(programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    sandbox.build().done();
    sandbox.images();
    let files = ["one", "other"].map(|name| sandbox.folder.path().join(name));
    for file in &files {
        bundled(&sandbox, file).unwrap();
    }
    assert!(fs::read(&files[0]).unwrap() == fs::read(&files[1]).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_goes_into_a_registry_and_into_containerd() {
    require!(registry::available(), containerd::available(), programs(&["git", "go"]));
    let mut sandbox = Sandbox::calico();
    sandbox.sync();
    sandbox.build().done();
    let made = sandbox.images();
    let file = sandbox.folder.path().join("calico.bundle");
    bundled(&sandbox, &file).unwrap();
    let beside = tempfile::tempdir().unwrap();
    let (_folder, layout, about) =
        bundle::images(&file, beside.path(), &|_| (), &Stop::default()).unwrap();
    let server = Registry::start().unwrap();
    let named = |prefix: &str| -> Vec<_> {
        let images = about.images.iter();
        images.map(|image| (format!("{prefix}/{}", image.name), image.descriptor.clone())).collect()
    };
    let images = named(&server.host());
    let options = Options { credentials: Vec::new(), ..Options::default() };
    let pushing = (layout.clone(), images.clone(), options.clone());
    let push = move || {
        push::push(&pushing.0, &pushing.1, &pushing.2, &Stop::default(), &mut |_| ()).unwrap()
    };
    let done = tokio::task::spawn_blocking(push).await.unwrap();
    assert_eq!(done.len(), 9);
    assert!(done.iter().all(|done| made.iter().any(|(_, digest)| *digest == done.digest)));
    let again = tokio::task::spawn_blocking(move || {
        push::push(&layout, &images, &options, &Stop::default(), &mut |_| ()).unwrap()
    });
    assert!(again.await.unwrap().iter().all(|done| done.pushed.bytes == 0));

    let containerd = Containerd::start().await.unwrap();
    let socket = containerd.folder().join("s");
    let target = bundle::containerd::Containerd {
        address: Some(socket.clone()),
        namespace: "k8s.io".to_owned(),
        snapshotter: Some("native".to_owned()),
    };
    let (_folder, layout, _) =
        bundle::images(&file, beside.path(), &|_| (), &Stop::default()).unwrap();
    let images = named("registry.example");
    bundle::containerd::import(&target, &layout, &images, &Stop::default()).unwrap();
    let ctr = |args: &[&str]| {
        let mut ctr = Command::new("ctr");
        ctr.arg("-a").arg(&socket).args(["-n", "k8s.io"]).args(args);
        let output = ctr.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "ctr {args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = ctr(&["images", "ls"]);
    for (name, image) in &images {
        let line = listed.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains(&image.digest.to_string()), "{line}");
    }
    // And it runs.
    let (felix, _) = images.iter().find(|(name, _)| name.contains("/felix:")).unwrap();
    // ctr may leave before it has passed on what a program of a millisecond said.
    let mut attempts = (0..10).map(|attempt| {
        let id = format!("felix-{attempt}");
        ctr(&["run", "--rm", "--snapshotter", "native", felix, &id])
    });
    let said = attempts.find(|said| !said.is_empty()).unwrap_or_default();
    assert!(said.starts_with("calico-felix: felix libcalico-go"), "{said:?}");
}

/// A workspace of one component that needs a module of others, from a module proxy of this test.
struct WithModule {
    folder: tempfile::TempDir,
}

impl WithModule {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Self { folder };
        made.proxy();
        let origin = made.path("origin");
        fs::create_dir(&origin).unwrap();
        let program =
            "package main\n\nimport \"example.org/Ext\"\n\nfunc main() { println(ext.Word) }\n";
        let module = "module example.org/tool\n\ngo 1.19\n\nrequire example.org/Ext v1.2.3\n";
        fs::write(origin.join("main.go"), program).unwrap();
        fs::write(origin.join("go.mod"), module).unwrap();
        let mut sums = Command::new("go");
        sums.args(["mod", "download", "example.org/Ext"]).current_dir(&origin);
        made.go(&mut sums, &format!("file://{}", made.path("proxy").display()));
        let mut sums = Command::new("go");
        sums.args(["mod", "tidy"]).current_dir(&origin);
        made.go(&mut sums, &format!("file://{}", made.path("proxy").display()));
        assert!(origin.join("go.sum").is_file());
        for args in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["add", "--all"],
            &["commit", "-qm", "Begin"],
        ] {
            git(&origin, args).unwrap();
        }
        let workspace = made.path("workspace");
        fs::create_dir(&workspace).unwrap();
        let manifest = format!(
            "[workspace]\nplatforms = [\"linux/amd64\"]\n[component.tool]\ngit = \"file://{}\"\nref = \"main\"\nbuild = {{ go = \".\", output = \"bin/tool\" }}\nimage = {{ name = \"tool\" }}\n",
            origin.display()
        );
        fs::write(workspace.join("workspace.toml"), manifest).unwrap();
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a module proxy serves of `example.org/Ext v1.2.3`.
    fn proxy(&self) {
        let source = self.path("ext");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("go.mod"), "module example.org/Ext\n\ngo 1.19\n").unwrap();
        fs::write(source.join("ext.go"), "package ext\n\nconst Word = \"from elsewhere\"\n")
            .unwrap();
        let versions = self.path("proxy/example.org/!ext/@v");
        fs::create_dir_all(&versions).unwrap();
        fs::copy(source.join("go.mod"), versions.join("v1.2.3.mod")).unwrap();
        let info = r#"{"Version":"v1.2.3","Time":"2020-01-01T00:00:00Z"}"#;
        fs::write(versions.join("v1.2.3.info"), info).unwrap();
        fs::write(versions.join("list"), "v1.2.3\n").unwrap();
        for args in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "-qm", "Begin"]] {
            git(&source, args).unwrap();
        }
        let zip = versions.join("v1.2.3.zip").display().to_string();
        let prefix = "--prefix=example.org/Ext@v1.2.3/";
        git(&source, &["archive", "--format=zip", prefix, "--output", &zip, "HEAD"]).unwrap();
    }

    fn go(&self, command: &mut Command, proxy: &str) {
        let output = command
            .env("GOPROXY", proxy)
            .env("GOSUMDB", "off")
            .env("GOFLAGS", "-mod=mod")
            .env("GOPATH", self.path("gopath"))
            .env("GOCACHE", self.path("gocache"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn modules_of_others_come_with_the_bundle() {
    require!(require::root(), programs(&["git", "go", "ip"]));
    let there = WithModule::new();
    let federation = Sandbox::calico();
    let mut sandbox = around(&federation, &there.path("workspace"));
    let with = |sandbox: &mut Sandbox, path: &str, proxy: Option<String>| {
        let mut environment = sandbox.workspace.environment.clone();
        environment = environment.with("GOPATH", there.path(path)).with("GOSUMDB", "off");
        if let Some(proxy) = proxy {
            environment = environment.with("GOPROXY", proxy);
        }
        sandbox.workspace.environment = environment;
    };
    with(&mut sandbox, "gopath", Some(format!("file://{}", there.path("proxy").display())));
    sandbox.sync();
    sandbox.build().done();
    let before = sandbox.images();
    let file = there.path("tool.bundle");
    bundled(&sandbox, &file).unwrap();
    let about = bundle::verify(&file, &|_| ()).unwrap().about;
    assert_eq!(about.modules, ["example.org/Ext@v1.2.3"]);
    for gone in ["origin", "proxy", "workspace", "ext"] {
        fs::remove_dir_all(there.path(gone)).unwrap();
    }
    let to = there.path("again");
    let alone = Netns::new().unwrap();
    let after = alone.run_in(|| {
        bundle::load(&file, &to, &|_| (), &Stop::default())
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        fs::remove_dir_all(to.join(".kubewright/images")).unwrap();
        let mut sandbox = around(&federation, &to);
        with(&mut sandbox, "other-gopath", None);
        sandbox.sync();
        // As where it came from, its tree is on the branch.
        assert_eq!(git(&sandbox.tree("tool"), &["branch", "--show-current"]).unwrap(), "main\n");
        assert_eq!(sandbox.build().rebuilt(), ["tool"]);
        sandbox.images()
    });
    assert_eq!(after, before);
    // Modules that Go unpacked are read-only.
    let mut writable = Command::new("chmod");
    writable.args(["-R", "u+w"]).arg(there.folder.path()).status().unwrap();
}
