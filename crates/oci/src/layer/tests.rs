#![allow(clippy::unwrap_used)]
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use flate2::read::MultiGzDecoder;

use super::*;

fn layout() -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).unwrap();
    (folder, layout)
}

/// Path, kind, mode, owner, time and content or target of each entry, in order.
fn entries(layout: &Layout, layer: &Layer) -> Vec<String> {
    let blob = layout.open_blob(&layer.descriptor).unwrap();
    let mut tar = tar::Archive::new(MultiGzDecoder::new(blob));
    let mut lines = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        let header = entry.header();
        lines.push(format!(
            "{} {:?} {:o} {}:{} {} {}{}",
            entry.path().unwrap().display(),
            header.entry_type(),
            header.mode().unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.mtime().unwrap(),
            entry.link_name().unwrap().unwrap_or_default().display(),
            content,
        ));
    }
    lines
}

#[test]
fn a_layer_has_its_files_in_order_with_their_folders() {
    let (_folder, layout) = layout();
    let mut tree = Tree::new();
    tree.file("/usr/bin/tool", Content::Bytes(b"#!".to_vec()), 0o755).unwrap();
    tree.link("bin", "usr/bin").unwrap();
    tree.folder("tmp", 0o1777).unwrap();
    let layer = Layer::write(&layout, &tree, &BaseFiles::none(), 9).unwrap();
    assert_eq!(
        entries(&layout, &layer),
        [
            "bin Symlink 777 0:0 9 usr/bin",
            "tmp/ Directory 1777 0:0 9 ",
            "usr/ Directory 755 0:0 9 ",
            "usr/bin/ Directory 755 0:0 9 ",
            "usr/bin/tool Regular 755 0:0 9 #!",
        ]
    );
}

#[test]
fn names_longer_than_the_header_are_kept() {
    let (_folder, layout) = layout();
    let path = format!("{}/{}", "d".repeat(150), "f".repeat(200));
    let mut tree = Tree::new();
    tree.file(&path, Content::Bytes(vec![]), 0o644).unwrap();
    let layer = Layer::write(&layout, &tree, &BaseFiles::none(), 0).unwrap();
    assert!(entries(&layout, &layer)[1].starts_with(&path));
}

#[test]
fn times_owners_and_the_umask_of_the_builder_do_not_matter() {
    let (_folder, layout) = layout();
    let written = |mode: u32, executable: u32| {
        let source = tempfile::tempdir().unwrap();
        let folder = source.path().join("etc");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("b"), "b").unwrap();
        fs::write(folder.join("a"), "a").unwrap();
        fs::set_permissions(folder.join("a"), fs::Permissions::from_mode(executable)).unwrap();
        fs::set_permissions(folder.join("b"), fs::Permissions::from_mode(mode)).unwrap();
        let mut tree = Tree::new();
        tree.copy(source.path(), "/").unwrap();
        Layer::write(&layout, &tree, &BaseFiles::none(), 0).unwrap()
    };
    assert_eq!(written(0o600, 0o700), written(0o666, 0o777));
    assert_ne!(written(0o600, 0o700), written(0o700, 0o700));
}

#[test]
fn what_is_neither_file_nor_folder_nor_link_is_not_copied() {
    let source = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(source.path().join("s")).unwrap();
    let error = Tree::new().copy(source.path(), "x").unwrap_err();
    assert!(error.to_string().contains("is no file, folder or symbolic link"), "{error}");
}

#[test]
fn a_file_that_grows_while_it_is_copied_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growing");
    fs::write(&path, "12345").unwrap();
    for (left, expected) in [(4, true), (5, false)] {
        let mut counted = Counted { file: File::open(&path).unwrap(), left, over: false };
        io::copy(&mut counted, &mut io::sink()).unwrap();
        assert_eq!(counted.over, expected);
    }
    let mut tree = Tree::new();
    tree.copy(&path, "x").unwrap();
    fs::remove_file(&path).unwrap();
    let (_layouts, layout) = layout();
    let error = Layer::write(&layout, &tree, &BaseFiles::none(), 0).unwrap_err();
    assert!(error.to_string().contains("growing"), "{error}");
}

#[test]
fn the_digest_of_a_layer_is_that_of_every_machine() {
    let (_folder, layout) = layout();
    let mut tree = Tree::new();
    tree.file("a", Content::Bytes(b"content".to_vec()), 0o644).unwrap();
    let layer = Layer::write(&layout, &tree, &BaseFiles::none(), 0).unwrap();
    // A change here changes the digest of every image: say so in the changelog.
    let blob = "d42d6474d6f1a53bdeb5cb89ebdb5f0a144b4f3ac0bec40964357c6266cc9fc2";
    assert_eq!(layer.descriptor.digest.hex(), blob);
    let tar = "5a0aae53855659869c1b61ddb72c10c3c9380f60da739d8f80b8b3fedf026c5c";
    assert_eq!(layer.diff_id.hex(), tar);
}
