//! The plugin as a process, with an agent on the other side of its socket, or none.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use kubewright_attachment::protocol::{Call, Reply, Request, read_request, write_reply};
use kubewright_cni::{CniError, CniResult, ErrorCode, Version};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A node with a socket of its own.
struct Node {
    dir: TempDir,
}

impl Node {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("cni.sock")
    }

    fn config(&self) -> Value {
        json!({
            "cniVersion": "1.1.0",
            "name": "kubewright",
            "type": "kubewright-cni",
            "socket": self.socket(),
            "stateDir": self.dir.path().join("state"),
            "confDir": self.dir.path().join("net.d"),
            "password": "s3cret",
        })
    }

    /// An agent that answers one question.
    fn agent(&self, reply: Reply) -> JoinHandle<Request> {
        let listener = UnixListener::bind(self.socket()).unwrap();
        thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let request = read_request(&mut BufReader::new(&stream)).unwrap();
            write_reply(&mut &stream, &reply).unwrap();
            request
        })
    }
}

/// Calls the plugin as a runtime does.
fn call(command: &str, config: &Value) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubewright-cni"))
        .env_clear()
        .env("CNI_COMMAND", command)
        .env("CNI_CONTAINERID", "c0ffee")
        .env("CNI_NETNS", "/run/netns/cni-1")
        .env("CNI_IFNAME", "eth0")
        .env(
            "CNI_ARGS",
            "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=u-1",
        )
        .env("CNI_PATH", "/opt/cni/bin:/usr/lib/cni")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that fails early may not read it.
    let _ = child.stdin.take().unwrap().write_all(config.to_string().as_bytes());
    child.wait_with_output().unwrap()
}

/// The error on standard output, as the specification wants it: JSON, and a status that is not 0.
fn error(output: &Output) -> CniError {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("s3cret"), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn add_hands_everything_to_the_agent_and_prints_its_result() {
    let node = Node::new();
    let answer = json!({"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "mtu": 1450}],
        "ips": [{"address": "10.0.0.2/24", "interface": 0}]});
    let result = CniResult::from_value(answer, Version::V1_1_0).unwrap();
    let agent = node.agent(Reply::Result(Some(result)));
    let mut config = node.config();
    config["cniVersion"] = json!("0.3.1");
    config["runtimeConfig"] = json!({"portMappings": [{"hostPort": 80, "containerPort": 80}]});
    let output = call("ADD", &config);
    assert!(output.status.success(), "{output:?}");

    // In the version of the configuration, whatever the agent's.
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["cniVersion"], "0.3.1");
    assert_eq!(printed["interfaces"], json!([{"name": "eth0"}]));
    assert_eq!(printed["ips"], json!([{"address": "10.0.0.2/24", "interface": 0, "version": "4"}]));

    let request = agent.join().unwrap();
    let Call::Add(container) = &request.call else { panic!("{request:?}") };
    assert_eq!(container.netns, Some("/run/netns/cni-1".into()));
    assert_eq!(container.pod().unwrap().uid, Some("u-1"));
    assert_eq!(request.plugin_dirs, [PathBuf::from("/opt/cni/bin"), "/usr/lib/cni".into()]);
    assert_eq!(request.runtime(container).unwrap().capability_args.len(), 1);
    assert_eq!(Value::Object(request.config), config);
}

#[test]
fn the_others_print_nothing_when_they_are_done() {
    for command in ["DEL", "CHECK", "STATUS", "GC"] {
        let node = Node::new();
        let agent = node.agent(Reply::Result(None));
        let mut config = node.config();
        config["cni.dev/valid-attachments"] = json!([{"containerID": "a1", "ifname": "eth0"}]);
        let output = call(command, &config);
        assert!(output.status.success() && output.stdout.is_empty(), "{command}: {output:?}");
        let request = agent.join().unwrap();
        match (command, request.call) {
            ("DEL", Call::Del(_)) | ("CHECK", Call::Check(_)) | ("STATUS", Call::Status) => {}
            ("GC", Call::Gc(valid)) => assert_eq!(valid.valid_attachments.len(), 1),
            (_, other) => panic!("{command} became {other:?}"),
        }
    }
}

#[test]
fn a_failure_of_the_agent_is_printed_as_it_is() {
    let node = Node::new();
    let failure = CniError {
        details: "network red: no address left".to_owned(),
        ..CniError::new(ErrorCode::Other(117), "attaching failed")
    };
    let agent = node.agent(Reply::Error(failure.clone()));
    let printed = error(&call("ADD", &node.config()));
    assert_eq!(printed, CniError { cni_version: "1.1.0".to_owned(), ..failure });
    agent.join().unwrap();
}

#[test]
fn without_an_agent_add_asks_to_try_again_later() {
    let node = Node::new();
    let printed = error(&call("ADD", &node.config()));
    assert_eq!(printed.code, ErrorCode::TryAgainLater, "{printed}");
    assert!(printed.msg.contains("agent is not serving"), "{printed}");
    assert!(printed.msg.contains("cni.sock"), "{printed}");
}

#[test]
fn without_an_agent_status_says_that_add_is_not_available() {
    let node = Node::new();
    assert_eq!(error(&call("STATUS", &node.config())).code, ErrorCode::NotAvailable);
}

#[test]
fn an_agent_that_dies_over_the_question_is_tried_again() {
    for (command, code) in [
        ("ADD", ErrorCode::TryAgainLater),
        ("DEL", ErrorCode::TryAgainLater),
        ("STATUS", ErrorCode::NotAvailable),
    ] {
        let node = Node::new();
        let listener = UnixListener::bind(node.socket()).unwrap();
        let agent = thread::spawn(move || drop(listener.accept().unwrap()));
        assert_eq!(error(&call(command, &node.config())).code, code, "{command}");
        agent.join().unwrap();
    }
}

#[test]
fn version_needs_no_agent() {
    let output = call("VERSION", &json!({"cniVersion": "1.0.0"}));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let versions = json!(["0.3.1", "0.4.0", "1.0.0", "1.1.0"]);
    assert_eq!(printed, json!({"cniVersion": "1.0.0", "supportedVersions": versions}));
    let mut config = Node::new().config();
    config["cniVersion"] = json!("0.2.0");
    assert_eq!(error(&call("ADD", &config)).code, ErrorCode::IncompatibleVersion);
}

#[test]
fn behind_another_plugin_it_refuses_to_add() {
    let node = Node::new();
    let mut config = node.config();
    config["prevResult"] = json!({"cniVersion": "1.1.0", "interfaces": []});
    let printed = error(&call("ADD", &config));
    assert_eq!(printed.code, ErrorCode::InvalidConfig);
    assert!(printed.msg.contains("only plugin of its list"), "{printed}");

    // DEL is always given the result of ADD.
    let agent = node.agent(Reply::Result(None));
    assert!(call("DEL", &config).status.success());
    agent.join().unwrap();
}

#[test]
fn nothing_of_the_configuration_shows_in_an_error() {
    let node = Node::new();
    let spoilt = [
        ("socket", json!("s3cret")),
        ("socket", json!(["s3cret"])),
        ("stateDir", json!({"key": "s3cret"})),
        ("name", json!(["s3cret"])),
        ("cniVersion", json!(["s3cret"])),
        ("prevResult", json!("s3cret")),
        ("prevResult", json!({"cniVersion": "1.1.0", "ips": "s3cret"})),
        ("runtimeConfig", json!("s3cret")),
    ];
    for (field, value) in spoilt {
        let mut config = node.config();
        config[field] = value;
        // `error` looks for it.
        error(&call("ADD", &config));
    }
    for config in [json!("s3cret"), json!(["s3cret"])] {
        assert_eq!(error(&call("ADD", &config)).code, ErrorCode::DecodingFailure);
    }
}
