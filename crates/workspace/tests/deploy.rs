//! Deployments that succeed, crash and never begin, against an API server; what the controllers and
//! kubelets of a cluster would say is written by the tests.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Client, ResourceExt as _};
use kubewright_testkit::TestCluster;
use kubewright_testkit::require;
use kubewright_testkit::until::until;
use kubewright_workspace::deploy::kind::Cluster;
use kubewright_workspace::deploy::{Conclusion, DeployError, Depth, Digests, Options, deploy};
use kubewright_workspace::process::Stop;
use serde_json::{Value, json};

const IMAGE: &str = "registry.example/dev/node:v1";
const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const MANIFEST: &str = "
kind: Deployment
apiVersion: apps/v1
metadata: { name: node }
spec:
  selector: { matchLabels: { app: node } }
  template:
    metadata: { labels: { app: node } }
    spec: { containers: [{ name: node, image: 'registry.example/dev/node:v1' }] }
---
kind: ConfigMap
apiVersion: v1
metadata: { name: settings }
data: { a: b }
";

fn digests() -> Digests {
    Digests::from([(IMAGE.to_owned(), [DIGEST.to_owned()].into())])
}

async fn run(client: &Client, text: &str, timeout: Duration) -> Result<Conclusion, DeployError> {
    let options = Options { depth: Depth::Pods, timeout, dry_run: false };
    deploy(client, &[text.to_owned()], &digests(), &options, &Stop::default(), |_| ()).await
}

/// Says what the controller of the Deployment and the kubelet would: one pod of the present
/// version, with this container.
async fn play(client: &Client, ready: bool, container: Value) {
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let found = until(&deployments, |all| all.contains_key("node")).await;
    let create = PostParams::default();
    let labels = json!({ "app": "node" });
    let template = json!({
        "metadata": { "labels": labels },
        "spec": { "containers": [{ "name": "node", "image": IMAGE }] },
    });
    let owner = |kind: &str, name: &str, uid: Option<String>| json!([{ "apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true }]);
    let revision = json!({ "deployment.kubernetes.io/revision": "1" });
    let set: ReplicaSet = serde_json::from_value(json!({
        "metadata": {
            "name": "node-1", "labels": labels, "annotations": revision,
            "ownerReferences": owner("Deployment", "node", found["node"].uid()),
        },
        "spec": { "selector": { "matchLabels": labels }, "template": template },
    }))
    .unwrap();
    let sets: Api<ReplicaSet> = Api::default_namespaced(client.clone());
    let set = sets.create(&create, &set).await.unwrap();
    // No controller makes it here, and no pod is taken without.
    let account = ServiceAccount {
        metadata: ObjectMeta { name: Some("default".to_owned()), ..ObjectMeta::default() },
        ..ServiceAccount::default()
    };
    Api::default_namespaced(client.clone()).create(&create, &account).await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": "node-1-a", "labels": labels, "ownerReferences": owner("ReplicaSet", "node-1", set.uid()) },
        "spec": { "containers": [{ "name": "node", "image": IMAGE }] },
    }))
    .unwrap();
    pods.create(&create, &pod).await.unwrap();
    let mut state = json!({
        "name": "node", "image": IMAGE, "imageID": "", "ready": ready, "restartCount": 0,
    });
    state.as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
    let condition = if ready { "True" } else { "False" };
    let status = json!({ "status": {
        "phase": "Running",
        "conditions": [{ "type": "Ready", "status": condition }],
        "containerStatuses": [state],
    } });
    let merge = PatchParams::default();
    pods.patch_status("node-1-a", &merge, &Patch::Merge(&status)).await.unwrap();
    let annotations = json!({ "metadata": { "annotations": revision } });
    deployments.patch("node", &merge, &Patch::Merge(&annotations)).await.unwrap();
    let count = i32::from(ready);
    let status = json!({ "status": {
        "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": count,
        "availableReplicas": count,
    } });
    deployments.patch_status("node", &merge, &Patch::Merge(&status)).await.unwrap();
}

#[tokio::test]
async fn what_becomes_ready_passes() {
    let cluster = TestCluster::start().await.unwrap();
    require!(cluster.embedded());
    let client = cluster.client();
    let id = json!({ "imageID": format!("registry.example/dev/node@{DIGEST}") });
    let deployed = run(&client, MANIFEST, Duration::from_secs(300));
    let (conclusion, ()) = tokio::join!(deployed, play(&client, true, id));
    let conclusion = conclusion.unwrap();
    assert!(conclusion.passed, "{conclusion:?}");
    let namespace = cluster.namespace();
    assert_eq!(
        conclusion.applied,
        [format!("ConfigMap {namespace}/settings"), format!("Deployment {namespace}/node")]
    );
}

#[tokio::test]
async fn a_crash_looping_deployment_fails_fast() {
    let cluster = TestCluster::start().await.unwrap();
    require!(cluster.embedded());
    let client = cluster.client();
    let crash = json!({
        "restartCount": 4,
        "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 40s" } },
        "lastState": { "terminated": { "exitCode": 2 } },
    });
    let timeout = Duration::from_secs(3600);
    let begin = Instant::now();
    let deployed = run(&client, MANIFEST, timeout);
    let (conclusion, ()) = tokio::join!(deployed, play(&client, false, crash));
    let conclusion = conclusion.unwrap();
    assert!(!conclusion.passed, "{conclusion:?}");
    assert!(begin.elapsed() < timeout / 10);
    assert!(
        conclusion.reasons[0].contains("CrashLoopBackOff, exit code 2, started again 4 times"),
        "{conclusion:?}"
    );
}

#[tokio::test]
async fn an_image_that_was_not_built_here_fails() {
    let cluster = TestCluster::start().await.unwrap();
    require!(cluster.embedded());
    let client = cluster.client();
    let id =
        json!({ "imageID": format!("registry.example/dev/node@{}", DIGEST.replace('1', "2")) });
    let deployed = run(&client, MANIFEST, Duration::from_secs(300));
    let (conclusion, ()) = tokio::join!(deployed, play(&client, true, id));
    let conclusion = conclusion.unwrap();
    assert!(
        !conclusion.passed && conclusion.reasons[0].contains("not what was built"),
        "{conclusion:?}"
    );
}

/// A workload whose template has no image of ours, with this in its spec.
fn workload(kind: &str, spec: &str) -> String {
    let group = if kind == "Job" { "batch/v1" } else { "apps/v1" };
    let selector = if kind == "Job" { "" } else { "selector: { matchLabels: { app: x } }," };
    format!(
        "{{ kind: {kind}, apiVersion: {group}, metadata: {{ name: x }}, spec: {{ {selector} {spec} \
         template: {{ metadata: {{ labels: {{ app: x }} }}, spec: {{ restartPolicy: {}, \
         containers: [{{ name: x, image: 'quay.io/other/x:v1' }}] }} }} }} }}",
        if kind == "Job" { "Never" } else { "Always" }
    )
}

/// What is in spec and status of each kind decides without waiting.
#[tokio::test]
async fn what_no_waiting_mends_is_read_of_every_kind() {
    let cluster = TestCluster::start().await.unwrap();
    require!(cluster.embedded());
    let client = cluster.client();
    let late = json!({ "observedGeneration": 1, "replicas": 1, "conditions": [
        { "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
          "message": "has timed out" }] });
    let old = json!({ "observedGeneration": 1, "replicas": 1, "updatedReplicas": 0,
        "currentRevision": "a", "updateRevision": "b" });
    let old_daemons = json!({ "observedGeneration": 1, "currentNumberScheduled": 2,
        "updatedNumberScheduled": 1, "desiredNumberScheduled": 2, "numberReady": 2,
        "numberMisscheduled": 0 });
    let failed = json!({ "conditions": [{ "type": "Failed", "status": "True",
        "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit" }] });
    let on_delete = "updateStrategy: { type: OnDelete },";
    for (kind, spec, status, reason) in [
        ("Deployment", "", late, "ProgressDeadlineExceeded: has timed out"),
        ("Deployment", "paused: true,", json!({ "observedGeneration": 1 }), "it is paused"),
        (
            "StatefulSet",
            &format!("serviceName: x, {on_delete}"),
            old,
            "1 pods of the version before",
        ),
        ("DaemonSet", on_delete, old_daemons, "1 pods of the version before"),
        ("Job", "suspend: true,", json!({}), "it is suspended"),
        ("Job", "", failed, "failed: Job has reached the specified backoff limit"),
    ] {
        let text = workload(kind, spec);
        let objects =
            Options { depth: Depth::ObjectsOnly, timeout: Duration::ZERO, dry_run: false };
        let (none, stop) = (Digests::new(), Stop::default());
        deploy(&client, std::slice::from_ref(&text), &none, &objects, &stop, |_| ()).await.unwrap();
        let group = if kind == "Job" { "batch" } else { "apps" };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        let api: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &resource);
        let patch = Patch::Merge(json!({ "status": status }));
        api.patch_status("x", &PatchParams::default(), &patch).await.unwrap();
        let conclusion = run(&client, &text, Duration::from_secs(3600)).await.unwrap();
        assert!(!conclusion.passed && conclusion.reasons[0].contains(reason), "{conclusion:?}");
        api.delete("x", &DeleteParams::background()).await.unwrap();
    }
}

#[tokio::test]
async fn a_daemon_set_without_nodes_does_not_pass() {
    let cluster = TestCluster::start().await.unwrap();
    require!(cluster.embedded());
    let client = cluster.client();
    let text = workload("DaemonSet", "updateStrategy: { type: OnDelete },");
    let objects = Options { depth: Depth::ObjectsOnly, timeout: Duration::ZERO, dry_run: false };
    let (none, stop) = (Digests::new(), Stop::default());
    deploy(&client, std::slice::from_ref(&text), &none, &objects, &stop, |_| ()).await.unwrap();
    let none_there = json!({ "status": { "observedGeneration": 1, "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0, "numberReady": 0, "numberMisscheduled": 0 } });
    let daemons: Api<DaemonSet> = Api::default_namespaced(client.clone());
    let merge = PatchParams::default();
    daemons.patch_status("x", &merge, &Patch::Merge(&none_there)).await.unwrap();
    let conclusion = run(&client, &text, Duration::ZERO).await.unwrap();
    assert!(conclusion.reasons[0].contains("there is no node that it is for"), "{conclusion:?}");
}

#[tokio::test]
async fn no_endless_wait_for_pods_that_never_come() {
    let cluster = TestCluster::start().await.unwrap();
    require!(cluster.embedded());
    let conclusion = run(&cluster.client(), MANIFEST, Duration::ZERO).await.unwrap();
    assert!(!conclusion.passed, "{conclusion:?}");
    assert!(conclusion.reasons[0].ends_with("when time was up"), "{conclusion:?}");
}

#[tokio::test]
async fn without_kubelets_the_verdict_is_of_objects_only() {
    let cluster = TestCluster::start().await.unwrap();
    let client = cluster.client();
    let options =
        Options { depth: Depth::ObjectsOnly, timeout: Duration::from_secs(60), dry_run: false };
    let (digests, stop) = (digests(), Stop::default());
    let texts = [MANIFEST.to_owned()];
    let conclusion = deploy(&client, &texts, &digests, &options, &stop, |_| ()).await.unwrap();
    assert!(conclusion.passed && conclusion.depth == Depth::ObjectsOnly, "{conclusion:?}");
    assert_eq!(conclusion.workloads, [""; 0]);

    for (wrong, message) in [
        (MANIFEST.replace("kind: ConfigMap", "kind: ConfigPam"), "serves no ConfigPam of v1"),
        (MANIFEST.replace("[{ name: node,", "[{ nome: node,"), "cannot apply Deployment"),
        ("kind: ConfigMap\n".to_owned(), "no apiVersion, kind or name"),
    ] {
        let error = deploy(&client, &[wrong], &digests, &options, &stop, |_| ()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

/// kind itself needs an engine of containers; what it is asked for is seen all the same.
#[test]
fn kind_is_asked_for_a_cluster_without_a_network_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let (program, log) = (folder.path().join("kind"), folder.path().join("log"));
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> {}\n[ \"$1\" = load ] && exit 3\nexit 0\n",
        log.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let cluster = Cluster::new("calico", folder.path()).with_program(&program);
    cluster.create().unwrap();
    let config = std::fs::read_to_string(folder.path().join("kind-calico.yaml")).unwrap();
    assert!(config.contains("disableDefaultCNI: true"), "{config}");
    let error = cluster.load(&folder.path().join("image.tar")).unwrap_err();
    assert_eq!(error.to_string(), "cannot load images into the kind cluster calico");
    cluster.delete().unwrap();
    let said =
        std::fs::read_to_string(log).unwrap().replace(&folder.path().display().to_string(), "DIR");
    assert_eq!(
        said,
        "get clusters\n\
         create cluster --name calico --config DIR/kind-calico.yaml --kubeconfig DIR/kind-calico.kubeconfig\n\
         load image-archive DIR/image.tar --name calico\n\
         delete cluster --name calico\n"
    );
}

/// In a new namespace the controller of accounts may come after the pod.
#[tokio::test]
async fn a_pod_waits_for_the_account_of_its_namespace() {
    let cluster = TestCluster::start().await.unwrap();
    require!(cluster.embedded());
    let client = cluster.client();
    let pod = "{ kind: Pod, apiVersion: v1, metadata: { name: bare }, spec: { containers: \
        [{ name: x, image: 'quay.io/other/x:v1' }] } }";
    let options =
        Options { depth: Depth::ObjectsOnly, timeout: Duration::from_secs(300), dry_run: false };
    let (texts, digests, stop) = ([pod.to_owned()], digests(), Stop::default());
    let deployed = deploy(&client, &texts, &digests, &options, &stop, |_| ());
    // It is refused at first: the account comes when it was.
    let mut deployed = std::pin::pin!(deployed);
    let refused = tokio::time::timeout(Duration::from_millis(500), &mut deployed).await;
    assert!(refused.is_err(), "{refused:?}");
    let account = ServiceAccount {
        metadata: ObjectMeta { name: Some("default".to_owned()), ..ObjectMeta::default() },
        ..ServiceAccount::default()
    };
    let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let conclusion = deployed.await.unwrap();
    assert_eq!(conclusion.applied, [format!("Pod {}/bare", cluster.namespace())]);
}
