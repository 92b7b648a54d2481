#![allow(clippy::unwrap_used)]
use super::*;

const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn names_are_read_as_docker_reads_them() {
    for (text, whole) in [
        ("busybox", "docker.io/library/busybox"),
        ("calico/node:v3.14.0", "docker.io/calico/node:v3.14.0"),
        ("localhost/x", "localhost/x"),
        ("127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c"),
        ("[::1]:5000/a", "[::1]:5000/a"),
        ("registry.example/a__b/c-d.e:V1_x", "registry.example/a__b/c-d.e:V1_x"),
    ] {
        assert_eq!(text.parse::<Reference>().unwrap().to_string(), whole);
    }
    let pinned: Reference = format!("quay.io/a/b:t@{DIGEST}").parse().unwrap();
    assert_eq!((pinned.tag(), pinned.version()), (Some("t"), DIGEST.to_owned()));
    assert_eq!("a/b".parse::<Reference>().unwrap().version(), "latest");
}

#[test]
fn what_would_be_another_path_on_the_registry_is_no_name() {
    for hostile in [
        "",
        "/",
        "a/../b",
        "registry.example/../../x",
        "registry.example/a?b",
        "registry.example/A",
        "registry.example/a//b",
        "registry.example/a:",
        "registry.example/a:b/c",
        "registry.example/a@sha256:0",
        "user@registry.example/a",
        "registry.example:99999/a",
        "registry example/a",
        "-x.example/a",
        "registry.example/-a",
    ] {
        assert!(hostile.parse::<Reference>().is_err(), "{hostile}");
    }
    assert!(format!("a:{}", "x".repeat(129)).parse::<Reference>().is_err());
}

#[test]
fn a_tag_is_replaced_and_a_digest_added() {
    let name: Reference = "registry.example/a:old".parse().unwrap();
    assert_eq!(name.with_tag("new").unwrap().to_string(), "registry.example/a:new");
    assert!(name.with_tag("../x").is_err());
    let digest = DIGEST.parse().unwrap();
    assert_eq!(name.with_digest(digest).to_string(), format!("registry.example/a:old@{DIGEST}"));
}
