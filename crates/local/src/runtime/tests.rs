#![allow(clippy::unwrap_used)]

mod kill;
pub(crate) mod node;

use std::fs;
use std::os::unix::net::UnixListener;

use kubewright_cri::message::{PodSandboxFilter, PodSandboxState, PortMapping};
use kubewright_cri::sandbox::NetnsError;
use kubewright_cri::server::Code;
use kubewright_cri::{CallError, Endpoint, Network};
use kubewright_testkit::require;

use super::*;
use node::{Node, available, config, on_node};

#[test]
fn a_sandbox_has_its_network_until_it_is_stopped() {
    require!(available());
    Node::new().run(async |node| {
        let (runtime, client) = node.start().await;
        assert_eq!(client.version().await.unwrap().runtime_name, service::NAME);
        assert!(client.status().await.unwrap().conditions.iter().all(|c| c.status));

        let mut wanted = config("web", "uid-1", 0);
        let port = PortMapping { host_port: 8080, container_port: 80, ..Default::default() };
        wanted.port_mappings = vec![port];
        let id = client.run_sandbox(wanted, "").await.unwrap();
        let sandbox = client.sandbox(&id).await.unwrap();
        assert!(sandbox.ready);
        assert_eq!(sandbox.pod, config("web", "uid-1", 0).metadata.unwrap());
        assert_eq!(sandbox.labels, config("web", "uid-1", 0).labels);
        let netns = sandbox.netns().unwrap();
        assert_eq!(node.links(netns), ["lo UNKNOWN", "eth0 UP"]);
        assert_eq!(node.addresses(), [sandbox.addresses[0].to_string()]);
        assert_eq!(client.ready_sandbox("uid-1").await.unwrap().unwrap().id, id);
        assert_eq!(client.ready_sandbox("uid-2").await.unwrap(), None);
        let other = PodSandboxFilter::of_pod("default", "other");
        assert_eq!(client.list_sandboxes(other).await.unwrap(), []);

        for _ in 0..2 {
            client.stop_sandbox(&id).await.unwrap();
            assert_eq!(node.addresses(), [""; 0]);
            let stopped = client.sandbox(&id).await.unwrap();
            assert_eq!(stopped.netns(), Err(NetnsError::Closed { id: id.clone() }));
            assert!(!netns.exists());
        }
        let all = client.list_sandboxes(PodSandboxFilter::of_uid("uid-1")).await.unwrap();
        assert_eq!(all[0].state(), PodSandboxState::NotReady);
        for _ in 0..2 {
            client.remove_sandbox(&id).await.unwrap();
            assert!(client.sandbox(&id).await.unwrap_err().is_not_found());
        }
        runtime.stop().await;
        node.assert_empty();
    });
}

#[test]
fn sandboxes_outlive_the_runtime_with_all_that_was_told() {
    require!(available());
    Node::new().run(async |node| {
        let (runtime, client) = node.start().await;
        let id = client.run_sandbox(config("web", "uid-1", 0), "").await.unwrap();
        let proxy = client.run_sandbox(on_node(config("proxy", "uid-2", 0)), "").await.unwrap();
        let before = client.sandbox(&id).await.unwrap();
        let taken = Runtime::start(&node.options()).await.unwrap_err();
        assert!(matches!(taken, RuntimeError::Taken { .. }), "{taken}");
        runtime.stop().await;

        let (runtime, client) = node.start().await;
        assert_eq!(client.sandbox(&id).await.unwrap(), before);
        assert_eq!(client.sandbox(&proxy).await.unwrap().network, Network::Node);
        let again = client.run_sandbox(config("web", "uid-1", 0), "").await.unwrap_err();
        assert!(matches!(again, CallError::Failed { code: Code::AlreadyExists, .. }), "{again}");
        for id in [&id, &proxy] {
            client.remove_sandbox(id).await.unwrap();
        }
        runtime.stop().await;
        node.assert_empty();
    });
}

#[test]
fn a_sandbox_is_detached_also_when_its_namespace_and_its_configuration_are_gone() {
    require!(available());
    Node::new().run(async |node| {
        let (_runtime, client) = node.start().await;
        let id = client.run_sandbox(config("web", "uid-1", 0), "").await.unwrap();
        // As after a reboot.
        let netns = client.sandbox(&id).await.unwrap().netns().unwrap().to_owned();
        rustix::mount::unmount(&netns, rustix::mount::UnmountFlags::DETACH).unwrap();
        fs::remove_dir_all(node.options().conf_dir).unwrap();
        assert!(!client.sandbox(&id).await.unwrap().ready);
        assert_eq!(node.addresses().len(), 1);
        client.stop_sandbox(&id).await.unwrap();
        assert_eq!(node.addresses(), [""; 0]);
        assert!(!netns.exists());

        let refused = client.run_sandbox(config("web", "uid-1", 1), "").await.unwrap_err();
        assert!(refused.to_string().contains("no CNI configuration in"), "{refused}");
        let status = client.status().await.unwrap();
        let network = status.conditions.iter().find(|c| c.r#type == "NetworkReady").unwrap();
        assert!(!network.status && network.message.contains("no CNI configuration"), "{network:?}");
        client.remove_sandbox(&id).await.unwrap();
        node.assert_empty();
    });
}

#[test]
fn a_sandbox_that_fails_leaves_nothing_and_can_be_made_again() {
    require!(available());
    Node::new().run(async |node| {
        let (_runtime, client) = node.start().await;
        // The second plugin fails after the first has made a bridge's port and taken an address.
        let network = node.network();
        node.configure(&network.replace("]}", r#", { "type": "no-such-plugin" }]}"#));
        let failed = client.run_sandbox(config("web", "uid-1", 0), "").await.unwrap_err();
        let text = failed.to_string();
        assert!(text.contains("of pod default/web") && text.contains("no-such-plugin"), "{text}");
        // What could not be detached, as the plugin is not there, is listed, for another try.
        let listed = client.list_sandboxes(PodSandboxFilter::of_uid("uid-1")).await.unwrap();
        assert_eq!(listed[0].state(), PodSandboxState::NotReady);
        assert_eq!(client.ready_sandbox("uid-1").await.unwrap(), None);

        node.configure(&network.replace("host-local", "no-such-ipam"));
        let failed = client.run_sandbox(config("db", "uid-2", 0), "").await.unwrap_err();
        assert!(failed.to_string().contains("no-such-ipam"), "{failed}");
        node.configure(&network);
        let id = client.run_sandbox(config("ok", "uid-3", 0), "").await.unwrap();
        client.remove_sandbox(&id).await.unwrap();
        assert_eq!(node.addresses(), [""; 0]);
    });
}

#[test]
fn a_sandbox_whose_record_cannot_be_read_is_taken_down() {
    require!(available());
    Node::new().run(async |node| {
        let (runtime, client) = node.start().await;
        let broken = client.run_sandbox(config("web", "uid-1", 0), "").await.unwrap();
        let whole = client.run_sandbox(config("db", "uid-2", 0), "").await.unwrap();
        runtime.stop().await;
        let record = node.options().run_dir.join("sandboxes").join(&broken);
        let bytes = fs::read(&record).unwrap();
        fs::write(&record, &bytes[..bytes.len() / 2]).unwrap();

        let (_runtime, client) = node.start().await;
        assert!(client.sandbox(&broken).await.unwrap_err().is_not_found());
        assert!(record.with_extension("corrupt").exists());
        assert!(!node.options().run_dir.join("netns").join(&broken).exists());
        let left = client.sandbox(&whole).await.unwrap();
        assert!(left.ready);
        assert_eq!(node.addresses(), [left.addresses[0].to_string()]);
        client.remove_sandbox(&whole).await.unwrap();
        node.assert_empty();
    });
}

#[tokio::test]
async fn what_is_no_sandbox_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        run_dir: folder.path().join("run"),
        conf_dir: folder.path().join("net.d"),
        bin_dirs: Vec::new(),
    };
    let socket = options.run_dir.join("socket");
    fs::create_dir(&options.run_dir).unwrap();
    // One that a killed runtime has left.
    drop(UnixListener::bind(&socket).unwrap());
    let runtime = Runtime::start(&options).await.unwrap();
    assert_eq!(runtime.endpoint(), &Endpoint::at(&socket));
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let client = kubewright_cri::Client::new(runtime.endpoint().clone());
    for (config, handler, why) in [
        (config("", "uid-1", 0), "", "needs the name of its pod"),
        (config("web", "", 0), "", "needs the UID of its pod"),
        (config("web", "uid-1", 0), "kata", "no runtime handler \"kata\""),
    ] {
        let refused = client.run_sandbox(config, handler).await.unwrap_err();
        assert!(matches!(refused, CallError::Failed { code: Code::InvalidArgument, .. }));
        assert!(refused.to_string().contains(why), "{refused}");
    }
    client.stop_sandbox("../../etc").await.unwrap();
    client.remove_sandbox("").await.unwrap();
    assert!(client.sandbox("../x").await.unwrap_err().is_not_found());
    runtime.stop().await;
}
