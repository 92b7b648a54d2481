//! What people do with kubectl all day, against `kubewright local start`.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubewright_testkit::require;
use kubewright_testkit::require::program;
use sandbox::kubectl::{Cluster, stable};
use sandbox::{Ended, run};

const KINDS: &str = include_str!("fixtures/kinds.yaml");
const GADGETS: &str = include_str!("fixtures/gadgets.yaml");

/// Runs a kubectl whose arguments have spaces in them.
fn words(cluster: &Cluster, words: &[&str]) -> Ended {
    run(&mut cluster.command(words))
}

fn refused(ended: &Ended, why: &str) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(why), "{why}: {ended:?}");
}

/// An editor that replaces one text by another.
fn editor(cluster: &Cluster, from: &str, to: &str) -> String {
    let path = cluster.sandbox.path("editor");
    std::fs::write(&path, format!("#!/bin/sh\nsed -i 's/{from}/{to}/' \"$1\"\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn every_kind_has_the_columns_that_users_know() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    cluster.apply(&["--server-side"], KINDS).ok();
    let resources = cluster.kubectl("api-resources --verbs=list -o name");
    let mut tables = String::new();
    // Those that have objects of the server's own, or none that can be made by hand.
    let own = [
        "apiservices.apiregistration.k8s.io",
        "certificatesigningrequests.certificates.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
        "componentstatuses",
        "customresourcedefinitions.apiextensions.k8s.io",
        "namespaces",
    ];
    for resource in resources.lines().filter(|resource| !own.contains(resource)) {
        let table = cluster.kubectl(&format!("get {resource} -o wide"));
        assert!(table.lines().count() > 1, "{resource} has no object in kinds.yaml");
        tables += &format!("# {resource}\n{}\n", stable(&table));
    }
    insta::assert_snapshot!("kinds", tables);
}

#[test]
fn explain_tells_types_and_meanings_of_fields() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    let explain = |what: &str| cluster.kubectl(&format!("explain {what}"));
    let limits = explain("pod.spec.containers.resources.limits");
    assert!(limits.contains("<map[string]Quantity>"), "{limits}");
    assert!(limits.contains("maximum amount of compute resources allowed"), "{limits}");
    let surge = explain("deployment.spec.strategy.rollingUpdate.maxSurge");
    assert!(surge.contains("<IntOrString>") && surge.contains("Defaults to 25%"), "{surge}");
    let all = explain("ingress --recursive");
    for line in ["creationTimestamp\t<string>", "host\t<string>", "pathType\t<string> -required-"] {
        assert!(all.contains(line), "{line}: {all}");
    }
    refused(&cluster.try_kubectl("explain pod.spec.nothing"), "field \"nothing\" does not exist");

    cluster.apply(&[], GADGETS).ok();
    cluster.kubectl("wait --for=condition=Established crd/gadgets.example.com --timeout=60s");
    let gadget = explain("gadget.spec");
    for text in
        ["FIELD: spec <Object>", "What is wanted.", "size\t<integer> -required-", "How large"]
    {
        assert!(gadget.contains(text), "{text}: {gadget}");
    }
    assert!(explain("gd --recursive").contains("weight\t<integer>"));
    assert!(explain("gd.metadata.finalizers").contains("Must be empty before the object"));
}

#[test]
fn diff_edit_and_replace() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    let map = |b: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: c }}\ndata: {{ a: '1', b: '{b}' }}\n"
        )
    };
    cluster.apply(&[], &map("2")).ok();
    for flags in [&[][..], &["--server-side", "--force-conflicts"]] {
        cluster.apply(flags, &map("2")).ok();
        let same = cluster.pipe(&[&["diff", "-f", "-"], flags].concat(), &map("2"));
        assert_eq!((same.code, same.stdout.as_str()), (Some(0), ""));
        let other = cluster.pipe(&[&["diff", "-f", "-"], flags].concat(), &map("3"));
        assert_eq!(other.code, Some(1), "{other:?}");
        assert!(other.stdout.contains("-  b: \"2\"\n+  b: \"3\"\n"), "{}", other.stdout);
    }
    assert_eq!(cluster.field("cm/c", ".data.b"), "2", "a diff writes nothing");
    let dry = cluster.apply(&["--dry-run=server", "-o", "jsonpath={.data.b}"], &map("3")).ok();
    assert_eq!((dry.as_str(), cluster.field("cm/c", ".data.b").as_str()), ("3", "2"));

    let edit = |from: &str, to: &str, line: &str| {
        let editor = editor(&cluster, from, to);
        let mut command = cluster.command(&line.split(' ').collect::<Vec<_>>());
        run(command.env("KUBE_EDITOR", editor))
    };
    assert_eq!(edit("a: \"1\"", "a: edited", "edit cm c").ok(), "configmap/c edited\n");
    assert_eq!(cluster.field("cm/c", ".data.a"), "edited");
    assert!(edit("nothing", "else", "edit cm c").stderr.contains("no changes made"));
    refused(&edit("name: c$", "name: d", "edit cm c"), "apiVersion, kind and name was changed");
    cluster.kubectl("create deployment web --image=x");
    let status = "edit deployment web --subresource=status";
    let status = edit("status: {}", "status: { replicas: 3 }", status).ok();
    assert_eq!(status, "deployment.apps/web edited\n");
    assert_eq!(cluster.field("deployment/web", ".status.replicas"), "3");

    let uid = cluster.field("cm/c", ".metadata.uid");
    let replaced = cluster.pipe(&["replace", "-f", "-"], &map("4")).ok();
    assert_eq!(replaced, "configmap/c replaced\n");
    assert_eq!(cluster.field("cm/c", ".metadata.uid"), uid);
    cluster.pipe(&["replace", "--force", "-f", "-"], &map("5")).ok();
    assert_ne!(cluster.field("cm/c", ".metadata.uid"), uid);
}

#[test]
fn conflicts_of_server_side_apply_name_the_managers() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    let map = |b: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: c }}\ndata: {{ a: '1', b: '{b}' }}\n"
        )
    };
    let apply = |manager: &str, b: &str| {
        let manager = format!("--field-manager={manager}");
        cluster.apply(&["--server-side", &manager], &map(b))
    };
    apply("one", "2").ok();
    apply("two", "2").ok();
    let conflict = apply("three", "3");
    refused(&conflict, "Apply failed with 2 conflicts: conflicts with \"one\"");
    assert!(conflict.stderr.contains("conflicts with \"two\":\n- .data.b"), "{conflict:?}");
    cluster.apply(&["--server-side", "--force-conflicts", "--field-manager=three"], &map("3")).ok();
    let managers =
        cluster.field("cm/c --show-managed-fields", ".metadata.managedFields[*].manager");
    let mut managers: Vec<_> = managers.split(' ').collect();
    managers.sort_unstable();
    assert_eq!(managers, ["one", "three", "two"]);
    // Who said the same before may go on saying what nobody else has.
    refused(&apply("one", "2"), "conflict with \"three\": .data.b");
}

#[test]
fn wait_sees_conditions_fields_and_the_end() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    cluster.kubectl("create deployment web --image=x");
    let wait = |what: &str| cluster.try_kubectl(&format!("wait deployment/web --timeout={what}"));
    refused(&wait("1s --for=condition=Available"), "timed out waiting for the condition");
    let patch = r#"{"status":{"conditions":[{"type":"Available","status":"True"}],"replicas":1}}"#;
    let path = ["patch", "deployment", "web", "--subresource=status", "--type=merge", "-p", patch];
    words(&cluster, &path).ok();
    assert_eq!(wait("60s --for=condition=Available").ok(), "deployment.apps/web condition met\n");
    wait("60s --for=jsonpath={.status.replicas}=1").ok();
    cluster.kubectl("delete deployment web --wait=false");
    wait("60s --for=delete").ok();
}

#[test]
fn owned_objects_go_before_after_or_stay() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    for mode in ["background", "foreground", "orphan"] {
        cluster.kubectl("create configmap owner");
        let uid = cluster.field("cm/owner", ".metadata.uid");
        let child = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: child\n  ownerReferences: [{{ apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}, blockOwnerDeletion: true }}]\n"
        );
        cluster.apply(&[], &child).ok();
        cluster.kubectl(&format!("delete configmap owner --cascade={mode} --timeout=60s"));
        let left = || cluster.kubectl("get configmap child --ignore-not-found -o name");
        match mode {
            "background" => {
                cluster.kubectl("wait --for=delete configmap/child --timeout=60s");
            }
            // The owner goes last.
            "foreground" => assert_eq!(left(), ""),
            _ => {
                assert_eq!(left(), "configmap/child\n");
                assert_eq!(cluster.field("cm/child", ".metadata.ownerReferences"), "");
            }
        }
        cluster.kubectl("delete configmap child --ignore-not-found");
    }
}

#[test]
fn workloads_are_made_and_changed() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    cluster.kubectl("create deployment web --image=nginx --replicas=3");
    let scale = "get deployment web --subresource=scale";
    let scale = || stable(&cluster.kubectl(scale));
    assert_eq!(scale(), "NAME DESIRED AVAILABLE AGE\nweb 3 0 AGE\n");
    cluster.kubectl("scale deployment web --replicas=5 --current-replicas=3");
    refused(
        &cluster.try_kubectl("scale deployment web --replicas=5 --current-replicas=3"),
        "Expected replicas to be 3, was 5",
    );
    cluster.kubectl(
        "patch deployment web --subresource=scale --type=merge -p {\"spec\":{\"replicas\":7}}",
    );
    assert_eq!(scale(), "NAME DESIRED AVAILABLE AGE\nweb 7 0 AGE\n");
    cluster.kubectl("autoscale deployment web --min=1 --max=5 --cpu-percent=80");
    assert_eq!(
        cluster.field("hpa/web", ".spec.metrics[0].resource.target.averageUtilization"),
        "80"
    );
    cluster.kubectl("expose deployment web --port=80 --type=NodePort");
    assert_eq!(cluster.field("service/web", ".spec.selector.app"), "web");
    cluster.kubectl("set image deployment/web nginx=nginx:2");
    cluster.kubectl("set env deployment/web A=b");
    assert_eq!(
        cluster.field("deployment/web", ".spec.template.spec.containers[0].env[0].value"),
        "b"
    );

    // Nothing rolls it out here; what a controller would say is believed.
    let status = || cluster.try_kubectl("rollout status deployment/web --timeout=1s");
    refused(&status(), "timed out waiting for the condition");
    let done = r#"{"status":{"replicas":7,"readyReplicas":7,"updatedReplicas":7,"availableReplicas":7,"observedGeneration":99}}"#;
    let patch = ["patch", "deployment", "web", "--subresource=status", "--type=merge", "-p", done];
    words(&cluster, &patch).ok();
    assert_eq!(status().ok(), "deployment \"web\" successfully rolled out\n");
    cluster.kubectl("rollout pause deployment/web");
    refused(
        &cluster.try_kubectl("rollout restart deployment/web"),
        "can't restart paused deployment",
    );
    cluster.kubectl("rollout resume deployment/web");
    cluster.kubectl("rollout restart deployment/web");
    refused(&cluster.try_kubectl("rollout undo deployment/web"), "no rollout history found");

    words(&cluster, &["create", "cronjob", "tick", "--image=x", "--schedule=*/5 * * * *"]).ok();
    cluster.kubectl("create job now --from=cronjob/tick");
    assert_eq!(cluster.field("job/now", ".metadata.ownerReferences[0].kind"), "CronJob");
    cluster.kubectl("run once --image=busybox --restart=Never -- sleep 1");
    assert_eq!(cluster.field("pod/once", ".spec.containers[0].args"), r#"["sleep","1"]"#);
    let pending = "get pods --field-selector=status.phase=Pending,spec.nodeName= -o name";
    assert_eq!(cluster.kubectl(pending), "pod/once\n");
    refused(&cluster.try_kubectl("get pods --field-selector=a=b"), "field label not supported: a");
    // What nobody runs has no logs and no processes, and kubectl says so.
    refused(&cluster.try_kubectl("exec once -- ls"), "pod once does not have a host assigned");
    refused(&cluster.try_kubectl("port-forward once 80"), "pod is not running");
    refused(&cluster.try_kubectl("top pods"), "Metrics API not available");
}

#[test]
fn nodes_are_cordoned_tainted_and_drained() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    let node = "apiVersion: v1\nkind: Node\nmetadata: { name: n1 }\n";
    cluster.apply(&[], node).ok();
    cluster.kubectl("taint node n1 key=value:NoSchedule");
    refused(
        &cluster.try_kubectl("taint node n1 key=other:NoSchedule"),
        "already has key taint(s) with same effect(s)",
    );
    cluster.kubectl("taint node n1 key-");
    cluster.kubectl("label node n1 node-role.kubernetes.io/worker=");
    let overrides = r#"--overrides={"spec":{"nodeName":"n1"}}"#;
    cluster.kubectl(&format!("run lonely --image=x {overrides}"));
    refused(&cluster.try_kubectl("drain n1"), "cannot delete Pods declare no controller");
    assert_eq!(
        stable(&cluster.kubectl("get node n1")),
        "NAME STATUS ROLES AGE VERSION\nn1 Unknown,SchedulingDisabled worker AGE\n"
    );
    let drained = cluster.kubectl("drain n1 --force --grace-period=0 --timeout=60s");
    assert!(drained.contains("pod/lonely evicted"), "{drained}");
    assert_eq!(cluster.kubectl("get pods -o name"), "");
    cluster.kubectl("uncordon n1");
    assert_eq!(cluster.field("node/n1", ".spec"), "{}");
}

#[test]
fn certificates_are_approved_once() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    let mut subject = rcgen::CertificateParams::default();
    subject.distinguished_name.push(rcgen::DnType::CommonName, "jane");
    let key = rcgen::KeyPair::generate().unwrap();
    let request = subject.serialize_request(&key).unwrap().pem().unwrap();
    let request = STANDARD.encode(request);
    for name in ["good", "bad"] {
        let csr = format!(
            "apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {{ name: {name} }}\nspec: {{ request: {request}, signerName: kubernetes.io/kube-apiserver-client, usages: [client auth] }}\n"
        );
        cluster.apply(&[], &csr).ok();
    }
    let approved = cluster.kubectl("certificate approve good");
    assert_eq!(approved, "certificatesigningrequest.certificates.k8s.io/good approved\n");
    cluster.kubectl("certificate deny bad");
    cluster.kubectl("wait --for=jsonpath={.status.certificate} csr/good --timeout=60s");
    let table = stable(&cluster.kubectl("get csr"));
    assert!(table.contains("kubernetes-admin <none> Approved,Issued\n"), "{table}");
    assert!(table.contains("kubernetes-admin <none> Denied\n"), "{table}");
    refused(&cluster.try_kubectl("certificate deny good"), "is already Approved");
}

#[test]
fn custom_objects_are_like_any_others() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    cluster.apply(&[], GADGETS).ok();
    cluster.kubectl("wait --for=condition=Established crd/gadgets.example.com --timeout=60s");
    let gadget = |spec: &str| {
        format!(
            "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {{ name: g }}\nspec: {{ {spec} }}\n"
        )
    };
    cluster.apply(&[], &gadget("size: 3, colour: red")).ok();
    assert_eq!(stable(&cluster.kubectl("get gd")), "NAME SIZE AGE\ng 3 AGE\n");
    assert_eq!(stable(&cluster.kubectl("get toys -o wide")), "NAME SIZE COLOUR AGE\ng 3 red AGE\n");
    cluster.kubectl("scale gadget g --replicas=5");
    assert_eq!(cluster.field("gd/g", ".spec.size"), "5");
    let patch = |patch: &str| words(&cluster, &["patch", "gd", "g", "--type=merge", "-p", patch]);
    refused(
        &patch(r#"{"spec":{"colour":"blue"}}"#),
        "spec: Invalid value: \"object\": colour is immutable",
    );
    refused(
        &patch(r#"{"spec":{"size":44}}"#),
        "spec.size: Invalid value: 44: spec.size in body should be less than or equal to 10",
    );
    refused(
        &cluster.apply(&[], &gadget("size: 3, colour: red, extra: 1")),
        "unknown field \"spec.extra\"",
    );
    let warned = cluster.apply(&["--validate=warn"], &gadget("size: 3, colour: red, extra: 1"));
    assert!(warned.stderr.contains("Warning: unknown field \"spec.extra\""), "{warned:?}");
    refused(
        &cluster.try_kubectl("patch gd g -p {}"),
        "strategic-merge-patch+json is not supported",
    );
    cluster.kubectl("delete crd gadgets.example.com --timeout=60s");
    assert_eq!(cluster.try_kubectl("get gd").code, Some(1));
}
