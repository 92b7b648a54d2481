//! The adaptor and the webhook.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kubewright_peerpod::options::WebhookMode;
use kubewright_peerpod::webhook::certificate::Lifetimes;
use kubewright_testkit::require;
use kubewright_testkit::until::until;
use serde_json::{Value, json};

use super::fixture::{Cluster, RESOURCE};

const ADAPTOR: &str = "peer-pod-controller-caa-daemon";
const WEBHOOK: &str = "kubewright-peerpod-webhook";

fn of<K>(cluster: &Cluster) -> Api<K>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    Api::default_namespaced(cluster.client.clone())
}

async fn settings(cluster: &Cluster, provider: &str) {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "peer-pods-cm"},
        "data": {"CLOUD_PROVIDER": provider},
    });
    let parameters = PatchParams::apply("test");
    of::<ConfigMap>(cluster).patch("peer-pods-cm", &parameters, &Patch::Apply(map)).await.unwrap();
}

fn image(daemon_set: &DaemonSet) -> Option<String> {
    let pod = daemon_set.spec.as_ref()?.template.spec.as_ref()?;
    pod.containers.first()?.image.clone()
}

#[tokio::test]
async fn the_adaptor_follows_its_settings_and_drift_is_repaired() {
    require!(let cluster = Cluster::start().await);
    cluster.node("a").await;
    let selector = json!({"matchLabels": {"kubernetes.io/os": "linux"}});
    let adaptor = json!({"enabled": true});
    cluster.config("c", json!({"limit": "1", "labelSelector": selector, "adaptor": adaptor})).await;
    let _running = cluster.run(cluster.options());
    let message = cluster.condition("c", "DaemonSetReady", "False", "NoImage").await;
    assert!(message.starts_with("neither ConfigMap peer-pods-cm"), "{message}");

    settings(&cluster, "aws").await;
    let sets = of::<DaemonSet>(&cluster);
    let made = until(&sets, |all| all.contains_key(ADAPTOR)).await;
    assert!(image(&made[ADAPTOR]).unwrap().ends_with("/cloud-api-adaptor-aws:latest"));
    let digest = |set: &DaemonSet| {
        let template = set.spec.as_ref().unwrap().template.metadata.clone().unwrap();
        template.annotations.unwrap()["kubewright.io/settings-digest"].clone()
    };
    let first = digest(&made[ADAPTOR]);

    // What is asked for no more goes.
    let place = |set: &DaemonSet| set.spec.as_ref()?.template.spec.as_ref()?.node_selector.clone();
    assert!(place(&made[ADAPTOR]).is_some());
    cluster.change("c", json!({"labelSelector": null})).await;
    until(&sets, |all| all.get(ADAPTOR).is_some_and(|set| place(set).is_none())).await;

    settings(&cluster, "azure").await;
    let changed = until(&sets, |all| {
        all.get(ADAPTOR).and_then(image).is_some_and(|image| image.contains("azure"))
    })
    .await;
    assert_ne!(digest(&changed[ADAPTOR]), first);

    let drift = json!({"spec": {"template": {"spec": {"hostNetwork": false}}}});
    sets.patch(ADAPTOR, &PatchParams::default(), &Patch::Merge(drift)).await.unwrap();
    until(&sets, |all| {
        let pod = all.get(ADAPTOR).and_then(|set| set.spec.as_ref()?.template.spec.clone());
        pod.is_some_and(|pod| pod.host_network == Some(true))
    })
    .await;

    // As a DaemonSet controller would.
    let live = sets.get(ADAPTOR).await.unwrap();
    let status = json!({"status": {
        "observedGeneration": live.metadata.generation, "currentNumberScheduled": 1,
        "numberMisscheduled": 0, "desiredNumberScheduled": 1, "numberReady": 1,
    }});
    sets.patch_status(ADAPTOR, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    cluster.condition("c", "DaemonSetReady", "True", "Ready").await;

    cluster.delete("c").await;
    until(&sets, |all| !all.contains_key(ADAPTOR)).await;
    until(&cluster.configs(), |configs| configs.is_empty()).await;
}

#[tokio::test]
async fn the_webhook_is_deployed_registered_and_removed_in_order() {
    require!(let cluster = Cluster::start().await);
    cluster.node("a").await;
    let mut options = cluster.options();
    options.webhook = WebhookMode::Deployed { image: "kubewright:test".to_owned() };
    cluster.config("c", json!({"limit": "1", "webhook": {"enabled": true, "replicas": 3}})).await;
    let _running = cluster.run(options);
    cluster.condition("c", "WebhookReady", "False", "Unavailable").await;
    let deployment = of::<Deployment>(&cluster).get(WEBHOOK).await.unwrap();
    assert_eq!(deployment.spec.unwrap().replicas, Some(3));
    of::<Service>(&cluster).get(WEBHOOK).await.unwrap();
    let tls = of::<Secret>(&cluster).get("kubewright-peerpod-webhook-tls").await.unwrap();
    assert_eq!(tls.data.unwrap().keys().collect::<Vec<_>>(), ["tls.crt", "tls.key"]);
    let registrations = Api::<MutatingWebhookConfiguration>::all(cluster.client.clone());
    let registration = registrations.get(WEBHOOK).await.unwrap();
    let webhook = &registration.webhooks.unwrap()[0];
    assert!(webhook.client_config.ca_bundle.is_some());

    let status = json!({"status": {"availableReplicas": 3, "replicas": 3, "readyReplicas": 3}});
    let parameters = PatchParams::default();
    let deployments = of::<Deployment>(&cluster);
    deployments.patch_status(WEBHOOK, &parameters, &Patch::Merge(status)).await.unwrap();
    cluster.condition("c", "WebhookReady", "True", "Ready").await;

    let before = cluster.spy.writes().len();
    cluster.delete("c").await;
    until(&cluster.configs(), |configs| configs.is_empty()).await;
    let deletions: Vec<_> = cluster
        .spy
        .writes()
        .split_off(before)
        .into_iter()
        .filter(|write| write.starts_with("DELETE"))
        .collect();
    assert!(deletions[0].contains("mutatingwebhookconfigurations"), "{deletions:?}");
    assert_eq!(deletions.len(), 5, "{deletions:?}");
    let left = of::<Secret>(&cluster).list(&ListParams::default()).await.unwrap().items;
    let left: Vec<_> = left.iter().map(|secret| secret.name_any()).collect();
    assert!(left.iter().all(|name| !name.starts_with(WEBHOOK)), "keys stay: {left:?}");
}

/// Pods that are created while certificates, and the authority behind them, are exchanged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_one_admission_fails_while_certificates_rotate() {
    require!(let cluster = Cluster::start().await);
    // A real API server may not reach this process.
    require!(cluster.cluster.embedded());
    cluster.node("a").await;
    let seconds = Duration::from_secs;
    let mut options = cluster.options();
    options.webhook = WebhookMode::InProcess { listen: "127.0.0.1:0".parse().unwrap() };
    // An authority every two seconds, a certificate every second.
    options.lifetimes =
        Lifetimes { authority: seconds(6), serving: seconds(3), overlap: seconds(1) };
    cluster.config("c", json!({"limit": "1", "webhook": {"enabled": true}})).await;
    let _running = cluster.run(options);
    cluster.condition("c", "WebhookReady", "True", "Ready").await;

    let registrations = Api::<MutatingWebhookConfiguration>::all(cluster.client.clone());
    let bundle = |registration: &MutatingWebhookConfiguration| {
        registration.webhooks.as_ref().unwrap()[0].client_config.ca_bundle.clone().unwrap()
    };
    let first = bundle(&registrations.get(WEBHOOK).await.unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let load = {
        let (done, pods) = (Arc::clone(&done), cluster.pods());
        tokio::spawn(async move {
            let mut created = 0;
            while !done.load(Ordering::Relaxed) {
                let pod: Pod = serde_json::from_value(json!({
                    "metadata": {"generateName": "peer-"},
                    "spec": {"runtimeClassName": "kata-remote", "containers": [
                        {"name": "a", "image": "a", "resources": {"requests": {"cpu": "1500m"}}},
                    ]},
                }))
                .unwrap();
                let pod = pods.create(&PostParams::default(), &pod).await.unwrap();
                let spec = serde_json::to_value(&pod.spec).unwrap();
                let one: Value = json!({RESOURCE: "1"});
                assert_eq!(spec["containers"][0]["resources"]["limits"], one);
                created += 1;
            }
            created
        })
    };
    // Until nothing of the first authority is trusted any more.
    let first = String::from_utf8(first.0).unwrap();
    until(&registrations, |all| {
        let now = String::from_utf8(bundle(&all[WEBHOOK]).0).unwrap();
        !now.contains(first.trim())
    })
    .await;
    done.store(true, Ordering::Relaxed);
    let created = load.await.unwrap();
    assert!(created > 10, "{created}");

    // Pods of other classes are not sent at all.
    let plain: Pod = serde_json::from_value(json!({
        "metadata": {"name": "plain"}, "spec": {"containers": [{"name": "a", "image": "a"}]},
    }))
    .unwrap();
    let plain = cluster.pods().create(&PostParams::default(), &plain).await.unwrap();
    assert_eq!(plain.metadata.labels, None);
}

/// Once written, with the defaults of the API server and its notation of amounts, everything stays
/// as it is, also for a controller that remembers nothing.
#[tokio::test]
async fn what_is_owned_is_not_written_at_rest() {
    require!(let cluster = Cluster::start().await);
    cluster.node("a").await;
    settings(&cluster, "aws").await;
    let mut options = cluster.options();
    options.webhook = WebhookMode::Deployed { image: "kubewright:test".to_owned() };
    let spec = json!({
        "limit": "1000", "writeAllocatable": true, "instanceType": "t3.large",
        "labelSelector": {"matchExpressions": [{"key": "no", "operator": "DoesNotExist"}]},
        "adaptor": {
            "enabled": true, "maxUnavailable": "10%",
            "tolerations": [{"key": "gpu", "operator": "Exists"}, {"operator": "Exists"}],
            "resources": {
                "requests": {"cpu": "0.5", "memory": "1024Mi"},
                "limits": {"cpu": "1000m", "memory": "2048Mi"},
            },
        },
        "webhook": {
            "enabled": true,
            "namespaceSelector": {"matchLabels": {"peer-pods": "yes"}},
        },
    });
    cluster.config("c", spec).await;
    let running = cluster.run(options.clone());
    cluster.condition("c", "CapacityAdvertised", "True", "Advertised").await;
    cluster.condition("c", "WebhookReady", "False", "Unavailable").await;
    cluster.condition("c", "DaemonSetReady", "False", "Pending").await;
    running.stop().await;

    let before = cluster.spy.writes().len();
    let running = cluster.run(options.clone());
    // A change shows that the rest has been looked at.
    cluster.change("c", json!({"limit": "2000"})).await;
    cluster.advertises(&[("a", Some(2000))]).await;
    until(&cluster.configs(), |all| {
        all["c"].status.as_ref().is_some_and(|status| status.advertised == 2000)
    })
    .await;
    running.stop().await;
    let mut writes = cluster.spy.writes().split_off(before);
    writes.dedup();
    let paths: Vec<_> = writes.iter().filter_map(|write| write.split(' ').nth(1)).collect();
    assert_eq!(paths.len(), 2, "a node and a status, nothing else: {writes:?}");
    assert!(paths[0].ends_with("/nodes/a/status") && paths[1].ends_with("/c/status"), "{paths:?}");
    // Nobody answers for what would stay registered.
    let _running = cluster.run(options);
    cluster.delete("c").await;
    until(&cluster.configs(), |configs| configs.is_empty()).await;
}

/// A webhook in this process serves what is stored, also after a restart, and follows its config.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_in_this_process_survives_a_restart() {
    require!(let cluster = Cluster::start().await);
    require!(cluster.cluster.embedded());
    let mut options = cluster.options();
    options.webhook = WebhookMode::InProcess { listen: "127.0.0.1:0".parse().unwrap() };
    let webhook = json!({"enabled": true, "runtimeClassName": "mine"});
    let spec = json!({"limit": "1", "instanceType": "t3.large", "webhook": webhook});
    cluster.config("c", spec).await;
    let registrations = Api::<MutatingWebhookConfiguration>::all(cluster.client.clone());
    let mut former = None;
    for round in 0..2 {
        let signed = cluster.spy.writes_to("secrets");
        let running = cluster.run(options.clone());
        // The port is another one each time.
        let url = |all: &BTreeMap<String, MutatingWebhookConfiguration>| {
            all.get(WEBHOOK)?.webhooks.as_ref()?.first()?.client_config.url.clone()
        };
        let all = until(&registrations, |all| url(all).is_some() && url(all) != former).await;
        former = url(&all);
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": format!("pod-{round}")},
            "spec": {"runtimeClassName": "mine", "containers": [{"name": "a", "image": "a"}]},
        }))
        .unwrap();
        let pod = cluster.pods().create(&PostParams::default(), &pod).await.unwrap();
        let annotations = pod.metadata.annotations.unwrap();
        let instance = "io.katacontainers.config.hypervisor.machine_type";
        assert_eq!(annotations[instance], "t3.large");
        if round > 0 {
            assert_eq!(cluster.spy.writes_to("secrets"), signed, "what is stored is served");
        }
        running.stop().await;
    }
}
