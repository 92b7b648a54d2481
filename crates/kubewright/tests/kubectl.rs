//! A real kubectl against `kubewright local start`.
#![allow(clippy::unwrap_used)]

mod sandbox;

use std::io::Write;
use std::process::Stdio;

use kubewright_testkit::require;
use kubewright_testkit::require::program;
use sandbox::kubectl::{Cluster, stable};
use sandbox::{run, spawn};

const MANIFEST: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: { name: colours, labels: { tier: front } }
data: { sky: blue }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: "nginx:1" }, { name: log, image: "log:1" }] }
"#;

#[test]
fn apply_creates_updates_and_leaves_what_others_set() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    assert_eq!(
        cluster.apply(&[], MANIFEST).ok(),
        "configmap/colours created\ndeployment.apps/web created\n"
    );
    assert_eq!(
        cluster.apply(&[], MANIFEST).ok(),
        "configmap/colours unchanged\ndeployment.apps/web unchanged\n"
    );
    // Scaled by somebody else; the image and a removed container are ours.
    cluster.kubectl("scale deployment web --replicas=5");
    let without_replicas = MANIFEST
        .replace("  replicas: 2\n", "")
        .replace("nginx:1", "nginx:2")
        .replace(r#", { name: log, image: "log:1" }"#, "");
    let out = cluster.apply(&[], &without_replicas).ok();
    assert!(out.contains("deployment.apps/web configured"), "{out}");
    let images = ".spec.template.spec.containers[*].image";
    assert_eq!(cluster.field("deployment/web", images), "nginx:2");
    // And the same on the side of the server.
    let out = cluster.apply(&["--server-side", "--force-conflicts"], MANIFEST).ok();
    assert!(out.contains("deployment.apps/web serverside-applied"), "{out}");
    assert_eq!(cluster.field("deployment/web", images), "nginx:1 log:1");
    assert_eq!(cluster.field("deployment/web", ".spec.replicas"), "2");
}

#[test]
fn a_manifest_with_an_unknown_field_is_refused_by_name() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    let refused = cluster.apply(&[], &MANIFEST.replace("replicas: 2", "replica: 2"));
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("unknown field \"spec.replica\""), "{refused:?}");
}

#[test]
fn get_and_describe_show_what_kubectl_shows() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    cluster.apply(&[], MANIFEST).ok();
    insta::assert_snapshot!("get", stable(&cluster.kubectl("get configmaps,deployments")));
    insta::assert_snapshot!("get_wide", stable(&cluster.kubectl("get deployments -o wide")));
    insta::assert_snapshot!("describe", cluster.kubectl("describe configmap colours"));
    assert_eq!(cluster.field("configmap/colours", ".data.sky"), "blue");
    let selected = cluster.kubectl("get configmaps -l tier=front -o name");
    assert_eq!(selected, "configmap/colours\n");
    let missing = cluster.try_kubectl("get configmap nowhere");
    assert_eq!(missing.code, Some(1));
    assert_eq!(missing.stderr, "Error from server (NotFound): configmaps \"nowhere\" not found\n");
}

#[test]
fn patch_label_and_annotate() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    cluster.apply(&[], MANIFEST).ok();
    let patch = |kind: &str, patch: &str| {
        run(&mut cluster.command(&["patch", "configmap", "colours", kind, "-p", patch])).ok()
    };
    patch("--type=merge", r#"{"data":{"sky":"grey","sea":"green"}}"#);
    assert_eq!(cluster.field("configmap/colours", ".data"), r#"{"sea":"green","sky":"grey"}"#);
    patch("--type=merge", r#"{"data":{"sky":null}}"#);
    assert_eq!(cluster.field("configmap/colours", ".data"), r#"{"sea":"green"}"#);
    patch("--type=json", r#"[{"op":"replace","path":"/data/sea","value":"red"}]"#);
    assert_eq!(cluster.field("configmap/colours", ".data"), r#"{"sea":"red"}"#);
    let failed = run(&mut cluster.command(&[
        "patch",
        "configmap",
        "colours",
        "--type=json",
        "-p",
        r#"[{"op":"test","path":"/data/sea","value":"blue"}]"#,
    ]));
    assert_eq!(failed.code, Some(1), "{failed:?}");

    cluster.kubectl("label configmap colours tier=back --overwrite");
    cluster.kubectl("label configmap colours season=winter");
    assert_eq!(
        cluster.field("configmap/colours", ".metadata.labels"),
        r#"{"season":"winter","tier":"back"}"#
    );
    cluster.kubectl("label configmap colours season-");
    cluster.kubectl("annotate configmap colours note=here");
    assert_eq!(cluster.field("configmap/colours", ".metadata.annotations.note"), "here");
    let taken = cluster.try_kubectl("label configmap colours tier=front");
    assert_eq!(taken.code, Some(1), "without --overwrite: {taken:?}");
}

#[test]
fn a_watch_shows_changes_until_the_object_goes() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    cluster.apply(&[], MANIFEST).ok();
    let mut watch = cluster.command(&["get", "configmaps", "-w", "--output-watch-events"]);
    let mut watch = spawn(&mut watch);
    let mut lines = watch.lines();
    let mut event = |name: &str| {
        // Others of the namespace may come between.
        let line = lines.find(|line| line.contains(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(event("colours"), "ADDED");
    cluster.kubectl("label configmap colours tier=back --overwrite");
    assert_eq!(event("colours"), "MODIFIED");
    assert_eq!(cluster.kubectl("delete configmap colours"), "configmap \"colours\" deleted\n");
    assert_eq!(event("colours"), "DELETED");
}

#[test]
fn delete_waits_for_finalizers_and_a_namespace_takes_what_is_in_it() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    cluster.kubectl("create namespace shop");
    cluster.kubectl("create configmap stock -n shop");
    cluster.kubectl("delete namespace shop --timeout=60s");
    assert_eq!(cluster.kubectl("get configmaps -n shop -o name"), "");

    cluster.kubectl("create configmap kept");
    let finalizer = r#"{"metadata":{"finalizers":["example.com/hold"]}}"#;
    let patch = ["patch", "configmap", "kept", "--type=merge", "-p"];
    run(&mut cluster.command(&[&patch[..], &[finalizer]].concat())).ok();
    cluster.kubectl("delete configmap kept --wait=false");
    assert_ne!(cluster.field("configmap/kept", ".metadata.deletionTimestamp"), "");
    let release = r#"{"metadata":{"finalizers":null}}"#;
    run(&mut cluster.command(&[&patch[..], &[release]].concat())).ok();
    cluster.kubectl("wait --for=delete configmap/kept --timeout=60s");
}

#[test]
fn resources_and_versions_are_discovered_ours_too() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    let crds = cluster.sandbox.kubewright(&["crds"]).ok();
    let applied = cluster.apply(&["--server-side"], &crds).ok();
    assert!(
        applied.contains("hostendpointtemplates.kubewright.io serverside-applied"),
        "{applied}"
    );
    cluster.kubectl("wait --for=condition=Established crd/hostendpointtemplates.kubewright.io");

    let resources = cluster.kubectl("api-resources --no-headers");
    for line in ["configmaps cm v1 true ConfigMap", "nodes no v1 false Node"] {
        let words: Vec<&str> = line.split(' ').collect();
        let found = resources.lines().any(|line| line.split_whitespace().eq(words.clone()));
        assert!(found, "{line} is not in\n{resources}");
    }
    let ours = cluster.kubectl("api-resources --api-group=kubewright.io --no-headers");
    let ours: Vec<&str> = ours.split_whitespace().collect();
    assert_eq!(
        ours,
        ["hostendpointtemplates", "het", "kubewright.io/v1alpha1", "false", "HostEndpointTemplate"]
    );
    assert!(cluster.kubectl("api-versions").lines().any(|line| line == "kubewright.io/v1alpha1"));
}

#[test]
fn what_is_generated_installs_and_is_explained() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    let crds = cluster.sandbox.kubewright(&["crds"]).ok();
    cluster.apply(&["--server-side"], &crds).ok();
    cluster.kubectl("wait --for=condition=Established crd/hostendpointtemplates.kubewright.io");
    let manifests = cluster.sandbox.kubewright(&["manifests"]).ok();
    let applied = cluster.apply(&["--server-side"], &manifests).ok();
    for object in [
        "namespace/kubewright-system",
        "deployment.apps/kubewright-controllers",
        "hostendpointtemplate.kubewright.io/worker-ingress",
    ] {
        assert!(applied.contains(object), "{object} is not in\n{applied}");
    }
    let again = cluster.apply(&["--server-side"], &manifests).ok();
    assert_eq!(again, applied);
    let explained = cluster.kubectl("explain hostendpointtemplate.spec.nodeSelector");
    assert!(explained.contains("Nodes the template is for"), "{explained}");

    // A template that breaks a rule of the CRD is refused with its message.
    let bad = manifests.replace("{node}-{interface}", "the-same-for-all");
    let refused = cluster.apply(&["--server-side"], &bad);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("endpointName must contain {node}"), "{refused:?}");
}

#[test]
fn auth_tells_who_i_am_and_what_i_may() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    assert_eq!(
        stable(&cluster.kubectl("auth whoami")),
        "ATTRIBUTE VALUE\nUsername kubernetes-admin\nGroups [system:masters system:authenticated]\n"
    );
    assert_eq!(cluster.kubectl("auth can-i delete nodes"), "yes\n");

    cluster.kubectl("create serviceaccount reader");
    cluster.kubectl("create rolebinding read --clusterrole=view --serviceaccount=default:reader");
    let as_reader = "--as=system:serviceaccount:default:reader";
    let can = |what: &str| {
        let ended = cluster.try_kubectl(&format!("auth can-i {what} {as_reader}"));
        (ended.stdout.trim().to_owned(), ended.code)
    };
    assert_eq!(can("list pods"), ("yes".to_owned(), Some(0)));
    assert_eq!(can("get pods/log"), ("yes".to_owned(), Some(0)));
    for what in ["list secrets", "create pods", "list pods -n kube-system", "get /metrics"] {
        assert_eq!(can(what), ("no".to_owned(), Some(1)), "{what}");
    }
    let list = stable(&cluster.kubectl(&format!("auth can-i --list {as_reader}")));
    assert!(list.contains("configmaps [] [] [get list watch]\n"), "{list}");
    assert!(list.contains("[/healthz] [] [get]\n"), "{list}");

    let refused = cluster.try_kubectl(&format!("get secrets {as_reader}"));
    assert_eq!(refused.code, Some(1));
    let words = "User \"system:serviceaccount:default:reader\" cannot list resource \"secrets\" in API group \"\" in the namespace \"default\"";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    assert_eq!(
        cluster.kubectl(&format!(
            "auth whoami {as_reader} -o jsonpath={{.status.userInfo.groups[*]}}"
        )),
        "system:serviceaccounts system:serviceaccounts:default system:authenticated"
    );
}

#[test]
fn a_created_token_is_somebody() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    cluster.kubectl("create serviceaccount robot");
    cluster.kubectl("create role maps --verb=list --resource=configmaps");
    cluster.kubectl("create rolebinding maps --role=maps --serviceaccount=default:robot");
    let token = cluster.kubectl("create token robot --duration=10m");
    // A kubeconfig of its own: the administrator's certificate would speak for the connection.
    let server = cluster.kubectl("config view -o jsonpath={.clusters[0].cluster.server}");
    let (server, token) = (format!("--server={server}"), format!("--token={}", token.trim()));
    let robot = |line: &str| {
        let own = ["--kubeconfig=/dev/null", "--insecure-skip-tls-verify", &server, &token];
        let words = own.into_iter().chain(line.split(' '));
        run(&mut cluster.command(&words.collect::<Vec<_>>()))
    };
    assert!(robot("auth whoami").ok().contains("system:serviceaccount:default:robot"));
    assert!(robot("get configmaps").ok().contains("kube-root-ca.crt"));
    assert_eq!(robot("get pods").code, Some(1));
    let short = cluster.try_kubectl("create token robot --duration=1m");
    assert!(
        short.stderr.contains("may not specify a duration less than 10 minutes"),
        "{}",
        short.stderr
    );

    cluster.kubectl("delete serviceaccount robot");
    let gone = robot("get configmaps");
    assert!(gone.stderr.contains("You must be logged in to the server"), "{}", gone.stderr);
}

#[test]
fn nobody_gives_away_more_than_they_have() {
    require!(program("kubectl"));
    let cluster = Cluster::start();
    cluster.kubectl("create rolebinding editor --clusterrole=admin --user=jane");
    cluster.kubectl("create rolebinding friend --clusterrole=edit --user=joe --as=jane");
    let refused = cluster
        .try_kubectl("create rolebinding root --clusterrole=cluster-admin --user=joe --as=jane");
    let words = "user \"jane\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    // What `auth reconcile` sends is understood.
    let roles = cluster.kubectl("get clusterroles view -o yaml");
    let mut child = cluster
        .command(&["auth", "reconcile", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(roles.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
