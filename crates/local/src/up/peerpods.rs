//! Capacity for peer pods: that the limit is spread whole, that what takes a pod's runtime class
//! makes it a peer pod, and that nothing stays when the config goes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Node, Pod, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt};
use kubewright_operator::Shutdown;
use kubewright_peerpod::Controller;
use kubewright_peerpod::api::{PeerPodConfig, condition};
use kubewright_peerpod::options::{Options, WebhookMode};
use serde_json::json;

use super::PATIENCE;
use super::course::{Finding, Wrong};
use super::machine::Machine;
use super::resources::FIELD_MANAGER;
use super::watched::{Objects, Watched};

const NAMESPACE: &str = "default";
const NAME: &str = "kubewright-up";
const LIMIT: u64 = 20;

/// Name of the registration of the webhook.
const REGISTRATION: &str = kubewright_peerpod::objects::webhook::NAME;

/// Runs the controller, with its webhook in this process, and checks what it does.
pub(super) async fn check(machine: &Machine) -> Finding {
    let client = &machine.client;
    install(client).await?;
    let mut options = Options::default();
    options.namespace = NAMESPACE.to_owned();
    options.debounce = Duration::from_millis(20);
    options.webhook = WebhookMode::InProcess { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) };
    let resource = options.resource.clone();
    let shutdown = Shutdown::new();
    let controller = Controller::new(client.clone(), options).run(shutdown.clone());
    let mut running = tokio::task::JoinSet::new();
    running.spawn(controller);
    let scene = Scene { machine, resource };
    let seen = scene.play().await?;
    shutdown.trigger();
    if let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(((), seen))
}

async fn install(client: &Client) -> Result<(), Wrong> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let apply = PatchParams::apply(FIELD_MANAGER).force();
    for crd in kubewright_peerpod::crds() {
        let name = crd.name_any();
        api.patch(&name, &apply, &Patch::Apply(crd)).await?;
        let served = await_condition(api.clone(), &name, conditions::is_crd_established());
        let in_time = tokio::time::timeout(PATIENCE, served).await;
        in_time.map_err(|_| Wrong::failed(format!("{name} is not served")))??;
    }
    // Pods need one; a whole cluster makes it.
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    accounts.patch("default", &apply, &Patch::Apply(account)).await?;
    Ok(())
}

struct Scene<'a> {
    machine: &'a Machine,
    resource: String,
}

impl Scene<'_> {
    fn configs(&self) -> Api<PeerPodConfig> {
        Api::namespaced(self.machine.client.clone(), NAMESPACE)
    }

    async fn play(&self) -> Result<String, Wrong> {
        let client = &self.machine.client;
        let config = json!({
            "apiVersion": "confidentialcontainers.org/v1alpha1", "kind": "PeerPodConfig",
            "metadata": {"name": NAME},
            "spec": {"limit": LIMIT.to_string(), "adaptor": {"enabled": false}},
        });
        let configs = self.configs();
        configs.patch(NAME, &PatchParams::apply(FIELD_MANAGER), &Patch::Apply(config)).await?;
        let nodes: Api<Node> = Api::all(client.clone());
        let mut watched = Watched::start(nodes.clone());
        let spread = watched.until(PATIENCE, |nodes| self.spread(nodes)).await?;

        let mut registrations =
            Watched::<MutatingWebhookConfiguration>::start(Api::all(client.clone()));
        let registered = |all: &Objects<MutatingWebhookConfiguration>| {
            all.get(REGISTRATION).map(|_| ()).ok_or_else(|| "no webhook is registered".to_owned())
        };
        registrations.until(PATIENCE, registered).await?;
        let size = self.peer_pod().await?;

        // As a kubelet does that starts anew and knows nothing of the resource.
        let first = self.machine.nodes[0].name.as_str();
        let reset = json!({"status": {"capacity": {self.resource.as_str(): null}}});
        let reset =
            nodes.patch_status(first, &PatchParams::default(), &Patch::Merge(reset)).await?;
        let version = reset.resource_version();
        watched
            .until(PATIENCE, |nodes| {
                let now = nodes.get(first).and_then(|node| node.resource_version());
                if now == version {
                    return Err(format!("the capacity of {first} was reset"));
                }
                self.spread(nodes)
            })
            .await?;

        let mut left = Watched::<PeerPodConfig>::start(configs.clone());
        let there = |configs: &Objects<PeerPodConfig>| {
            configs.get(NAME).map(drop).ok_or_else(|| format!("peerpodconfig {NAME} is not there"))
        };
        left.until(PATIENCE, there).await?;
        configs.delete(NAME, &DeleteParams::default()).await?;
        watched
            .until(PATIENCE, |nodes| match nodes.values().find_map(|node| self.seats(node)) {
                None => Ok(()),
                Some(seats) => Err(format!("a node still advertises {seats}")),
            })
            .await?;
        left.until(PATIENCE, |configs| match configs.get(NAME) {
            None => Ok(()),
            Some(config) => Err(format!("peerpodconfig {NAME} stays: {}", why(config))),
        })
        .await?;
        Ok(format!("limit {LIMIT} as {spread}; a pod of {size}; repaired, removed"))
    }

    fn seats(&self, node: &Node) -> Option<u64> {
        let capacity = node.status.as_ref()?.capacity.as_ref()?;
        capacity.get(&self.resource)?.0.parse().ok()
    }

    /// The shares of all nodes; they add up to the limit, and differ by one at most.
    fn spread(&self, nodes: &Objects<Node>) -> Result<String, String> {
        let shares: Option<Vec<u64>> = nodes.values().map(|node| self.seats(node)).collect();
        let shares = shares.ok_or("a node advertises nothing")?;
        let (least, most) = (shares.iter().min(), shares.iter().max());
        let even = most.zip(least).is_some_and(|(most, least)| most - least <= 1);
        match shares.iter().sum::<u64>() {
            LIMIT if even => Ok(match (shares.len(), least, most) {
                (1..=4, ..) => shares.iter().map(u64::to_string).collect::<Vec<_>>().join("+"),
                (count, Some(least), Some(most)) => format!("{least} to {most} on {count} nodes"),
                _ => "nothing".to_owned(),
            }),
            sum => Err(format!("the nodes advertise {sum} together: {shares:?}")),
        }
    }

    /// Creates a pod of the runtime class; the size that it was given.
    async fn peer_pod(&self) -> Result<String, Wrong> {
        let pods: Api<Pod> = Api::namespaced(self.machine.client.clone(), NAMESPACE);
        let asked = json!({"requests": {"cpu": "1500m", "memory": "1Gi"}});
        let pod = json!({
            "metadata": {"name": NAME},
            "spec": {
                "runtimeClassName": "kata-remote",
                "containers": [{"name": "a", "image": "a", "resources": asked}],
            },
        });
        let pod: Pod = serde_json::from_value(pod).map_err(Wrong::during("making a pod"))?;
        let made = pods.create(&PostParams::default(), &pod).await;
        let made = made.map_err(Wrong::during("creating a pod of the runtime class"))?;
        pods.delete(NAME, &DeleteParams { grace_period_seconds: Some(0), ..Default::default() })
            .await?;
        let annotation = |name: &str| {
            let key = format!("io.katacontainers.config.hypervisor.default_{name}");
            made.annotations().get(&key).cloned().unwrap_or_default()
        };
        let size = (annotation("vcpus"), annotation("memory"));
        let first = made.spec.as_ref().and_then(|spec| spec.containers.first());
        let limits = first.and_then(|container| container.resources.as_ref()?.limits.as_ref());
        let lent = limits.and_then(|limits| Some(limits.get(&self.resource)?.0.as_str()));
        if (size.0.as_str(), size.1.as_str(), lent) != ("2", "1024", Some("1")) {
            return Err(Wrong::failed(format!(
                "the webhook made {size:?} of it, lending {lent:?}"
            )));
        }
        Ok("2 vCPU and 1024 MiB".to_owned())
    }
}

fn why(config: &PeerPodConfig) -> String {
    let conditions = config.status.iter().flat_map(|status| &status.conditions);
    let ready = conditions.into_iter().find(|one| one.type_ == condition::READY);
    let deleted = config.metadata.deletion_timestamp.is_some();
    let message = ready.map_or("it says nothing", |one| one.message.as_str());
    format!("{message} (deleted: {deleted})")
}
