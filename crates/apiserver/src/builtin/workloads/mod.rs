//! Pods and the kinds that make them: core pods and templates, `apps`, `batch`,
//! `autoscaling` and `policy`.
//!
//! [`strategy`] finds the rules of a kind. Beside them stand the pure parts of what
//! their subresources and the default admission plugins do: [`scale`], [`binding`],
//! [`eviction`] and [`admission`]; [`autoscaler::convert`] changes between versions.
//! Nothing here has a clock or sees the store.
//!
//! Versions: all rules are those of Kubernetes 1.28 with its default feature gates.

// The one error of the API carries a whole Status; it is made rarely and moved little.
#![allow(clippy::result_large_err)]

pub mod admission;
pub mod autoscaler;
pub mod binding;
mod controller_revision;
mod cron_job;
mod daemon_set;
mod defaults;
mod deployment;
mod disruption_budget;
pub mod eviction;
mod fields;
mod job;
mod lifecycle;
mod pod;
mod pod_template;
pub mod quality;
mod replica_set;
pub mod scale;
pub mod selector;
mod stateful_set;
pub mod toleration;
mod validation;
mod warnings;

use super::Strategy;

/// The rules of a workload kind by API group and plural resource name.
pub fn strategy(group: &str, resource: &str) -> Option<&'static dyn Strategy> {
    let strategy: &'static dyn Strategy = match (group, resource) {
        ("", "pods") => &pod::Pod,
        ("", "podtemplates") => &pod_template::PodTemplate,
        ("", "replicationcontrollers") => &replica_set::ReplicationController,
        ("apps", "deployments") => &deployment::Deployment,
        ("apps", "replicasets") => &replica_set::ReplicaSet,
        ("apps", "statefulsets") => &stateful_set::StatefulSet,
        ("apps", "daemonsets") => &daemon_set::DaemonSet,
        ("apps", "controllerrevisions") => &controller_revision::ControllerRevision,
        ("batch", "jobs") => &job::Job,
        ("batch", "cronjobs") => &cron_job::CronJob,
        ("autoscaling", "horizontalpodautoscalers") => &autoscaler::HorizontalPodAutoscaler,
        ("policy", "poddisruptionbudgets") => &disruption_budget::PodDisruptionBudget,
        _ => return None,
    };
    Some(strategy)
}

#[cfg(test)]
mod tests;
