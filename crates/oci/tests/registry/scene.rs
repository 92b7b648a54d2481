//! Images and registries of the tests.

use std::process::Command;

use kubewright_oci::registry::Options;
use kubewright_oci::{
    Content, Descriptor, Image, Layout, Platform, Reference, Registry, Tree, image,
};

/// A layout in a folder of the test's own.
pub(crate) fn layout() -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path().join("images")).unwrap();
    (folder, layout)
}

/// Bytes that do not compress, and are the same each time.
pub(crate) fn noise(size: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// An image of one layer with `/bin/tool`.
pub(crate) fn image(layout: &Layout, platform: &str, content: &[u8]) -> Descriptor {
    let mut tree = Tree::new();
    tree.file("bin/tool", Content::Bytes(content.to_vec()), 0o755).unwrap();
    let mut image = Image { layers: vec![tree], ..Image::new(platform.parse().unwrap()) };
    image.changes.entrypoint = Some(vec!["/bin/tool".to_owned()]);
    image.write(layout).unwrap()
}

/// An image with a layer of each of these sizes.
pub(crate) fn layered(layout: &Layout, sizes: &[usize]) -> Descriptor {
    let mut image = Image::new(amd64());
    for (seed, size) in (1_u32..).zip(sizes) {
        let mut tree = Tree::new();
        let content = Content::Bytes(noise(*size, seed * 2));
        tree.file(&format!("data/{seed}"), content, 0o644).unwrap();
        image.layers.push(tree);
    }
    image.write(layout).unwrap()
}

/// An index of small images for two platforms, named `latest`.
pub(crate) fn index(layout: &Layout) -> Descriptor {
    let images =
        ["linux/amd64", "linux/arm64"].map(|platform| image(layout, platform, platform.as_bytes()));
    let index = image::join(layout, &images, &Default::default()).unwrap();
    layout.tag("latest", &index).unwrap();
    index
}

pub(crate) fn amd64() -> Platform {
    Platform::new("linux", "amd64")
}

/// A client that knows no credentials.
pub(crate) fn client(host: &str) -> Registry {
    client_with(host, Options::default())
}

pub(crate) fn client_with(host: &str, options: Options) -> Registry {
    let credentials = match options.credentials == Options::default().credentials {
        true => Vec::new(),
        false => options.credentials.clone(),
    };
    Registry::new(host, Options { credentials, ..options }).unwrap()
}

pub(crate) fn name(host: &str, rest: &str) -> Reference {
    format!("{host}/{rest}").parse().unwrap()
}

/// Runs a program that must succeed; gives what it printed.
pub(crate) fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {error}{text}");
    text
}
