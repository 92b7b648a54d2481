#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::version::Version;

fn network() -> NetworkConfig {
    let plugins = json!([{"type": "bridge"}]);
    NetworkConfig::from_value(json!({"cniVersion": "1.0.0", "name": "blue", "plugins": plugins}))
        .unwrap()
}

fn runtime() -> RuntimeConf {
    let capability_args = json!({"mac": "02:00:00:00:00:01"});
    RuntimeConf::new("c1", Some("/run/netns/a".into()), "eth0")
        .unwrap()
        .with_args(CniArgs::new().with("A", "1").unwrap().with("B", "2").unwrap())
        .with_capability_args(capability_args.as_object().unwrap().clone())
}

#[test]
fn an_entry_is_written_as_libcni_writes_it() {
    let folder = TempDir::new().unwrap();
    let cache = Cache::new(folder.path().join("cni"));
    cache.store(&network(), &runtime(), &CniResult::empty(Version::V1_0_0)).unwrap();

    let file = folder.path().join("cni/results/blue-c1-eth0");
    let config = STANDARD.encode(network().to_json().to_string());
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        format!(
            r#"{{"kind":"cniCacheV1","containerId":"c1","config":"{config}","ifName":"eth0","networkName":"blue","netns":"/run/netns/a","cniArgs":[["A","1"],["B","2"]],"capabilityArgs":{{"mac":"02:00:00:00:00:01"}},"result":{{"cniVersion":"1.0.0"}}}}"#
        )
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let left: Vec<_> = folder.path().join("cni").read_dir().unwrap().collect();
    assert_eq!(left.len(), 1, "only results: {left:?}");
}

#[test]
fn what_was_kept_is_what_del_needs() {
    let folder = TempDir::new().unwrap();
    let cache = Cache::new(folder.path());
    assert_eq!(cache.load("blue", "c1", "eth0").unwrap(), None);
    let result = CniResult::empty(Version::V1_0_0);
    cache.store(&network(), &runtime(), &result).unwrap();

    let entry = cache.load("blue", "c1", "eth0").unwrap().unwrap();
    assert_eq!(entry.runtime().unwrap(), runtime());
    assert_eq!(NetworkConfig::parse(&entry.config).unwrap().plugins(), network().plugins());
    assert_eq!(entry.result, Some(result));

    cache.remove("blue", &runtime()).unwrap();
    cache.remove("blue", &runtime()).unwrap();
    assert_eq!(cache.load("blue", "c1", "eth0").unwrap(), None);
}

#[test]
fn entries_of_others_are_read_and_broken_ones_named() {
    let folder = TempDir::new().unwrap();
    let cache = Cache::new(folder.path());
    assert!(cache.entries().unwrap().0.is_empty());
    let results = folder.path().join("results");
    fs::create_dir(&results).unwrap();
    // As Go leaves out what is empty, or writes null.
    let bare = json!({
        "kind": "cniCacheV1", "containerId": "c2", "config": STANDARD.encode("{}"),
        "ifName": "net1", "networkName": "red", "cniArgs": null, "capabilityArgs": null,
        "result": {"cniVersion": "9.0.0"},
    });
    fs::write(results.join("red-c2-net1"), bare.to_string()).unwrap();
    fs::write(results.join("half-c3-eth0"), &bare.to_string()[..40]).unwrap();
    fs::write(results.join("legacy-c4-eth0"), r#"{"cniVersion": "0.3.1"}"#).unwrap();
    fs::write(results.join("empty-c5-eth0"), "").unwrap();

    let (entries, broken) = cache.entries().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].network_name.as_str(), entries[0].netns.as_str()), ("red", ""));
    assert_eq!((entries[0].runtime().unwrap().netns(), &entries[0].result), (None, &None));
    let named: Vec<_> = broken.iter().map(ToString::to_string).collect();
    for (error, file) in named.iter().zip(["empty-c5-eth0", "half-c3-eth0", "legacy-c4-eth0"]) {
        assert!(error.contains(file), "{error}");
    }
    assert!(cache.load("half", "c3", "eth0").is_err());
}

#[test]
fn two_attachments_with_one_file_name_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let cache = Cache::new(folder.path());
    cache.store(&network(), &runtime(), &CniResult::empty(Version::V1_0_0)).unwrap();
    let file = folder.path().join("results/blue-c1-eth0");
    fs::rename(&file, folder.path().join("results/a-b-c-eth0")).unwrap();
    assert!(matches!(cache.load("a", "b-c", "eth0"), Err(CacheError::Other { .. })));
}

#[test]
fn no_name_leaves_the_folder() {
    let cache = Cache::new("/nonexistent");
    for (network, container, interface) in [
        ("../x", "c", "eth0"),
        ("n", "../../c", "eth0"),
        ("n", "c", "../x"),
        ("", "c", "eth0"),
        (".", "c", "eth0"),
    ] {
        let refused = cache.load(network, container, interface).unwrap_err();
        assert!(matches!(refused, CacheError::Name(_)), "{refused}");
    }
    let (network, container) = ("n".repeat(200), "c".repeat(60));
    let refused = cache.load(&network, &container, "eth0").unwrap_err();
    assert!(matches!(refused, CacheError::TooLong(_)), "{refused}");
}
