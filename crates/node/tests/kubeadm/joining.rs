//! One more machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use kubewright_node::discovery::Pin;
use kubewright_node::embedded;
use kubewright_node::kubeadm::{Patience, Purpose};
use kubewright_node::reset;
use serde_json::json;

use crate::child;
use crate::fake::{Behaviour, CERTIFIED, CRI_SOCKET};
use crate::tests::{INIT, PIN, join, told};
use crate::world::{Cluster, TOKEN, World, kubeadm_of, patience};

pub(crate) async fn a_worker_joins_with_token_and_pin() {
    let world = World::new(&kubeadm_of("v1.33.1"), &join("")).await;
    // Stopped in the middle, to see what kubeadm was given.
    child::run(&world, Some(6)).await;
    let document = &world.documents()[0];
    let discovery = &document["discovery"]["bootstrapToken"];
    assert_eq!(discovery["apiServerEndpoint"], "10.0.0.1:6443");
    assert_eq!(discovery["caCertHashes"], json!([PIN]));
    assert_eq!(discovery["token"], TOKEN);
    assert!(document["controlPlane"].is_null());
    world.run().await.unwrap();
    // That the kubelet has its certificate is waited for by a phase that 1.33 does not list.
    let hidden = "--skip-phases preflight,control-plane-prepare,kubelet-start,control-plane-join,wait-control-plane";
    assert_eq!(world.phases(), ["preflight", "kubelet-start", hidden]);
    assert!(world.has("etc/kubernetes/kubelet.conf"));
    assert!(!world.has("var/lib/kubewright/node/kubeadm.yaml"), "it held the token");
    assert!(!world.run().await.unwrap().changed);
}

pub(crate) async fn joining_without_a_pin_or_a_token_is_refused() {
    let table = [
        ("clusterFormation: {seeder: 10.0.0.1, token: 94dcda.c271f4ff502789ca}\n", "caCrtHash"),
        (
            "clusterFormation: {seeder: 10.0.0.1}\ncertificates: {unsafeSkipVerification: true}\n",
            "joining takes a token",
        ),
        (
            "clusterFormation: {seeder: 10.0.0.1, token: 94dcda.c271f4ff502789ca, controlPlane: true}\ncertificates: {unsafeSkipVerification: true}\n",
            "certificateKeyFile",
        ),
        (
            "clusterFormation: {seeder: 10.0.0.1, token: 94dcda.c271f4ff502789ca}\ncertificates: {caCrt: '-----BEGIN NOTHING'}\n",
            "no certificate in PEM",
        ),
    ];
    for (body, wanted) in table {
        let world =
            World::new(&kubeadm_of("v1.33.1"), &format!("node: {{name: worker}}\n{body}")).await;
        let said = told(&world.run().await.unwrap_err());
        assert!(said.contains(wanted), "{body}: {said}");
        assert!(world.phases().is_empty());
    }
}

pub(crate) fn control_plane(cluster: &Arc<Cluster>, name: &str, version: &str) -> World {
    let body = join(", controlPlane: true, certificateKeyFile: /key").replace("worker", name);
    let world = World::of(cluster.clone(), &kubeadm_of(version), &body);
    std::fs::write(world.root().join("key"), "ab".repeat(32)).unwrap();
    world
}

pub(crate) async fn control_plane_nodes_join_one_at_a_time() {
    let cluster = Cluster::start().await;
    let first = control_plane(&cluster, "second", "v1.33.1");
    let second = control_plane(&cluster, "third", "v1.28.0");
    let (one, two) = tokio::join!(first.run(), second.run());
    // The kubeadm of this test fails when it does not hold the lock throughout.
    one.unwrap();
    two.unwrap();
    assert!(second.phases().contains(&"control-plane-join all".to_owned()));
    for world in [first, second] {
        assert!(world.has("etc/kubernetes/manifests/etcd.yaml"), "{:?}", world.phases());
    }
    let leases = Api::<Lease>::namespaced(cluster.client(), "kube-system");
    let lease = leases.get(kubewright_node::kubeadm::lock::NAME).await.unwrap();
    assert_eq!(lease.spec.unwrap().holder_identity.as_deref(), Some(""));
}

pub(crate) async fn a_lock_of_a_dead_machine_is_told() {
    let cluster = Cluster::start().await;
    let leases = Api::<Lease>::namespaced(cluster.client(), "kube-system");
    let name = kubewright_node::kubeadm::lock::NAME;
    let held = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": name },
        "spec": { "holderIdentity": "dead", "leaseDurationSeconds": 3600, "renewTime": "2026-01-01T00:00:00.000000Z" },
    });
    leases.patch(name, &PatchParams::apply("test"), &Patch::Apply(held)).await.unwrap();
    let world = control_plane(&cluster, "second", "v1.33.1");
    let impatient = Patience { lock: Duration::from_millis(1500), ..patience() };
    let said = told(&world.run_with(impatient).await.unwrap_err());
    assert!(said.contains("dead has been joining"), "{said}");
    assert!(!world.has("etc/kubernetes/manifests/etcd.yaml"));
}

pub(crate) async fn every_kubeadm_makes_a_control_plane_node_with_an_etcd() {
    let cluster = Cluster::start().await;
    // Hidden phases with the gate off, with it on, and listed.
    for (name, version) in [("a", "v1.30.2"), ("b", "v1.32.0"), ("c", "v1.34.1"), ("d", "v1.35.0")]
    {
        let world = control_plane(&cluster, name, version);
        world.run().await.unwrap();
        assert!(world.has("etc/kubernetes/manifests/etcd.yaml"), "{version}");
        assert!(world.has("etc/kubernetes/kubelet.conf"), "{version}");
        let listed = world.phases().contains(&"etcd-join".to_owned());
        assert_eq!(listed, version == "v1.35.0", "{version}: {:?}", world.phases());
    }
}

pub(crate) async fn it_waits_as_long_as_it_is_asked_to_where_kubeadm_can() {
    let patient = Patience { joining: Some(Duration::from_secs(900)), ..patience() };
    let impatient = |report: &kubewright_node::kubeadm::Report| {
        report.warnings.iter().any(|warning| warning.check == "wait")
    };
    for (version, warned) in [("v1.30.2", true), ("v1.33.1", false)] {
        let world = World::new(&kubeadm_of(version), &join("")).await;
        let fail = Some(("preflight".to_owned(), "no".to_owned()));
        world.behave(&Behaviour { fail, ..kubeadm_of(version) });
        world.run_with(patient).await.unwrap_err();
        let document = &world.documents()[0];
        let found = match warned {
            true => &document["discovery"]["timeout"],
            false => &document["timeouts"]["tlsBootstrap"],
        };
        assert_eq!(*found, "900s", "{document}");
        world.behave(&kubeadm_of(version));
        assert_eq!(impatient(&world.run_with(patient).await.unwrap()), warned, "{version}");
    }
}

pub(crate) async fn a_failed_join_lets_the_next_machine_go_on() {
    let cluster = Cluster::start().await;
    let first = control_plane(&cluster, "second", "v1.35.0");
    let fail = Some(("etcd-join".to_owned(), "etcd is not healthy".to_owned()));
    first.behave(&Behaviour { fail, ..kubeadm_of("v1.35.0") });
    first.run().await.unwrap_err();
    let second = control_plane(&cluster, "third", "v1.33.1");
    let impatient = Patience { lock: Duration::from_secs(20), ..patience() };
    second.run_with(impatient).await.unwrap();
}

pub(crate) async fn the_authority_itself_is_a_pin_too() {
    let cluster = Cluster::start().await;
    let pem = cluster.server.pki().certificate_pem().to_owned();
    let indented: String = pem.lines().map(|line| format!("    {line}\n")).collect();
    let given = [
        "certificates: {caCrt: /ca.crt}\n".to_owned(),
        format!("certificates:\n  caCrt: |\n{indented}"),
    ];
    let mut found = Vec::new();
    for certificates in given {
        let body = format!(
            "node: {{name: worker}}\nclusterFormation: {{seeder: 10.0.0.1, token: {TOKEN}}}\n{certificates}"
        );
        let world = World::of(cluster.clone(), &kubeadm_of("v1.33.1"), &body);
        std::fs::write(world.root().join("ca.crt"), &pem).unwrap();
        // Stopped in the middle, to see what kubeadm was given.
        child::run(&world, Some(4)).await;
        found.push(world.documents()[0]["discovery"]["bootstrapToken"]["caCertHashes"].clone());
    }
    assert_eq!(found[0], found[1]);
    assert!(found[0][0].as_str().unwrap().starts_with("sha256:"), "{found:?}");
}

pub(crate) async fn a_node_that_waits_to_be_accepted_is_told_where() {
    let said = "error execution phase kubelet-start: timed out waiting for the condition";
    let fail = Some(("kubelet-start".to_owned(), said.to_owned()));
    let world = World::new(&Behaviour { fail, ..kubeadm_of("v1.28.0") }, &join("")).await;
    let said = told(&world.run().await.unwrap_err());
    assert!(
        said.contains("`kubewright node pending`") && said.contains("run this again"),
        "{said}"
    );
    // Accepted meanwhile, the kubelet has got its certificate; kubeadm would refuse to do it again.
    world.behave(&kubeadm_of("v1.28.0"));
    let folder = world.root().join("etc/kubernetes");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(world.root().join(".fake/admin.conf"), folder.join("kubelet.conf")).unwrap();
    std::fs::write(folder.join("bootstrap-kubelet.conf"), "with the token").unwrap();
    let nodes = Api::<Node>::all(world.cluster.client());
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "worker" } });
    nodes.patch("worker", &PatchParams::apply("kubelet"), &Patch::Apply(node)).await.unwrap();
    assert!(world.run().await.unwrap().changed);
    assert_eq!(world.phases(), ["preflight", "kubelet-start"], "not a second time");
    let node = nodes.get("worker").await.unwrap();
    assert_eq!(node.annotations()[CRI_SOCKET], "unix:///run/containerd/containerd.sock");
    assert!(!world.has("etc/kubernetes/bootstrap-kubelet.conf"), "the token is in it");
}

/// A worker that has joined, and the file of its journal.
async fn worker() -> (World, PathBuf) {
    let world = World::new(&kubeadm_of("v1.33.1"), &join("")).await;
    world.run().await.unwrap();
    let journal = world.root().join("var/lib/kubewright/node/join.journal.json");
    assert!(journal.exists());
    (world, journal)
}

/// The pin of the cluster of these tests.
fn pin_of(cluster: &Cluster) -> String {
    let pins = Pin::of_pem(cluster.server.pki().certificate_pem()).unwrap();
    pins[0].to_string()
}

pub(crate) async fn a_worker_that_has_lost_its_journal_is_still_that_node() {
    for (corrupt, told_of) in [(true, ".corrupt-"), (false, "is not there")] {
        let (world, journal) = worker().await;
        let state = journal.parent().unwrap();
        // Neither where nor whom to believe nor a token; and all of it.
        let all = join("").replace(PIN, &pin_of(&world.cluster));
        for body in ["node: {name: worker}\n", &all] {
            match corrupt {
                true => std::fs::write(&journal, "{").unwrap(),
                false => std::fs::remove_file(&journal).unwrap(),
            }
            let before = world.calls().len();
            world.configure(body);
            let report = world.run_for(Purpose::Join, patience()).await.unwrap();
            let warning = report.warnings[0].to_string();
            assert!(!report.changed && report.warnings.len() == 1, "{report:?}");
            assert!(warning.contains(told_of), "{warning}");
            assert!(world.has("etc/sysctl.d/99-kubewright.conf"));
            let calls = world.calls();
            assert!(
                calls[before..]
                    .iter()
                    .all(|call| call.arguments[0] != "join" || call.arguments[1] == "--help")
            );
            let recorded = kubewright_node::journal::recorded(state, "join").unwrap();
            assert!(recorded.finished && !embedded::is_ours(&recorded), "{recorded:?}");
        }
        // Not as another one.
        world.configure(&all.replace("worker", "other"));
        assert!(told(&world.run().await.unwrap_err()).contains("another node.name"));
    }
}

pub(crate) async fn a_worker_without_a_journal_is_not_asked_into_another_cluster() {
    let (world, journal) = worker().await;
    let files = || {
        let mut files = world.files();
        files.retain(|name, _| !name.contains("join.journal"));
        files
    };
    let before = files();
    let server = format!("https://{}", world.cluster.address);
    let unpinned = join("").replace(&format!("caCrtHash: '{PIN}'"), "unsafeSkipVerification: true");
    for body in [join(""), unpinned.clone()] {
        std::fs::write(&journal, "{").unwrap();
        world.configure(&body);
        let said = told(&world.run().await.unwrap_err());
        assert!(said.contains(&format!("is a node of {server}")), "{said}");
        assert!(said.contains("`kubewright node reset`"), "{said}");
        assert_eq!(files(), before);
    }
    // By its address, where no authority is given.
    world.configure(&unpinned.replace("10.0.0.1", &world.cluster.address.to_string()));
    assert!(!world.run().await.unwrap().changed);
}

pub(crate) async fn a_worker_without_a_journal_waits_for_its_cluster_to_tell() {
    let (world, journal) = worker().await;
    std::fs::remove_file(&journal).unwrap();
    let kubelet = world.root().join("etc/kubernetes/kubelet.conf");
    let known = std::fs::read_to_string(&kubelet).unwrap();
    // A port on which nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = known.replace(&world.cluster.address.to_string(), &port.to_string());
    std::fs::write(&kubelet, silent).unwrap();
    world.configure("node: {name: worker}\n");
    let said = told(&world.run_for(Purpose::Join, patience()).await.unwrap_err());
    assert!(said.contains("the cluster does not say"), "{said}");
    assert!(world.has("etc/sysctl.d/99-kubewright.conf"));
    std::fs::write(&kubelet, known).unwrap();
    assert!(!world.run_for(Purpose::Join, patience()).await.unwrap().changed);
}

pub(crate) async fn what_runs_is_not_taken_back_when_its_journal_is_lost() {
    for corrupt in [true, false] {
        let cluster = Cluster::start().await;
        let seeder = World::of(cluster.clone(), &kubeadm_of("v1.33.1"), INIT);
        let member = control_plane(&cluster, "second", "v1.35.0");
        for (world, purpose) in [(seeder, "init"), (member, "join")] {
            world.run().await.unwrap();
            let state = world.root().join("var/lib/kubewright/node");
            let journal = state.join(format!("{purpose}.journal.json"));
            match corrupt {
                true => std::fs::write(journal, "{").unwrap(),
                false => std::fs::remove_file(journal).unwrap(),
            }
            // The second run knows no more than the first one.
            for _ in 0..2 {
                let said = told(&world.run().await.unwrap_err());
                assert!(said.contains("nothing is taken back: kubeadm has started"), "{said}");
                assert!(world.has("etc/sysctl.d/99-kubewright.conf"));
                assert!(world.has("etc/kubernetes/admin.conf"));
            }
        }
    }
}

/// Between the certificate and what kubeadm does then.
pub(crate) async fn killed_when_the_kubelet_has_its_certificate_joining_ends_the_same() {
    for version in ["v1.28.0", "v1.33.1", "v1.34.1", "v1.35.0"] {
        let kill_after = Some(CERTIFIED.to_owned());
        let behaviour = Behaviour { kill_after, ..kubeadm_of(version) };
        let world = World::new(&behaviour, &join("")).await;
        let killed = child::run(&world, None).await;
        assert!(!killed.status.success(), "{version}");
        assert!(world.has("etc/kubernetes/bootstrap-kubelet.conf"), "{version}");
        let output = child::run(&world, None).await;
        assert!(output.status.success(), "{version}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!world.has("etc/kubernetes/bootstrap-kubelet.conf"), "{version}");
        let node = Api::<Node>::all(world.cluster.client()).get("worker").await.unwrap();
        let noted = node.annotations().get(CRI_SOCKET).map(String::as_str);
        let annotates = kubeadm_of(version).annotates;
        assert_eq!(
            noted,
            annotates.then_some("unix:///run/containerd/containerd.sock"),
            "{version}"
        );
    }
}

pub(crate) async fn a_worker_that_is_reset_keeps_an_etcd_that_is_not_its_own() {
    let world = World::new(&kubeadm_of("v1.33.1"), &join("")).await;
    let data = world.root().join("var/lib/etcd/member");
    std::fs::create_dir_all(&data).unwrap();
    world.run().await.unwrap();
    let (host, loaded) = (world.host(), world.load());
    let reset::Plan { items, left } = reset::plan(&host, &loaded.configuration, None).await;
    assert!(items.contains(&reset::Item::Kubeadm), "{items:?}");
    assert_eq!(left[0].what, "/var/lib/etcd");
    let done = reset::run(&host, &loaded.configuration, items, None).await;
    assert!(done.failed.is_empty() && data.exists(), "{done:?}");
    assert!(!world.has("etc/kubernetes") && !world.has("var/lib/kubewright/node"));
}
