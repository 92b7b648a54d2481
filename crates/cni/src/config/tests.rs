#![allow(clippy::unwrap_used)]

use std::error::Error as _;
use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::version::Version;

fn parse(value: Value) -> Result<NetworkConfig, ConfigError> {
    NetworkConfig::from_value(value)
}

fn plugin(name: &str) -> Value {
    json!({"type": name})
}

fn types(network: &NetworkConfig) -> Vec<&str> {
    network.plugins().iter().map(PluginConfig::plugin_type).collect()
}

#[test]
fn a_single_configuration_becomes_a_list_of_one() {
    let single = json!({
        "cniVersion": "0.4.0", "name": "blue", "type": "bridge", "bridge": "br0", "mtu": 9000,
        "capabilities": {"ips": true, "mac": false},
    });
    let network = parse(single.clone()).unwrap();
    assert_eq!((network.name(), network.version()), ("blue", Version::V0_4_0));
    assert_eq!(network.plugins()[0].raw(), single.as_object().unwrap());
    assert_eq!(network.capabilities().into_iter().collect::<Vec<_>>(), ["ips"]);

    let list = network.to_json();
    assert_eq!((&list["name"], &list["plugins"][0]), (&json!("blue"), &single));
    assert_eq!(types(&parse(list).unwrap()), ["bridge"]);
}

#[test]
fn the_switches_of_a_list_are_read_as_booleans_or_strings() {
    let network = parse(json!({
        "cniVersion": "1.1.0", "name": "blue", "plugins": [plugin("a"), plugin("b")],
        "disableCheck": "True", "disableGC": true, "loadOnlyInlinedPlugins": "false",
    }))
    .unwrap();
    assert_eq!(types(&network), ["a", "b"]);
    assert!(network.disable_check() && network.disable_gc() && network.takes_folder());
    for field in ["disableCheck", "disableGC", "loadOnlyInlinedPlugins"] {
        let error = parse(json!({"name": "a", "plugins": [plugin("a")], field: 1})).unwrap_err();
        assert_eq!(error.to_string(), format!("field {field:?} must be true or false"));
    }
}

#[test]
fn the_highest_version_both_speak_is_used() {
    for (version, versions, used) in [
        (json!(null), json!(null), Some("0.1.0")),
        (json!(""), json!(null), Some("0.1.0")),
        (json!("1.0.0"), json!(null), Some("1.0.0")),
        (json!("0.3.1"), json!(["0.4.0", "1.1.0", "1.0.0"]), Some("1.1.0")),
        (json!("1.0.0"), json!(["0.4.0", "2.0.0"]), Some("1.0.0")),
        (json!(null), json!(["9.9.9", "0.4.0"]), Some("0.4.0")),
        (json!("1.2.0"), json!(null), None),
        (json!("abc"), json!(["2.0.0"]), None),
    ] {
        let mut list = json!({"name": "a", "plugins": [plugin("a")]});
        for (field, value) in [("cniVersion", version), ("cniVersions", versions)] {
            if !value.is_null() {
                list[field] = value;
            }
        }
        let read = parse(list.clone()).map(|network| network.version().to_string());
        assert_eq!(read.ok().as_deref(), used, "{list}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (json, message) in [
        (json!([]), "not a JSON object"),
        (json!({"type": "a"}), "field \"name\" is missing: every network needs a name"),
        (json!({"name": 1, "type": "a"}), "field \"name\" must be a string"),
        (json!({"name": "a"}), "it has no plugins: fill the list \"plugins\""),
        (json!({"name": "a", "plugins": []}), "it has no plugins: fill the list \"plugins\""),
        (json!({"name": "a", "plugins": {}}), "field \"plugins\" must be an array"),
        (json!({"name": "a", "plugins": [1]}), "field \"plugins[0]\" must be an object"),
        (
            json!({"name": "a", "plugins": [{"type": "a"}, {}]}),
            "field \"plugins[1].type\" must be the name of a plugin",
        ),
        (
            json!({"name": "a", "type": "a", "capabilities": {"ips": "yes"}}),
            "field \"capabilities.ips\" must be true or false",
        ),
        (
            json!({"name": "a", "type": "a", "cniVersion": 1}),
            "field \"cniVersion\" must be a string",
        ),
        (
            json!({"name": "a", "type": "a", "cniVersion": "2.0.0"}),
            "none of its versions (2.0.0) is known here: use one of 0.1.0 to 1.1.0",
        ),
    ] {
        assert_eq!(parse(json.clone()).unwrap_err().to_string(), message, "{json}");
    }
    for (name, plugin) in
        [("../../x", "a"), ("a", "../a"), ("a", "/bin/sh"), ("a;b", "a"), ("", "a")]
    {
        let refused = parse(json!({"name": name, "type": plugin})).unwrap_err();
        assert!(matches!(refused, ConfigError::Name(_)), "{name} {plugin}: {refused}");
    }
}

#[test]
fn a_missing_name_is_taken_from_the_definition() {
    for text in [r#"{"type": "bridge"}"#, r#"{"type": "bridge", "name": ""}"#] {
        assert_eq!(NetworkConfig::parse_or_named(text.as_bytes(), "red").unwrap().name(), "red");
    }
    let own = NetworkConfig::parse_or_named(br#"{"type": "bridge", "name": "own"}"#, "red");
    assert_eq!(own.unwrap().name(), "own");
}

#[test]
fn a_broken_file_hides_no_other() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    write("20-b.conflist", r#"{"cniVersion": "1.0.0", "name": "b", "plugins": [{"type": "x"}]}"#);
    write("10-a.conf", r#"{"name": "a", "type": "x"}"#);
    write("05-broken.conf", r#"{"name": "broken", "#);
    write("30-c.json", r#"{"name": "c", "type": "x"}"#);
    write("40-d.conflist", r#"{"name": "../d", "plugins": [{"type": "x"}]}"#);
    write("00-e.conflist.bak", "not a configuration");
    fs::create_dir(folder.path().join("01-folder.conf")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("02-link.conf")).unwrap();

    let read = ConfDir::read(folder.path()).unwrap();
    let names: Vec<_> = read.networks.iter().map(|loaded| loaded.network.name()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(read.named("b").unwrap().path, folder.path().join("20-b.conflist"));
    let broken: Vec<_> = read.broken.iter().map(ToString::to_string).collect();
    assert_eq!(broken.len(), 3, "{broken:?}");
    for (error, file) in broken.iter().zip(["02-link.conf", "05-broken.conf", "40-d.conflist"]) {
        assert!(error.contains(file), "{error}");
    }
    assert!(read.broken[1].source().unwrap().to_string().contains("not valid JSON"));

    assert!(ConfDir::read(&folder.path().join("absent")).unwrap().networks.is_empty());
}

#[test]
fn plugins_come_from_the_folder_of_the_network() {
    let folder = TempDir::new().unwrap();
    let list = folder.path().join("10-blue.conflist");
    let write = |name: &str, content: Value| {
        fs::write(folder.path().join(name), content.to_string()).unwrap();
    };
    fs::create_dir(folder.path().join("blue")).unwrap();
    write("blue/20-late.conf", plugin("late"));
    write("blue/10-early.conf", plugin("early"));
    write("blue/note.json", json!("not a plugin"));

    write(
        "10-blue.conflist",
        json!({"cniVersion": "1.1.0", "name": "blue", "plugins": [plugin("own")]}),
    );
    let network = NetworkConfig::read(&list).unwrap();
    assert_eq!(types(&network), ["own", "early", "late"]);
    // What is stored stands for itself, also for others that would look into the folder.
    write("10-blue.conflist", network.to_json());
    assert_eq!(types(&NetworkConfig::read(&list).unwrap()), ["own", "early", "late"]);

    write("10-blue.conflist", json!({"cniVersion": "1.1.0", "name": "blue"}));
    assert_eq!(types(&NetworkConfig::read(&list).unwrap()), ["early", "late"]);

    write(
        "10-blue.conflist",
        json!({"name": "blue", "plugins": [plugin("own")], "loadOnlyInlinedPlugins": true}),
    );
    assert_eq!(types(&NetworkConfig::read(&list).unwrap()), ["own"]);

    write("10-blue.conflist", json!({"name": "blue", "plugins": [plugin("own")]}));
    write("blue/10-early.conf", plugin("../early"));
    let error = NetworkConfig::read(&list).unwrap_err();
    assert!(error.to_string().contains("blue/10-early.conf"), "{error}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A field of these names, mostly as it should be.
fn field(name: &'static str, good: Value) -> impl Strategy<Value = Option<(String, Value)>> {
    prop_oneof![
        8 => Just(Some((name.to_owned(), good))),
        1 => any_json().prop_map(move |json| Some((name.to_owned(), json))),
        3 => Just(None),
    ]
}

fn any_plugin() -> impl Strategy<Value = Value> {
    let fields = (
        field("type", json!("bridge")),
        field("capabilities", json!({"mac": true, "ips": false})),
        field("ipam", json!({"type": "host-local"})),
        any_json().prop_map(|json| Some(("x".to_owned(), json))),
    );
    fields.prop_map(|(a, b, c, d)| Value::Object([a, b, c, d].into_iter().flatten().collect()))
}

fn any_list() -> impl Strategy<Value = Value> {
    let plugins = prop::collection::vec(any_plugin(), 1..4)
        .prop_map(|plugins| Some(("plugins".to_owned(), Value::from(plugins))));
    let fields = (
        field("name", json!("blue")),
        prop_oneof![plugins, field("type", json!("ptp"))],
        field("cniVersion", json!("0.4.0")),
        field("cniVersions", json!(["1.0.0", "9.9.9"])),
        field("disableCheck", json!("true")),
        field("disableGC", json!(true)),
        any_json().prop_map(|json| Some(("x".to_owned(), json))),
    );
    fields.prop_map(|(a, b, c, d, e, f, g)| {
        Value::Object([a, b, c, d, e, f, g].into_iter().flatten().collect())
    })
}

proptest! {
    #[test]
    fn no_bytes_bring_the_parser_down(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = NetworkConfig::parse(&bytes);
    }

    #[test]
    fn no_json_brings_the_parser_down(json in any_json()) {
        let _ = NetworkConfig::from_value(json);
    }

    #[test]
    fn what_is_valid_is_stored_without_loss(json in any_list()) {
        let Ok(network) = NetworkConfig::from_value(json) else { return Ok(()) };
        let text = network.to_json().to_string();
        let stored = NetworkConfig::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(stored.plugins(), network.plugins());
        prop_assert_eq!(stored.name(), network.name());
        prop_assert_eq!(stored.version(), network.version());
        prop_assert_eq!(stored.disable_check(), network.disable_check());
        prop_assert_eq!(stored.disable_gc(), network.disable_gc());
        prop_assert_eq!(stored.to_json(), network.to_json());
    }
}
