#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::message::{
    LinuxPodSandboxStatus, Namespace, NamespaceOption, PodIp, PodSandboxNetworkStatus,
};

fn answer(state: PodSandboxState, info: Option<String>) -> PodSandboxStatusResponse {
    PodSandboxStatusResponse {
        status: Some(PodSandboxStatus {
            id: "abc".to_owned(),
            state: state.into(),
            ..Default::default()
        }),
        info: info.map(|info| (INFO.to_owned(), info)).into_iter().collect(),
    }
}

fn ready(info: Value) -> Sandbox {
    Sandbox::from_status(answer(PodSandboxState::Ready, Some(info.to_string()))).unwrap()
}

fn spec(namespaces: Value) -> Value {
    json!({ "linux": { "namespaces": namespaces } })
}

#[test]
fn containerd_and_crio_tell_the_path_in_the_runtime_spec() {
    let namespaces = json!([
        { "type": "pid" },
        { "type": "network", "path": "/var/run/netns/cni-1" },
        { "type": "ipc" },
    ]);
    let containerd = ready(json!({ "pid": 77, "processStatus": "running",
        "netNamespaceClosed": false, "runtimeSpec": spec(namespaces.clone()) }));
    assert_eq!(containerd.netns().unwrap(), Path::new("/var/run/netns/cni-1"));
    assert_eq!(containerd.pid, Some(77));
    // cri-o, when it runs no process for the sandbox.
    let crio = ready(json!({ "runtimeSpec": spec(namespaces) }));
    assert_eq!(crio.netns().unwrap(), Path::new("/var/run/netns/cni-1"));
    assert_eq!(crio.pid, None);
}

#[test]
fn without_a_path_the_namespace_is_that_of_the_process() {
    let network = json!([{ "type": "network" }]);
    let sandbox = ready(json!({ "pid": 77, "runtimeSpec": spec(network.clone()) }));
    assert_eq!(sandbox.netns().unwrap(), Path::new("/proc/77/ns/net"));
    let sandbox = ready(json!({ "pid": 0, "runtimeSpec": spec(network) }));
    assert_eq!(sandbox.network, Network::Unknown(Untold::Namespace));
}

#[test]
fn a_closed_namespace_is_not_handed_out() {
    let namespaces = spec(json!([{ "type": "network", "path": "/var/run/netns/cni-1" }]));
    let closed = ready(json!({ "netNamespaceClosed": true, "runtimeSpec": namespaces.clone() }));
    assert_eq!(closed.netns(), Err(NetnsError::Closed { id: "abc".to_owned() }));
    // cri-o tells by the state alone.
    let stopped = json!({ "pid": 0, "runtimeSpec": namespaces }).to_string();
    let stopped = Sandbox::from_status(answer(PodSandboxState::NotReady, Some(stopped))).unwrap();
    assert_eq!(stopped.network, Network::Closed);
    assert!(!stopped.ready);
}

#[test]
fn the_network_of_the_node_is_told_by_the_interface() {
    let mut answer = answer(PodSandboxState::Ready, None);
    let options = NamespaceOption { network: NamespaceMode::Node.into(), ..Default::default() };
    answer.status.as_mut().unwrap().linux =
        Some(LinuxPodSandboxStatus { namespaces: Some(Namespace { options: Some(options) }) });
    let sandbox = Sandbox::from_status(answer).unwrap();
    assert_eq!(sandbox.netns(), Err(NetnsError::Node { id: "abc".to_owned() }));
}

#[test]
fn what_is_not_told_is_an_error_that_says_what() {
    let none = Sandbox::from_status(answer(PodSandboxState::Ready, None)).unwrap();
    assert_eq!(none.network, Network::Unknown(Untold::Info));
    let text = Some("not json".to_owned());
    let text = Sandbox::from_status(answer(PodSandboxState::Ready, text)).unwrap();
    assert!(matches!(text.network, Network::Unknown(Untold::Json(_))), "{text:?}");
    for info in [
        json!({}),
        json!({ "runtimeSpec": null, "pid": null }),
        json!({ "runtimeSpec": { "linux": { "namespaces": null } } }),
        json!({ "runtimeSpec": spec(json!([{ "type": "pid", "path": "/x" }])) }),
    ] {
        assert_eq!(ready(info).network, Network::Unknown(Untold::Namespace));
    }
    let relative = spec(json!([{ "type": "network", "path": "../netns/x" }]));
    let relative = ready(json!({ "runtimeSpec": relative }));
    assert_eq!(relative.network, Network::Unknown(Untold::Path("../netns/x".into())));
}

#[test]
fn all_addresses_are_told() {
    let mut answer = answer(PodSandboxState::Ready, None);
    let also = |ip: &str| PodIp { ip: ip.to_owned() };
    answer.status.as_mut().unwrap().network = Some(PodSandboxNetworkStatus {
        ip: "10.1.0.2".to_owned(),
        additional_ips: vec![also("fd00::2"), also("")],
    });
    let sandbox = Sandbox::from_status(answer).unwrap();
    let expected: Vec<IpAddr> = vec!["10.1.0.2".parse().unwrap(), "fd00::2".parse().unwrap()];
    assert_eq!(sandbox.addresses, expected);
}
