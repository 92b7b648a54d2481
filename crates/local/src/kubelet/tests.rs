#![allow(clippy::unwrap_used)]

mod stuck;

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{Api, DeleteParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Client, ResourceExt};
use kubewright_cri::message::{PodSandbox, PodSandboxFilter};
use kubewright_cri::{Client as Runtime, label};
use kubewright_testkit::{Containerd, TestCluster, containerd, require};
use serde_json::{Value, json};

use super::*;
use crate::runtime::tests::node::{Node, available, config};

/// Generous: only for what is broken.
const PATIENCE: Duration = Duration::from_secs(60);

const NODE_NAME: &str = "worker-0";

struct World {
    pods: Api<Pod>,
    client: Client,
    runtime: Runtime,
}

/// A node with a runtime in miniature, and a cluster; the kubelet is the test's.
fn in_world(test: impl AsyncFnOnce(&World, &Node) + Send) {
    Node::new().run(async |node| {
        let (serving, runtime) = node.start().await;
        in_cluster(runtime, async |world| test(world, node).await).await;
        serving.stop().await;
    });
}

async fn in_cluster(runtime: Runtime, test: impl AsyncFnOnce(&World)) {
    let cluster = TestCluster::start().await.unwrap();
    // From the namespace of the node no other is reached.
    require!(cluster.embedded());
    let client = cluster.client();
    let pods = Api::namespaced(client.clone(), cluster.namespace());
    // Without it no pod is taken.
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), cluster.namespace());
    let mut account = ServiceAccount::default();
    account.metadata.name = Some("default".to_owned());
    accounts.create(&PostParams::default(), &account).await.unwrap();
    test(&World { pods, client, runtime }).await;
    cluster.finish().await.unwrap();
}

impl World {
    fn kubelet(&self) -> Kubelet {
        let place = Place { node: NODE_NAME.to_owned(), address: "10.0.0.10".to_owned() };
        Kubelet::start(self.client.clone(), self.runtime.clone(), place)
    }

    async fn create(&self, name: &str, spec: Value) -> Pod {
        let mut pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name },
            "spec": { "nodeName": NODE_NAME,
                "containers": [{ "name": "main", "image": "none" }] } });
        json_patch::merge(&mut pod["spec"], &spec);
        let pod = serde_json::from_value(pod).unwrap();
        self.pods.create(&PostParams::default(), &pod).await.unwrap()
    }

    async fn when(&self, name: &str, test: impl Fn(&Pod) -> bool) -> Pod {
        let condition = |pod: Option<&Pod>| pod.is_some_and(&test);
        let found = await_condition(self.pods.clone(), name, condition);
        tokio::time::timeout(PATIENCE, found).await.unwrap().unwrap().unwrap()
    }

    async fn running(&self, name: &str) -> Pod {
        self.when(name, |pod| restarts(pod).is_some()).await
    }

    async fn gone(&self, pod: &Pod) {
        let uid = pod.uid().unwrap();
        let gone = await_condition(
            self.pods.clone(),
            pod.metadata.name.as_deref().unwrap(),
            conditions::is_deleted(&uid),
        );
        tokio::time::timeout(PATIENCE, gone).await.unwrap().unwrap();
    }

    async fn sandboxes(&self) -> Vec<PodSandbox> {
        self.runtime.list_sandboxes(PodSandboxFilter::default()).await.unwrap()
    }

    /// The runtime tells of nothing, so it is asked.
    async fn until_sandboxes(&self, test: impl Fn(&[PodSandbox]) -> bool) {
        let asked = async {
            while !test(&self.sandboxes().await) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap();
    }
}

/// How often a running pod was started again.
fn restarts(pod: &Pod) -> Option<i32> {
    let status = pod.status.as_ref().filter(|s| s.phase.as_deref() == Some("Running"))?;
    Some(status.container_statuses.as_ref()?.first()?.restart_count)
}

fn address(pod: &Pod) -> &str {
    pod.status.as_ref().unwrap().pod_ip.as_deref().unwrap()
}

#[test]
fn a_pod_runs_in_a_sandbox_until_it_is_deleted() {
    require!(available());
    in_world(async |world, node| {
        let kubelet = world.kubelet();
        let port = json!([{ "containerPort": 80, "hostPort": 8080 }]);
        let containers = json!([{ "name": "main", "image": "none", "ports": port }]);
        world.create("web", json!({ "containers": containers })).await;
        let pod = world.running("web").await;
        let sandbox = world.runtime.ready_sandbox(&pod.uid().unwrap()).await.unwrap().unwrap();
        let sandbox = world.runtime.sandbox(&sandbox.id).await.unwrap();
        assert_eq!(address(&pod), sandbox.addresses[0].to_string());
        assert_eq!(sandbox.labels[label::POD_NAME], "web");
        let status = pod.status.as_ref().unwrap();
        assert_eq!(status.host_ip.as_deref(), Some("10.0.0.10"));
        let conditions = status.conditions.iter().flatten();
        assert!(conditions.filter(|c| c.type_ == "Ready").any(|c| c.status == "True"));

        // A pod that does not belong to the node.
        let other = json!({ "nodeName": "worker-1" });
        world.create("elsewhere", other).await;
        // Deletion has its grace, which the kubelet ends.
        world.pods.delete("web", &DeleteParams::default().grace_period(3600)).await.unwrap();
        world.gone(&pod).await;
        assert_eq!(world.sandboxes().await, []);
        kubelet.stop().await;
        node.assert_empty();
    });
}

#[tokio::test]
async fn a_pod_runs_in_a_sandbox_of_containerd() {
    require!(available(), containerd::available());
    let containerd = Containerd::start().await.unwrap();
    in_cluster(containerd.client().clone(), async |world| {
        let kubelet = world.kubelet();
        world.create("web", json!({})).await;
        world.create("proxy", json!({ "hostNetwork": true })).await;
        let (pod, proxy) = (world.running("web").await, world.running("proxy").await);
        assert!(address(&pod).starts_with("10.88."), "{pod:?}");
        assert_eq!(address(&proxy), "10.0.0.10");
        let first = world.runtime.ready_sandbox(&pod.uid().unwrap()).await.unwrap().unwrap();
        world.runtime.stop_sandbox(&first.id).await.unwrap();
        world.when("web", |pod| restarts(pod) == Some(1)).await;
        world.pods.delete("web", &DeleteParams::default()).await.unwrap();
        world.gone(&pod).await;
        let left = world.sandboxes().await;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].labels[label::POD_NAME], "proxy");
        kubelet.drain().await.unwrap();
        assert_eq!(world.sandboxes().await, []);
    })
    .await;
}

#[test]
fn a_pod_with_the_network_of_the_node_has_its_address() {
    require!(available());
    in_world(async |world, node| {
        let kubelet = world.kubelet();
        world.create("proxy", json!({ "hostNetwork": true })).await;
        let pod = world.running("proxy").await;
        assert_eq!(address(&pod), "10.0.0.10");
        kubelet.drain().await.unwrap();
        node.assert_empty();
    });
}

#[test]
fn a_sandbox_that_ended_is_replaced_and_the_status_follows() {
    require!(available());
    in_world(async |world, node| {
        let kubelet = world.kubelet();
        world.create("web", json!({})).await;
        let before = world.running("web").await;
        let first = world.sandboxes().await.remove(0);
        world.runtime.stop_sandbox(&first.id).await.unwrap();
        let after = world.when("web", |pod| restarts(pod) == Some(1)).await;
        assert_ne!(address(&before), address(&after));
        let addresses = after.status.as_ref().unwrap().pod_ips.as_ref().unwrap();
        assert_eq!(addresses.len(), 1, "the old one is not told any more");
        let left = world.sandboxes().await;
        assert_eq!(left.len(), 1);
        assert_ne!(left[0].id, first.id);
        kubelet.drain().await.unwrap();
        node.assert_empty();
    });
}

#[test]
fn after_a_restart_sandboxes_are_found_and_orphans_ended_and_nothing_is_written() {
    require!(available());
    in_world(async |world, node| {
        let kubelet = world.kubelet();
        for name in ["stays", "goes"] {
            world.create(name, json!({})).await;
        }
        let pod = world.running("stays").await;
        let orphan = world.running("goes").await;
        kubelet.stop().await;
        let now = DeleteParams::default().grace_period(0);
        world.pods.delete("goes", &now).await.unwrap();
        let foreign = world.runtime.run_sandbox(config("foreign", "uid-9", 0), "").await.unwrap();
        let mine = world.runtime.ready_sandbox(&pod.uid().unwrap()).await.unwrap().unwrap();

        let kubelet = world.kubelet();
        let orphan = orphan.uid().unwrap();
        world
            .until_sandboxes(|all| !all.iter().any(|one| one.labels[label::POD_UID] == orphan))
            .await;
        let mut left: Vec<_> = world.sandboxes().await.into_iter().map(|one| one.id).collect();
        left.sort();
        let mut expected = vec![mine.id.clone(), foreign.clone()];
        expected.sort();
        assert_eq!(left, expected);
        // A pod that comes now is seen after a look at the others.
        world.create("later", json!({})).await;
        world.running("later").await;
        let unchanged = world.pods.get("stays").await.unwrap();
        assert_eq!(unchanged.resource_version(), pod.resource_version());

        kubelet.drain().await.unwrap();
        assert_eq!(world.sandboxes().await[0].id, foreign);
        world.runtime.remove_sandbox(&foreign).await.unwrap();
        node.assert_empty();
    });
}

#[test]
fn killed_at_any_instant_it_goes_on_where_it_was() {
    require!(available());
    in_world(async |world, node| {
        for life in 0..20_u64 {
            let name = format!("web-{life}");
            let pod = world.create(&name, json!({})).await;
            if life % 2 == 1 {
                let name = format!("web-{}", life - 1);
                world.pods.delete(&name, &DeleteParams::default()).await.unwrap();
            }
            // Everything that it is at is dropped with the threads it is on.
            let threads = tokio::runtime::Builder::new_multi_thread();
            let threads = { threads }.worker_threads(1).enable_all().build().unwrap();
            let (client, endpoint) = (world.client.clone(), world.runtime.endpoint().clone());
            threads.spawn(async move {
                let place = Place { node: NODE_NAME.to_owned(), address: "10.0.0.10".to_owned() };
                let kubelet = Kubelet::start(client, Runtime::new(endpoint), place);
                std::future::pending::<()>().await;
                kubelet.stop().await;
            });
            tokio::time::sleep(Duration::from_millis(life * 6)).await;
            threads.shutdown_background();
            assert!(pod.uid().is_some());
        }
        let kubelet = world.kubelet();
        let odd: Vec<_> = (0..20).filter(|life| life % 2 == 1).collect();
        for life in &odd {
            world.running(&format!("web-{life}")).await;
        }
        world.until_sandboxes(|all| all.len() == odd.len()).await;
        let names: Vec<_> = world.pods.list(&Default::default()).await.unwrap().items;
        assert_eq!(names.len(), odd.len());
        for sandbox in world.sandboxes().await {
            assert_eq!(sandbox.state, 0, "{sandbox:?}");
        }
        assert_eq!(node.addresses().len(), odd.len());
        kubelet.drain().await.unwrap();
        node.assert_empty();
    });
}
