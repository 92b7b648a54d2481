#![allow(clippy::unwrap_used)]
use super::*;
use crate::descriptor::Kind;
use crate::tree::Content;

fn layout() -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).unwrap();
    (folder, layout)
}

fn tree(path: &str, content: &str) -> Tree {
    let mut tree = Tree::new();
    tree.file(path, Content::Bytes(content.into()), 0o755).unwrap();
    tree
}

fn image(platform: &str, path: &str) -> Image {
    Image { layers: vec![tree(path, platform)], ..Image::new(platform.parse().unwrap()) }
}

#[test]
fn an_image_on_a_base_has_its_layers_and_its_settings() {
    let (_folder, layout) = layout();
    let mut base = image("linux/arm64", "etc/os-release");
    base.changes.entrypoint = Some(vec!["sh".to_owned()]);
    base.changes.cmd = Some(vec!["-c".to_owned()]);
    base.changes.env = BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]);
    let base = base.write(&layout).unwrap();
    let mut upper = image("linux/arm64", "etc/tool");
    upper.base = Some(base.clone());
    upper.base_name = Some("example/base:1".to_owned());
    upper.changes.entrypoint = Some(vec!["/etc/tool".to_owned()]);
    upper.changes.env = [("PATH", "/etc"), ("A", "b")].map(|(k, v)| (k.into(), v.into())).into();
    upper.changes.ports = vec!["80/tcp".to_owned()];
    upper.created = 86_400;
    let written = upper.write(&layout).unwrap();
    assert_eq!(written.platform, Some(Platform::new("linux", "arm64")));
    let manifest = layout.manifest(&written).unwrap();
    let config = layout.config(&manifest).unwrap();
    assert_eq!((manifest.layers.len(), config.rootfs.diff_ids.len()), (2, 2));
    assert_eq!(manifest.layers[0], layout.manifest(&base).unwrap().layers[0]);
    assert_eq!(config.history.len(), 2);
    assert_eq!(config.created.as_deref(), Some("1970-01-02T00:00:00Z"));
    assert_eq!(config.config.entrypoint, Some(vec!["/etc/tool".to_owned()]));
    assert_eq!(config.config.cmd, None);
    assert_eq!(config.config.env, Some(vec!["A=b".to_owned(), "PATH=/etc".to_owned()]));
    let annotations = manifest.annotations.unwrap();
    assert_eq!(annotations[annotation::BASE_DIGEST], base.digest.to_string());
    assert_eq!(annotations[annotation::BASE_NAME], "example/base:1");
}

#[test]
fn the_same_inputs_give_the_same_digest_in_any_folder() {
    let (_one, one) = layout();
    let (_other, other) = layout();
    let image = image("linux/amd64", "bin/tool");
    assert_eq!(image.write(&one).unwrap(), image.write(&other).unwrap());
}

#[test]
fn a_base_for_another_platform_is_refused() {
    let (_folder, layout) = layout();
    let base = image("linux/amd64", "etc/os-release").write(&layout).unwrap();
    let index = join(&layout, std::slice::from_ref(&base), &BTreeMap::new()).unwrap();
    for base in [base, index] {
        let mut upper = image("linux/arm64", "bin/tool");
        upper.base = Some(base);
        let error = upper.write(&layout).unwrap_err().to_string();
        assert!(
            error.contains("no image for linux/arm64") && error.contains("linux/amd64"),
            "{error}"
        );
    }
}

#[test]
fn joined_images_are_in_a_stable_order_and_found_by_platform() {
    let (_folder, layout) = layout();
    let [amd64, arm64] = ["linux/amd64", "linux/arm64"]
        .map(|platform| image(platform, "bin/tool").write(&layout).unwrap());
    let none = BTreeMap::new();
    let index = join(&layout, &[arm64.clone(), amd64.clone()], &none).unwrap();
    assert_eq!(index, join(&layout, &[amd64.clone(), arm64.clone()], &none).unwrap());
    assert_eq!(index.kind(), Kind::Index);
    let found = layout.select(&index, &Platform::new("linux", "arm64")).unwrap();
    assert_eq!(found.digest, arm64.digest);
    let all = layout.closure(&index).unwrap();
    assert_eq!(all.len(), 7);
    assert_eq!(all.last().unwrap().digest, index.digest);
    assert!(matches!(
        join(&layout, &[amd64.clone(), amd64.clone()], &none),
        Err(ImageError::SamePlatform(_))
    ));
    let nameless = Descriptor { platform: None, ..amd64 };
    assert!(matches!(join(&layout, &[nameless], &none), Err(ImageError::NoPlatform(_))));
}

#[test]
fn a_base_whose_documents_contradict_each_other_is_refused() {
    let (_folder, layout) = layout();
    let base = image("linux/amd64", "x").write(&layout).unwrap();
    let mut manifest = layout.manifest(&base).unwrap();
    manifest.layers.push(manifest.layers[0].clone());
    let broken = layout.write_json(media_type::MANIFEST, &manifest).unwrap();
    let mut upper = image("linux/amd64", "y");
    upper.base = Some(broken);
    assert!(matches!(upper.write(&layout), Err(ImageError::BaseLayers { .. })));
}
