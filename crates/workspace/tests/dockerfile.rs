//! Images by Dockerfiles, built for real.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::fs;
use std::io::Read as _;
use std::path::Path;

use kubewright_oci::Descriptor;
use kubewright_testkit::federation::git;
use kubewright_testkit::require;
use kubewright_testkit::require::programs;
use kubewright_workspace::build::{self, Keys, Options};
use kubewright_workspace::image::{ImageError, Images, Made};
use kubewright_workspace::process::Stop;
use kubewright_workspace::progress::Silent;
use kubewright_workspace::sources::Sources;
use kubewright_workspace::sync;
use kubewright_workspace::workspace::Workspace;
use sandbox::{chain, open};

const PROGRAM: &str = r#"package main

import "os"

func main() {
	if err := os.WriteFile("/made", []byte(os.Getenv("WORD")), 0o644); err != nil {
		panic(err)
	}
}
"#;

const DOCKERFILE: &str = r#"FROM scratch
ARG WORD
ENV WORD=$WORD
COPY bin/tool /usr/bin/tool
RUN ["/usr/bin/tool"]
ENTRYPOINT ["/usr/bin/tool"]
"#;

/// A workspace of one component with a Dockerfile, synced and built.
fn workspace(folder: &Path, dockerfile: &str) -> Workspace {
    let origin = folder.join("origin");
    fs::create_dir_all(&origin).unwrap();
    fs::write(origin.join("main.go"), PROGRAM).unwrap();
    fs::write(origin.join("go.mod"), "module example.org/tool\n\ngo 1.16\n").unwrap();
    fs::write(origin.join("Dockerfile"), dockerfile).unwrap();
    fs::write(origin.join(".gitignore"), "secret\n").unwrap();
    for args in
        [&["init", "-q"][..], &["add", "--all"], &["commit", "-qm", "Begin"], &["tag", "v1"]]
    {
        git(&origin, args).unwrap();
    }
    let root = folder.join("workspace");
    fs::create_dir_all(&root).unwrap();
    let manifest = format!(
        "[workspace]\nplatforms = [\"linux/amd64\"]\n[component.tool]\ngit = \"file://{}\"\nref = \"v1\"\nbuild = {{ go = \".\", output = \"bin/tool\" }}\nimage = {{ name = \"tool\", dockerfile = \"Dockerfile\", args = {{ WORD = \"built\" }} }}\n",
        origin.display()
    );
    fs::write(root.join("workspace.toml"), manifest).unwrap();
    let mut workspace = open(&root);
    let name = "tool".parse().unwrap();
    let options = sync::Options::default();
    sync::sync(&mut workspace, &[&name], &options, &Silent, &Stop::default()).unwrap();
    // What git ignores is in no context.
    fs::write(workspace.tree(&name).join("secret"), "not for images").unwrap();
    workspace
}

fn make(workspace: &Workspace) -> Result<(Made, Vec<String>), ImageError> {
    let sources = Sources::of(workspace).unwrap();
    let keys = Keys::of_sources(workspace, &sources, true).unwrap();
    let (options, stop) = (Options::default(), Stop::default());
    let report = build::build(workspace, &sources, &keys, &options, &Silent, &stop).unwrap();
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    let images = Images::of(workspace, &sources, &keys).unwrap();
    let (name, image) = images.all().next().unwrap();
    let platform = "linux/amd64".parse().unwrap();
    let made = images.make(name, image, &platform)?;
    assert!(images.make(name, image, &platform)?.cached);
    let manifest = images.layout().manifest(&made.descriptor).unwrap();
    let files = manifest.layers.iter().flat_map(|layer| files(&images, layer)).collect();
    Ok((made, files))
}

/// Paths and times of a layer, with the content of `/made`.
fn files(images: &Images<'_>, layer: &Descriptor) -> Vec<String> {
    let blob = images.layout().open_blob(layer).unwrap();
    let mut tar = tar::Archive::new(flate2::read::MultiGzDecoder::new(blob));
    let mut files = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        assert_eq!(entry.header().mtime().unwrap(), 0, "{path}");
        let mut content = String::new();
        if path == "made" {
            entry.read_to_string(&mut content).unwrap();
        }
        files.push(format!("{path}{content}"));
    }
    files
}

#[test]
fn a_dockerfile_that_runs_something_gives_the_same_digest_each_time() {
    require!(require::root(), programs(&["git", "go", "buildah"]));
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, files) = make(&workspace(one.path(), DOCKERFILE)).unwrap();
    assert!(files.contains(&"madebuilt".to_owned()), "{files:?}");
    assert!(files.contains(&"usr/bin/tool".to_owned()), "{files:?}");
    let (second, _) = make(&workspace(other.path(), DOCKERFILE)).unwrap();
    assert_eq!(first.digest, second.digest);
    // Nothing is left of it but bases and the log.
    let left = fs::read_dir(one.path().join("workspace/.kubewright/dockerfile")).unwrap();
    assert_eq!(left.count(), 0);
}

/// buildah in docker's clothes: it takes the same arguments, and saves as docker does.
const DOCKER: &str = r#"#!/bin/sh
set -eu
verb=$1; shift
store="--storage-driver vfs --root STORE/root --runroot STORE/run"
case $verb in
build) exec BUILDAH $store build --isolation chroot --timestamp 0 "$@" ;;
save) exec BUILDAH $store push --quiet "$3" "docker-archive:$2:$3" ;;
rmi) exec BUILDAH $store rmi "$@" ;;
esac
"#;

#[test]
fn where_there_is_only_docker_it_builds() {
    require!(require::root(), programs(&["git", "go", "buildah"]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bin");
    fs::create_dir(&path).unwrap();
    for program in ["go", "git"] {
        std::os::unix::fs::symlink(require::find(program).unwrap(), path.join(program)).unwrap();
    }
    let buildah = require::find("buildah").unwrap();
    let script = DOCKER.replace("BUILDAH", &buildah.display().to_string());
    let script = script.replace("STORE", &folder.path().join("store").display().to_string());
    let docker = path.join("docker");
    fs::write(&docker, script).unwrap();
    fs::set_permissions(&docker, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut workspace = workspace(folder.path(), DOCKERFILE);
    workspace.environment = workspace.environment.with("PATH", &path);
    let (made, files) = make(&workspace).unwrap();
    assert!(files.contains(&"madebuilt".to_owned()), "{files:?}");
    assert_eq!(made.descriptor.media_type, "application/vnd.oci.image.manifest.v1+json");
}

#[test]
fn what_a_dockerfile_may_not_see_is_not_there() {
    require!(require::root(), programs(&["git", "go", "buildah"]));
    let folder = tempfile::tempdir().unwrap();
    let workspace = workspace(folder.path(), "FROM scratch\nCOPY secret /\n");
    let error = chain(&make(&workspace).unwrap_err());
    assert!(error.contains("image tool: cannot build its Dockerfile for linux/amd64"), "{error}");
    assert!(error.contains("secret"), "{error}");
}
