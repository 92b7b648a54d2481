//! An image written and pushed, next to buildah, which does both too, and skopeo, which pushes what
//! we have written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use kubewright_oci::registry::Options;
use kubewright_oci::{Descriptor, Image, Layout, Platform, Tree};
use kubewright_testkit::Registry;
use kubewright_workspace::process::Stop;
use kubewright_workspace::push;

use crate::files::{copy, of_this_machine, run, speed, timed};

/// Layers of the image.
const LAYERS: usize = 4;

/// Times of one round.
struct Round {
    write: Duration,
    push: Duration,
    again: Duration,
    skopeo: Duration,
    commit: Duration,
    buildah: Duration,
    buildah_again: Duration,
}

pub(crate) fn measure(size: u64, rounds: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let files = of_this_machine(size)?;
    // In turns, so that layers are alike.
    let mut bytes = 0;
    let mut layers = Vec::new();
    for layer in 0..LAYERS {
        let own: Vec<PathBuf> = files.iter().skip(layer).step_by(LAYERS).cloned().collect();
        let path = folder.path().join(format!("layer-{layer}"));
        bytes += copy(&own, &path)?;
        layers.push(path);
    }
    println!(
        "push: {} MB in {} files of this machine, {LAYERS} layers",
        bytes / 1_000_000,
        files.len()
    );
    let mut best: Option<Round> = None;
    for number in 0..rounds.max(1) {
        let round = round(&layers, &folder.path().join(format!("round-{number}")))?;
        best = Some(match best {
            Some(best) => best.min(round),
            None => round,
        });
    }
    let Some(best) = best else { return Ok(()) };
    for (what, time) in [
        ("kubewright: write the image", best.write),
        ("kubewright: push it", best.push),
        ("kubewright: push it again", best.again),
        ("skopeo: push the same image", best.skopeo),
        ("buildah: copy and commit", best.commit),
        ("buildah: push", best.buildah),
        ("buildah: push it again", best.buildah_again),
    ] {
        println!("  {what:30} {}", speed(time, bytes));
    }
    let ratio = |theirs: Duration, ours: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
    println!("  push, next to buildah:               {:5.1} x", ratio(best.buildah, best.push));
    println!("  push, next to skopeo:                {:5.1} x", ratio(best.skopeo, best.push));
    println!(
        "  push again, next to buildah:         {:5.1} x",
        ratio(best.buildah_again, best.again)
    );
    let (ours, theirs) = (best.write + best.push, best.commit + best.buildah);
    println!("  files to registry, next to buildah:  {:5.1} x", ratio(theirs, ours));
    Ok(())
}

impl Round {
    fn min(self, other: Self) -> Self {
        Self {
            write: self.write.min(other.write),
            push: self.push.min(other.push),
            again: self.again.min(other.again),
            skopeo: self.skopeo.min(other.skopeo),
            commit: self.commit.min(other.commit),
            buildah: self.buildah.min(other.buildah),
            buildah_again: self.buildah_again.min(other.buildah_again),
        }
    }
}

/// Each pushes to a registry that has nothing yet.
fn round(layers: &[PathBuf], folder: &Path) -> Result<Round> {
    let layout = Layout::create(folder.join("images"))?;
    let (write, image) = timed(|| write(&layout, layers))?;
    layout.tag("bench", &image)?;
    let registry = Registry::start()?;
    let images = [(format!("{}/bench/tool:v1", registry.host()), image)];
    let push =
        || Ok(push::push(&layout, &images, &Options::default(), &Stop::default(), &mut |_| ())?);
    let (pushed, _) = timed(push)?;
    let (again, done) = timed(push)?;
    anyhow::ensure!(done.iter().all(|done| done.pushed.bytes == 0), "blobs were sent again");
    drop(registry);

    let registry = Registry::start()?;
    let from = format!("oci:{}:bench", layout.root().display());
    let to = format!("docker://{}/bench/tool:v1", registry.host());
    let plain = "--dest-tls-verify=false";
    let copy = ["copy", "--quiet", "--insecure-policy", plain, &from, &to];
    let (skopeo, _) = timed(|| run("skopeo", &copy))?;
    drop(registry);

    let registry = Registry::start()?;
    let root = folder.join("root").display().to_string();
    let run_root = folder.join("run").display().to_string();
    let buildah = |arguments: &[&str]| {
        let store = ["--storage-driver", "vfs", "--root", &root, "--runroot", &run_root];
        run("buildah", &[&store[..], arguments].concat())
    };
    // One layer: buildah makes one for each container that is committed.
    let (commit, _) = timed(|| {
        let container = buildah(&["from", "scratch"])?;
        for layer in layers {
            let to = format!("/{}", layer.file_name().unwrap_or_default().to_string_lossy());
            buildah(&["copy", "--quiet", &container, &layer.display().to_string(), &to])?;
        }
        buildah(&["commit", "--quiet", &container, "bench"])
    })?;
    let to = format!("docker://{}/bench/tool:v1", registry.host());
    let push = ["push", "--quiet", "--tls-verify=false", "bench", &to];
    let (pushed_by_buildah, _) = timed(|| buildah(&push))?;
    let (buildah_again, _) = timed(|| buildah(&push))?;
    std::fs::remove_dir_all(folder)?;
    Ok(Round {
        write,
        push: pushed,
        again,
        skopeo,
        commit,
        buildah: pushed_by_buildah,
        buildah_again,
    })
}

fn write(layout: &Layout, layers: &[PathBuf]) -> Result<Descriptor> {
    let mut image = Image::new(Platform::host());
    for layer in layers {
        let mut tree = Tree::new();
        let to = format!("/{}", layer.file_name().unwrap_or_default().to_string_lossy());
        tree.copy(layer, &to)?;
        image.layers.push(tree);
    }
    Ok(image.write(layout)?)
}
