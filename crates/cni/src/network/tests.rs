#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Mutex;
use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::args::CniArgs;
use crate::config::NetworkConfig;
use crate::exec::{ExecError, Invocation, Output};
use crate::result::CniResult;
use crate::runtime::RuntimeConf;
use crate::version::Version;

/// Command and plugin, variables, and standard input.
type Call = (String, BTreeMap<&'static str, String>, Value);

/// Runs nothing: notes every call, and answers as it is told by `COMMAND plugin`.
#[derive(Default)]
struct Fake {
    calls: Mutex<Vec<Call>>,
    answers: BTreeMap<&'static str, (i32, Value)>,
}

impl crate::exec::Exec for Fake {
    fn run(&self, invocation: &Invocation) -> Result<Output, ExecError> {
        let env: BTreeMap<_, _> = invocation
            .env
            .iter()
            .map(|(name, value)| (*name, value.to_str().unwrap().to_owned()))
            .collect();
        let plugin = invocation.program.file_name().unwrap().to_str().unwrap();
        let call = format!("{} {plugin}", env["CNI_COMMAND"]);
        let stdin = serde_json::from_slice(&invocation.stdin).unwrap();
        let (code, answer) = self
            .answers
            .get(call.as_str())
            .cloned()
            .unwrap_or((0, json!({"dns": {"domain": plugin}})));
        self.calls.lock().unwrap().push((call, env, stdin));
        let status = ExitStatus::from_raw(code << 8);
        Ok(Output { status, stdout: answer.to_string().into_bytes(), stderr: b"said\n".to_vec() })
    }
}

impl Fake {
    fn with(answers: impl IntoIterator<Item = (&'static str, i32, Value)>) -> Arc<Self> {
        let answers = answers.into_iter().map(|(call, code, value)| (call, (code, value)));
        Arc::new(Self { answers: answers.collect(), ..Self::default() })
    }

    fn called(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|(call, ..)| call.clone()).collect()
    }

    fn stdin(&self, position: usize) -> Value {
        self.calls.lock().unwrap()[position].2.clone()
    }
}

/// A folder with plugins that cannot run, as nothing runs them.
fn plugins() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["one", "two", "three"] {
        let path = folder.path().join(name);
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

fn cni(folder: &Path, fake: &Arc<Fake>) -> Cni {
    Cni::new([folder.join("absent"), folder.to_owned()]).with_exec(fake.clone())
}

fn network(version: &str) -> NetworkConfig {
    NetworkConfig::from_value(json!({
        "cniVersion": version,
        "name": "blue",
        "plugins": [
            {"type": "one", "capabilities": {"mac": true, "ips": false}, "x": 1},
            // Keys that only a runtime may set.
            {"type": "two", "prevResult": {"evil": 1}, "cni.dev/valid-attachments": [], "name": "n"},
            {"type": "three", "capabilities": {"mac": true, "portMappings": true}},
        ],
    }))
    .unwrap()
}

fn runtime() -> RuntimeConf {
    let capability_args = json!({"mac": "02:00:00:00:00:01", "ips": ["10.0.0.1/8"]});
    RuntimeConf::new("c1", Some("/run/netns/a".into()), "eth0")
        .unwrap()
        .with_args(CniArgs::new().with("A", "1").unwrap())
        .with_capability_args(capability_args.as_object().unwrap().clone())
}

#[test]
fn add_goes_through_the_list_with_the_result_of_the_one_before() {
    let (folder, fake) = (plugins(), Fake::with([]));
    let result = cni(folder.path(), &fake).add(&network("1.0.0"), &runtime()).unwrap();
    assert_eq!(result.dns.domain, "three");
    assert_eq!(fake.called(), ["ADD one", "ADD two", "ADD three"]);
    let mac = json!({"mac": "02:00:00:00:00:01"});
    assert_eq!(
        fake.stdin(0),
        json!({
            "cniVersion": "1.0.0", "name": "blue", "type": "one", "x": 1, "runtimeConfig": mac,
            "capabilities": {"mac": true, "ips": false},
        })
    );
    let previous = |domain| json!({"cniVersion": "1.0.0", "dns": {"domain": domain}});
    assert_eq!(
        fake.stdin(1),
        json!({"cniVersion": "1.0.0", "name": "blue", "type": "two", "prevResult": previous("one")})
    );
    assert_eq!(fake.stdin(2)["prevResult"], previous("two"));
    assert_eq!(fake.stdin(2)["runtimeConfig"], mac);
    let env = fake.calls.lock().unwrap()[0].1.clone();
    let path = format!("{0}/absent:{0}", folder.path().display());
    let expected = [
        ("CNI_ARGS", "A=1"),
        ("CNI_COMMAND", "ADD"),
        ("CNI_CONTAINERID", "c1"),
        ("CNI_IFNAME", "eth0"),
        ("CNI_NETNS", "/run/netns/a"),
        ("CNI_PATH", &path),
    ];
    assert_eq!(env, expected.map(|(name, value)| (name, value.to_owned())).into());
}

#[test]
fn a_plugin_that_answers_in_another_version_is_understood_by_the_next() {
    let ips = json!([{"version": "4", "address": "10.0.0.1/8"}]);
    let old = json!({"cniVersion": "0.3.1", "ips": ips});
    let (folder, fake) = (plugins(), Fake::with([("ADD one", 0, old)]));
    cni(folder.path(), &fake).add(&network("1.0.0"), &runtime()).unwrap();
    let new = json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.1/8"}]});
    assert_eq!(fake.stdin(1)["prevResult"], new);
}

#[test]
fn a_failed_add_stops_and_names_the_plugin() {
    let error = json!({"code": 11, "msg": "busy", "details": "later"});
    let (folder, fake) = (plugins(), Fake::with([("ADD two", 1, error)]));
    let cache = TempDir::new().unwrap();
    let cni = cni(folder.path(), &fake).with_cache(Cache::new(cache.path()));
    let error = cni.add(&network("1.0.0"), &runtime()).unwrap_err();
    assert_eq!(error.to_string(), "ADD to network blue: 1 of 3 plugins done");
    let answer = crate::error::CniError::from(&error);
    assert_eq!(
        serde_json::to_value(answer).unwrap(),
        json!({
            "code": 11,
            "msg": "ADD to network blue: 1 of 3 plugins done",
            "details": "plugin 1 of the list (two) failed: plugin two: busy (CNI code 11): later; it wrote \"said\"",
        })
    );
    let AddError::Plugin { failure, .. } = error else { panic!("{error}") };
    assert_eq!((failure.position, failure.plugin.as_str()), (1, "two"));
    assert_eq!(failure.source.code(), Some(crate::error::ErrorCode::TryAgainLater));
    assert_eq!(
        failure.source.to_string(),
        "plugin two: busy (CNI code 11): later; it wrote \"said\""
    );
    assert_eq!(fake.called(), ["ADD one", "ADD two"]);
    assert!(!cache.path().join("results").exists());
}

#[test]
fn add_needs_a_namespace_and_a_result() {
    let (folder, fake) = (plugins(), Fake::with([("ADD one", 0, json!([]))]));
    let cni = cni(folder.path(), &fake);
    let none = RuntimeConf::new("c1", None, "eth0").unwrap();
    assert!(matches!(cni.add(&network("1.0.0"), &none), Err(AddError::NoNetns { .. })));
    let AddError::Plugin { failure, .. } = cni.add(&network("1.0.0"), &runtime()).unwrap_err()
    else {
        panic!("not of a plugin")
    };
    let text = failure.source.to_string();
    assert_eq!(text, "plugin one succeeded without a valid result; it wrote \"[]\"");
}

#[test]
fn del_goes_backwards_past_errors_and_reports_all() {
    let error = |code, msg| json!({"code": code, "msg": msg});
    let fake =
        Fake::with([("DEL three", 1, error(7, "bad")), ("DEL one", 2, json!("no CNI error"))]);
    let (folder, cache) = (plugins(), TempDir::new().unwrap());
    let cni = cni(folder.path(), &fake).with_cache(Cache::new(cache.path()));
    cni.add(&network("1.0.0"), &runtime()).unwrap();
    let error = cni.del(&network("1.0.0"), &runtime(), None).unwrap_err();
    assert_eq!(fake.called()[3..], ["DEL three", "DEL two", "DEL one"]);
    for position in 3..6 {
        assert_eq!(fake.stdin(position)["prevResult"]["dns"]["domain"], "three");
    }
    let failed: Vec<_> = error.failures.iter().map(|failure| failure.position).collect();
    assert_eq!(failed, [2, 0]);
    assert_eq!(
        error.to_string(),
        "DEL from network blue: plugin three: bad (CNI code 7); it wrote \"said\"; plugin one failed (exit status: 2) without a CNI error; it wrote \"\\\"no CNI error\\\"\"; it wrote \"said\""
    );
    let answer = crate::error::CniError::from(&error);
    assert_eq!((u32::from(answer.code), answer.msg), (7, error.to_string()));
    // For another try.
    assert!(cache.path().join("results/blue-c1-eth0").exists());
}

#[test]
fn del_hands_over_the_result_since_0_4_0() {
    let (folder, fake) = (plugins(), Fake::with([]));
    let cni = cni(folder.path(), &fake);
    let result = CniResult::empty(Version::V1_1_0);
    for (version, expected) in [
        ("0.3.1", Value::Null),
        ("0.4.0", json!({"cniVersion": "0.4.0"})),
        ("1.1.0", json!({"cniVersion": "1.1.0"})),
    ] {
        cni.del(&network(version), &runtime(), Some(&result)).unwrap();
        assert_eq!(fake.calls.lock().unwrap().pop().unwrap().2["prevResult"], expected);
    }
}

#[test]
fn del_works_in_any_state_of_the_cache() {
    let (folder, fake, cache) = (plugins(), Fake::with([]), TempDir::new().unwrap());
    let cni = cni(folder.path(), &fake).with_cache(Cache::new(cache.path()));
    cni.del(&network("1.0.0"), &runtime(), None).unwrap();
    let file = cache.path().join("results/blue-c1-eth0");
    fs::create_dir(cache.path().join("results")).unwrap();
    for content in ["", "{", r#"{"kind": "other"}"#] {
        fs::write(&file, content).unwrap();
        cni.del(&network("1.0.0"), &runtime(), None).unwrap();
        assert!(!file.exists(), "{content}");
    }
    assert_eq!(fake.called().len(), 12);
}

#[test]
fn check_is_asked_only_where_it_may() {
    let fault = json!({"code": 100, "msg": "gone"});
    let (folder, fake) = (plugins(), Fake::with([("CHECK two", 1, fault)]));
    let cni = cni(folder.path(), &fake);
    let result = CniResult::empty(Version::V1_0_0);
    let check = |network: &NetworkConfig, result| cni.check(network, &runtime(), result);

    let error = check(&network("0.3.1"), Some(&result)).unwrap_err();
    assert!(matches!(error, CheckError::Unsupported { .. }));
    let error = check(&network("1.0.0"), None).unwrap_err();
    assert!(matches!(error, CheckError::NoResult { .. }));
    let mut disabled = network("1.0.0").to_json();
    disabled["disableCheck"] = json!(true);
    check(&NetworkConfig::from_value(disabled).unwrap(), Some(&result)).unwrap();
    assert!(fake.called().is_empty());

    let error = check(&network("1.0.0"), Some(&result)).unwrap_err();
    let CheckError::Plugin { failure, .. } = error else { panic!("{error}") };
    assert_eq!(failure.plugin, "two");
    assert_eq!(fake.called(), ["CHECK one", "CHECK two"]);
    assert_eq!(fake.stdin(0)["prevResult"], json!({"cniVersion": "1.0.0"}));
}

#[test]
fn status_is_asked_since_1_1_0() {
    let no = json!({"code": 50, "msg": "not yet"});
    let (folder, fake) = (plugins(), Fake::with([("STATUS two", 1, no)]));
    let cni = cni(folder.path(), &fake);
    cni.status(&network("1.0.0")).unwrap();
    assert!(fake.called().is_empty());
    let failure = cni.status(&network("1.1.0")).unwrap_err();
    assert_eq!(failure.source.code(), Some(crate::error::ErrorCode::NotAvailable));
    assert_eq!(fake.called(), ["STATUS one", "STATUS two"]);
    let env = &fake.calls.lock().unwrap()[0].1;
    assert_eq!(env.keys().collect::<Vec<_>>(), [&"CNI_COMMAND", &"CNI_PATH"]);
}

#[test]
fn gc_removes_what_is_stale_with_the_configuration_it_was_added_with() {
    let broken = json!({"code": 5, "msg": "disk"});
    let (folder, fake) = (plugins(), Fake::with([("GC one", 1, broken)]));
    let cache = TempDir::new().unwrap();
    let cni = cni(folder.path(), &fake).with_cache(Cache::new(cache.path()));
    let at = |id: &str| RuntimeConf::new(id, Some("/run/netns/a".into()), "eth0").unwrap();
    cni.add(&network("1.1.0"), &at("valid")).unwrap();
    cni.add(&network("1.1.0"), &at("stale")).unwrap();
    let mut other = network("1.1.0").to_json();
    other["name"] = json!("other");
    cni.add(&NetworkConfig::from_value(other).unwrap(), &at("elsewhere")).unwrap();
    fs::write(cache.path().join("results/blue-broken-eth0"), "{").unwrap();

    let now = json!({"cniVersion": "1.1.0", "name": "blue", "plugins": [{"type": "one"}]});
    let valid = Attachment { container_id: "valid".to_owned(), ifname: "eth0".to_owned() };
    let error = cni
        .gc(&NetworkConfig::from_value(now.clone()).unwrap(), &BTreeSet::from([valid]))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "GC of network blue: plugin one: disk (CNI code 5); it wrote \"said\""
    );
    assert_eq!(fake.called()[9..], ["DEL three", "DEL two", "DEL one", "GC one"]);
    assert_eq!(fake.calls.lock().unwrap()[9].1["CNI_CONTAINERID"], "stale");
    let list = json!([{"containerID": "valid", "ifname": "eth0"}]);
    assert_eq!(
        fake.stdin(12),
        json!({
            "cniVersion": "1.1.0", "name": "blue", "type": "one",
            "cni.dev/valid-attachments": list, "cni.dev/attachments": list,
        })
    );
    let left =
        |id: &str, name: &str| cache.path().join(format!("results/{name}-{id}-eth0")).exists();
    assert!(left("valid", "blue") && left("elsewhere", "other") && !left("stale", "blue"));

    // Where it is switched off, nothing is touched; before 1.1.0 only the cache is looked at.
    let gc = |field: &str, value: Value| {
        let mut network = now.clone();
        network[field] = value;
        cni.gc(&NetworkConfig::from_value(network).unwrap(), &BTreeSet::new())
    };
    gc("disableGC", json!(true)).unwrap();
    assert_eq!(fake.called().len(), 13);
    gc("cniVersion", json!("1.0.0")).unwrap();
    assert_eq!(fake.called()[13..], ["DEL three", "DEL two", "DEL one"]);
}

#[test]
fn plugins_are_found_in_the_first_folder_that_has_the_program() {
    let (first, second) = (plugins(), plugins());
    fs::remove_file(first.path().join("two")).unwrap();
    fs::create_dir(first.path().join("two")).unwrap();
    fs::set_permissions(first.path().join("three"), fs::Permissions::from_mode(0o644)).unwrap();
    let cni = Cni::new([first.path(), second.path()]);
    for (plugin, folder) in [("one", &first), ("two", &second), ("three", &second)] {
        assert_eq!(cni.find(plugin).unwrap(), folder.path().join(plugin));
    }
    for name in ["four", "../one", "", "."] {
        assert!(matches!(cni.find(name), Err(CallError::NotFound { .. })), "{name}");
    }
    let text = Cni::new(Vec::<PathBuf>::new()).find("one").unwrap_err().to_string();
    assert_eq!(
        text,
        "plugin one is not in any folder, as none is given: install it, or name its folder"
    );
}

#[test]
fn validate_wants_every_plugin_to_speak_the_version() {
    let speaks = |versions: Value| json!({"cniVersion": "1.1.0", "supportedVersions": versions});
    let (folder, fake) = (
        plugins(),
        Fake::with([
            ("VERSION one", 0, speaks(json!(["0.4.0", "1.0.0"]))),
            ("VERSION two", 1, json!({"code": 4, "msg": "unknown CNI_COMMAND: VERSION"})),
        ]),
    );
    let cni = cni(folder.path(), &fake);
    let failure = cni.validate(&network("1.0.0")).unwrap_err();
    assert_eq!(failure.position, 1);
    assert_eq!(
        failure.source.to_string(),
        "plugin two does not speak version 1.0.0 of the configuration, only 0.1.0"
    );
}
