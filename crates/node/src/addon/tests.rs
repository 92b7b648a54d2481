#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use super::*;

fn names(addons: &[Addon]) -> Vec<&str> {
    addons.iter().map(|addon| addon.name.as_str()).collect()
}

fn at(root: &Path) -> Host {
    Host::at(root, root)
}

fn made(configuration: &NodeConfiguration) -> Vec<Addon> {
    wanted(&at(Path::new("/nowhere")), configuration, &Extras::default()).unwrap()
}

fn find<'a>(addon: &'a Addon, kind: &str) -> &'a Value {
    addon.objects.iter().find(|object| object["kind"] == kind).unwrap()
}

#[test]
fn drivers_are_what_is_asked_for() {
    let mut configuration = NodeConfiguration::default();
    assert_eq!(names(&made(&configuration)), ["flannel"]);
    configuration.network.cni.driver = CniDriver::Cilium;
    configuration.network.multiple_cni = MultipleCni::Multus;
    configuration.manager.image = "kubewright:1".to_owned();
    assert_eq!(names(&made(&configuration)), ["cilium", "multus", "manager"]);
    configuration.network.cni.driver = CniDriver::None;
    configuration.network.multiple_cni = MultipleCni::Podnet;
    assert_eq!(names(&made(&configuration)), ["podnet", "manager"]);
}

#[test]
fn images_folders_and_subnets_reach_the_pods() {
    let mut configuration = NodeConfiguration::default();
    let network = &mut configuration.network;
    network.pod_subnet = "10.1.0.0/16,fd00:1::/56".to_owned();
    network.cni.image = "registry.example/flannel:9".to_owned();
    network.cni.bin_dir = "/var/lib/kubelet/cni/bin".into();
    network.cni.conf_dir = "/etc/cni/other".into();
    network.multiple_cni = MultipleCni::Multus;
    for driver in [CniDriver::Flannel, CniDriver::Cilium] {
        configuration.network.cni.driver = driver;
        let addons = made(&configuration);
        for addon in &addons {
            let text = find(addon, "DaemonSet").to_string();
            assert!(text.contains("/var/lib/kubelet/cni/bin"), "{}", addon.name);
            assert!(text.contains("/etc/cni/other"), "{}", addon.name);
        }
        assert!(find(&addons[0], "DaemonSet").to_string().contains("registry.example/flannel:9"));
    }
    configuration.network.cni.driver = CniDriver::Flannel;
    let flannel = made(&configuration).remove(0);
    let map = find(&flannel, "ConfigMap");
    let settings: Value =
        serde_json::from_str(map["data"]["net-conf.json"].as_str().unwrap()).unwrap();
    assert_eq!(settings["Network"], "10.1.0.0/16");
    assert_eq!(settings["IPv6Network"], "fd00:1::/56");
}

#[test]
fn nobody_may_do_everything() {
    let mut configuration = NodeConfiguration::default();
    configuration.network.multiple_cni = MultipleCni::Multus;
    for driver in [CniDriver::Flannel, CniDriver::Cilium] {
        configuration.network.cni.driver = driver;
        for addon in made(&configuration) {
            for role in addon.objects.iter().filter(|object| object["kind"] == "ClusterRole") {
                assert!(!role.to_string().contains("\"*\""), "{role}");
            }
        }
    }
}

#[test]
fn manifests_are_read_in_order_and_faults_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let host = at(folder.path());
    let write = |name: &str, text: &str| {
        fs::create_dir_all(folder.path().join("m")).unwrap();
        fs::write(folder.path().join("m").join(name), text).unwrap();
    };
    let object =
        |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    write("20.yaml", &format!("{}---\n# nothing\n---\n{}", object("b"), object("c")));
    write(
        "10.yml",
        &format!("apiVersion: v1\nkind: List\nitems:\n- {}", object("a").replace('\n', "\n  ")),
    );
    write("notes.txt", "not: [a manifest");
    let mut configuration = NodeConfiguration::default();
    configuration.network.cni.driver = CniDriver::Custom;
    configuration.network.cni.manifests = vec!["/m".into()];
    let addons = wanted(&host, &configuration, &Extras::default()).unwrap();
    let read: Vec<&str> = addons[0]
        .objects
        .iter()
        .map(|object| object["metadata"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(read, ["a", "b", "c"]);
    write("30.yaml", "kind: Secret\nstringData: {password: hunter2}\n");
    let error = wanted(&host, &configuration, &Extras::default()).unwrap_err().to_string();
    assert!(
        error.contains("30.yaml") && error.contains("no apiVersion") && !error.contains("hunter2"),
        "{error}"
    );
    write("30.yaml", "a: {password: hunter2\n");
    let error = wanted(&host, &configuration, &Extras::default()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn dex_has_a_certificate_of_the_cluster_and_keeps_its_secrets_in_secrets() {
    let root = tempfile::tempdir().unwrap();
    let pki = root.path().join("etc/kubernetes/pki");
    fs::create_dir_all(&pki).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    fs::write(pki.join("ca.crt"), parameters.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(pki.join("ca.key"), key.serialize_pem()).unwrap();
    fs::write(
        root.path().join("connectors.yaml"),
        "- {type: ldap, id: l, config: {bindPW: hunter2}}\n",
    )
    .unwrap();
    let mut configuration = NodeConfiguration::default();
    configuration.network.cni.driver = CniDriver::None;
    configuration.addons.dex.enabled = true;
    configuration.addons.dex.connectors_file = "/connectors.yaml".to_owned();
    let host = at(root.path());
    assert!(matches!(
        wanted(&host, &configuration, &Extras::default()),
        Err(AddonError::Dex(DexError::Nameless))
    ));
    configuration.network.dns.external_fqdn = "api.example.com".to_owned();
    let addons = wanted(&host, &configuration, &Extras::default()).unwrap();
    for object in &addons[0].objects {
        assert!(!object.to_string().contains("hunter2") || object["kind"] == "Secret");
    }
    let text = serde_json::to_string(&addons[0].objects).unwrap();
    assert!(text.contains("hunter2") && text.contains("https://api.example.com:32000"));
    let tls =
        &addons[0].objects.iter().find(|object| object["metadata"]["name"] == "dex-tls").unwrap();
    let pem = tls["stringData"]["tls.crt"].as_str().unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    let certificate = pem.parse_x509().unwrap();
    let names =
        certificate.subject_alternative_name().unwrap().unwrap().value.general_names.clone();
    assert!(format!("{names:?}").contains("api.example.com"), "{names:?}");
}

#[test]
fn flannel_goes_where_the_nodes_are_bound() {
    let arguments = |address: &str, interface: &str, pods: &str| {
        let mut configuration = NodeConfiguration::default();
        let network = &mut configuration.network;
        (network.bind.address, network.bind.interface) = (address.into(), interface.into());
        network.pod_subnet = pods.into();
        let flannel = made(&configuration).remove(0);
        let container = &find(&flannel, "DaemonSet")["spec"]["template"]["spec"]["containers"][0];
        assert!(container["env"].to_string().contains("status.hostIP"));
        let arguments = container["args"].as_array().unwrap().iter().skip(2);
        arguments.map(|it| it.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (one, both) = ("10.1.0.0/16", "10.1.0.0/16,fd00:1::/56");
    assert!(arguments("", "", one).is_empty() && arguments("", "", both).is_empty());
    assert_eq!(arguments("10.0.0.1", "", one), ["--iface=$(NODE_IP)"]);
    assert_eq!(arguments("", "eth1", one), ["--iface=$(NODE_IP)"]);
    assert_eq!(arguments("", "eth1", both), ["--iface=eth1"]);
}
