//! What the cluster says of workloads and their pods.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod as PodObject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{Api, ListParams};
use kube::core::Selector;
use kube::{Client, ResourceExt as _};

use super::DeployError;
use super::apply::Applied;
use super::verdict::{Container, Pod, Workload};

/// Revision of a Deployment and of its ReplicaSets.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// Label of pods of StatefulSets.
const CONTROLLER_REVISION: &str = "controller-revision-hash";
/// Label of pods of DaemonSets, and the annotation that says its present value. The generation does
/// not: it also counts changes that no pod sees.
const TEMPLATE_GENERATION: (&str, &str) =
    ("pod-template-generation", "deprecated.daemonset.template.generation");
/// Strategy of updates that waits for someone to delete pods.
const ON_DELETE: &str = "OnDelete";

/// The workloads among what was applied, as they are now.
pub(super) async fn workloads(
    client: &Client,
    applied: &[Applied],
) -> Result<Vec<Workload>, DeployError> {
    let mut all = Vec::new();
    for object in applied {
        let look = Look { client, object };
        let seen = match &object.kind[..] {
            "Deployment" => look.deployment().await,
            "DaemonSet" => look.daemon_set().await,
            "StatefulSet" => look.stateful_set().await,
            "Job" => look.job().await,
            "Pod" => look.pod().await,
            _ => continue,
        };
        all.push(seen.map_err(|source| DeployError::Api {
            verb: "look at",
            object: object.shown.clone(),
            source: Box::new(source),
        })?);
    }
    Ok(all)
}

struct Look<'a> {
    client: &'a Client,
    object: &'a Applied,
}

impl Look<'_> {
    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.object.namespace)
    }

    fn workload(&self) -> Workload {
        Workload {
            kind: self.object.kind.clone(),
            namespace: self.object.namespace.clone(),
            name: self.object.name.clone(),
            generation: self.object.generation,
            ..Workload::default()
        }
    }

    async fn deployment(&self) -> Result<Workload, kube::Error> {
        let found = self.api::<Deployment>().get(&self.object.name).await?;
        let (spec, status) = (found.spec.unwrap_or_default(), found.status.unwrap_or_default());
        let revision = found.metadata.annotations.as_ref().and_then(|all| all.get(REVISION));
        let sets = self.api::<ReplicaSet>().list(&selected(&spec.selector)?).await?;
        let present: Vec<String> = sets
            .into_iter()
            .filter(|set| {
                let owned = set
                    .owner_references()
                    .iter()
                    .any(|owner| owner.kind == "Deployment" && owner.name == self.object.name);
                owned && set.annotations().get(REVISION) == revision
            })
            .map(|set| set.name_any())
            .collect();
        let mine = |pod: &PodObject| {
            let mut owners = pod.owner_references().iter();
            owners.any(|owner| owner.kind == "ReplicaSet" && present.contains(&owner.name))
        };
        let conditions = status.conditions.unwrap_or_default();
        let late = conditions.into_iter().find(|condition| {
            condition.type_ == "Progressing"
                && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
        });
        let stuck = match spec.paused {
            Some(true) => Some("it is paused, so nothing rolls it out".to_owned()),
            _ => late.map(|late| {
                format!("ProgressDeadlineExceeded: {}", late.message.unwrap_or_default())
            }),
        };
        Ok(Workload {
            observed: status.observed_generation,
            wanted: Some(spec.replicas.unwrap_or(1)),
            updated: status.updated_replicas.unwrap_or(0),
            ready: status.ready_replicas.unwrap_or(0),
            stuck,
            pods: self.pods(&spec.selector, mine).await?,
            ..self.workload()
        })
    }

    async fn daemon_set(&self) -> Result<Workload, kube::Error> {
        let found = self.api::<DaemonSet>().get(&self.object.name).await?;
        let (spec, status) = (found.spec.unwrap_or_default(), found.status.unwrap_or_default());
        let (label, annotation) = TEMPLATE_GENERATION;
        let present = found.metadata.annotations.as_ref().and_then(|all| all.get(annotation));
        let mine = |pod: &PodObject| {
            let label = pod.labels().get(label);
            self.owns(pod) && (present.is_none() || label.is_none() || label == present)
        };
        let updated = status.updated_number_scheduled.unwrap_or(0);
        let strategy = spec.update_strategy.and_then(|strategy| strategy.type_);
        Ok(Workload {
            observed: Some(status.observed_generation.unwrap_or(0)),
            wanted: Some(status.desired_number_scheduled),
            updated,
            ready: status.number_ready,
            stuck: waits_for_deletion(strategy, status.current_number_scheduled, updated),
            pods: self.pods(&spec.selector, mine).await?,
            ..self.workload()
        })
    }

    async fn stateful_set(&self) -> Result<Workload, kube::Error> {
        let found = self.api::<StatefulSet>().get(&self.object.name).await?;
        let (spec, status) = (found.spec.unwrap_or_default(), found.status.unwrap_or_default());
        let revision = status.update_revision;
        let (wanted, updated) = (spec.replicas.unwrap_or(1), status.updated_replicas.unwrap_or(0));
        let strategy = spec.update_strategy.unwrap_or_default();
        let partition = strategy.rolling_update.and_then(|rolling| rolling.partition);
        let mine = |pod: &PodObject| {
            let label = pod.labels().get(CONTROLLER_REVISION);
            self.owns(pod) && label.is_none_or(|label| Some(label) == revision.as_ref())
        };
        Ok(Workload {
            observed: status.observed_generation,
            wanted: Some(wanted),
            updated,
            held_back: partition.unwrap_or(0).clamp(0, wanted.max(0)),
            ready: status.ready_replicas.unwrap_or(0),
            stuck: waits_for_deletion(strategy.type_, status.replicas, updated),
            pods: self.pods(&spec.selector, mine).await?,
            ..self.workload()
        })
    }

    async fn job(&self) -> Result<Workload, kube::Error> {
        let found = self.api::<Job>().get(&self.object.name).await?;
        let conditions = found.status.and_then(|status| status.conditions).unwrap_or_default();
        let is = |name| {
            conditions
                .iter()
                .find(|condition| condition.type_ == name && condition.status == "True")
        };
        let completed = match (is("Complete"), is("Failed")) {
            (Some(_), _) => Some(Ok(())),
            (None, Some(failed)) => Some(Err(failed.message.clone().unwrap_or_default())),
            (None, None) => None,
        };
        let spec = found.spec.unwrap_or_default();
        let suspended = spec.suspend == Some(true);
        let stuck = suspended.then(|| "it is suspended, so nothing runs it".to_owned());
        let pods = self.pods(&spec.selector.unwrap_or_default(), |pod| self.owns(pod)).await?;
        Ok(Workload { completed, stuck, pods, ..self.workload() })
    }

    async fn pod(&self) -> Result<Workload, kube::Error> {
        let found = self.api::<PodObject>().get(&self.object.name).await?;
        let pod = seen(&found);
        let ready = i32::from(pod.ready);
        let generation = self.object.generation;
        Ok(Workload {
            // A pod has no controller that would have to see it.
            observed: Some(generation),
            wanted: Some(1),
            updated: 1,
            ready,
            pods: vec![pod],
            ..self.workload()
        })
    }

    fn owns(&self, pod: &PodObject) -> bool {
        let mut owners = pod.owner_references().iter();
        owners.any(|owner| owner.kind == self.object.kind && owner.name == self.object.name)
    }

    async fn pods(
        &self,
        selector: &LabelSelector,
        mine: impl Fn(&PodObject) -> bool,
    ) -> Result<Vec<Pod>, kube::Error> {
        let pods = self.api::<PodObject>().list(&selected(selector)?).await?;
        let present = |pod: &&PodObject| pod.metadata.deletion_timestamp.is_none() && mine(pod);
        Ok(pods.iter().filter(present).map(seen).collect())
    }
}

/// Why pods of the version before stay as they are.
fn waits_for_deletion(strategy: Option<String>, pods: i32, updated: i32) -> Option<String> {
    (strategy.as_deref() == Some(ON_DELETE) && updated < pods).then(|| {
        let old = pods - updated;
        format!("{old} pods of the version before stay until someone deletes them (OnDelete)")
    })
}

/// Lists what a selector selects. One that cannot be read was refused by the API server already.
fn selected(selector: &LabelSelector) -> Result<ListParams, kube::Error> {
    let selector: Selector = selector.clone().try_into().unwrap_or_default();
    Ok(ListParams::default().labels_from(&selector))
}

fn seen(pod: &PodObject) -> Pod {
    let status = pod.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let condition = |name: &str| conditions.iter().find(|condition| condition.type_ == name);
    let unschedulable = condition("PodScheduled")
        .filter(|condition| condition.reason.as_deref() == Some("Unschedulable"))
        .map(|condition| condition.message.clone().unwrap_or_default());
    let ended = status.phase.as_deref() == Some("Succeeded");
    let failed = (status.phase.as_deref() == Some("Failed")).then(|| {
        let told = [status.reason.clone(), status.message.clone()];
        match told.into_iter().flatten().collect::<Vec<_>>().join(": ") {
            nothing if nothing.is_empty() => "a container failed".to_owned(),
            told => told,
        }
    });
    let specs = pod.spec.as_ref();
    let of = |name: &str| {
        let spec = specs?;
        let mut all = spec.init_containers.iter().flatten().chain(&spec.containers);
        all.find(|container| container.name == name)?.image.clone()
    };
    let statuses = status.init_container_statuses.into_iter().flatten();
    let statuses = statuses.chain(status.container_statuses.into_iter().flatten());
    Pod {
        name: pod.name_any(),
        ready: ended || condition("Ready").is_some_and(|condition| condition.status == "True"),
        failed,
        unschedulable,
        containers: statuses.map(|status| container(status, of)).collect(),
    }
}

fn container(status: ContainerStatus, image: impl Fn(&str) -> Option<String>) -> Container {
    let state = status.state.unwrap_or_default();
    let last = status.last_state.unwrap_or_default();
    let waiting = state
        .waiting
        .map(|waiting| (waiting.reason.unwrap_or_default(), waiting.message.unwrap_or_default()));
    Container {
        image: image(&status.name).unwrap_or(status.image),
        name: status.name,
        image_id: status.image_id,
        waiting,
        last_exit: last.terminated.map(|terminated| terminated.exit_code),
        restarts: status.restart_count,
    }
}
