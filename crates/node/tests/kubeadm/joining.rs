//! One more machine.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kubewright_node::kubeadm::Patience;
use kubewright_node::reset;
use serde_json::json;

use crate::child;
use crate::fake::Behaviour;
use crate::tests::{PIN, join, told};
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
    std::fs::create_dir_all(world.root().join("etc/kubernetes")).unwrap();
    std::fs::write(world.root().join("etc/kubernetes/kubelet.conf"), "kubelet").unwrap();
    assert!(world.run().await.unwrap().changed);
    assert_eq!(world.phases(), ["preflight", "kubelet-start"], "not a second time");
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
