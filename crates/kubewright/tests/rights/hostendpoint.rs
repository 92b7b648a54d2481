//! HostEndpoints, in both of Calico's groups, and what the guard of a node asks.

use std::convert::Infallible;

use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kubewright_apiserver::Identity;
use kubewright_hostendpoint::api::{CalicoGroup, HostEndpoint, UNPROTECTED_TAINT};
use kubewright_hostendpoint::controller::HostEndpoints;
use kubewright_hostendpoint::options::{NodeCondition, Options};
use kubewright_operator::{Context, Controller, Shutdown};
use serde_json::json;

use crate::lab::{Lab, foreign, printed, scraped};
use crate::{OF_CONTROLLERS, exposed, panels};

pub(crate) const METRICS: &[&str] = &["kubewright_hostendpoint_"];

#[tokio::test(flavor = "multi_thread")]
async fn host_endpoints_live_with_exactly_their_rights() {
    // A group each, as a cluster has them; with neither alone is every right used.
    let first = life(CalicoGroup::CrdV1).await;
    let second = life(CalicoGroup::ProjectV3).await;
    first.and(&second).assert_exact(|role| role != "kubewright-guard");
}

/// A life: a node with the startup taint comes up, its guard reports, an endpoint is tampered with,
/// and the node goes.
async fn life(group: CalicoGroup) -> Lab {
    let lab = Lab::of("hostendpoint").await;
    let (calico, version) = (group.group(), group.version());
    for (kind, plural) in [
        ("HostEndpoint", "hostendpoints"),
        ("GlobalNetworkPolicy", "globalnetworkpolicies"),
        ("FelixConfiguration", "felixconfigurations"),
    ] {
        lab.define(&foreign(calico, version, kind, plural, "Cluster")).await;
    }
    lab.define(&foreign("cluster.x-k8s.io", "v1beta1", "Machine", "machines", "Namespaced")).await;
    for object in printed(&["manifests", "hostendpoint"]) {
        if object["kind"] == "HostEndpointTemplate" {
            lab.apply(&object).await;
        }
    }
    let mut options = Options::default();
    options.limits.grace = jiff::SignedDuration::ZERO;
    options.node_condition = NodeCondition::Always;
    let leader = lab.leader("kubewright-hostendpoint").await;
    let manager = lab.manager("kubewright-controllers", Some("kubewright-hostendpoint")).await;
    let health = manager.health_address().unwrap();
    let shutdown = Shutdown::new();
    let manager = manager.controller(HostEndpoints { options }).controller(Failing);
    let running = tokio::spawn(manager.run(shutdown.clone()));
    lab.hand_over(leader).await;

    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "a",
            "labels": { "node.kubernetes.io/node": "" },
            "annotations": { "kubewright.io/host-guard": "released/boot" } },
        "spec": { "taints": [{ "key": UNPROTECTED_TAINT, "effect": "NoSchedule" }] } });
    lab.apply(&node).await;
    let nodes: Api<Node> = Api::all(lab.admin.clone());
    let info = json!({ "status": { "nodeInfo": { "architecture": "", "bootID": "boot",
        "containerRuntimeVersion": "", "kernelVersion": "", "kubeProxyVersion": "",
        "kubeletVersion": "", "machineID": "", "operatingSystem": "", "osImage": "",
        "systemUUID": "" } } });
    nodes.patch_status("a", &PatchParams::default(), &Patch::Merge(&info)).await.unwrap();
    let open = |node: Option<&Node>| {
        let taints = node.and_then(|node| node.spec.as_ref()?.taints.as_ref());
        taints.is_none_or(|taints| taints.is_empty())
    };
    lab.wait("the taint goes", nodes.clone(), "a", open).await;
    let endpoints: Api<HostEndpoint> = Api::all_with(lab.admin.clone(), &group);
    endpoints.delete("a-bond0", &DeleteParams::default()).await.unwrap();
    let resource = group.resource("HostEndpoint", "hostendpoints");
    let watched = Api::<DynamicObject>::all_with(lab.admin.clone(), &resource);
    let back = |it: Option<&DynamicObject>| it.is_some();
    lab.wait("the endpoint is back", watched.clone(), "a-bond0", back).await;
    nodes.delete("a", &DeleteParams::default()).await.unwrap();
    let gone = |it: Option<&DynamicObject>| it.is_none();
    lab.wait("the endpoint goes", watched, "a-bond0", gone).await;
    let text = scraped(health).await;
    panels::assert_exposed(METRICS, &text);
    panels::assert_exposed(OF_CONTROLLERS, &text);
    exposed::assert_in_reference(&text);
    shutdown.trigger();
    running.await.unwrap().unwrap();
    lab
}

/// Fails at once, so that a restart is counted.
#[derive(Clone)]
struct Failing;

impl Controller for Failing {
    type Error = Infallible;

    fn name(&self) -> &'static str {
        "failing"
    }

    async fn run(self, _: Context) -> Result<(), Infallible> {
        Ok(())
    }
}

/// With the credentials of its kubelet the guard lists endpoints, in the group that there is.
#[tokio::test(flavor = "multi_thread")]
async fn the_guard_lists_endpoints_with_exactly_its_rights() {
    let mut labs = Vec::new();
    for group in [CalicoGroup::CrdV1, CalicoGroup::ProjectV3] {
        let one = Lab::of("hostendpoint").await;
        let (calico, version) = (group.group(), group.version());
        one.define(&foreign(calico, version, "HostEndpoint", "hostendpoints", "Cluster")).await;
        let kubelet = one.client(Identity::new("system:node:a", ["system:nodes".to_owned()]));
        let endpoints: Api<HostEndpoint> = Api::all_with(kubelet, &group);
        endpoints.list(&ListParams::default()).await.unwrap();
        labs.push(one);
    }
    let [first, second]: [Lab; 2] = labs.try_into().ok().unwrap();
    first.and(&second).assert_exact(|role| role == "kubewright-guard");
}
