#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::result::IpConfig;

/// Notes what it is asked, and answers as it is told.
#[derive(Default)]
struct Recorder {
    seen: RefCell<Vec<Request>>,
    refuse: Option<CniError>,
    versions: Option<Vec<Version>>,
}

impl Recorder {
    fn note(&self, request: &Request) -> Result<(), CniError> {
        self.seen.borrow_mut().push(request.clone());
        self.refuse.clone().map_or(Ok(()), Err)
    }
}

impl Plugin for Recorder {
    fn versions(&self) -> &[Version] {
        self.versions.as_deref().unwrap_or(&Version::ALL)
    }

    fn add(&self, request: &Request) -> Result<CniResult, CniError> {
        self.note(request)?;
        let mut result = CniResult::empty(Version::CURRENT);
        let address = "10.0.0.5/24".parse().unwrap();
        let extra = serde_json::Map::new();
        result.ips.push(IpConfig { address, gateway: None, interface: None, extra });
        Ok(result)
    }

    fn del(&self, request: &Request) -> Result<(), CniError> {
        self.note(request)
    }

    fn check(&self, request: &Request) -> Result<(), CniError> {
        self.note(request)
    }

    fn status(&self, request: &Request) -> Result<(), CniError> {
        self.note(request)
    }

    fn gc(&self, request: &Request) -> Result<(), CniError> {
        self.note(request)
    }
}

const ADD: [(&str, &str); 6] = [
    ("CNI_COMMAND", "ADD"),
    ("CNI_CONTAINERID", "c1"),
    ("CNI_NETNS", "/run/netns/a"),
    ("CNI_IFNAME", "eth0"),
    ("CNI_PATH", "/usr/lib/cni:/opt/cni/bin"),
    ("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAME=web"),
];

fn call(plugin: &Recorder, changes: &[(&str, &str)], config: &Value) -> Answer {
    let mut env = HashMap::from(ADD);
    env.extend(changes.iter().copied());
    let env = |name: &str| env.get(name).map(OsString::from);
    serve(plugin, env, config.to_string().as_bytes())
}

fn config() -> Value {
    json!({
        "cniVersion": "0.4.0", "name": "blue", "type": "us",
        "runtimeConfig": {"mac": "02:00:00:00:00:01"},
        "prevResult": {"cniVersion": "0.4.0", "dns": {"domain": "d"}},
    })
}

fn code(answer: &Answer) -> (u32, String) {
    match answer {
        Answer::Error(error) => (error.code.into(), error.msg.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn add_gets_everything_and_answers_in_the_version_of_the_configuration() {
    let plugin = Recorder::default();
    let answer = call(&plugin, &[], &config());
    let ips = json!([{"version": "4", "address": "10.0.0.5/24"}]);
    assert_eq!(answer, Answer::Success(json!({"cniVersion": "0.4.0", "ips": ips})));
    let mut written = Vec::new();
    answer.write_to(&mut written).unwrap();
    assert!(written.ends_with(b"}\n"));

    let request = &plugin.seen.borrow()[0];
    let runtime = request.attachment().unwrap();
    assert_eq!((runtime.container_id(), runtime.ifname()), ("c1", "eth0"));
    assert_eq!(runtime.netns().unwrap().to_str(), Some("/run/netns/a"));
    assert_eq!(runtime.args.get("K8S_POD_NAME"), Some("web"));
    assert_eq!(runtime.capability_args["mac"], "02:00:00:00:00:01");
    assert_eq!(request.prev_result.as_ref().unwrap().dns.domain, "d");
    assert_eq!(request.path.len(), 2);
    assert_eq!((request.network.as_str(), request.version), ("blue", Version::V0_4_0));
}

#[test]
fn what_is_missing_or_wrong_in_the_environment_is_code_4() {
    let plugin = Recorder::default();
    for (changes, message) in [
        (vec![("CNI_COMMAND", "FLY")], "unknown CNI_COMMAND: FLY"),
        (
            vec![("CNI_CONTAINERID", ""), ("CNI_IFNAME", ""), ("CNI_NETNS", ""), ("CNI_PATH", "")],
            "ADD needs CNI_CONTAINERID, CNI_IFNAME, CNI_NETNS, CNI_PATH",
        ),
        (vec![("CNI_COMMAND", "CHECK"), ("CNI_NETNS", "")], "CHECK needs CNI_NETNS"),
        (vec![("CNI_CONTAINERID", "../c1")], "container id \"../c1\" is not valid"),
        (vec![("CNI_IFNAME", "a/b")], "interface name \"a/b\" is not valid"),
        (vec![("CNI_ARGS", "A")], "CNI_ARGS has a part without '=': \"A\""),
    ] {
        let (code, found) = code(&call(&plugin, &changes, &config()));
        assert!(code == 4 && found.starts_with(message), "{code} {found}");
    }
    let none = serve(&plugin, |_| None, &b""[..]);
    assert!(code(&none).1.starts_with("CNI_COMMAND is not set"));
    assert!(plugin.seen.borrow().is_empty());
}

#[test]
fn what_is_wrong_in_the_configuration_has_its_code() {
    let plugin = Recorder::default();
    for (field, value, expected) in [
        ("cniVersion", json!("2.0.0"), 1),
        ("cniVersion", json!(1), 7),
        ("name", json!("../x"), 7),
        ("name", json!(null), 7),
        ("type", json!("../x"), 7),
        ("runtimeConfig", json!([]), 7),
        ("prevResult", json!({"ips": 1}), 6),
    ] {
        let mut config = config();
        config[field] = value;
        assert_eq!(code(&call(&plugin, &[], &config)).0, expected, "{config}");
    }
    let env = |name: &str| HashMap::from(ADD).get(name).map(OsString::from);
    assert_eq!(code(&serve(&plugin, env, &b"{"[..])).0, 6);
    assert_eq!(code(&serve(&plugin, env, &b"[]"[..])).0, 6);
    assert_eq!(code(&serve(&plugin, env, std::io::repeat(b' '))).0, 5);
    assert!(plugin.seen.borrow().is_empty());
}

#[test]
fn an_error_of_the_plugin_is_answered_with_the_version() {
    let refuse = Some(CniError::new(ErrorCode::TryAgainLater, "no agent"));
    let answer = call(&Recorder { refuse, ..Recorder::default() }, &[], &config());
    let mut written = Vec::new();
    answer.write_to(&mut written).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&written).unwrap(),
        json!({"cniVersion": "0.4.0", "code": 11, "msg": "no agent"})
    );
    assert!(answer.is_error());
}

#[test]
fn del_needs_no_namespace_and_says_nothing() {
    let plugin = Recorder::default();
    let answer = call(&plugin, &[("CNI_COMMAND", "DEL"), ("CNI_NETNS", "")], &config());
    assert_eq!(answer, Answer::Done);
    let mut written = Vec::new();
    answer.write_to(&mut written).unwrap();
    assert!(written.is_empty());
    assert_eq!(plugin.seen.borrow()[0].attachment().unwrap().netns(), None);
    // Nothing that is left of ADD keeps it from cleaning up.
    let mut config = config();
    config["prevResult"] = json!({"ips": 1});
    assert_eq!(call(&plugin, &[("CNI_COMMAND", "DEL")], &config), Answer::Done);
    assert_eq!(plugin.seen.borrow()[1].prev_result, None);
}

#[test]
fn status_and_gc_are_of_1_1_0_and_about_no_container() {
    let plugin = Recorder::default();
    let none = [("CNI_CONTAINERID", ""), ("CNI_IFNAME", ""), ("CNI_NETNS", "")];
    let mut newest = config();
    newest["cniVersion"] = json!("1.1.0");
    for key in ["cni.dev/valid-attachments", "cni.dev/attachments"] {
        let mut newest = newest.clone();
        newest[key] = json!([{"containerID": "c1", "ifname": "eth0"}]);
        let with = [&none[..], &[("CNI_COMMAND", "GC")]].concat();
        assert_eq!(call(&plugin, &with, &newest), Answer::Done);
        let seen = plugin.seen.borrow_mut().pop().unwrap();
        assert_eq!(seen.valid_attachments.first().unwrap().container_id, "c1");
        assert!(seen.attachment().is_err());
    }
    // Nobody may conclude that nothing is valid.
    assert_eq!(code(&call(&plugin, &[("CNI_COMMAND", "GC")], &newest)).0, 7);
    assert_eq!(call(&plugin, &[("CNI_COMMAND", "STATUS")], &newest), Answer::Done);
    for command in ["GC", "STATUS"] {
        let mut old = config();
        old["cni.dev/valid-attachments"] = json!([]);
        assert_eq!(code(&call(&plugin, &[("CNI_COMMAND", command)], &old)).0, 1);
    }
    let mut old = config();
    old["cniVersion"] = json!("0.3.1");
    assert_eq!(code(&call(&plugin, &[("CNI_COMMAND", "CHECK")], &old)).0, 1);
}

#[test]
fn version_lists_what_is_spoken() {
    let versions = Some(vec![Version::V0_4_0, Version::V1_0_0]);
    let plugin = Recorder { versions, ..Recorder::default() };
    for (config, version) in [(json!({"cniVersion": "1.0.0"}), "1.0.0"), (json!({}), "1.1.0")] {
        let answer = call(&plugin, &[("CNI_COMMAND", "VERSION")], &config);
        let expected = json!({"cniVersion": version, "supportedVersions": ["0.4.0", "1.0.0"]});
        assert_eq!(answer, Answer::Success(expected));
    }
    let mut newest = config();
    newest["cniVersion"] = json!("1.1.0");
    let (code, message) = code(&call(&plugin, &[], &newest));
    assert_eq!(code, 1);
    assert_eq!(message, "version 1.1.0 of the configuration is not spoken, only 0.4.0, 1.0.0");
}

proptest! {
    #[test]
    fn no_input_brings_it_down(
        command in prop::sample::select(vec!["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"]),
        container in ".{0,8}",
        args in ".{0,12}",
        stdin in prop::collection::vec(any::<u8>(), 0..48),
    ) {
        let changes = [("CNI_COMMAND", command), ("CNI_CONTAINERID", &container), ("CNI_ARGS", &args)];
        let mut env = HashMap::from(ADD);
        env.extend(changes);
        let env = |name: &str| env.get(name).map(OsString::from);
        let _ = serve(&Recorder::default(), env, &stdin[..]);
    }
}
