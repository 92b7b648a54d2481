#![allow(clippy::unwrap_used)]

use super::*;
use crate::annotation::parse;

fn network(plugins: &Value) -> NetworkConfig {
    let list = json!({"cniVersion": "1.0.0", "name": "l2", "plugins": plugins});
    NetworkConfig::from_value(list).unwrap()
}

fn join(
    kaloom: Option<&str>,
    standard: Option<&str>,
    plugins: &Value,
    device: Option<&str>,
) -> Result<Attachment, CapabilityMissing> {
    let requests = parse(kaloom, standard);
    assert_eq!(requests.void, []);
    let request = &requests.list[0];
    let key = NetworkKey::new(request.dialect, "shop", &request.network).unwrap();
    Attachment::new(request, key, &network(plugins), device)
}

fn of_standard(element: &Value, plugins: &Value) -> Result<Attachment, CapabilityMissing> {
    join(None, Some(&json!([element]).to_string()), plugins, None)
}

#[test]
fn values_go_to_the_capabilities_that_some_plugin_declares() {
    let able = json!([{"type": "bridge"}, {"type": "tuning", "capabilities": {
        "mac": true, "ips": true, "portMappings": true, "bandwidth": true, "infinibandGUID": true,
    }}]);
    let ask = json!({"name": "l2", "mac": "02:00:00:00:00:01", "ips": ["192.0.2.5/24"],
        "portMappings": [{"hostPort": 1, "containerPort": 2}], "bandwidth": {"ingressRate": 3},
        "infiniband-guid": "c2:11:22:33:44:55:66:77"});
    let attachment = of_standard(&ask, &able).unwrap();
    assert_eq!(
        Value::Object(attachment.capability_args),
        json!({"mac": "02:00:00:00:00:01", "ips": ["192.0.2.5/24"],
            "portMappings": [{"hostPort": 1, "containerPort": 2}], "bandwidth": {"ingressRate": 3},
            "infinibandGUID": "c2:11:22:33:44:55:66:77"})
    );
    let unable = json!([{"type": "bridge", "capabilities": {"mac": false}}]);
    for (field, capability) in [
        ("mac", "mac"),
        ("ips", "ips"),
        ("portMappings", "portMappings"),
        ("bandwidth", "bandwidth"),
        ("infiniband-guid", "infinibandGUID"),
    ] {
        let one = json!({"name": "l2", field: ask[field]});
        let error = of_standard(&one, &unable).unwrap_err();
        assert_eq!((error.field, error.capability), (field, capability));
        assert!(error.to_string().contains(&format!("[0].{field}")), "{error}");
    }
}

#[test]
fn a_mac_of_kaloom_is_an_argument_and_where_declared_a_capability() {
    let ask = r#"[{"name":"l2","ifMac":"02:00:00:00:00:01"}]"#;
    let unable = join(Some(ask), None, &json!([{"type": "vlan"}]), None).unwrap();
    assert!(unable.capability_args.is_empty());
    let able = json!([{"type": "bridge", "capabilities": {"mac": true}}]);
    let able = join(Some(ask), None, &able, None).unwrap();
    assert_eq!(able.capability_args["mac"], "02:00:00:00:00:01");
    let pod = Pod::new("shop", "web-0", "u1").unwrap();
    let args = unable.args(&pod, &SandboxId::new("s1").unwrap()).unwrap();
    assert_eq!(
        args.to_string(),
        "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=s1;K8S_POD_UID=u1;K8S_POD_NETWORK=l2;K8S_POD_IFMAC=02:00:00:00:00:01;CNI_IFMAC=02:00:00:00:00:01;MAC=02:00:00:00:00:01"
    );
}

#[test]
fn arguments_and_devices_reach_every_plugin() {
    let plugins = json!([{"type": "sriov", "capabilities": {"deviceID": true},
                          "args": {"cni": {"kept": 1, "a": 0}, "own": 2}},
                         {"type": "tuning", "args": "no object"}]);
    let ask = json!([{"name": "l2", "cni-args": {"a": {"b": 1}}, "ipam-claim-reference": "claim"}]);
    let attachment = join(None, Some(&ask.to_string()), &plugins, Some("0000:03:02.0")).unwrap();
    let first = &attachment.config["plugins"][0];
    assert_eq!(first["deviceID"], "0000:03:02.0");
    assert_eq!(
        first["args"],
        json!({"cni": {"kept": 1, "a": {"b": 1}, "ipam-claim-reference": "claim"}, "own": 2})
    );
    let second = &attachment.config["plugins"][1];
    assert_eq!(second["args"]["cni"]["a"], json!({"b": 1}));
    assert_eq!(
        Value::Object(attachment.capability_args.clone()),
        json!({"deviceID": "0000:03:02.0"})
    );
    attachment.network_config().unwrap();
    // What the kubelet has decided is no error for a plugin that knows no devices.
    let attachment = join(None, Some("l2"), &json!([{"type": "x"}]), Some("given")).unwrap();
    assert_eq!(attachment.config["plugins"][0]["deviceID"], "given");
    assert!(attachment.capability_args.is_empty());
}

/// `host-device` would move any device of the node into the pod.
#[test]
fn a_device_of_the_pods_own_choice_needs_a_network_that_lets_it_choose() {
    let ask = json!({"name": "l2", "deviceID": "0000:00:03.0"});
    let fixed = json!([{"type": "host-device", "deviceID": "0000:00:05.0"}]);
    let error = of_standard(&ask, &fixed).unwrap_err();
    assert_eq!((error.field, error.capability), ("deviceID", "deviceID"));
    let open = json!([{"type": "host-device", "capabilities": {"deviceID": true}}]);
    let attachment = of_standard(&ask, &open).unwrap();
    assert_eq!(attachment.config["plugins"][0]["deviceID"], Value::Null);
    assert_eq!(attachment.capability_args["deviceID"], "0000:00:03.0");
    // What the kubelet has allocated goes first.
    let attachment = join(None, Some(&json!([ask]).to_string()), &open, Some("given")).unwrap();
    assert_eq!(attachment.capability_args["deviceID"], "given");
}

#[test]
fn a_digest_changes_with_what_makes_a_difference_and_only_then() {
    let plugins = json!([{"type": "bridge", "mtu": 1500, "capabilities": {"mac": true, "ips": true, "deviceID": true}}]);
    let base = of_standard(&json!({"name": "l2"}), &plugins).unwrap().digest;
    let other_order = json!([{"capabilities": {"ips": true, "deviceID": true, "mac": true}, "mtu": 1500, "type": "bridge"}]);
    let same = json!({"name": "l2", "interface": "data0"});
    assert_eq!(of_standard(&same, &other_order).unwrap().digest, base);
    for ask in [
        json!({"name": "l2", "mac": "02:00:00:00:00:01"}),
        json!({"name": "l2", "ips": ["192.0.2.5/24"]}),
        json!({"name": "l2", "default-route": []}),
        json!({"name": "l2", "cni-args": {"a": 1}}),
        json!({"name": "l2", "deviceID": "x"}),
        json!({"name": "l3"}),
    ] {
        assert_ne!(of_standard(&ask, &plugins).unwrap().digest, base, "{ask}");
    }
    let mtu = json!([{"type": "bridge", "mtu": 9000, "capabilities": {"mac": true, "ips": true, "deviceID": true}}]);
    assert_ne!(of_standard(&json!({"name": "l2"}), &mtu).unwrap().digest, base);
}

#[test]
fn the_digest_does_not_depend_on_how_a_program_keeps_objects() {
    // Written in the order of one program, read in that of another: both sort first.
    let (one, other) = (r#"{"b":[{"d":1,"c":2}],"a":null}"#, r#"{"a":null,"b":[{"c":2,"d":1}]}"#);
    let digest = |text: &str| digest(&serde_json::from_str(text).unwrap());
    assert_eq!(digest(one), digest(other));
    assert_ne!(digest("[1,2]"), digest("[2,1]"));
}
