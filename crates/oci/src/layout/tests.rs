#![allow(clippy::unwrap_used)]
use std::os::unix::fs::PermissionsExt as _;

use super::walk::MAX_DEPTH;
use super::*;
use crate::descriptor::media_type;

fn layout() -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path().join("images")).unwrap();
    (folder, layout)
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_that_is_no_layout_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let error = Layout::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("is no image layout"), "{error}");
    fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    assert!(Layout::open(folder.path()).is_err());
}

#[test]
fn a_blob_is_read_as_it_was_written_and_readable_by_all() {
    let (_folder, layout) = layout();
    let descriptor = layout.write("text/plain", b"hello").unwrap();
    assert_eq!(layout.read(&descriptor).unwrap(), b"hello");
    let path = layout.blob_path(&descriptor.digest);
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn a_changed_blob_is_not_read() {
    let (_folder, layout) = layout();
    let descriptor = layout.write("text/plain", b"hello").unwrap();
    fs::write(layout.blob_path(&descriptor.digest), b"jello").unwrap();
    let error = layout.read(&descriptor).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.to_string().contains("has digest"), "{cause}");
    fs::write(layout.blob_path(&descriptor.digest), b"hell").unwrap();
    assert!(matches!(layout.read(&descriptor), Err(LayoutError::Missing { .. })));
}

#[test]
fn what_is_not_as_announced_leaves_nothing_behind() {
    let (_folder, layout) = layout();
    let mut blob = layout.writer().unwrap();
    blob.write_all(b"other").unwrap();
    let announced = Descriptor::of("text/plain", b"hello");
    assert!(matches!(blob.commit_as(&announced), Err(LayoutError::Unexpected { .. })));
    drop(layout.writer().unwrap());
    assert_eq!(files(&layout.root().join("blobs")), ["sha256"]);
    assert!(files(&layout.root().join("blobs/sha256")).is_empty());
}

#[test]
fn a_name_moves_to_the_image_that_was_tagged_last() {
    let (_folder, layout) = layout();
    let one = layout.write(media_type::MANIFEST, b"{}").unwrap();
    let other = layout.write(media_type::MANIFEST, b"{ }").unwrap();
    layout.tag("b", &one).unwrap();
    layout.tag("a", &one).unwrap();
    layout.tag("b", &other).unwrap();
    assert_eq!(layout.find("a").unwrap().digest, one.digest);
    assert_eq!(layout.find("b").unwrap().digest, other.digest);
    assert_eq!(layout.images().unwrap().manifests.len(), 2);
    let error = layout.find("c").unwrap_err().to_string();
    assert!(error.contains("it has a, b"), "{error}");
}

#[test]
fn many_tag_at_once_and_none_is_lost() {
    let (_folder, layout) = layout();
    let image = layout.write(media_type::MANIFEST, b"{}").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (layout, image) = (&layout, &image);
            scope.spawn(move || layout.tag(&format!("tag-{thread}"), image).unwrap());
        }
    });
    assert_eq!(layout.images().unwrap().manifests.len(), 8);
    assert!(files(layout.root()).iter().all(|name| !name.starts_with(".tmp")));
}

#[test]
fn indexes_that_refer_to_indexes_without_end_are_refused() {
    let (_folder, layout) = layout();
    let mut image = layout.write_json(media_type::INDEX, &Index::default()).unwrap();
    for _ in 0..MAX_DEPTH {
        image = layout.write_json(media_type::INDEX, &Index::of(vec![image])).unwrap();
    }
    assert_eq!(layout.closure(&image).unwrap().len(), MAX_DEPTH + 1);
    image = layout.write_json(media_type::INDEX, &Index::of(vec![image])).unwrap();
    assert!(matches!(layout.closure(&image), Err(LayoutError::TooDeep(_))));
}

#[test]
fn a_document_that_claims_to_be_huge_is_not_read() {
    let (_folder, layout) = layout();
    let huge = Descriptor::new(media_type::MANIFEST, Digest::of(b""), MAX_DOCUMENT + 1);
    assert!(matches!(layout.manifest(&huge), Err(LayoutError::TooLarge { .. })));
}

#[test]
fn what_a_killed_process_left_of_a_blob_goes() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).unwrap();
    let writing = layout.writer().unwrap();
    let left = folder.path().join("blobs/.part-left");
    fs::write(&left, "half").unwrap();
    let past = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    for entry in fs::read_dir(folder.path().join("blobs")).unwrap() {
        File::open(entry.unwrap().path()).unwrap().set_modified(past).unwrap();
    }
    Layout::create(folder.path()).unwrap();
    assert!(!left.exists());
    writing.commit("text/plain").unwrap();
}

#[test]
fn where_no_variant_is_asked_for_the_plain_image_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).unwrap();
    let selected = |all: &[&str], wanted: &str| {
        let images = all.iter().map(|platform| {
            let image = Descriptor::of(media_type::MANIFEST, platform.as_bytes());
            image.on(platform.parse().unwrap())
        });
        let index = layout.write_json(media_type::INDEX, &Index::of(images.collect())).unwrap();
        let found = layout.select(&index, &wanted.parse().unwrap());
        found.ok().map(|found| found.platform.unwrap().to_string())
    };
    for (all, wanted, best) in [
        (&["linux/amd64/v3", "linux/amd64"][..], "linux/amd64", Some("linux/amd64")),
        (&["linux/amd64/v3", "linux/amd64/v2"], "linux/amd64", Some("linux/amd64/v2")),
        (&["linux/arm/v5", "linux/arm/v7", "linux/arm/v6"], "linux/arm", Some("linux/arm/v7")),
        (&["linux/arm/v6", "linux/arm/v7"], "linux/arm/v6", Some("linux/arm/v6")),
        (&["linux/arm64/v8"], "linux/arm64", Some("linux/arm64/v8")),
        (&["linux/arm/v6"], "linux/arm/v7", None),
    ] {
        assert_eq!(selected(all, wanted).as_deref(), best, "{wanted} of {all:?}");
    }
}
