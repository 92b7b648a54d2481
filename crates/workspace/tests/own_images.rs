//! The images of kubewright itself: what describes them is what this version reads.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use kubewright_testkit::require;
use kubewright_workspace::manifest::{Manifest, Recipe};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/images"))
}

#[test]
fn they_are_described() {
    let manifest = Manifest::read(&folder().join("workspace.toml")).unwrap();
    let platforms = manifest.workspace.platforms();
    let platforms: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    let component = &manifest.component["kubewright"];
    let tree = folder().join(component.path.as_ref().unwrap());
    let build = component.build.iter().next().unwrap();
    let Recipe::Command(words) = &build.recipe else { panic!("{build:?}") };
    assert!(tree.join(&words[1]).is_file(), "{words:?}");
}

#[test]
fn a_platform_without_a_toolchain_says_how_to_get_it() {
    require!(require::program("sh"));
    let empty = tempfile::tempdir().unwrap();
    for (architecture, remedy) in [
        ("arm64", "apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
        ("s390x", "no image is made for s390x"),
    ] {
        let output = Command::new(require::find("sh").unwrap())
            .arg(folder().join("build.sh"))
            .env_clear()
            .env("PATH", empty.path())
            .env("TARGETARCH", architecture)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(remedy), "{said}");
    }
}
