//! The Helm chart: what it renders is what `kubewright manifests` prints, every value does
//! something, and a cluster takes it.
//!
//! Rendered by a program of Helm's own libraries, and by Helm where it is installed.
#![allow(clippy::unwrap_used)]

mod engine;
#[path = "../sandbox/mod.rs"]
mod sandbox;

use std::collections::{BTreeMap, BTreeSet};

use engine::{Case, Chart, Rendered};
use kubewright_testkit::require;
use kubewright_testkit::require::{find, program, programs};
use sandbox::kubectl::Cluster;
use sandbox::{Sandbox, run};
use serde_json::{Value, json};

const NAMESPACE: &str = "kubewright-system";

/// Labels that only a chart gives.
const OF_HELM: [&str; 4] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
];

type Objects = BTreeMap<(String, String, String), Value>;

/// What Helm is to do with an object.
const POLICY: &str = "helm.sh/resource-policy";

/// Objects by kind, namespace and name, without what Helm labels and annotates them with. The
/// namespace is Helm's to make.
fn comparable(objects: Vec<Value>) -> Objects {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = Objects::new();
    for mut object in objects.into_iter().filter(|object| object["kind"] != "Namespace") {
        if let Some(labels) = object["metadata"]["labels"].as_object_mut() {
            OF_HELM.iter().for_each(|label| drop(labels.remove(*label)));
        }
        if let Some(Value::Object(metadata)) = object.get_mut("metadata")
            && let Some(Value::Object(annotations)) = metadata.get_mut("annotations")
        {
            annotations.remove(POLICY);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
        let metadata = &object["metadata"];
        let key = (text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"]));
        assert!(all.insert(key.clone(), object).is_none(), "{key:?} is there twice");
    }
    all
}

fn printed(arguments: &[&str]) -> Objects {
    let line = [&["manifests", "-o", "json"], arguments].concat();
    let list: Value = serde_json::from_str(&Sandbox::new().kubewright(&line).ok()).unwrap();
    comparable(list["items"].as_array().unwrap().clone())
}

fn assert_same(rendered: &Objects, printed: &Objects, what: &str) {
    let keys = |objects: &Objects| objects.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(rendered), keys(printed), "{what}");
    for (key, object) in rendered {
        assert_eq!(object, &printed[key], "{what}: {key:?}");
    }
}

/// Values that leave these areas only.
fn only(wanted: &[&str]) -> Value {
    let areas = ["hostendpoint", "peerpod", "node", "podnet", "console"];
    areas
        .iter()
        .map(|one| ((*one).to_owned(), json!({ "enabled": wanted.contains(one) })))
        .collect()
}

/// What a user may ask for, and the same in the words of `kubewright manifests`.
fn equal() -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let monitored =
        json!({ "serviceMonitor": { "enabled": true }, "dashboard": { "enabled": true } });
    vec![
        ("default", json!({}), vec![]),
        ("hostendpoint", only(&["hostendpoint"]), vec!["hostendpoint"]),
        ("peerpod", only(&["peerpod"]), vec!["peerpod"]),
        ("node", only(&["node"]), vec!["node"]),
        ("podnet", only(&["podnet"]), vec!["podnet"]),
        ("two", only(&["hostendpoint", "peerpod"]), vec!["peerpod", "hostendpoint"]),
        ("console", only(&["console"]), vec!["console"]),
        ("monitored", monitored, vec!["--service-monitors", "--dashboard"]),
        (
            "settings",
            json!({ "image": { "repository": "r.example/k", "tag": "1" },
                "controllers": { "replicas": 1 },
                "podnet": { "plugin": "uninstall", "policy": true } }),
            vec![
                "--image=r.example/k:1",
                "--replicas=1",
                "--podnet-plugin=uninstall",
                "--podnet-policy",
            ],
        ),
    ]
}

#[test]
fn the_chart_renders_what_manifests_prints() {
    require!(program("go"), programs(&engine::LIBRARIES));
    let chart = Chart::write();
    let mut cases: Vec<Case> =
        equal().into_iter().map(|(name, values, _)| Case::new(name, values)).collect();
    cases.push(Case { namespace: "elsewhere".to_owned(), ..Case::new("elsewhere", json!({})) });
    let rendered = chart.render(&cases);
    for (name, _, arguments) in equal() {
        assert_same(&comparable(rendered[name].objects()), &printed(&arguments), name);
    }
    let elsewhere = comparable(rendered["elsewhere"].objects());
    assert_same(&elsewhere, &printed(&["--namespace=elsewhere"]), "elsewhere");
    for (name, one) in &rendered {
        let notes = one.notes();
        assert_eq!(
            notes.contains("podnet.plugin=uninstall"),
            one.has("DaemonSet"),
            "{name}: {notes}"
        );
        assert_eq!(notes.contains("get leases"), one.has("Deployment"), "{name}: {notes}");
        // Deleted while a controller runs, templates take the endpoints with them.
        let stop = "scale deployment/kubewright-controllers --replicas=0";
        assert_eq!(notes.contains(stop), one.has("HostEndpointTemplate"), "{name}: {notes}");
        for object in one.objects() {
            let policy = (object["kind"] == "HostEndpointTemplate").then_some("keep");
            assert_eq!(object["metadata"]["annotations"][POLICY].as_str(), policy, "{object}");
        }
    }
    assert!(rendered["elsewhere"].notes().contains("in namespace elsewhere"));
    if find("helm").is_some() {
        by_helm_itself(&chart, &rendered);
    }
}

/// What Helm has to say of the chart, and whether our renderer does as Helm does.
fn by_helm_itself(chart: &Chart, rendered: &BTreeMap<String, Rendered>) {
    let sandbox = Sandbox::new();
    let folder = chart.folder();
    run(sandbox.program("helm").args(["lint", "--strict"]).arg(&folder)).ok();
    for (name, values, _) in equal() {
        let file = sandbox.path("values.json");
        std::fs::write(&file, values.to_string()).unwrap();
        let mut command = sandbox.program("helm");
        command.args(["template", "release"]).arg(&folder).arg("--values").arg(&file);
        command.args(["--namespace", NAMESPACE, "--kube-version=1.28.0"]);
        let helms = comparable(engine::documents(&run(&mut command).ok()));
        assert_same(&comparable(rendered[name].objects()), &helms, name);
    }
}

/// Everything that is off by default, on.
fn all_on() -> Value {
    json!({ "serviceMonitor": { "enabled": true }, "dashboard": { "enabled": true } })
}

/// For each value another than the default.
fn others() -> BTreeMap<&'static str, Value> {
    let (label, amount) = (json!({ "a": "b" }), json!({ "limits": { "cpu": "1" } }));
    let toleration = json!([{ "key": "a", "operator": "Exists", "effect": "NoExecute" }]);
    let affinity = json!({ "nodeAffinity": {} });
    let template = json!([{ "name": "a", "spec": { "nodeSelector": {},
        "interfaces": [{ "name": "eth0" }] } }]);
    let digest = format!("sha256:{}", "0".repeat(64));
    BTreeMap::from([
        ("image.repository", json!("r.example/k")),
        ("image.tag", json!("9.9.9")),
        ("image.digest", json!(digest)),
        ("image.pullPolicy", json!("Always")),
        ("imagePullSecrets", json!([{ "name": "a" }])),
        ("commonLabels", label.clone()),
        ("logLevel", json!("debug,kube=info")),
        ("hostendpoint.enabled", json!(false)),
        ("hostendpoint.templates", template),
        ("peerpod.enabled", json!(false)),
        ("peerpod.webhook", json!(false)),
        ("node.enabled", json!(false)),
        ("podnet.enabled", json!(false)),
        ("podnet.plugin", json!("uninstall")),
        ("podnet.policy", json!(true)),
        ("podnet.cniBinDir", json!("/usr/lib/cni")),
        ("podnet.cniConfDir", json!("/etc/cni/other")),
        ("podnet.extraArgs", json!(["--interface-names=netN"])),
        ("podnet.extraVolumes", json!([{ "name": "k3s", "hostPath": { "path": "/run/k3s" } }])),
        ("podnet.extraVolumeMounts", json!([{ "name": "k3s", "mountPath": "/run/k3s" }])),
        ("podnet.updateStrategy", json!({ "rollingUpdate": { "maxUnavailable": 1 } })),
        ("podnet.resources", amount.clone()),
        ("podnet.nodeSelector", label.clone()),
        ("podnet.tolerations", toleration.clone()),
        ("podnet.affinity", affinity.clone()),
        ("podnet.podAnnotations", label.clone()),
        ("podnet.priorityClassName", json!("")),
        ("console.enabled", json!(false)),
        ("controllers.replicas", json!(0)),
        ("controllers.extraArgs", json!(["--require-guard"])),
        ("controllers.resources", amount),
        ("controllers.nodeSelector", label.clone()),
        ("controllers.tolerations", toleration),
        ("controllers.affinity", affinity),
        ("controllers.podAnnotations", label.clone()),
        ("controllers.priorityClassName", json!("mine")),
        ("podDisruptionBudget.enabled", json!(false)),
        ("networkPolicy.enabled", json!(false)),
        ("networkPolicy.apiServerPorts", json!([16443])),
        ("serviceMonitor.enabled", json!(false)),
        ("serviceMonitor.interval", json!("1m30s")),
        ("serviceMonitor.labels", label.clone()),
        ("dashboard.enabled", json!(false)),
        ("dashboard.labels", label),
    ])
}

/// `a.b` and a value, as values.
fn at(path: &str, value: &Value) -> Value {
    path.rsplit('.').fold(value.clone(), |below, name| json!({ name: below }))
}

fn merged(mut into: Value, from: Value) -> Value {
    match (into.as_object_mut(), from) {
        (Some(into_entries), Value::Object(entries)) => {
            for (key, value) in entries {
                let there = into_entries.remove(&key).unwrap_or_default();
                into_entries.insert(key, merged(there, value));
            }
            into
        }
        (_, from) => from,
    }
}

#[test]
fn every_value_does_something() {
    require!(program("go"), programs(&engine::LIBRARIES));
    let chart = Chart::write();
    let values = chart.values();
    let mut paths = BTreeSet::new();
    for (section, below) in values.as_object().unwrap() {
        // What is not a section of the schema is a value.
        match chart.schema()["properties"][section].get("properties") {
            Some(_) => paths
                .extend(below.as_object().unwrap().keys().map(|name| format!("{section}.{name}"))),
            None => drop(paths.insert(section.clone())),
        }
    }
    let tried: BTreeSet<String> = others().into_keys().map(str::to_owned).collect();
    assert_eq!(paths, tried, "values.yaml and the values tried here");

    let mut cases = vec![Case::new("on", all_on())];
    cases.extend(
        others().iter().map(|(path, value)| Case::new(path, merged(all_on(), at(path, value)))),
    );
    let rendered = chart.render(&cases);
    let before = rendered["on"].objects();
    for path in others().keys() {
        assert_ne!(rendered[*path].objects(), before, "{path} does nothing");
    }
    let text = |path: &str| serde_json::to_string(&rendered[path].objects()).unwrap();
    assert!(text("image.digest").contains(&format!("\"kubewright@sha256:{}\"", "0".repeat(64))));
    assert!(text("logLevel").contains("--log-level=debug,kube=info"));
    assert!(!text("peerpod.webhook").contains("--webhook-image"));
    assert!(text("controllers.replicas").contains("\"replicas\":0"));
    for object in rendered["commonLabels"].objects() {
        assert_eq!(object["metadata"]["labels"]["a"], "b", "{object}");
    }
}

#[test]
fn no_template_asks_for_a_value_that_there_is_not() {
    let chart = Chart::write();
    let values = chart.values();
    let mut asked = 0;
    for (path, text) in chart.files().iter().filter(|(path, _)| path.starts_with("templates/")) {
        for rest in text.split(".Values.").skip(1) {
            let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').next().unwrap();
            let pointer = format!("/{}", name.trim_end_matches('.').replace('.', "/"));
            assert!(values.pointer(&pointer).is_some(), "{path} asks for {name}");
            asked += 1;
        }
    }
    assert!(asked > 40, "{asked}");
}

#[test]
fn values_that_the_chart_does_not_know_are_refused() {
    require!(program("go"), programs(&engine::LIBRARIES));
    let wrong = [
        json!({ "replicas": 3 }),
        json!({ "controllers": { "replica": 3 } }),
        json!({ "controllers": { "replicas": -1 } }),
        json!({ "controllers": { "replicas": "two" } }),
        json!({ "controllers": { "resources": { "cpu": "1" } } }),
        json!({ "podnet": { "plugin": "remove" } }),
        json!({ "podnet": { "cniBinDir": "opt/cni/bin" } }),
        json!({ "podnet": { "tolerations": [{ "name": "a" }] } }),
        json!({ "podnet": { "extraVolumes": [{ "hostPath": { "path": "/run/k3s" } }] } }),
        json!({ "podnet": { "extraVolumeMounts": [{ "name": "k3s", "mountPath": "run/k3s" }] } }),
        json!({ "image": "kubewright:1" }),
        json!({ "image": { "digest": "1234" } }),
        json!({ "networkPolicy": { "apiServerPorts": [0] } }),
        json!({ "hostendpoint": { "templates": [{ "name": "a", "spec": { "interface": "eth0" } }] } }),
        json!({ "serviceMonitor": { "interval": "soon" } }),
    ];
    let mut cases: Vec<Case> =
        wrong.iter().map(|it| Case::new(&it.to_string(), it.clone())).collect();
    // As part of another chart.
    cases.push(Case::new("global", json!({ "global": { "anything": 1 } })));
    let rendered = Chart::write().render(&cases);
    for values in wrong {
        let error = rendered[&values.to_string()].error.as_deref();
        assert!(error.is_some(), "{values} is taken");
    }
    assert_eq!(rendered["global"].error, None);
}

/// With the Prometheus operator's kind there, each of them installs, fields checked strictly.
#[test]
fn a_cluster_takes_every_rendering() {
    require!(programs(&["go", "kubectl"]), programs(&engine::LIBRARIES));
    let chart = Chart::write();
    let cluster = Cluster::start();
    let strict = ["--server-side", "--validate=strict", "--force-conflicts"];
    let crds: Vec<String> = chart
        .files()
        .iter()
        .filter(|(path, _)| path.starts_with("crds/"))
        .map(|(_, text)| text.clone())
        .collect();
    assert_eq!(crds.len(), 4);
    cluster.apply(&strict, &crds.join("---\n")).ok();
    cluster.apply(&strict, include_str!("servicemonitors.yaml")).ok();
    for crd in cluster.kubectl("get crds -o name").lines() {
        cluster.kubectl(&format!("wait --for=condition=Established {crd}"));
    }
    cluster.kubectl(&format!("create namespace {NAMESPACE}"));
    let mut cases: Vec<Case> =
        equal().into_iter().map(|(name, values, _)| Case::new(name, values)).collect();
    let all = others().into_iter().filter(|(_, value)| *value != json!(false));
    let all = all.fold(all_on(), |values, (path, value)| merged(values, at(path, &value)));
    cases.push(Case::new("all values", all));
    for (name, rendered) in chart.render(&cases) {
        // Kinds that the embedded control plane does not have.
        let of_policy = |kind: &Value| kind.as_str().unwrap().starts_with("ValidatingAdmission");
        let objects = rendered.objects().into_iter().filter(|it| !of_policy(&it["kind"]));
        let objects: Vec<_> = objects.collect();
        let objects = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
        let applied = cluster.apply(&strict, &objects.to_string());
        assert_eq!(applied.code, Some(0), "{name}: {applied:?}");
    }
    // What the program prints itself.
    for arguments in [&["manifests"][..], &["manifests", "--service-monitors", "--dashboard"]] {
        cluster.apply(&strict, &cluster.sandbox.kubewright(arguments).ok()).ok();
    }
}
