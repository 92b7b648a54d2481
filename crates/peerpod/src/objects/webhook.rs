//! The webhook's Deployment, Service and MutatingWebhookConfiguration.
//!
//! The registration asks for as little as it can: pods that are created with the runtime class,
//! outside the system's namespaces. Pods that are none of its business are never sent, so that a
//! webhook that is down cannot keep a cluster's own pods from starting although its failure
//! policy is `Fail`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Owner;
use crate::api::Webhook;
use crate::mutation::Settings;
use crate::options::environment;

/// Name of the objects.
pub const NAME: &str = "kubewright-peerpod-webhook";
/// Secret with the serving certificate.
pub const SECRET: &str = "kubewright-peerpod-webhook-tls";
/// Secret with the authorities, which only the controller reads.
pub const AUTHORITIES: &str = "kubewright-peerpod-webhook-ca";
/// Name of the webhook in its configuration.
pub const WEBHOOK: &str = "peerpod.kubewright.io";
/// Path that pods are sent to.
pub const PATH: &str = "/mutate";
/// Port of the containers.
pub const PORT: u16 = 9443;
/// Port of its metrics.
pub const HEALTH: u16 = 8086;
/// Label of a namespace whose pods are never looked at.
pub const OPT_OUT: &str = "kubewright.io/peer-pod-webhook";

const LABEL: &str = "app.kubernetes.io/name";

/// Labels of the webhook's pods.
pub fn labels() -> BTreeMap<String, String> {
    [(LABEL.to_owned(), NAME.to_owned())].into()
}

/// The Deployment of the webhook.
pub fn deployment(
    settings: &Settings,
    replicas: u16,
    image: &str,
    namespace: &str,
    owner: Option<&Owner>,
) -> Value {
    let labels = labels();
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(namespace, owner),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "automountServiceAccountToken": false,
                    "priorityClassName": "system-cluster-critical",
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": 65532,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "topologySpreadConstraints": [{
                        "maxSkew": 1,
                        "topologyKey": "kubernetes.io/hostname",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchLabels": labels},
                    }],
                    "containers": [container(settings, image)],
                    "volumes": [{"name": "tls", "secret": {"secretName": SECRET}}],
                },
            },
        },
    })
}

fn container(settings: &Settings, image: &str) -> Value {
    let mut env = vec![
        json!({"name": environment::RUNTIME_CLASS, "value": settings.runtime_class}),
        json!({"name": environment::RESOURCE, "value": settings.resource}),
    ];
    if let Some(instance_type) = &settings.instance_type {
        env.push(json!({"name": environment::INSTANCE_TYPE, "value": instance_type}));
    }
    json!({
        "name": "webhook",
        "image": image,
        "args": [
            "peerpod",
            "webhook",
            format!("--listen=:{PORT}"),
            "--tls-dir=/tls",
            format!("--health-address=:{HEALTH}"),
            "--log-format=json",
        ],
        "env": env,
        "ports": [
            {"name": "webhook", "containerPort": PORT},
            {"name": "health", "containerPort": HEALTH},
        ],
        "readinessProbe": {"httpGet": {"scheme": "HTTPS", "path": "/readyz", "port": "webhook"}},
        "livenessProbe": {"httpGet": {"scheme": "HTTPS", "path": "/healthz", "port": "webhook"}},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tls", "mountPath": "/tls", "readOnly": true}],
    })
}

/// The Service of the webhook.
pub fn service(namespace: &str, owner: Option<&Owner>) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(namespace, owner),
        "spec": {
            "selector": {LABEL: NAME},
            "ports": [{"name": "webhook", "port": 443, "targetPort": "webhook", "protocol": "TCP"}],
        },
    })
}

/// Names that the serving certificate is for.
pub fn server_names(namespace: &str) -> Vec<String> {
    let short = format!("{NAME}.{namespace}");
    vec![NAME.to_owned(), format!("{short}.svc.cluster.local"), format!("{short}.svc"), short]
}

/// Where the API server reaches the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// The Service in this namespace.
    Service {
        /// The namespace.
        namespace: String,
    },
    /// A URL; for a control plane that cannot reach Services.
    Url {
        /// `https://HOST:PORT`.
        base: String,
    },
}

impl Address {
    /// Names that the serving certificate is for.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Service { namespace } => server_names(namespace),
            Self::Url { base } => {
                let host = base.trim_start_matches("https://");
                let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
                vec![host.trim_matches(['[', ']']).to_owned()]
            }
        }
    }
}

/// A Secret with certificates; `kind` is its type.
pub fn secret(name: &str, namespace: &str, kind: &str, data: &BTreeMap<String, Vec<u8>>) -> Value {
    let data: BTreeMap<_, _> =
        data.iter().map(|(name, bytes)| (name, STANDARD.encode(bytes))).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: NAME}},
        "type": kind,
        "data": data,
    })
}

/// The registration. `bundle` holds the certificates of the authorities that sign for the
/// webhook, in PEM and base64.
pub fn configuration(webhook: &Webhook, address: &Address, bundle: &str) -> Value {
    let mut client = match address {
        Address::Service { namespace } => json!({
            "service": {"name": NAME, "namespace": namespace, "path": PATH, "port": 443},
        }),
        Address::Url { base } => json!({"url": format!("{base}{PATH}")}),
    };
    client["caBundle"] = json!(bundle);
    let objects = webhook.object_selector.clone().unwrap_or_default();
    let class = webhook.runtime_class_name.replace('\\', "\\\\").replace('\'', "\\'");
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": NAME, "labels": {LABEL: NAME}},
        "webhooks": [{
            "name": WEBHOOK,
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "matchPolicy": "Equivalent",
            "timeoutSeconds": 5,
            "clientConfig": client,
            "rules": [{
                "operations": ["CREATE"],
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "resources": ["pods"],
                "scope": "Namespaced",
            }],
            "namespaceSelector": namespaces(webhook),
            "objectSelector": objects,
            "matchConditions": [{
                "name": "runtime-class",
                "expression": format!(
                    "has(object.spec.runtimeClassName) && object.spec.runtimeClassName == '{class}'"
                ),
            }],
        }],
    })
}

/// The namespaces of the config, without those that the cluster itself lives in.
fn namespaces(webhook: &Webhook) -> Value {
    let given = webhook.namespace_selector.clone().unwrap_or_default();
    let mut expressions = given
        .match_expressions
        .map_or_else(Vec::new, |all| all.into_iter().map(|expression| json!(expression)).collect());
    expressions.push(json!({
        "key": "kubernetes.io/metadata.name",
        "operator": "NotIn",
        "values": ["kube-system", "kube-node-lease"],
    }));
    expressions.push(json!({"key": OPT_OUT, "operator": "NotIn", "values": ["disabled"]}));
    let mut selector = json!({"matchExpressions": expressions});
    if let Some(labels) = given.match_labels {
        selector["matchLabels"] = json!(labels);
    }
    selector
}

fn metadata(namespace: &str, owner: Option<&Owner>) -> Value {
    let mut metadata = json!({"name": NAME, "namespace": namespace, "labels": {LABEL: NAME}});
    if let Some(owner) = owner {
        metadata["ownerReferences"] = json!([owner.reference()]);
    }
    metadata
}

#[cfg(test)]
mod tests;
