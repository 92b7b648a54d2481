#![allow(clippy::unwrap_used)]

use kubewright_testkit::{Netns, require, require::program, require::root};

use super::*;
use crate::host::Command;

#[tokio::test]
async fn a_machine_that_is_free_has_nothing_to_reset() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::at(folder.path(), folder.path());
    assert_eq!(plan(&host, &NodeConfiguration::default(), None).await, []);
}

#[tokio::test]
async fn networks_of_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::at(folder.path(), folder.path());
    let cni = folder.path().join("etc/cni/net.d");
    fs::create_dir_all(&cni).unwrap();
    for name in ["10-flannel.conflist", "10-calico.conflist", "87-podman.conflist"] {
        fs::write(cni.join(name), "{}").unwrap();
    }
    let configuration = NodeConfiguration::default();
    let items = plan(&host, &configuration, None).await;
    assert_eq!(items, [Item::Network("/etc/cni/net.d/10-flannel.conflist".into())]);
    let done = run(&host, &configuration, items, None).await;
    assert!(done.failed.is_empty());
    assert_eq!(fs::read_dir(&cni).unwrap().count(), 2);
}

#[tokio::test]
async fn failures_are_told_and_keep_nothing_else_from_being_done() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::at(folder.path(), folder.path());
    let configuration = NodeConfiguration::default();
    for path in ["etc/kubernetes/manifests", "var/lib/kubewright/node"] {
        fs::create_dir_all(folder.path().join(path)).unwrap();
    }
    let items = plan(&host, &configuration, None).await;
    // There is no systemctl in this folder.
    let done = run(&host, &configuration, items, None).await;
    assert!(!folder.path().join("etc/kubernetes").exists());
    assert!(folder.path().join("var/lib/kubewright/node").exists(), "it is needed again");
    let failed: Vec<&Item> = done.failed.iter().map(|(item, _)| item).collect();
    assert_eq!(failed, [&Item::StopKubelet, &Item::State("/var/lib/kubewright/node".into())]);
    assert!(done.failed[0].1.contains("no program systemctl"), "{}", done.failed[0].1);
}

#[tokio::test]
async fn folders_that_others_use_are_not_removed_whatever_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::at(folder.path(), folder.path());
    let ssl = folder.path().join("etc/ssl");
    fs::create_dir_all(ssl.join("etcd")).unwrap();
    for name in ["ca.crt", "etcd/peer.key", "theirs.pem"] {
        fs::write(ssl.join(name), "").unwrap();
    }
    for state in ["/var/lib", "/root", "/home/someone", "/etc"] {
        fs::create_dir_all(host.path(state)).unwrap();
        let mut configuration = NodeConfiguration::default();
        configuration.certificates.directory = "/etc/ssl".into();
        configuration.paths.state = state.into();
        let items = plan(&host, &configuration, None).await;
        let done = run(&host, &configuration, items, None).await;
        assert_eq!(done.failed.len(), 1, "{state}: {done:?}");
        assert!(done.failed[0].1.contains("no folder of kubewright's alone"), "{done:?}");
        assert!(host.path(state).exists() && ssl.join("theirs.pem").exists());
    }
    assert!(!ssl.join("ca.crt").exists() && !ssl.join("etcd/peer.key").exists());
}

#[test]
fn rules_of_kubernetes_go_and_those_of_others_stay() {
    require!(root(), program("nft"), program("iptables"));
    let netns = Netns::new().unwrap();
    netns.run_in(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let host = Host::this();
            let iptables = async |words: &str| {
                host.run(&Command::new("iptables", words.split(' '))).await.unwrap().stdout
            };
            for words in [
                "-N KUBE-X",
                "-A KUBE-X -j DROP",
                "-A INPUT -j KUBE-X",
                "-N MINE",
                "-A INPUT -j MINE",
            ] {
                iptables(words).await;
            }
            for words in ["add table ip kube-proxy", "add table inet mine"] {
                host.run(&Command::new("nft", words.split(' '))).await.unwrap();
            }
            let found = rules::found(&host).await;
            assert_eq!(
                found,
                [Item::Chains("iptables"), Item::Table("ip".into(), "kube-proxy".into())]
            );
            let done = run(&host, &NodeConfiguration::default(), found, None).await;
            assert!(done.failed.is_empty(), "{done:?}");
            let rules = iptables("-S").await;
            assert!(!rules.contains("KUBE-") && rules.contains("-A INPUT -j MINE"), "{rules}");
            let tables = host.run(&Command::new("nft", ["list", "tables"])).await.unwrap().stdout;
            assert!(!tables.contains("kube-proxy") && tables.contains("inet mine"), "{tables}");
            assert_eq!(rules::found(&host).await, []);
        });
    });
}
