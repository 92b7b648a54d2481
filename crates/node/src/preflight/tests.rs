#![allow(clippy::unwrap_used)]

use super::*;
use crate::config::{Mirror, NodeConfiguration, Registry};

fn fine() -> Facts {
    Facts { root: true, kubelet: true, socket: true, ..Facts::default() }
}

fn failed(configuration: &NodeConfiguration, facts: &Facts) -> Vec<String> {
    check(configuration, facts).failed().map(ToString::to_string).collect()
}

#[test]
fn a_good_machine_passes_and_each_fault_has_a_fix() {
    let configuration = NodeConfiguration::default();
    assert!(check(&configuration, &fine()).is_fine());
    let table = [
        (Facts { root: false, ..fine() }, "user: is not root; run as root"),
        (Facts { kubelet: false, ..fine() }, "kubelet: is not installed; install"),
        (
            Facts { socket: false, ..fine() },
            "runtime: does not listen at /run/containerd/containerd.sock; start it",
        ),
        (Facts { swap: vec!["/dev/sda2".to_owned()], ..fine() }, "swap: is on (/dev/sda2)"),
        (
            Facts { routes: vec!["172.17.0.0/16".parse().unwrap()], ..fine() },
            "podSubnet: 172.16.0.0/13 overlaps with 172.17.0.0/16, which this machine has a route to; choose another with network.podSubnet, as 10.244.0.0/16",
        ),
        (
            Facts { routes: vec!["172.24.9.0/24".parse().unwrap()], ..fine() },
            "serviceSubnet: 172.24.0.0/16 overlaps with 172.24.9.0/24",
        ),
    ];
    for (facts, wanted) in table {
        let failed = failed(&configuration, &facts);
        assert!(failed.len() == 1 && failed[0].starts_with(wanted), "{wanted}: {failed:?}");
    }
    let mut other_family = NodeConfiguration::default();
    other_family.network.bind.address = "fd00::1".to_owned();
    assert!(failed(&other_family, &fine())[0].contains("API servers insist on"));
    let default_route = Facts { routes: vec!["0.0.0.0/0".parse().unwrap()], ..fine() };
    assert!(check(&configuration, &default_route).is_fine());
    let joining = Facts { routes: vec!["172.17.0.0/16".parse().unwrap()], ..fine() };
    let mut configuration = configuration;
    configuration.cluster_formation.seeder = "10.0.0.1".to_owned();
    assert!(check(&configuration, &joining).is_fine(), "the subnets are the cluster's");
}

#[test]
fn mirrors_that_would_have_no_effect_are_a_failure() {
    let mut configuration = NodeConfiguration::default();
    let mirrors = vec![Mirror { url: "https://m".to_owned(), ..Mirror::default() }];
    configuration.bootstrap.registries = vec![Registry { prefix: "docker.io".to_owned(), mirrors }];
    assert!(failed(&configuration, &fine())[0].contains("config_path"));
    let reads = Facts { hosts_toml: Some(true), ..fine() };
    assert!(check(&configuration, &reads).is_fine());
}

#[tokio::test]
async fn who_has_the_cgroups_is_told_where_it_may_be_another() {
    let folder = tempfile::tempdir().unwrap();
    let host = crate::host::Host::at(folder.path(), folder.path());
    let configuration = NodeConfiguration::default();
    let warns = async || {
        let facts = of_machine(&host, &configuration).await;
        let found = check(&configuration, &facts);
        found.warnings().any(|warning| warning.check == "cgroups")
    };
    let containerd = folder.path().join("etc/containerd");
    std::fs::create_dir_all(&containerd).unwrap();
    let set = |text: &str| std::fs::write(containerd.join("config.toml"), text).unwrap();
    set("SystemdCgroup = false");
    assert!(!warns().await, "there is no systemd");
    std::fs::create_dir_all(folder.path().join("run/systemd/system")).unwrap();
    assert!(warns().await);
    set("version = 2\n# SystemdCgroup = true\n");
    assert!(warns().await);
    set("[plugins.x.options]\n  SystemdCgroup = true\n");
    assert!(!warns().await);
}

#[test]
fn another_sandbox_image_than_kubeadms_is_a_warning() {
    let said = "[preflight] Running pre-flight checks\nW1121 10:00:00.000000    1234 checks.go:846] detected that the sandbox image \"registry.k8s.io/pause:3.8\" of the container runtime is inconsistent with that used by kubeadm.It is recommended to use \"registry.k8s.io/pause:3.10\" as the CRI sandbox image.\n";
    let report = of_kubeadm(said);
    let [warning] = report.0.as_slice() else { panic!("{report:?}") };
    assert_eq!((warning.outcome, warning.check.as_str()), (Outcome::Warning, "SandboxImage"));
    assert!(warning.message.starts_with("the sandbox image \"registry.k8s.io/pause:3.8\" of"));
    assert!(warning.fix.as_ref().unwrap().contains("sandbox_image"));
}

#[test]
fn what_kubeadm_prints_becomes_results() {
    let said = "[preflight] Running pre-flight checks\n\t[WARNING Swap]: swap is supported for cgroup v2 only\n[preflight] Pulling images required\nerror execution phase preflight: [preflight] Some fatal errors occurred:\n\t[ERROR Port-6443]: Port 6443 is in use\n\t[ERROR FileAvailable--etc-kubernetes-manifests-etcd.yaml]: /etc/kubernetes/manifests/etcd.yaml already exists\n\t[ERROR ImagePull]: failed to pull image x: output: E1 rpc\n, error: exit status 1\n\t[ERROR Unheard]: of\n[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`\n";
    let report = of_kubeadm(said);
    let found: Vec<(Outcome, &str)> =
        report.0.iter().map(|result| (result.outcome, result.check.as_str())).collect();
    assert_eq!(
        found,
        [
            (Outcome::Warning, "Swap"),
            (Outcome::Failed, "Port-6443"),
            (Outcome::Failed, "FileAvailable--etc-kubernetes-manifests-etcd.yaml"),
            (Outcome::Failed, "ImagePull"),
            (Outcome::Failed, "Unheard"),
        ]
    );
    assert!(report.0[2].fix.as_ref().unwrap().contains("node reset"));
    assert!(report.0[3].message.ends_with(", error: exit status 1"), "{}", report.0[3].message);
    assert!(report.0.iter().all(|result| result.fix.is_some()));
    assert!(!report.to_string().contains("Swap"), "a warning is no failure");
}
