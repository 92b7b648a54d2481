#![allow(clippy::unwrap_used)]

use kubewright_testkit::{Netns, require, require::program, require::root};

use tempfile::TempDir;

use super::*;
use crate::host::Command;
use crate::journal::{Fingerprint, Journal};

/// A machine in a folder.
struct Machine {
    folder: TempDir,
    host: Host,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::at(folder.path(), folder.path());
        Self { folder, host }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn has(&self, path: &str) -> bool {
        self.folder.path().join(path).exists()
    }

    /// As a run of our own left it.
    async fn journal(&self, steps: &[&str]) {
        let state = self.host.path("/var/lib/kubewright/node");
        let fingerprint = Fingerprint::of(&serde_json::Value::Null);
        let mut journal = Journal::open(&state, "init", &fingerprint).unwrap();
        for step in steps {
            journal.run(step, async || Ok::<_, std::io::Error>(())).await.unwrap();
        }
    }

    /// A program that writes down how it is called; where.
    fn records(&self, program: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let calls = self.folder.path().join(format!("{program}.calls"));
        self.write(program, &format!("#!/bin/sh\necho \"$@\" >> {}\n", calls.display()));
        let program = self.folder.path().join(program);
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        calls
    }

    async fn plan(&self) -> Plan {
        plan(&self.host, &NodeConfiguration::default(), None).await
    }
}

const ETCD_POD: &str = "metadata:\n  annotations:\n    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://10.0.0.1:2379\n";

#[tokio::test]
async fn a_machine_that_is_free_has_nothing_to_reset() {
    assert_eq!(Machine::new().plan().await, Plan::default());
}

#[tokio::test]
async fn what_only_has_the_right_name_is_left_and_told() {
    let machine = Machine::new();
    // A Debian etcd, k3s or minikube, somebody's bridge plugin, somebody's data.
    for file in [
        "etc/kubernetes/admin.conf",
        "etc/kubernetes/manifests/etcd.yaml",
        "var/lib/etcd/default/member/snap/db",
        "var/lib/kubelet/config.yaml",
        "etc/cni/net.d/10-flannel.conflist",
        "run/flannel/subnet.env",
        "sys/class/net/cni0/address",
        "var/lib/kubewright/node/ledger",
    ] {
        machine.write(file, "theirs");
    }
    let plan = machine.plan().await;
    assert_eq!(plan.items, []);
    let left: Vec<&str> = plan.left.iter().map(|left| left.what.as_str()).collect();
    assert_eq!(
        left,
        [
            "/etc/cni/net.d/10-flannel.conflist",
            "the link cni0",
            "/run/flannel",
            "/etc/kubernetes",
            "/var/lib/kubelet",
            "/var/lib/etcd",
            "/var/lib/kubewright/node",
        ]
    );
    assert!(plan.left[5].to_string().contains("`rm -r /var/lib/etcd` removes it"), "{plan:?}");
}

#[tokio::test]
async fn what_would_make_it_a_node_again_goes_first() {
    let machine = Machine::new();
    machine.journal(&["discover"]).await;
    let wants = "etc/systemd/system/multi-user.target.wants";
    machine.write(&format!("{wants}/kubewright-node-join.service"), "");
    machine.write(&format!("{wants}/cron.service"), "");
    machine.write("etc/kubewright/node.env", "TOKEN=x");
    let plan = machine.plan().await;
    let unit = Item::Unit("kubewright-node-join.service");
    assert_eq!(plan.items, [unit.clone(), Item::State("/var/lib/kubewright/node".into())]);
    let left: Vec<&str> = plan.left.iter().map(|left| left.what.as_str()).collect();
    assert_eq!(left, ["/etc/kubewright/node.env"]);
    let calls = machine.records("systemctl");
    let done = run(&machine.host, &NodeConfiguration::default(), plan.items, None).await;
    assert!(done.failed.is_empty(), "{done:?}");
    assert_eq!(done.done[0], unit);
    let called = fs::read_to_string(calls).unwrap();
    assert_eq!(called, "disable --now kubewright-node-join.service\n");
}

#[tokio::test]
async fn what_kubeadm_alone_writes_is_proof() {
    let machine = Machine::new();
    machine.write("var/lib/kubelet/kubeadm-flags.env", "KUBELET_KUBEADM_ARGS=\"\"");
    machine.write("var/lib/etcd/default/member/snap/db", "of another etcd");
    let plan = machine.plan().await;
    assert_eq!(plan.items, [Item::StopKubelet, Item::Folder("/var/lib/kubelet".into())]);
    assert_eq!(plan.left[0].what, "/var/lib/etcd", "a worker has none of its own");
    machine.write("etc/kubernetes/manifests/etcd.yaml", ETCD_POD);
    let plan = machine.plan().await;
    assert!(plan.items.contains(&Item::Folder("/var/lib/etcd".into())) && plan.left.is_empty());
}

#[tokio::test]
async fn a_journal_is_proof_of_what_its_steps_make() {
    let machine = Machine::new();
    machine.write("var/lib/etcd/member/snap/db", "");
    machine.write("etc/kubernetes/pki/ca.crt", "");
    // The embedded engine has steps of these names.
    machine.journal(&["control-plane", "kubeconfig"]).await;
    let state = Item::State("/var/lib/kubewright/node".into());
    assert_eq!(machine.plan().await.items, std::slice::from_ref(&state));
    let machine = Machine::new();
    machine.write("var/lib/etcd/member/snap/db", "");
    machine.write("etc/kubernetes/pki/ca.crt", "");
    machine.journal(&["checks", "certs", "etcd"]).await;
    let plan = machine.plan().await;
    assert_eq!(plan.items, [Item::Folder("/etc/kubernetes".into()), state]);
    assert_eq!(plan.left[0].what, "/var/lib/etcd", "no kubelet has started one");
    machine.journal(&["checks", "certs", "etcd", "kubelet-start"]).await;
    assert!(machine.plan().await.items.contains(&Item::Folder("/var/lib/etcd".into())));
}

#[tokio::test]
async fn networks_of_others_stay() {
    let machine = Machine::new();
    machine.journal(&["checks", "kubelet-start"]).await;
    for name in ["10-flannel.conflist", "10-calico.conflist", "87-podman.conflist"] {
        machine.write(&format!("etc/cni/net.d/{name}"), "{}");
    }
    let items = machine.plan().await.items;
    let flannel = Item::Network("/etc/cni/net.d/10-flannel.conflist".into());
    assert!(items.contains(&flannel), "{items:?}");
    run(&machine.host, &NodeConfiguration::default(), vec![flannel], None).await;
    assert!(!machine.has("etc/cni/net.d/10-flannel.conflist"));
    assert!(machine.has("etc/cni/net.d/10-calico.conflist"));
    assert!(machine.has("etc/cni/net.d/87-podman.conflist"));
}

#[tokio::test]
async fn failures_are_told_and_keep_nothing_else_from_being_done() {
    let machine = Machine::new();
    machine.journal(&["checks", "certs", "kubelet-start"]).await;
    machine.write("etc/kubernetes/pki/ca.crt", "");
    let items = machine.plan().await.items;
    // There is no systemctl in this folder.
    let done = run(&machine.host, &NodeConfiguration::default(), items, None).await;
    assert!(!machine.has("etc/kubernetes"));
    assert!(machine.has("var/lib/kubewright/node/init.journal.json"), "it is needed again");
    let failed: Vec<&Item> = done.failed.iter().map(|(item, _)| item).collect();
    assert_eq!(failed, [&Item::StopKubelet, &Item::State("/var/lib/kubewright/node".into())]);
    assert!(done.failed[0].1.contains("no program systemctl"), "{}", done.failed[0].1);
}

#[tokio::test]
async fn folders_that_others_use_keep_what_is_theirs_whatever_is_configured() {
    let machine = Machine::new();
    for name in ["ca.crt", "etcd/peer.key", "theirs.pem"] {
        machine.write(&format!("etc/ssl/{name}"), "");
    }
    machine.write("var/lib/theirs", "");
    let fingerprint = Fingerprint::of(&serde_json::Value::Null);
    let mut journal = Journal::open(&machine.host.path("/var/lib"), "init", &fingerprint).unwrap();
    for step in ["checks", "certs"] {
        journal.run(step, async || Ok::<_, std::io::Error>(())).await.unwrap();
    }
    drop(journal);
    let mut configuration = NodeConfiguration::default();
    configuration.certificates.directory = "/etc/ssl".into();
    configuration.paths.state = "/var/lib".into();
    let items = plan(&machine.host, &configuration, None).await.items;
    let done = run(&machine.host, &configuration, items, None).await;
    assert!(done.failed.is_empty(), "{done:?}");
    assert!(machine.has("var/lib/theirs") && machine.has("etc/ssl/theirs.pem"));
    assert!(!machine.has("var/lib/init.journal.json") && !machine.has("var/lib/journal.lock"));
    assert!(!machine.has("etc/ssl/ca.crt") && !machine.has("etc/ssl/etcd/peer.key"));
}

#[tokio::test]
async fn what_a_join_keeps_until_its_end_goes_too() {
    let machine = Machine::new();
    machine.journal(&["discover", "request"]).await;
    machine.write("var/lib/kubewright/node/joining.json", "with a private key");
    let items = machine.plan().await.items;
    let done = run(&machine.host, &NodeConfiguration::default(), items, None).await;
    assert!(done.failed.is_empty() && !machine.has("var/lib/kubewright/node"), "{done:?}");
}

#[tokio::test]
async fn a_lock_alone_makes_no_folder_ours() {
    let machine = Machine::new();
    machine.write("var/lib/kubewright/node/journal.lock", "");
    machine.write("var/lib/kubewright/node/token", "theirs");
    let plan = machine.plan().await;
    assert_eq!((plan.items.len(), plan.left.len()), (0, 1), "{plan:?}");
    fs::remove_file(machine.folder.path().join("var/lib/kubewright/node/token")).unwrap();
    let items = machine.plan().await.items;
    assert_eq!(items, [Item::State("/var/lib/kubewright/node".into())]);
    let done = run(&machine.host, &NodeConfiguration::default(), items, None).await;
    assert!(done.failed.is_empty() && !machine.has("var/lib/kubewright/node"), "{done:?}");
}

#[tokio::test]
async fn the_node_of_the_last_control_plane_is_left_and_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::new();
    machine.write("kubeadm", "#!/bin/sh\n");
    let program = machine.folder.path().join("kubeadm");
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    let gone = tower::service_fn(async |_: http::Request<kube::client::Body>| {
        Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("nobody listens"))
    });
    let client = kube::Client::new(gone, "default");
    let items = vec![Item::Kubeadm, Item::Node("seeder".to_owned())];
    let done = run(&machine.host, &NodeConfiguration::default(), items, Some(&client)).await;
    assert!(done.failed.is_empty() && done.done == [Item::Kubeadm], "{done:?}");
    assert!(done.left[0].to_string().starts_with("the Node seeder of the cluster: the API server"));
}

#[tokio::test]
async fn the_node_stays_while_its_member_is_in_etcd() {
    use std::os::unix::fs::PermissionsExt as _;
    let nobody = tower::service_fn(async |_: http::Request<kube::client::Body>| {
        Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("nobody may ask"))
    });
    let client = kube::Client::new(nobody, "default");
    let warning = "W1121 removeetcdmember.go:80] [reset] Failed to remove etcd member: timeout, please manually remove this etcd member using etcdctl";
    let failing = "echo boom >&2; exit 1".to_owned();
    for (script, told) in
        [(failing, "boom"), (format!("echo '{warning}' >&2"), "etcdctl member remove")]
    {
        let machine = Machine::new();
        machine.write("kubeadm", &format!("#!/bin/sh\n{script}\n"));
        let program = machine.folder.path().join("kubeadm");
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        let items = vec![Item::Kubeadm, Item::Node("seeder".to_owned())];
        let done = run(&machine.host, &NodeConfiguration::default(), items, Some(&client)).await;
        assert_eq!(done.done, []);
        let [(Item::Kubeadm, why), (Item::Node(_), stays)] = done.failed.as_slice() else {
            panic!("{done:?}")
        };
        assert!(why.contains(told), "{why}");
        assert!(stays.contains("kubeadm reset has failed"), "{stays}");
    }
}

#[tokio::test]
async fn without_kubeadm_no_member_leaves_etcd() {
    let machine = Machine::new();
    machine.journal(&["checks", "etcd", "kubelet-start"]).await;
    let node = Some(Item::Node("seeder".to_owned()));
    let plan = plan(&machine.host, &NodeConfiguration::default(), node).await;
    assert!(!plan.items.iter().any(|item| matches!(item, Item::Node(_))), "{plan:?}");
    assert!(
        plan.left[0].to_string().contains("the Node seeder of the cluster: there is no kubeadm")
    );
}

#[test]
fn the_node_is_the_one_of_the_certificate() {
    let machine = Machine::new();
    let configuration = NodeConfiguration::default();
    assert_eq!(node(&machine.host, &configuration), None);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name.push(rcgen::DnType::OrganizationName, "system:nodes");
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "system:node:worker-7");
    let certificate = parameters.self_signed(&key).unwrap();
    let pem = format!("{}{}", key.serialize_pem(), certificate.pem());
    machine.write("var/lib/kubelet/pki/kubelet-client-current.pem", &pem);
    assert_eq!(node(&machine.host, &configuration).as_deref(), Some("worker-7"));
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
                "-N cali-INPUT",
                "-N MINE",
                "-A INPUT -j MINE",
            ] {
                iptables(words).await;
            }
            for words in
                ["add table ip kube-proxy", "add table inet mine", "add table inet cni_hostport"]
            {
                host.run(&Command::new("nft", words.split(' '))).await.unwrap();
            }
            let found = async |proved| {
                let mut plan = Plan::default();
                rules::found(&host, proved, &mut plan).await;
                plan
            };
            let unproved = found(false).await;
            assert_eq!(unproved.items, []);
            let left: Vec<String> = unproved.left.into_iter().map(|left| left.what).collect();
            assert_eq!(
                left,
                [
                    "the chains KUBE-… of iptables",
                    "the chains cali-… of iptables",
                    "the nftables table ip kube-proxy",
                    "the nftables table inet cni_hostport"
                ]
            );
            let plan = found(true).await;
            assert_eq!(
                plan.items,
                [Item::Chains("iptables"), Item::Table("ip".into(), "kube-proxy".into())]
            );
            assert_eq!(plan.left.len(), 2, "{plan:?}");
            let done = run(&host, &NodeConfiguration::default(), plan.items, None).await;
            assert!(done.failed.is_empty(), "{done:?}");
            let rules = iptables("-S").await;
            assert!(!rules.contains("KUBE-") && rules.contains("-A INPUT -j MINE"), "{rules}");
            let tables = host.run(&Command::new("nft", ["list", "tables"])).await.unwrap().stdout;
            assert!(!tables.contains("kube-proxy") && tables.contains("inet mine"), "{tables}");
            assert_eq!(found(true).await.items, []);
            assert!(rules.contains("-N cali-INPUT") && tables.contains("cni_hostport"));
        });
    });
}
