//! Our pods against the Pod Security Standards
//! (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>), control by control.

use super::*;

/// Which controls of `baseline` and of `restricted` a pod does not keep. What the standards say of
/// Windows and of ephemeral containers is left out: there are none.
fn violations(template: &Value) -> Vec<String> {
    let pod = &template["spec"];
    let mut found = Vec::new();
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if pod[field] == true {
            found.push(field.to_owned());
        }
    }
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        let allowed = [
            "configMap",
            "csi",
            "downwardAPI",
            "emptyDir",
            "ephemeral",
            "persistentVolumeClaim",
            "projected",
            "secret",
        ];
        let kinds = volume.as_object().unwrap().keys().filter(|key| *key != "name");
        found.extend(kinds.filter(|kind| !allowed.contains(&kind.as_str())).cloned());
    }
    for (key, profile) in template["metadata"]["annotations"].as_object().into_iter().flatten() {
        let allowed = |text: &str| text == "runtime/default" || text.starts_with("localhost/");
        if key.starts_with("container.apparmor.security.beta.kubernetes.io/")
            && !allowed(profile.as_str().unwrap())
        {
            found.push("appArmor".to_owned());
        }
    }
    if !pod["securityContext"]["sysctls"].is_null() {
        found.push("sysctls".to_owned());
    }
    let containers = ["initContainers", "containers"].map(|field| pod[field].as_array());
    for container in containers.into_iter().flatten().flatten() {
        found.extend(of_container(container, &pod["securityContext"]));
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn of_container(container: &Value, of_pod: &Value) -> Vec<String> {
    let own = &container["securityContext"];
    // What a container does not say, its pod says.
    let said = |field: &str| if own[field].is_null() { &of_pod[field] } else { &own[field] };
    let capabilities = |field: &str| -> Vec<&str> {
        let names = own["capabilities"][field].as_array().into_iter().flatten();
        names.map(|name| name.as_str().unwrap()).collect()
    };
    let mut found = Vec::new();
    let mut check = |name: &str, holds: bool| {
        if !holds {
            found.push(name.to_owned());
        }
    };
    check("privileged", own["privileged"] != true);
    check("allowPrivilegeEscalation", own["allowPrivilegeEscalation"] == false);
    check("runAsNonRoot", *said("runAsNonRoot") == true);
    check("runAsUser", *said("runAsUser") != 0);
    let seccomp = said("seccompProfile")["type"].as_str().unwrap_or_default();
    check("seccomp", ["RuntimeDefault", "Localhost"].contains(&seccomp));
    let selinux = said("seLinuxOptions")["type"].as_str().unwrap_or_default();
    let types = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
    check("seLinux", types.contains(&selinux));
    check("dropped capabilities", capabilities("drop").contains(&"ALL"));
    let added = capabilities("add");
    check("added capabilities", added.iter().all(|name| *name == "NET_BIND_SERVICE"));
    check("procMount", own["procMount"].is_null() || own["procMount"] == "Default");
    let ports = container["ports"].as_array().into_iter().flatten();
    check("hostPort", ports.into_iter().all(|port| port["hostPort"].is_null()));
    found
}

fn pod_of(settings: &Settings, kind: &str) -> Value {
    let objects = all(settings).unwrap();
    let found = objects.iter().find(|object| object["kind"] == kind).unwrap();
    found["spec"]["template"].clone()
}

#[test]
fn controllers_are_restricted_but_for_the_network_that_they_must_not_wait_for() {
    let several = vec![Area::Hostendpoint, Area::Peerpod];
    for areas in [vec![], vec![Area::Hostendpoint], several, vec![Area::Node]] {
        let settings = Settings { areas, ..Settings::default() };
        assert_eq!(violations(&pod_of(&settings, "Deployment")), ["hostNetwork"], "{settings:?}");
    }
    let settings = Settings { areas: vec![Area::Peerpod], ..Settings::default() };
    assert_eq!(violations(&pod_of(&settings, "Deployment")), [""; 0]);
}

#[test]
fn the_webhook_is_restricted() {
    let settings = kubewright_peerpod::mutation::Settings::default();
    let made = kubewright_peerpod::objects::webhook::deployment(&settings, 1, "i", "ns", None);
    assert_eq!(violations(&made["spec"]["template"]), [""; 0]);
}

/// What docs/install.md says of it, and no more.
#[test]
fn the_agent_asks_for_what_it_needs_and_is_not_privileged() {
    let settings = Settings { areas: vec![Area::Podnet], ..Settings::default() };
    let needs = [
        "added capabilities",
        "allowPrivilegeEscalation",
        "appArmor",
        "hostNetwork",
        "hostPID",
        "hostPath",
        "runAsNonRoot",
        "runAsUser",
        "seLinux",
    ];
    assert_eq!(violations(&pod_of(&settings, "DaemonSet")), needs);
    let namespace = &all(&settings).unwrap()[0];
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "privileged");
    let documented = include_str!("../../../../../docs/install.md");
    for need in needs {
        assert!(documented.contains(&format!("`{need}`")), "{need}");
    }
}
