//! What the program says when it cannot do what it is asked for, and how it ends.
#![allow(clippy::unwrap_used)]

mod sandbox;

use sandbox::{KUBEWRIGHT, Sandbox, run};

#[test]
fn errors_say_what_failed_why_and_what_to_do() {
    let sandbox = Sandbox::new();
    let garbage = sandbox.path("garbage");
    std::fs::write(&garbage, "a: [").unwrap();
    let garbage = garbage.display().to_string();
    for (name, line) in [
        ("no_command", &[][..]),
        ("unknown_command", &["frobnicate"]),
        ("manifests_without_image", &["manifests", "--image", ""]),
        ("manifests_image", &["manifests", "--image", "Registry.example/Kube wright"]),
        ("manifests_namespace", &["manifests", "--namespace", "Bad_NS"]),
        ("unknown_page", &["man", "no", "such"]),
        ("log_level", &["version", "--log-level", "kube=loud"]),
        ("nodes_out_of_range", &["up", "--nodes", "0"]),
        ("not_running", &["local", "kubeconfig"]),
        ("no_cluster", &["hostendpoint", "plan"]),
        ("kubeconfig_missing", &["controllers", "--kubeconfig", "/nowhere/config"]),
        ("kubeconfig_garbage", &["hostendpoint", "plan", "--kubeconfig", &garbage]),
        ("templates_garbage", &["hostendpoint", "plan", "-f", &garbage]),
        ("print_templates_alone", &["hostendpoint", "plan", "--print-templates"]),
        ("lease_duration", &["controllers", "--lease-duration", "0", "--kubeconfig", "/nowhere"]),
        ("calico_group", &["controllers", "--calico-group", "calico.org/v1"]),
    ] {
        insta::assert_snapshot!(name, sandbox.kubewright(line).shown(&sandbox));
    }
}

#[test]
fn an_api_server_that_is_not_there_is_named() {
    let sandbox = Sandbox::new();
    sandbox.kubewright(&["local", "start"]).ok();
    let kubeconfig = sandbox.kubewright(&["local", "kubeconfig"]).ok();
    sandbox.kubewright(&["local", "stop"]).ok();
    let file = sandbox.path("config");
    std::fs::write(&file, kubeconfig).unwrap();
    let file = file.display().to_string();
    let plan = sandbox.kubewright(&["hostendpoint", "plan", "--kubeconfig", &file]);
    assert_eq!(plan.code, Some(1), "{plan:?}");
    assert!(plan.stderr.starts_with("error: cannot see what there is to plan for\n"), "{plan:?}");
    assert!(plan.stderr.contains("Connection refused"), "{plan:?}");
    assert!(plan.stderr.contains("  try: start the API server"), "{plan:?}");
}

#[test]
fn a_cluster_without_calico_is_an_error_of_plan() {
    let sandbox = Sandbox::new();
    sandbox.kubewright(&["local", "start"]).ok();
    let file = sandbox.path("kubewright/kubeconfig").display().to_string();
    let plan = sandbox.kubewright(&["hostendpoint", "plan", "--kubeconfig", &file]);
    assert_eq!(plan.code, Some(1), "{plan:?}");
    assert!(plan.stderr.contains("install Calico's CRDs first"), "{plan:?}");
    // A file of templates can be judged all the same.
    let templates = sandbox.path("templates.yaml").display().to_string();
    let template = "apiVersion: kubewright.io/v1alpha1\nkind: HostEndpointTemplate\n\
        metadata: { name: odd }\nspec: { interfaces: [{ pattern: \"(\" }] }\n";
    std::fs::write(&templates, template).unwrap();
    let line = ["hostendpoint", "plan", "--kubeconfig", &file, "-f", &templates];
    let plan = sandbox.kubewright(&line);
    assert_eq!(plan.code, Some(0), "{plan:?}");
    assert!(plan.stderr.contains("note: this cluster serves no HostEndpoints"), "{plan:?}");
    assert!(plan.stdout.contains("template odd: spec.interfaces[0].pattern: "), "{plan:?}");
}

#[test]
fn calicos_configuration_becomes_templates() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("calico.yaml");
    std::fs::write(
        &file,
        "kind: KubeControllersConfiguration\nspec:\n  controllers:\n    node:\n      hostEndpoint:\n        \
         autoCreate: Enabled\n        templates:\n        - { generateName: nics, interfacePattern: eth.* }\n",
    )
    .unwrap();
    let from = format!("--from-calico={}", file.display());
    let line = ["hostendpoint", "plan", &from, "--print-templates"];
    insta::assert_snapshot!("from_calico", sandbox.kubewright(&line).shown(&sandbox));
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let sandbox = Sandbox::new();
    let line = format!("{KUBEWRIGHT} crds | head -n 1; echo ${{PIPESTATUS[0]}}");
    let ended = run(sandbox.program("bash").args(["-c", &line]));
    assert_eq!(ended.stdout.lines().last(), Some("0"), "{ended:?}");
    assert_eq!(ended.stderr, "");
}

#[test]
fn formats() {
    let sandbox = Sandbox::new();
    let json = sandbox.kubewright(&["version", "-o", "json"]).ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    let list = sandbox.kubewright(&["manifests", "-o", "json"]).ok();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["kind"], "List");
    insta::assert_snapshot!("manifests", sandbox.kubewright(&["manifests", "-o", "table"]).ok());
    assert_eq!(
        sandbox.kubewright(&["crds", "-o", "table"]).ok(),
        "hostendpointtemplates.kubewright.io\npeerpodconfigs.confidentialcontainers.org\n\
         networks.networks.kaloom.com\nnetwork-attachment-definitions.k8s.cni.cncf.io\n"
    );
}
