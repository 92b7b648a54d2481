#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn buildah_comes_before_docker() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().as_os_str().to_owned();
    assert_eq!(Engine::find(&path), None);
    std::fs::write(folder.path().join("docker"), "").unwrap();
    assert_eq!(Engine::find(&path), Some(Engine::Docker));
    std::fs::write(folder.path().join("buildah"), "").unwrap();
    assert_eq!(Engine::find(&path), Some(Engine::Buildah));
}
