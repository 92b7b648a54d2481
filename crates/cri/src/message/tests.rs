//! Bytes as the definition demands them, written out by hand: key (number << 3 | wire type), then
//! the value.

#![allow(clippy::unwrap_used)]

use prost::Message as _;

use super::*;

#[test]
fn a_filter_has_the_numbers_of_the_definition() {
    let filter = PodSandboxFilter {
        id: "a".to_owned(),
        state: Some(PodSandboxStateValue { state: PodSandboxState::NotReady.into() }),
        label_selector: [("k".to_owned(), "v".to_owned())].into(),
    };
    let request = ListPodSandboxRequest { filter: Some(filter) };
    let expected = [
        &[0x0a, 15][..],                          // 1: filter
        &[0x0a, 1, b'a'],                         // 1: id
        &[0x12, 2, 0x08, 1],                      // 2: state { 1: SANDBOX_NOTREADY }
        &[0x1a, 6, 0x0a, 1, b'k', 0x12, 1, b'v'], // 3: label_selector
    ]
    .concat();
    assert_eq!(request.encode_to_vec(), expected);
}

#[test]
fn a_configuration_has_the_numbers_of_the_definition() {
    let options = NamespaceOption { network: NamespaceMode::Node.into(), ..Default::default() };
    let config = PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: "n".to_owned(),
            uid: "u".to_owned(),
            namespace: "s".to_owned(),
            attempt: 3,
        }),
        hostname: "h".to_owned(),
        log_directory: "l".to_owned(),
        port_mappings: vec![PortMapping {
            protocol: Protocol::Udp.into(),
            container_port: 53,
            host_port: 54,
            host_ip: "i".to_owned(),
        }],
        labels: [("k".to_owned(), "v".to_owned())].into(),
        annotations: [("a".to_owned(), "b".to_owned())].into(),
        linux: Some(LinuxPodSandboxConfig {
            cgroup_parent: "c".to_owned(),
            security_context: Some(LinuxSandboxSecurityContext {
                namespace_options: Some(options),
            }),
            sysctls: [("x".to_owned(), "y".to_owned())].into(),
        }),
    };
    let expected = [
        &[0x0a, 11, 0x0a, 1, b'n', 0x12, 1, b'u', 0x1a, 1, b's', 0x20, 3][..], // 1: metadata
        &[0x12, 1, b'h'],                                                      // 2: hostname
        &[0x1a, 1, b'l'],                                                      // 3: log_directory
        &[0x2a, 9, 0x08, 1, 0x10, 53, 0x18, 54, 0x22, 1, b'i'],                // 5: port_mappings
        &[0x32, 6, 0x0a, 1, b'k', 0x12, 1, b'v'],                              // 6: labels
        &[0x3a, 6, 0x0a, 1, b'a', 0x12, 1, b'b'],                              // 7: annotations
        &[0x42, 17],                                                           // 8: linux
        &[0x0a, 1, b'c'],                                                      //   1: cgroup_parent
        &[0x12, 4, 0x0a, 2, 0x08, 2], // 2: security_context { 1: options { 1: NODE } }
        &[0x1a, 6, 0x0a, 1, b'x', 0x12, 1, b'y'], // 3: sysctls
    ]
    .concat();
    assert_eq!(config.encode_to_vec(), expected);
}

#[test]
fn a_status_of_a_newer_runtime_is_read() {
    let bytes = [
        &[0x0a, 33][..],                                   // 1: status
        &[0x0a, 1, b'a'],                                  //   1: id
        &[0x18, 1],                                        //   3: SANDBOX_NOTREADY
        &[0x20, 9],                                        //   4: created_at
        &[0x2a, 8, 0x0a, 1, b'i', 0x12, 3, 0x0a, 1, b'j'], // 5: network { 1: ip, 2: additional }
        &[0x32, 6, 0x0a, 4, 0x12, 2, 0x08, 2], //   6: linux { 1: namespaces { 2: options } }
        &[0x4a, 1, b'r'],                      //   9: runtime_handler
        &[0x7a, 3, b'n', b'e', b'w'],          //   15: not in any definition yet
        &[0x12, 6, 0x0a, 1, b'k', 0x12, 1, b'v'], // 2: info
        &[0x20, 7],                            // 4: timestamp, which is not needed here
    ]
    .concat();
    let answer = PodSandboxStatusResponse::decode(bytes.as_slice()).unwrap();
    let status = answer.status.unwrap();
    assert_eq!((status.id.as_str(), status.state, status.created_at), ("a", 1, 9));
    assert_eq!(status.runtime_handler, "r");
    let network = status.network.unwrap();
    assert_eq!((network.ip.as_str(), network.additional_ips[0].ip.as_str()), ("i", "j"));
    let options = status.linux.unwrap().namespaces.unwrap().options.unwrap();
    assert_eq!(options.network(), NamespaceMode::Node);
    assert_eq!(answer.info["k"], "v");
}

#[test]
fn a_container_has_the_numbers_of_the_definition() {
    let container = Container {
        id: "a".to_owned(),
        pod_sandbox_id: "s".to_owned(),
        metadata: Some(ContainerMetadata { name: "n".to_owned(), attempt: 2 }),
        state: ContainerState::Exited.into(),
        created_at: 9,
        labels: [("k".to_owned(), "v".to_owned())].into(),
        annotations: [("k".to_owned(), "v".to_owned())].into(),
    };
    let expected = [
        &[0x0a, 1, b'a', 0x12, 1, b's'][..], // 1: id, 2: pod_sandbox_id
        &[0x1a, 5, 0x0a, 1, b'n', 0x10, 2],  // 3: metadata
        &[0x30, 2, 0x38, 9],                 // 6: state, 7: created_at
        &[0x42, 6, 0x0a, 1, b'k', 0x12, 1, b'v'], // 8: labels
        &[0x4a, 6, 0x0a, 1, b'k', 0x12, 1, b'v'], // 9: annotations
    ]
    .concat();
    assert_eq!(container.encode_to_vec(), expected);
}
