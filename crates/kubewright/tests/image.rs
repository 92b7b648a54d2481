//! The container image of kubewright, as `deploy/images` makes it, in a real container. The compiler
//! alone is left out: the program of this build takes the place of one that it would make.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use kubewright_oci::{Layout, Platform, archive};
use kubewright_testkit::require::programs;
use kubewright_testkit::{Containerd, containerd, require};
use sandbox::{KUBEWRIGHT, Sandbox, run};

/// The name that the image has in containerd.
const NAME: &str = "registry.example/kubewright/kubewright:test";

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Programs in place of Rust's, and the sources that the image is made of.
fn prepare(sandbox: &Sandbox) {
    let (bin, tree) = (sandbox.path("bin"), sandbox.path("tree/deploy/images"));
    fs::create_dir(&bin).unwrap();
    fs::create_dir_all(&tree).unwrap();
    script(&bin.join("rustc"), &format!("echo {}\n", bin.display()));
    // Where `cargo build --target T --target-dir D --profile F --package P [--bin B]` leaves it.
    let cargo = format!(
        "while [ $# -gt 0 ]; do case \"$1\" in\n--target) t=$2 ;; --target-dir) d=$2 ;;\n\
         --profile) f=$2 ;; --package) p=$2 ;; --bin) b=$2 ;;\nesac; shift; done\n\
         mkdir -p \"$d/$t/$f\"\nstrip -o \"$d/$t/$f/${{b:-${{p%-shim}}}}\" {KUBEWRIGHT}\n"
    );
    script(&bin.join("cargo"), &cargo);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/images");
    for name in ["workspace.toml", "build.sh"] {
        fs::copy(source.join(name), tree.join(name)).unwrap();
    }
    for line in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "x"]] {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@b", "-C"]).arg(sandbox.path("tree"));
        assert!(git.args(line).status().unwrap().success());
    }
}

#[tokio::test]
async fn the_image_of_kubewright_runs_in_a_container() {
    require!(containerd::available(), programs(&["git", "strip", "x86_64-linux-gnu-gcc"]));
    let sandbox = Sandbox::new();
    prepare(&sandbox);
    let path = format!("{}:{}", sandbox.path("bin").display(), std::env::var("PATH").unwrap());
    let manifest = sandbox.path("tree/deploy/images/workspace.toml");
    for verb in ["image", "index"] {
        let mut command = sandbox.program(KUBEWRIGHT);
        command.env("PATH", &path).args(["workspace", "--platform", "linux/amd64", "--workspace"]);
        run(command.arg(&manifest).arg(verb)).ok();
    }
    let layout = Layout::open(sandbox.path("tree/deploy/images/.kubewright/images")).unwrap();
    let all = layout.images().unwrap().manifests;
    let index = all.into_iter().find(|image| image.media_type.contains("index")).unwrap();
    let tar = sandbox.path("image.tar");
    let images = [(NAME.to_owned(), index)];
    archive::export(&layout, &images, &Platform::host(), File::create(&tar).unwrap()).unwrap();

    let containerd = Containerd::start().await.unwrap();
    let socket = containerd.folder().join("s");
    let ctr = |args: &[&str]| {
        let mut ctr = Command::new("ctr");
        run(ctr.arg("-a").arg(&socket).args(["-n", "k8s.io"]).args(args)).ok()
    };
    ctr(&["images", "import", "--snapshotter", "native", &tar.display().to_string()]);
    // ctr may leave before it has passed on what a program of a moment said.
    let mut attempts = (0..10).map(|attempt| {
        let (id, snapshotter) = (format!("kubewright-{attempt}"), ["--snapshotter", "native"]);
        let program = ["/usr/bin/kubewright", "version"];
        ctr(&[&["run", "--rm"], &snapshotter[..], &[NAME, &id], &program].concat())
    });
    let said = attempts.find(|said| !said.is_empty()).unwrap_or_default();
    assert!(said.contains(env!("CARGO_PKG_VERSION")), "{said:?}");
}
