//! The Deployment that runs the controllers, and how many of its pods may be missing.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction,
    ObjectFieldSelector, PodAffinityTerm, PodAntiAffinity, PodSecurityContext, PodSpec,
    PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile, SecurityContext, Toleration,
    WeightedPodAffinityTerm,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ObjectMeta;
use kubewright_hostendpoint::api::UNPROTECTED_TAINT;

use super::{Area, CONTROLLERS, Component, Settings};

/// Port of /metrics, /healthz and /readyz.
pub(super) const HEALTH: i32 = 8086;

/// Nobody: any user that is not root.
const USER: i64 = 65532;

pub(super) fn deployment(settings: &Settings) -> Deployment {
    let labels = Component::Controllers.labels();
    let selector = selector();
    Deployment {
        metadata: Component::Controllers.metadata(CONTROLLERS, Some(&settings.namespace)),
        spec: Some(DeploymentSpec {
            replicas: Some(settings.replicas),
            selector: selector.clone(),
            strategy: Some(strategy()),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }),
                spec: Some(pod(settings, selector)),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

/// A pod leaves before its successor comes: pods that share the node's network have its port, and
/// one more than there are nodes for would be Pending for ever, and the rollout with it.
fn strategy() -> DeploymentStrategy {
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(IntOrString::Int(0)),
            max_unavailable: Some(IntOrString::Int(1)),
        }),
    }
}

/// A node at a time may be drained, also where one replica is all there is.
pub(super) fn disruption_budget(settings: &Settings) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: Component::Controllers.metadata(CONTROLLERS, Some(&settings.namespace)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(selector()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}

/// Whether the pods share the node's network. A node that is locked, or has no network for pods
/// yet, forwards nothing: the only node of a cluster could wait for its own controller for ever.
fn shares_network(settings: &Settings) -> bool {
    settings.has(Area::Hostendpoint) || settings.has(Area::Node)
}

/// Programs are for Linux; clusters may have other nodes.
pub(super) fn linux() -> std::collections::BTreeMap<String, String> {
    [("kubernetes.io/os".to_owned(), "linux".to_owned())].into()
}

fn selector() -> LabelSelector {
    let labels = Component::Controllers.labels();
    LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }
}

fn pod(settings: &Settings, selector: LabelSelector) -> PodSpec {
    let apart = PodAffinityTerm {
        label_selector: Some(selector),
        topology_key: "kubernetes.io/hostname".to_owned(),
        ..PodAffinityTerm::default()
    };
    PodSpec {
        service_account_name: Some(CONTROLLERS.to_owned()),
        priority_class_name: Some("system-cluster-critical".to_owned()),
        host_network: shares_network(settings).then_some(true),
        dns_policy: shares_network(settings).then(|| "ClusterFirstWithHostNet".to_owned()),
        node_selector: Some(linux()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            }),
            ..PodSecurityContext::default()
        }),
        affinity: Some(Affinity {
            pod_anti_affinity: Some(PodAntiAffinity {
                preferred_during_scheduling_ignored_during_execution: Some(vec![
                    WeightedPodAffinityTerm { weight: 100, pod_affinity_term: apart },
                ]),
                ..PodAntiAffinity::default()
            }),
            ..Affinity::default()
        }),
        // A node has no network of pods yet, or has lost it: Kubernetes would evict after five
        // minutes what is not to wait for one.
        tolerations: Some(vec![
            tolerate("node-role.kubernetes.io/control-plane", "NoSchedule"),
            tolerate("node.kubernetes.io/not-ready", "NoSchedule"),
            tolerate("node.kubernetes.io/not-ready", "NoExecute"),
            tolerate("node.kubernetes.io/network-unavailable", "NoSchedule"),
            tolerate(UNPROTECTED_TAINT, "NoSchedule"),
            tolerate(UNPROTECTED_TAINT, "NoExecute"),
        ]),
        containers: vec![container(settings)],
        ..PodSpec::default()
    }
}

fn tolerate(key: &str, effect: &str) -> Toleration {
    Toleration {
        key: Some(key.to_owned()),
        operator: Some("Exists".to_owned()),
        effect: Some(effect.to_owned()),
        ..Toleration::default()
    }
}

fn container(settings: &Settings) -> Container {
    let mut args = vec!["controllers".to_owned()];
    args.push(format!("--only={}", settings.controllers().join(",")));
    if settings.has(Area::Peerpod) {
        args.push(format!("--peerpod-namespace={}", settings.namespace));
        args.push(format!("--webhook-image={}", settings.image));
    }
    args.push(format!("--health-address=:{HEALTH}"));
    args.push(format!("--lease-namespace={}", settings.namespace));
    args.extend(["--log-format=json", "--log-level=info"].map(str::to_owned));
    Container {
        name: "controllers".to_owned(),
        image: Some(settings.image.clone()),
        args: Some(args),
        env: Some(vec![
            EnvVar {
                name: "POD_NAME".to_owned(),
                value_from: Some(EnvVarSource {
                    field_ref: Some(ObjectFieldSelector {
                        field_path: "metadata.name".to_owned(),
                        ..ObjectFieldSelector::default()
                    }),
                    ..EnvVarSource::default()
                }),
                ..EnvVar::default()
            },
            // Several small heaps, as glibc makes them for threads, cost this program a fifth of
            // its memory and gain it nothing.
            EnvVar {
                name: "MALLOC_ARENA_MAX".to_owned(),
                value: Some("1".to_owned()),
                ..EnvVar::default()
            },
        ]),
        ports: Some(vec![ContainerPort {
            name: Some("health".to_owned()),
            container_port: HEALTH,
            ..ContainerPort::default()
        }]),
        liveness_probe: Some(probe("/healthz")),
        readiness_probe: Some(probe("/readyz")),
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&[("cpu", "20m"), ("memory", "64Mi")])),
            limits: Some(quantities(&[("memory", "256Mi")])),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

pub(super) fn quantities(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, Quantity> {
    pairs
        .iter()
        .map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned())))
        .collect()
}

pub(super) fn probe(path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("health".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(10),
        ..Probe::default()
    }
}
