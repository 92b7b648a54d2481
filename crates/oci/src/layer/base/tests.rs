#![allow(clippy::unwrap_used)]
use super::*;
use crate::tree::Content;

/// A tar with these entries: `path/` a folder, `path -> target` a link, else a file.
fn tar(entries: &[&str]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o755);
        let (path, target) = entry.split_once(" -> ").unwrap_or((entry, ""));
        let kind = match (path.ends_with('/'), target) {
            (true, _) => EntryType::Directory,
            (false, "") => EntryType::Regular,
            _ => EntryType::Symlink,
        };
        header.set_entry_type(kind);
        match kind {
            EntryType::Symlink => tar.append_link(&mut header, path, target).unwrap(),
            _ => tar.append_data(&mut header, path, io::empty()).unwrap(),
        }
    }
    tar.into_inner().unwrap()
}

fn base(layers: &[&[&str]]) -> BaseFiles {
    let mut base = BaseFiles::none();
    layers.iter().for_each(|layer| base.add(&*tar(layer)).unwrap());
    base
}

fn placed(base: &BaseFiles, paths: &[&str]) -> Vec<String> {
    let mut tree = Tree::new();
    for path in paths {
        match path.strip_suffix('/') {
            Some(folder) => tree.folder(folder, 0o700).unwrap(),
            None => tree.file(path, Content::Bytes(vec![]), 0o644).unwrap(),
        }
    }
    base.place(&tree).keys().map(ToString::to_string).collect()
}

#[test]
fn folders_of_the_base_are_not_written_again() {
    let base = base(&[&["etc/", "tmp/"]]);
    assert_eq!(placed(&base, &["etc/x", "opt/y"]), ["etc/x", "opt", "opt/y"]);
    assert_eq!(placed(&base, &["tmp/"]), Vec::<String>::new());
}

#[test]
fn a_file_goes_where_a_link_of_the_base_leads() {
    let base = base(&[&["usr/", "usr/bin/", "bin -> usr/bin", "sbin -> /bin", "x -> ../../usr"]]);
    assert_eq!(placed(&base, &["bin/tool"]), ["usr/bin/tool"]);
    assert_eq!(placed(&base, &["sbin/tool"]), ["usr/bin/tool"]);
    assert_eq!(placed(&base, &["x/lib/y"]), ["usr/lib", "usr/lib/y"]);
    // A link itself can be replaced by a file, but not by a folder that is there already.
    assert_eq!(placed(&base, &["bin"]), ["bin"]);
    assert_eq!(placed(&base, &["bin/"]), Vec::<String>::new());
}

#[test]
fn links_in_circles_end() {
    let base = base(&[&["a -> b", "b -> a", "c -> c/c"]]);
    assert_eq!(placed(&base, &["a/x"]), ["a/x"]);
    assert_eq!(placed(&base, &["c/x"]), ["c/x"]);
}

#[test]
fn what_an_upper_layer_deletes_is_gone() {
    let base = base(&[
        &["etc/", "etc/a/", "opt/", "opt/b/", "lib -> usr/lib"],
        &["etc/.wh.a", "opt/.wh..wh..opq", ".wh.lib"],
    ]);
    assert_eq!(placed(&base, &["etc/a/x"]), ["etc/a", "etc/a/x"]);
    assert_eq!(placed(&base, &["opt/b/x"]), ["opt/b", "opt/b/x"]);
    assert_eq!(placed(&base, &["lib/x"]), ["lib", "lib/x"]);
}
