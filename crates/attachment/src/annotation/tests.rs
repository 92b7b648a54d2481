#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn kaloom(text: &str) -> Requests {
    parse(Some(text), None)
}

fn standard(text: &str) -> Requests {
    parse(None, Some(text))
}

fn names(requests: &Requests) -> Vec<&str> {
    assert_eq!(requests.void, []);
    requests.list.iter().map(|request| request.network.as_str()).collect()
}

/// The error, from `[` or the fault on.
fn void(requests: &Requests) -> String {
    assert_eq!(requests.list, [], "nothing of a void annotation is followed");
    let [error] = &requests.void[..] else { panic!("{:?}", requests.void) };
    let text = error.to_string();
    let start = format!("annotation {} is void: ", error.dialect);
    text.strip_prefix(&start).unwrap().to_owned()
}

#[test]
fn kaloom_leaves_the_primary_and_what_asks_to_be_skipped() {
    let requests = kaloom(
        r#"[{"name":"green","ifMac":"02-AA-00-00-00-01","upperLayers":[{"x":1}],"namespace":"blue"},
            {"name":"main","isPrimary":true},{"name":"other","podagentSkip":true},
            {"name":"red","isPrimary":false,"podagentSkip":null}]"#,
    );
    assert_eq!(names(&requests), ["green", "red"]);
    let green = &requests.list[0];
    assert_eq!(green.mac.unwrap().to_string(), "02:aa:00:00:00:01");
    assert_eq!(green.namespace.as_deref(), Some("blue"));
    assert_eq!(requests.list[1].element, 3);
}

#[test]
fn an_error_names_element_and_field() {
    let cases = [
        (r#"[{"name":"a"},{"name":"/../../x"}]"#, "[1].name: network name"),
        (r#"[{"name":"a;K8S_POD_NAME=b"}]"#, "[0].name: network name"),
        (r#"[{}]"#, "[0].name: is missing"),
        (r#"[{"name":7}]"#, "[0].name: must be a string, not a number"),
        (r#"[{"name":"a","ifMac":"zz"}]"#, "[0].ifMac: \"zz\" is not a hardware address"),
        (r#"[{"name":"a","isPrimary":"yes"}]"#, "[0].isPrimary: must be true or false"),
        (r#"["a"]"#, "[0]: must be an object, not a string"),
        (r#"{"name":"a"}"#, "must be an array, not an object"),
        (r#"[{"name":"#, "not JSON"),
    ];
    for (text, start) in cases {
        let error = void(&kaloom(text));
        assert!(error.starts_with(start), "{text}: {error}");
    }
    let cases = [
        ("a,b@lo", "[1].interface"),
        ("a,", "[1].name: is missing"),
        ("a@eth0", "[0].interface"),
        ("ns/a/b", "[0].name"),
        ("Ns/a", "[0].namespace"),
        ("a@", "[0].interface"),
        ("a@x@y z", "[0].interface"),
        ("a@net%d", "[0].interface"),
        (r#"[{"name":"a","interface":"net%d"}]"#, "[0].interface"),
        (r#"[{"name":"a","interface":"a/b"}]"#, "[0].interface"),
        (r#"[{"name":"a","ips":"192.0.2.1"}]"#, "[0].ips: must be an array"),
        (r#"[{"name":"a","ips":["192.0.2.1/33"]}]"#, "[0].ips[0]"),
        (r#"[{"name":"a","ips":["192.0.2.1/+4"]}]"#, "[0].ips[0]"),
        (
            r#"[{"name":"a","mac":"01:00:00:00:00:01"}]"#,
            "[0].mac: 01:00:00:00:00:01 is not the address of an interface",
        ),
        (r#"[{"name":"a","default-route":["x"]}]"#, "[0].default-route[0]"),
        (
            r#"[{"name":"a","default-route":[]},{"name":"b","default-route":["192.0.2.1"]}]"#,
            "[1].default-route: [0] has one",
        ),
        (r#"[{"name":"a","cni-args":[]}]"#, "[0].cni-args"),
        (
            r#"[{"name":"a","portMappings":[{"hostPort":0,"containerPort":80}]}]"#,
            "[0].portMappings[0].hostPort",
        ),
        (
            r#"[{"name":"a","portMappings":[{"hostPort":80,"containerPort":80,"protocol":"icmp"}]}]"#,
            "[0].portMappings[0].protocol",
        ),
        (r#"[{"name":"a","bandwidth":{"ingressRate":-1}}]"#, "[0].bandwidth.ingressRate"),
        (r#"[{"name":"a","infiniband-guid":"c2"}]"#, "[0].infiniband-guid"),
        (r#"[{"name":"a","deviceID":"../x"}]"#, "[0].deviceID"),
        (r#"[{"name":"a","ipam-claim-reference":"A"}]"#, "[0].ipam-claim-reference"),
    ];
    for (text, start) in cases {
        let error = void(&standard(text));
        assert!(error.starts_with(start), "{text}: {error}");
    }
}

#[test]
fn what_asks_for_more_networks_than_anyone_needs_is_void() {
    let names = |count: usize| (0..count).map(|n| format!("n{n}")).collect::<Vec<_>>();
    let json = |count: usize| {
        let elements = names(count).into_iter().map(|name| json!({ "name": name }));
        elements.collect::<Value>().to_string()
    };
    for count in [64, 65] {
        let all = [
            parse(None, Some(&names(count).join(","))),
            parse(None, Some(&json(count))),
            parse(Some(&json(count)), None),
        ];
        for requests in all {
            let void: Vec<String> = requests.void.iter().map(ToString::to_string).collect();
            assert_eq!(
                (requests.list.len(), void.len()),
                if count == 64 { (64, 0) } else { (0, 1) }
            );
            assert!(void.iter().all(|it| it.contains("65 elements, and at most 64")), "{void:?}");
        }
    }
}

#[test]
fn the_short_form_takes_namespace_and_interface() {
    let requests = standard(" l2 , rec2/l2@o0,l2@data0 ");
    assert_eq!(names(&requests), ["l2", "l2", "l2"]);
    let rows: Vec<_> = requests
        .list
        .iter()
        .map(|r| (r.namespace.as_deref(), r.interface.as_ref().map(InterfaceName::as_str)))
        .collect();
    assert_eq!(rows, [(None, None), (Some("rec2"), Some("o0")), (None, Some("data0"))]);
}

#[test]
fn every_field_of_the_standard_is_read() {
    let text = json!([{
        "name": "net", "namespace": "ns", "interface": "data0",
        "ips": ["192.0.2.5/24", "2001:db8::5"], "mac": "02:00:00:00:00:77",
        "default-route": ["192.0.2.1"], "cni-args": {"a": {"b": 1}},
        "portMappings": [{"hostPort": 80, "containerPort": 8080, "protocol": "TCP"}],
        "bandwidth": {"ingressRate": 1000, "ingressBurst": 2000},
        "infiniband-guid": "C2:11:22:33:44:55:66:77", "ipam-claim-reference": "claim",
        "deviceID": "0000:03:02.0", "unknown": true,
    }]);
    let requests = standard(&text.to_string());
    assert_eq!(names(&requests), ["net"]);
    let expected = Request {
        namespace: Some("ns".into()),
        interface: Some(InterfaceName::new("data0").unwrap()),
        mac: Some("02:00:00:00:00:77".parse().unwrap()),
        ips: vec!["192.0.2.5/24".into(), "2001:db8::5".into()],
        default_route: Some(vec!["192.0.2.1".parse().unwrap()]),
        cni_args: text[0]["cni-args"].as_object().unwrap().clone(),
        port_mappings: text[0]["portMappings"].as_array().unwrap().clone(),
        bandwidth: Some(text[0]["bandwidth"].clone()),
        infiniband_guid: Some("c2:11:22:33:44:55:66:77".into()),
        ipam_claim: Some("claim".into()),
        device_id: Some("0000:03:02.0".into()),
        ..Request::plain(Dialect::Standard, 0, "net".into())
    };
    assert_eq!(requests.list, [expected]);
}

#[test]
fn both_dialects_may_be_there_and_one_void_leaves_the_other() {
    let requests = parse(Some(r#"[{"name":"green"}]"#), Some("l2"));
    assert_eq!(names(&requests), ["green", "l2"]);
    let requests = parse(Some("oops"), Some("l2"));
    assert_eq!(requests.list.len(), 1);
    assert_eq!(requests.void[0].dialect, Dialect::Kaloom);
    assert_eq!(parse(None, None), Requests::default());
    assert_eq!(parse(Some(" "), Some("")), Requests::default());
}

#[test]
fn annotations_of_the_recordings_are_read_as_the_peer_reads_them() {
    for text in ["l2", "l2@data0", "l2,l2", "rec2/l2@o0"] {
        assert_eq!(standard(text).void, [], "{text}");
    }
    assert_eq!(void(&standard("[{\"name\":")).split(':').next(), Some("not JSON"));
}

proptest! {
    #[test]
    fn no_annotation_panics_and_no_name_escapes(text in ".{0,60}") {
        for requests in [kaloom(&text), standard(&text)] {
            for request in requests.list {
                prop_assert!(crate::name::check_network(&request.network).is_ok());
            }
        }
    }

    #[test]
    fn no_json_panics(name in ".{0,12}", mac in ".{0,20}", ip in ".{0,20}", interface in ".{0,18}") {
        let text = json!([{
            "name": name, "ifMac": mac, "mac": mac, "ips": [ip], "interface": interface,
            "default-route": [ip], "deviceID": name, "infiniband-guid": mac,
        }]).to_string();
        for requests in [kaloom(&text), standard(&text)] {
            for request in requests.list {
                prop_assert!(!request.network.contains(['/', ';']));
            }
        }
    }
}
