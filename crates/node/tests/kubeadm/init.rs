//! The first machine of a cluster.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kubewright_node::formation::AUTO_RENEW;
use kubewright_node::kubeadm::{self, EngineError, Herald, News, Patience, Purpose};
use kubewright_node::{reset, token};
use serde_json::{Value, json};

use crate::child;
use crate::fake::{Behaviour, Call};
use crate::tests::{INIT, RESUMED, join, told};
use crate::world::{Cluster, SECRET, TOKEN, World, kubeadm_of, patience, run_pods};

pub(crate) async fn init_drives_every_phase_of_the_oldest_kubeadm() {
    let world = World::new(&kubeadm_of("v1.28.0"), INIT).await;
    let report = world.run().await.unwrap();
    assert_eq!(
        world.phases(),
        [
            "preflight",
            "kubelet-start",
            "certs all",
            "kubeconfig all",
            "etcd local",
            "control-plane all",
            "upload-config kubeadm",
            "upload-config kubelet",
            "upload-certs --upload-certs",
            "mark-control-plane",
            "bootstrap-token",
            "kubelet-finalize all",
            "addon all",
        ]
    );
    assert_eq!(world.documents()[0]["apiVersion"], "kubeadm.k8s.io/v1beta3");
    assert!(report.changed && report.node == "seeder");
    assert_eq!(report.warnings[0].check, "Hostname");
    let invitation = report.invitation.unwrap();
    assert!(invitation.ca_crt_hash.starts_with("sha256:"));
    assert_eq!(invitation.seeder, world.cluster.address.to_string());
    assert_eq!(invitation.token.expose(), TOKEN);
    assert!(invitation.certificate_key_file.is_some());
}

pub(crate) async fn init_drives_every_phase_of_a_new_kubeadm() {
    let world = World::new(&kubeadm_of("v1.33.1"), INIT).await;
    world.run().await.unwrap();
    let phases = world.phases();
    assert_eq!(
        phases[..6],
        [
            "preflight",
            "certs all",
            "kubeconfig all",
            "etcd local",
            "control-plane all",
            "kubelet-start"
        ]
    );
    assert!(
        !phases
            .iter()
            .any(|phase| phase.contains("wait-control-plane") || phase.contains("show-join"))
    );
    assert_eq!(world.documents()[0]["apiVersion"], "kubeadm.k8s.io/v1beta4");
    let objects = world.objects().await;
    for name in [
        "ConfigMap kube-system/kubeadm-config",
        "ConfigMap kube-system/kubelet-config",
        "DaemonSet kube-flannel/flannel",
        "Node /seeder",
    ] {
        assert!(objects.contains_key(name), "{name} is not among {:?}", objects.keys());
    }
    assert!(world.read("etc/sysctl.d/99-kubewright.conf").contains("ip_forward"));
    let programs: Vec<String> = world.calls().into_iter().map(|call| call.program).collect();
    for program in ["modprobe", "sysctl", "systemctl"] {
        assert!(programs.iter().any(|name| name == program), "{program} was not run");
    }
}

pub(crate) async fn a_finished_run_does_nothing_and_at_once() {
    let world = World::new(&kubeadm_of("v1.33.1"), INIT).await;
    world.run().await.unwrap();
    let (files, calls) = (world.files(), world.calls().len());
    let version = world.cluster.server.resource_version();
    let start = Instant::now();
    let report = world.run().await.unwrap();
    let took = start.elapsed();
    assert!(!report.changed);
    assert!(took < Duration::from_millis(100), "it took {took:?}");
    assert_eq!(world.calls().len(), calls, "a program was run");
    assert_eq!(world.files(), files);
    assert_eq!(world.cluster.server.resource_version(), version);
}

pub(crate) async fn nodes_that_must_be_accepted_get_no_right_to_approve_themselves() {
    let body = INIT.replace("token:", "autoApprove: false, token:");
    let world = World::new(&kubeadm_of("v1.33.1"), &body).await;
    // Left by an earlier attempt.
    let name = "kubeadm:node-autoapprove-bootstrap";
    let bindings = Api::<ClusterRoleBinding>::all(world.cluster.client());
    let left = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "x" },
    });
    bindings.patch(name, &PatchParams::apply("test"), &Patch::Apply(left)).await.unwrap();
    world.run().await.unwrap();
    assert!(
        !world.phases().contains(&"bootstrap-token".to_owned()),
        "kubeadm would bind the right"
    );
    assert!(bindings.get_opt(name).await.unwrap().is_none());
    assert!(bindings.get_opt("kubeadm:kubelet-bootstrap").await.unwrap().is_some());
    // Nobody else would renew the certificates of kubelets.
    assert!(bindings.get_opt(AUTO_RENEW).await.unwrap().is_some());
    // Where the approver runs it does, and a node that was removed does not come back.
    let body = format!("{body}manager: {{image: 'registry.example/kubewright:1'}}\n");
    let approves = World::new(&kubeadm_of("v1.33.1"), &body).await;
    approves.run().await.unwrap();
    let bindings = Api::<ClusterRoleBinding>::all(approves.cluster.client());
    assert!(bindings.get_opt("kubeadm:kubelet-bootstrap").await.unwrap().is_some());
    assert!(bindings.get_opt(AUTO_RENEW).await.unwrap().is_none());
    let tokens = token::list(&world.cluster.client(), jiff::Timestamp::now()).await.unwrap();
    assert_eq!((tokens[0].id.as_str(), tokens[0].expired), ("94dcda", false));
    assert!(world.objects().await.contains_key("ConfigMap kube-public/cluster-info"));
}

/// Whoever waits for the end may not see it.
pub(crate) async fn what_is_to_be_known_is_told_at_once() {
    let fail = Some(("control-plane all".to_owned(), "no space left on device".to_owned()));
    let world = World::new(&Behaviour { fail, ..kubeadm_of("v1.33.1") }, INIT).await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let herald = |heard: &Arc<Mutex<Vec<String>>>| -> Option<Herald> {
        let heard = Arc::clone(heard);
        Some(Box::new(move |news| {
            heard.lock().unwrap().push(match news {
                News::Warning(warning) => warning.check.clone(),
                News::Addon(addon) => format!("{} {}", addon.name, addon.ready),
            });
        }))
    };
    world.run_heard(patience(), herald(&heard)).await.unwrap_err();
    assert_eq!(*heard.lock().unwrap(), ["Hostname"]);
    world.behave(&kubeadm_of("v1.33.1"));
    world.run_heard(patience(), herald(&heard)).await.unwrap();
    assert_eq!(*heard.lock().unwrap(), ["Hostname", "Hostname", "flannel true"]);
}

pub(crate) async fn before_the_kubelet_starts_a_failure_takes_everything_back() {
    let fail = Some(("control-plane all".to_owned(), "no space left on device".to_owned()));
    let world = World::new(&Behaviour { fail, ..kubeadm_of("v1.33.1") }, INIT).await;
    let error = world.run().await.unwrap_err();
    let said = told(&error);
    assert!(said.contains("step control-plane failed") && said.contains("no space left"), "{said}");
    let EngineError::Step { undone, left, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*undone, ["control-plane", "etcd", "kubeconfig", "certs", "machine"]);
    assert_eq!(*left, None);
    let files = world.files();
    let state = "var/lib/kubewright/node/";
    let others: Vec<&String> =
        files.keys().filter(|name| !name.starts_with(state) && *name != "proc/swaps").collect();
    assert!(others.is_empty(), "{others:?}");
    let restart = |call: &Call| call.arguments == ["restart", "containerd.service"];
    assert!(!world.calls().iter().any(restart), "nothing of it was changed");
    world.behave(&kubeadm_of("v1.33.1"));
    assert!(world.run().await.unwrap().changed, "once mended it works");
}

pub(crate) async fn an_authority_that_was_brought_along_survives_a_failure() {
    let fail = Some(("etcd local".to_owned(), "no".to_owned()));
    let world = World::new(&Behaviour { fail, ..kubeadm_of("v1.33.1") }, INIT).await;
    let pki = world.root().join("etc/kubernetes/pki");
    std::fs::create_dir_all(&pki).unwrap();
    std::fs::copy(world.root().join(".fake/ca.crt"), pki.join("ca.crt")).unwrap();
    std::fs::write(pki.join("ca.key"), "brought along").unwrap();
    world.run().await.unwrap_err();
    assert_eq!(world.read("etc/kubernetes/pki/ca.key"), "brought along");
    assert!(
        !world.has("etc/kubernetes/pki/etcd/ca.crt") && !world.has("etc/kubernetes/admin.conf")
    );
}

pub(crate) async fn after_the_kubelet_has_started_a_failure_leaves_and_explains() {
    let fail = Some(("mark-control-plane".to_owned(), "connection refused".to_owned()));
    let world = World::new(&Behaviour { fail, ..kubeadm_of("v1.33.1") }, INIT).await;
    let said = told(&world.run().await.unwrap_err());
    assert!(
        said.contains("run this again to go on") && said.contains("connection refused"),
        "{said}"
    );
    assert!(world.has("etc/kubernetes/admin.conf"));
    world.behave(&kubeadm_of("v1.33.1"));
    world.run().await.unwrap();
    let phases = world.phases();
    let count = |wanted: &str| phases.iter().filter(|phase| *phase == wanted).count();
    assert_eq!(
        (count("certs all"), count("mark-control-plane")),
        (1, 2),
        "it went on, it did not begin again"
    );
}

pub(crate) async fn failed_checks_of_kubeadm_come_with_fixes() {
    let said = "error execution phase preflight: [preflight] Some fatal errors occurred:\n\t[ERROR Port-6443]: Port 6443 is in use\n\t[ERROR Swap]: running with swap on is not supported";
    let fail = Some(("preflight".to_owned(), said.to_owned()));
    let world = World::new(&Behaviour { fail, ..kubeadm_of("v1.33.1") }, INIT).await;
    let said = told(&world.run().await.unwrap_err());
    assert!(said.contains("Port-6443: Port 6443 is in use; stop what listens there"), "{said}");
    assert!(said.contains("Swap: running with swap on is not supported; `swapoff -a`"), "{said}");
    let ignoring =
        world.calls().iter().any(|call| call.arguments.iter().any(|word| word.contains("ignore")));
    assert!(!ignoring, "nothing is ignored");
}

pub(crate) async fn a_machine_that_is_not_ready_is_not_touched() {
    let world = World::new(&kubeadm_of("v1.33.1"), INIT).await;
    std::fs::write(world.root().join("proc/swaps"), "Filename\n/dev/sda2 partition 1 0 -2\n")
        .unwrap();
    let said = told(&world.run().await.unwrap_err());
    assert!(
        said.contains("swap: is on (/dev/sda2)") && said.contains("nothing was changed"),
        "{said}"
    );
    assert!(world.phases().is_empty() && !world.has("etc/sysctl.d/99-kubewright.conf"));
}

pub(crate) async fn secrets_are_in_private_files_only() {
    let world = World::new(&kubeadm_of("v1.33.1"), INIT).await;
    // Killed in the middle, the secrets are still needed.
    let killed = child::run(&world, Some(12)).await;
    let key = world.read("var/lib/kubewright/node/certificate-key");
    assert_eq!(key.len(), 64);
    let check = |when: &str| {
        for (name, (mode, content)) in world.files() {
            let secret = content.contains(SECRET) || content.contains(&key);
            assert!(!secret || mode == 0o600, "{when}: {name} has mode {mode:o}");
        }
    };
    check("while it works");
    let done = child::run(&world, None).await;
    assert!(done.status.success());
    check("afterwards");
    assert!(
        !world.read("var/lib/kubewright/node/kubeadm.yaml").contains(SECRET),
        "it is not needed any more"
    );
    for output in [killed, done] {
        for text in [output.stdout, output.stderr] {
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(!text.contains(SECRET) && !text.contains(&key), "{text}");
        }
    }
    for call in world.calls() {
        let text = serde_json::to_string(&call).unwrap();
        assert!(!text.contains(SECRET) && !text.contains(&key), "{text}");
    }
    for (name, object) in world.objects().await {
        let text = object.to_string();
        let secret = text.contains(SECRET) || text.contains(&key);
        assert!(!secret || name.starts_with("Secret "), "{name}");
    }
}

pub(crate) async fn a_token_that_kubeadm_prints_is_in_no_error() {
    let said = format!(
        "[bootstrap-token] Using token: {TOKEN}\nerror: boom; also abcdef.0123456789abcdef"
    );
    let fail = Some(("bootstrap-token".to_owned(), said));
    let world = World::new(&Behaviour { fail, ..kubeadm_of("v1.33.1") }, INIT).await;
    let error = world.run().await.unwrap_err();
    let all = format!("{}\n{error:?}", told(&error));
    assert!(
        all.contains("boom") && !all.contains(SECRET) && !all.contains("0123456789abcdef"),
        "{all}"
    );
}

pub(crate) async fn addons_are_ready_only_when_their_pods_are() {
    let cluster = Cluster::without_pods().await;
    let body = "node: {name: seeder}\n";
    let world = World::of(cluster, &kubeadm_of("v1.33.1"), body);
    let impatient = Patience { addon: Duration::ZERO, ..patience() };
    let mut tokens = Vec::new();
    // It says so as often as it is asked, and goes on where it was.
    for _ in 0..2 {
        let report = world.run_with(impatient).await.unwrap();
        assert!(!report.is_done());
        let missing = report.addons[0].missing.clone().unwrap();
        assert_eq!(missing, "DaemonSet kube-flannel/flannel is not ready: it has no pods yet");
        tokens.push(report.invitation.unwrap().token);
        kubeadm::shown(&world.host(), &world.load().configuration).unwrap();
    }
    assert_eq!(tokens[0], tokens[1], "the one that the cluster knows");
    assert_eq!(world.phases().iter().filter(|phase| *phase == "certs all").count(), 1);
    let pods = tokio::spawn(run_pods(world.cluster.client()));
    let report = world.run().await.unwrap();
    assert!(report.is_done() && report.addons[0].ready);
    pods.abort();
    kubeadm::shown(&world.host(), &world.load().configuration).unwrap();
    let again = world.run_with(impatient).await.unwrap();
    assert!(!again.changed && again.is_done() && again.invitation.is_none());
}

pub(crate) async fn a_token_that_was_made_is_told_until_it_was_shown() {
    let world = World::new(&kubeadm_of("v1.33.1"), "node: {name: seeder}\n").await;
    let first = world.run().await.unwrap().invitation.unwrap();
    // Killed before it was shown: it would be lost.
    let report = world.run().await.unwrap();
    assert!(!report.changed);
    let second = report.invitation.unwrap();
    assert_eq!(
        (second.token.expose(), &second.seeder, &second.ca_crt_hash),
        (first.token.expose(), &first.seeder, &first.ca_crt_hash)
    );
    kubeadm::shown(&world.host(), &world.load().configuration).unwrap();
    assert!(world.run().await.unwrap().invitation.is_none());
    assert!(!world.has("var/lib/kubewright/node/token"));
}

pub(crate) async fn a_release_with_other_defaults_knows_a_finished_machine_again() {
    let world = World::new(&kubeadm_of("v1.33.1"), INIT).await;
    world.run().await.unwrap();
    let journal = world.root().join("var/lib/kubewright/node/init.journal.json");
    let written = std::fs::read_to_string(&journal).unwrap();
    let record: serde_json::Value = serde_json::from_str(&written).unwrap();
    let digests = record["fingerprint"].as_str().unwrap().to_owned();
    let (meant, given) = digests.split_once('+').unwrap();
    // As that release would have written it; and as one did that knew only what was meant.
    let other = format!("{}+{given}", "0".repeat(64));
    for known in [other.as_str(), meant] {
        std::fs::write(&journal, written.replace(&digests, known)).unwrap();
        assert!(!world.run().await.unwrap().changed, "{known}");
        assert_eq!(std::fs::read_to_string(&journal).unwrap(), written, "it is kept up to date");
    }
    // What is given is what it is by default.
    world.configure(&INIT.replace("dns: {", "podSubnet: 172.16.0.0/13, dns: {"));
    assert!(!world.run().await.unwrap().changed);
    world.configure(&INIT.replace("dns: {", "podSubnet: 172.16.0.0/14, dns: {"));
    let said = told(&world.run().await.unwrap_err());
    assert!(said.contains("another network.podSubnet (on record"), "{said}");
}

pub(crate) async fn kubeadm_checks_its_documents_before_anything_is_done() {
    let fail = Some(("validate".to_owned(), "unknown field \"spec\"".to_owned()));
    let world = World::new(&Behaviour { fail, ..kubeadm_of("v1.33.1") }, INIT).await;
    let said = told(&world.run().await.unwrap_err());
    assert!(said.contains("config validate") && said.contains("unknown field"), "{said}");
    assert!(world.phases().is_empty() && !world.has("etc/sysctl.d/99-kubewright.conf"));
}

pub(crate) async fn the_administrator_has_rights_before_they_are_used() {
    let world = World::new(&kubeadm_of("v1.29.0"), INIT).await;
    world.run().await.unwrap();
    assert!(world.has("etc/kubernetes/super-admin.conf"));
    assert!(world.objects().await.contains_key("ClusterRoleBinding /kubeadm:cluster-admins"));
}

pub(crate) async fn another_purpose_or_configuration_is_refused() {
    let world = World::new(&kubeadm_of("v1.33.1"), INIT).await;
    world.run().await.unwrap();
    world.configure(&join(""));
    assert!(told(&world.run().await.unwrap_err()).contains("finished `init` already"));
    world.configure(&INIT.replace("api.example.com", "other.example.com"));
    let said = told(&world.run().await.unwrap_err());
    assert!(said.contains("with another network.dns.externalFqdn (on record"), "{said}");
    world.configure(&INIT.replace(TOKEN, "abcdef.0123456789abcdef"));
    assert!(!world.run().await.unwrap().changed, "a new token is no other machine");
    // Who says less has asked for nothing else, and is told what stays.
    world.configure("");
    let report = world.run().await.unwrap();
    assert!(!report.changed);
    let [warning] = report.warnings.as_slice() else { panic!("{report:?}") };
    let kept = "this machine was made with another network.dns.externalFqdn, node.name";
    assert_eq!(warning.message, kept);
    let embedded = kubewright_node::journal::Fingerprint::of(&json!({ "engine": "embedded" }));
    let state = world.root().join("var/lib/kubewright/node");
    let refused = kubewright_node::journal::Journal::open(&state, "init", &embedded).unwrap_err();
    assert!(refused.to_string().contains("with another engine"), "{refused}");
}

pub(crate) async fn one_that_has_joined_is_not_asked_where_to() {
    let world = World::new(&kubeadm_of("v1.33.1"), &join("")).await;
    world.run().await.unwrap();
    world.configure("");
    assert!(!world.run_for(Purpose::Join, patience()).await.unwrap().changed);
    let said = told(&world.run_for(Purpose::Init, patience()).await.unwrap_err());
    assert!(said.contains("finished `join` already"), "{said}");
}

pub(crate) async fn proxies_reach_kubeadm_and_units() {
    let body = "node: {name: seeder}\nnetwork: {proxy: {http: 'proxy:8080', https: 'http://user:hunter2@proxy:8080', noProxy: example.com}}\n";
    let world = World::new(&kubeadm_of("v1.33.1"), body).await;
    world.run().await.unwrap();
    let calls = world.calls();
    let enabled = |call: &&Call| call.arguments == ["enable", "kubelet.service"];
    assert_eq!(calls.iter().filter(enabled).count(), 1);
    let certs = calls.iter().find(|call| call.arguments.contains(&"certs".to_owned())).unwrap();
    let variable = |name: &str| {
        certs.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    };
    assert_eq!(variable("HTTP_PROXY"), Some("http://proxy:8080"));
    let no_proxy = variable("NO_PROXY").unwrap();
    let network = ["example.com", "172.16.0.0/13", "172.24.0.0/16", ".svc", ".cluster.local"];
    // Others of the cluster are in the machine's networks: the API server reaches their kubelets.
    let own = ["10.9.8.7", "fd00::7", "10.9.8.0/24", "fd00::/64"];
    for name in network.into_iter().chain(own) {
        assert!(no_proxy.split(',').any(|it| it == name), "{name} is not in {no_proxy}");
    }
    let unit = "etc/systemd/system/containerd.service.d/30-kubewright-proxy.conf";
    assert!(
        world.read(unit).contains("Environment=\"HTTPS_PROXY=http://user:hunter2@proxy:8080\"")
    );
    assert_eq!(world.files()[unit].0, 0o600, "it holds a password");
    assert!(
        calls.iter().any(|call| call.program == "systemctl"
            && call.arguments == ["restart", "containerd.service"])
    );
    // What is taken back is taken from the runtime, too.
    let fail = Some(("certs all".to_owned(), "no".to_owned()));
    let world = World::new(&Behaviour { fail, ..kubeadm_of("v1.33.1") }, body).await;
    world.run().await.unwrap_err();
    assert!(!world.has(unit));
    let last = world.calls().pop().unwrap();
    assert_eq!((last.program.as_str(), last.arguments[0].as_str()), ("systemctl", "restart"));
}

pub(crate) async fn the_password_of_a_proxy_is_in_no_error() {
    let said =
        "[WARNING HTTPProxy]: Connection uses proxy \"http://user:hunter2@proxy:8080\"\nboom";
    let fail = Some(("certs all".to_owned(), said.to_owned()));
    let body =
        "node: {name: seeder}\nnetwork: {proxy: {https: 'http://user:hunter2@proxy:8080'}}\n";
    let world = World::new(&Behaviour { fail, ..kubeadm_of("v1.33.1") }, body).await;
    let error = world.run().await.unwrap_err();
    let all = format!("{}\n{error:?}", told(&error));
    assert!(all.contains("boom") && !all.contains("hunter2"), "{all}");
}

pub(crate) async fn the_address_is_that_of_the_interface() {
    let world = World::new(
        &kubeadm_of("v1.33.1"),
        "node: {name: seeder}\nnetwork: {bind: {interface: eth7, port: 7443}}\n",
    )
    .await;
    world.run().await.unwrap();
    let document = &world.documents()[0];
    assert_eq!(
        document["localAPIEndpoint"],
        json!({ "advertiseAddress": "10.9.8.7", "bindPort": 7443 })
    );
    assert_eq!(
        document["nodeRegistration"]["kubeletExtraArgs"],
        json!([{ "name": "node-ip", "value": "10.9.8.7" }])
    );
}

pub(crate) async fn addresses_are_of_the_families_of_the_cluster() {
    let v6 = "podSubnet: 'fd01::/56', serviceSubnet: 'fd02::/112'";
    let both = "podSubnet: '10.1.0.0/16,fd01::/56', serviceSubnet: '10.2.0.0/16,fd02::/112'";
    for (network, advertised, node_ip) in [
        (format!("bind: {{interface: eth7}}, {v6}"), json!("fd00::7"), json!("fd00::7")),
        (
            format!("bind: {{interface: eth7}}, {both}"),
            json!("10.9.8.7"),
            json!("10.9.8.7,fd00::7"),
        ),
        (
            format!("bind: {{address: 10.9.8.7}}, {both}"),
            json!("10.9.8.7"),
            json!("10.9.8.7,fd00::7"),
        ),
        (both.to_owned(), Value::Null, json!("10.9.8.7,fd00::7")),
        (v6.to_owned(), Value::Null, Value::Null),
    ] {
        let body = format!("node: {{name: seeder}}\nnetwork: {{{network}}}\n");
        let world = World::new(&kubeadm_of("v1.33.1"), &body).await;
        child::run(&world, Some(6)).await;
        let document = &world.documents()[0];
        assert_eq!(document["localAPIEndpoint"]["advertiseAddress"], advertised, "{network}");
        let arguments = &document["nodeRegistration"]["kubeletExtraArgs"];
        assert_eq!(arguments[0]["value"], node_ip, "{network}");
    }
    let body = format!("node: {{name: seeder}}\nnetwork: {{bind: {{interface: eth8}}, {v6}}}\n");
    let world = World::new(&kubeadm_of("v1.33.1"), &body).await;
    let said = told(&world.run().await.unwrap_err());
    assert!(said.contains("eth8 has no global IPv6 address"), "{said}");
}

pub(crate) async fn images_are_imported_before_anything_is_pulled() {
    let world = World::new(
        &kubeadm_of("v1.33.1"),
        "node: {name: seeder}\nbootstrap: {images: [/bundle]}\n",
    )
    .await;
    std::fs::create_dir_all(world.root().join("bundle")).unwrap();
    for name in ["b.tar", "a.tar.gz", "notes.txt"] {
        std::fs::write(world.root().join("bundle").join(name), "").unwrap();
    }
    world.run().await.unwrap();
    let calls = world.calls();
    let import = |name: &str| {
        calls.iter().position(|call| {
            call.program == "ctr" && call.arguments.last().is_some_and(|last| last.ends_with(name))
        })
    };
    let preflight = calls.iter().position(|call| call.arguments.contains(&"preflight".to_owned()));
    assert!(import("a.tar.gz") < import("b.tar") && import("b.tar") < preflight);
    assert!(import("a.tar.gz").is_some() && import("notes.txt").is_none());
}

pub(crate) async fn a_reset_machine_is_as_before_and_can_be_set_up_again() {
    let body = format!(
        "{INIT}bootstrap: {{registries: [{{prefix: docker.io, mirrors: [{{url: 'https://mirror.example.com'}}]}}]}}\ncertificates: {{directory: /etc/ssl}}\n"
    );
    let world = World::new(&kubeadm_of("v1.33.1"), &body).await;
    std::fs::create_dir_all(world.root().join("etc/ssl")).unwrap();
    std::fs::write(world.root().join("etc/ssl/theirs.pem"), "").unwrap();
    let containerd = world.root().join("etc/containerd");
    std::fs::create_dir_all(&containerd).unwrap();
    std::fs::write(containerd.join("config.toml"), "config_path = \"/etc/containerd/certs.d\"\n")
        .unwrap();
    let before = world.files();
    world.run().await.unwrap();
    assert!(world.has("etc/containerd/certs.d/docker.io/hosts.toml"));
    let (host, loaded) = (world.host(), world.load());
    let client = world.cluster.client();
    let node = Some(reset::Item::Node("seeder".to_owned()));
    let reset::Plan { items, left } = reset::plan(&host, &loaded.configuration, node).await;
    assert_eq!(left, []);
    let listed: Vec<String> = items.iter().map(ToString::to_string).collect();
    for wanted in [
        "stop the kubelet",
        "delete the Node seeder",
        "run kubeadm reset",
        "remove /etc/sysctl.d/99-kubewright.conf",
        "forget the state in /var/lib/kubewright/node",
    ] {
        assert!(listed.contains(&wanted.to_owned()), "{wanted} is not among {listed:#?}");
    }
    let place = |wanted: &str| listed.iter().position(|listed| listed == wanted);
    // Without its Node kubeadm does not find the member of etcd that is to leave.
    assert!(place("run kubeadm reset") < place("delete the Node seeder"), "{listed:#?}");
    assert!(world.has("etc/kubernetes/admin.conf"), "listing does nothing");
    let done = reset::run(&host, &loaded.configuration, items, Some(&client)).await;
    assert!(done.failed.is_empty(), "{:?}", done.failed);
    assert_eq!(world.files(), before);
    assert!(!world.objects().await.contains_key("Node /seeder"));
    let calls = world.calls();
    assert!(calls.iter().any(|call| call.program == "kubeadm"
        && call.arguments.starts_with(&["reset".to_owned(), "--force".to_owned()])));
    assert!(world.run().await.unwrap().changed);
}

pub(crate) async fn the_manager_and_the_agent_of_pod_networks_are_installed() {
    let world = World::new(&kubeadm_of("v1.33.1"), RESUMED).await;
    world.run().await.unwrap();
    let objects = world.objects().await;
    for name in ["ConfigMap kube-system/of-manager", "ConfigMap kube-system/of-podnet"] {
        assert!(objects.contains_key(name), "{name}");
    }
    let kubelet = world.documents().into_iter().find(|it| it["kind"] == "KubeletConfiguration");
    assert_eq!(kubelet.unwrap()["serverTLSBootstrap"], true);
}

pub(crate) async fn what_is_left_after_the_end_is_tidied_by_the_next_run() {
    let world = World::new(&kubeadm_of("v1.33.1"), INIT).await;
    world.run().await.unwrap();
    let state = world.root().join("var/lib/kubewright/node");
    std::fs::write(state.join("token"), TOKEN).unwrap();
    let document = world.read("var/lib/kubewright/node/kubeadm.yaml");
    std::fs::write(
        state.join("kubeadm.yaml"),
        format!("bootstrapTokens:\n- token: {TOKEN}\n{document}"),
    )
    .unwrap();
    world.run().await.unwrap();
    kubeadm::shown(&world.host(), &world.load().configuration).unwrap();
    assert!(!state.join("token").exists());
    let tidied = world.read("var/lib/kubewright/node/kubeadm.yaml");
    assert!(!tidied.contains(SECRET) && tidied.contains("ClusterConfiguration"), "{tidied}");
}

pub(crate) async fn the_kubeadm_that_is_named_is_run() {
    let world = World::new(&kubeadm_of("v1.33.1"), "").await;
    let named = world.root().join("opt/kubeadm");
    std::fs::create_dir_all(named.parent().unwrap()).unwrap();
    // It finds its machine two folders above itself, as the other one does.
    std::fs::rename(world.root().join(".bin/kubeadm"), &named).unwrap();
    world.configure(&format!("node: {{name: seeder}}\npaths: {{kubeadm: {}}}\n", named.display()));
    world.run().await.unwrap();
    assert!(world.phases().contains(&"certs all".to_owned()));
    world.configure(
        "node: {name: seeder}\npaths: {kubeadm: /nowhere/kubeadm, state: /var/lib/other}\n",
    );
    let said = told(&world.run().await.unwrap_err());
    assert!(said.contains("there is no program /nowhere/kubeadm"), "{said}");
}

pub(crate) async fn a_token_may_be_in_a_file() {
    let body = "node: {name: seeder}\nclusterFormation: {tokenFile: /secret/token}\n";
    let world = World::new(&kubeadm_of("v1.33.1"), body).await;
    std::fs::create_dir_all(world.root().join("secret")).unwrap();
    std::fs::write(world.root().join("secret/token"), "no token, hunter2\n").unwrap();
    let said = told(&world.run().await.unwrap_err());
    assert!(said.contains("holds no bootstrap token") && !said.contains("hunter2"), "{said}");
    std::fs::write(world.root().join("secret/token"), format!("{TOKEN}\n")).unwrap();
    let report = world.run().await.unwrap();
    assert_eq!(report.invitation.unwrap().token.expose(), TOKEN);
}

pub(crate) async fn without_a_token_one_is_made_and_kept_while_it_is_needed() {
    let world = World::new(&kubeadm_of("v1.33.1"), "node: {name: seeder}\n").await;
    child::run(&world, Some(8)).await;
    let kept = world.read("var/lib/kubewright/node/token");
    let report = world.run().await.unwrap();
    assert_eq!(report.invitation.unwrap().token.expose(), kept, "the next run goes on with it");
    kubeadm::shown(&world.host(), &world.load().configuration).unwrap();
    assert!(!world.has("var/lib/kubewright/node/token"));
    let tokens = token::list(&world.cluster.client(), jiff::Timestamp::now()).await.unwrap();
    assert_eq!(tokens.len(), 1);
}

pub(crate) async fn a_journal_that_cannot_be_read_is_told() {
    let world = World::new(&kubeadm_of("v1.33.1"), INIT).await;
    let state = world.root().join("var/lib/kubewright/node");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("init.journal.json"), "{\"version\": 1").unwrap();
    let report = world.run().await.unwrap();
    let warning = report.warnings.iter().find(|warning| warning.check == "journal").unwrap();
    assert!(warning.message.contains("init.journal.json.corrupt-1"), "{warning}");
    assert!(state.join("init.journal.json.corrupt-1").exists());
}
