#![allow(clippy::unwrap_used)]

use std::io::BufReader;

use kubewright_cni::{ErrorCode, Version};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn container() -> Container {
    Container {
        container_id: "c0ffee".to_owned(),
        netns: Some("/var/run/netns/cni-1".into()),
        ifname: "eth0".to_owned(),
        args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=8a3c"
            .parse()
            .unwrap(),
    }
}

fn request(call: Call) -> Request {
    let config = object(json!({"cniVersion": "1.0.0", "name": "k", "type": "kubewright-cni"}));
    Request { call, plugin_dirs: vec!["/opt/cni/bin".into()], config }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn a_request_is_one_flat_line_of_json() {
    let line = request(Call::Add(container())).to_line().unwrap();
    assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
    let value: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(
        value,
        json!({
            "protocol": 1,
            "command": "ADD",
            "containerId": "c0ffee",
            "netns": "/var/run/netns/cni-1",
            "ifname": "eth0",
            "args": [
                ["IgnoreUnknown", "1"],
                ["K8S_POD_NAMESPACE", "default"],
                ["K8S_POD_NAME", "web-0"],
                ["K8S_POD_UID", "8a3c"],
            ],
            "pluginDirs": ["/opt/cni/bin"],
            "config": {"cniVersion": "1.0.0", "name": "k", "type": "kubewright-cni"},
        })
    );
}

#[test]
fn every_call_comes_back_as_it_was() {
    let valid = Attachment { container_id: "a1".to_owned(), ifname: "eth0".to_owned() };
    let calls = [
        Call::Add(container()),
        Call::Del(Container { netns: None, args: CniArgs::new(), ..container() }),
        Call::Check(container()),
        Call::Status,
        Call::Gc(Valid { valid_attachments: BTreeSet::from([valid]) }),
        Call::Gc(Valid::default()),
    ];
    for call in calls {
        let sent = request(call);
        assert_eq!(Request::from_line(&sent.to_line().unwrap()).unwrap(), sent);
    }
}

#[test]
fn every_reply_comes_back_as_it_was() {
    let failure = CniError::new(ErrorCode::TryAgainLater, "later\nplease");
    let result =
        json!({"cniVersion": "0.3.1", "ips": [{"version": "4", "address": "10.0.0.2/24"}]});
    let result = CniResult::from_value(result, Version::CURRENT).unwrap();
    for reply in [Reply::Result(Some(result)), Reply::Result(None), Reply::Error(failure)] {
        let mut line = Vec::new();
        write_reply(&mut line, &reply).unwrap();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(read_reply(&mut line.as_slice()).unwrap(), reply);
    }
}

#[test]
fn fields_of_a_later_agent_are_ignored() {
    let reply = Reply::from_line(br#"{"protocol":1,"result":null,"took":3}"#);
    assert!(matches!(reply, Ok(Reply::Result(None))), "{reply:?}");
    let request = Request::from_line(
        br#"{"protocol":1,"command":"STATUS","pluginDirs":[],"config":{},"color":"red"}"#,
    );
    assert_eq!(request.unwrap().call, Call::Status);
}

#[test]
fn another_version_is_refused_by_number_whatever_else_it_says() {
    let error = Request::from_line(br#"{"protocol":2,"verb":"add"}"#).unwrap_err();
    assert!(matches!(error, ProtocolError::Version { theirs: 2 }), "{error}");
    assert!(error.to_string().contains("kubewright podnet install"), "{error}");
}

#[test]
fn the_pod_is_read_from_the_arguments() {
    let mut container = container();
    let pod = Pod { namespace: "default", name: "web-0", uid: Some("8a3c") };
    assert_eq!(container.pod(), Some(pod));
    container.args = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=".parse().unwrap();
    assert_eq!(container.pod(), Some(Pod { uid: None, ..pod }));
    container.args = "K8S_POD_NAMESPACE=default".parse().unwrap();
    assert_eq!(container.pod(), None);
}

#[test]
fn words_that_could_do_harm_are_refused() {
    let spoil = |field: &str, value: Value| {
        let mut line = serde_json::to_value(request(Call::Del(container()))).unwrap();
        line["protocol"] = json!(PROTOCOL);
        line[field] = value;
        Request::from_line(line.to_string().as_bytes())
    };
    assert!(spoil("ifname", json!("eth0")).is_ok());
    for (field, value) in [
        ("containerId", json!("../../etc/passwd")),
        ("containerId", json!("")),
        ("containerId", json!("a".repeat(256))),
        ("ifname", json!("..")),
        ("ifname", json!("sixteen-letters-")),
        ("ifname", json!("a b")),
        ("netns", json!("run/netns/x")),
        ("netns", json!("/run/netns/../../x")),
        ("pluginDirs", json!(["bin"])),
    ] {
        let error = spoil(field, value.clone()).unwrap_err();
        assert!(matches!(error, ProtocolError::Invalid(_)), "{field} {value}: {error}");
    }
    let injected = json!([["K8S_POD_NETWORK", "a;K8S_POD_UID=0"]]);
    assert!(matches!(spoil("args", injected), Err(ProtocolError::Malformed { .. })));
}

#[test]
fn the_runtime_configuration_has_the_capabilities_of_the_configuration() {
    let mut request = request(Call::Status);
    request.config.insert("runtimeConfig".to_owned(), json!({"portMappings": []}));
    let runtime = request.runtime(&container()).unwrap();
    assert_eq!(runtime.container_id(), "c0ffee");
    assert_eq!(runtime.args.get("K8S_POD_NAME"), Some("web-0"));
    assert_eq!(Value::Object(runtime.capability_args), json!({"portMappings": []}));
}

#[test]
fn nothing_of_a_configuration_shows_in_debug_or_errors() {
    let mut request = request(Call::Status);
    request.config.insert("password".to_owned(), json!("s3cret"));
    assert!(!format!("{request:?}").contains("s3cret"));
    for line in [
        r#"{"protocol":1,"command":"s3cret","config":{}}"#,
        r#"{"protocol":1,"command":"STATUS","config":{"password":"s3cret"},"pluginDirs":"s3cret"}"#,
        r#"{"protocol":"s3cret"}"#,
        r#"{"protocol":1,"s3cret"#,
    ] {
        let error = Request::from_line(line.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}

#[test]
fn no_message_is_longer_than_the_limit() {
    let mut long = request(Call::Status);
    long.config.insert("x".to_owned(), json!("x".repeat(MAX_LINE)));
    assert!(matches!(long.to_line(), Err(ProtocolError::TooLong)));
    let endless = std::io::repeat(b' ');
    let read = read_request(&mut BufReader::new(endless));
    assert!(matches!(read, Err(ProtocolError::TooLong)));
}

#[test]
fn a_message_cut_short_is_not_taken_for_a_whole_one() {
    let line = request(Call::Status).to_line().unwrap();
    let cut = &line[..line.len() - 1];
    assert!(matches!(read_request(&mut &cut[..]), Err(ProtocolError::Closed(_))));
}

proptest! {
    #[test]
    fn no_line_upsets_the_reader(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Request::from_line(&line);
        let _ = Reply::from_line(&line);
    }
}
