//! The DaemonSet of the cloud-api-adaptor, as the peer-pod-controller of 2022 made it.

use k8s_openapi::api::core::v1::Toleration;
use kubewright_quantity::Quantity;
use serde_json::{Value, json};

use super::Owner;
use crate::api::{NodeSelector, PeerPodConfigSpec};

/// Name of the DaemonSet, and value of the label `name` that selects its pods.
pub const NAME: &str = "peer-pod-controller-caa-daemon";
/// Name of its container.
pub const CONTAINER: &str = "cc-runtime-install-pod";
/// Annotation of its pods with a digest of what they read from ConfigMap and Secret, so that a
/// change there rolls them.
pub const SETTINGS_DIGEST: &str = "kubewright.io/settings-digest";
/// Entry of the ConfigMap or the Secret that names the cloud.
pub const PROVIDER: &str = "CLOUD_PROVIDER";
/// Clouds that an adaptor image is published for.
pub const PROVIDERS: [&str; 8] =
    ["alibabacloud", "aws", "azure", "docker", "gcp", "ibmcloud", "libvirt", "vsphere"];

/// What was read of the ConfigMap and the Secret that a config names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `CLOUD_PROVIDER`, of the ConfigMap or else of the Secret.
    pub provider: Option<String>,
    /// Digest of all their entries.
    pub digest: String,
}

/// Why the adaptor cannot be deployed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Nothing says which cloud it is for.
    #[error(
        "neither ConfigMap {config_map} nor Secret {secret} in namespace {namespace} has an entry CLOUD_PROVIDER; add it, or set spec.adaptor.image"
    )]
    NoProvider {
        /// The ConfigMap.
        config_map: String,
        /// The Secret.
        secret: String,
        /// Where they are looked for.
        namespace: String,
    },
    /// No image is published for that cloud.
    #[error(
        "CLOUD_PROVIDER is {provider:?}, for which no adaptor image is known (known: {}); set spec.adaptor.image",
        PROVIDERS.join(", ")
    )]
    UnknownProvider {
        /// What it says.
        provider: String,
    },
}

/// The image of the adaptor: of the spec, else of the controller's environment, else the one
/// published for the cloud.
///
/// # Errors
/// [`ImageError`] where none of the three names one.
pub fn image(
    spec: &PeerPodConfigSpec,
    environment: Option<&str>,
    settings: &Settings,
    namespace: &str,
) -> Result<String, ImageError> {
    if let Some(image) = spec.adaptor.image.as_deref().or(environment) {
        return Ok(image.to_owned());
    }
    match settings.provider.as_deref() {
        Some(provider) if PROVIDERS.contains(&provider) => {
            Ok(format!("quay.io/confidential-containers/cloud-api-adaptor-{provider}:latest"))
        }
        Some(provider) => Err(ImageError::UnknownProvider { provider: provider.to_owned() }),
        None => Err(ImageError::NoProvider {
            config_map: spec.config_map_name.clone(),
            secret: spec.cloud_secret_name.clone(),
            namespace: namespace.to_owned(),
        }),
    }
}

/// Where the adaptor runs.
#[derive(Clone, Debug, Default)]
pub struct Placement<'a> {
    /// On the nodes of each of these.
    pub selectors: Vec<&'a NodeSelector>,
    /// Whatever of these their taints are.
    pub tolerations: Vec<Toleration>,
}

/// The DaemonSet, made after a config.
pub fn daemon_set(
    spec: &PeerPodConfigSpec,
    placement: &Placement<'_>,
    image: &str,
    settings: &Settings,
    namespace: &str,
    owner: Option<&Owner>,
) -> Value {
    let labels = json!({"name": NAME});
    let mut pod = json!({
        "serviceAccountName": "default",
        "hostNetwork": true,
        "containers": [container(spec, image)],
        "tolerations": placement.tolerations,
        "volumes": [
            {"name": "auth-json-volume", "secret": {"secretName": "auth-json-secret", "optional": true}},
            {"name": "ssh", "secret": {"secretName": "ssh-key-secret", "optional": true, "defaultMode": 0o600}},
            {"name": "pods-dir", "hostPath": {"path": "/run/peerpod", "type": ""}},
            {"name": "netns", "hostPath": {"path": "/run/netns", "type": ""}},
        ],
    });
    place(&mut pod, &placement.selectors);
    let mut metadata = json!({"name": NAME, "namespace": namespace, "labels": labels});
    if let Some(owner) = owner {
        metadata["ownerReferences"] = json!([owner.reference()]);
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": int_or_string(&spec.adaptor.max_unavailable)},
            },
            "template": {
                "metadata": {"labels": labels, "annotations": {SETTINGS_DIGEST: settings.digest}},
                "spec": pod,
            },
        },
    })
}

fn container(spec: &PeerPodConfigSpec, image: &str) -> Value {
    let mut container = json!({
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "Always",
        "command": ["/usr/local/bin/entrypoint.sh"],
        "securityContext": {"privileged": true, "runAsUser": 0},
        "envFrom": [
            {"secretRef": {"name": spec.cloud_secret_name}},
            {"configMapRef": {"name": spec.config_map_name}},
        ],
        "env": [
            {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}},
            // Newer adaptors advertise capacity themselves, and would fight over it.
            {"name": "PEERPODS_LIMIT_PER_NODE", "value": "-1"},
        ],
        "volumeMounts": [
            {"name": "auth-json-volume", "mountPath": "/root/containers/", "readOnly": true},
            {"name": "ssh", "mountPath": "/root/.ssh", "readOnly": true},
            {"name": "pods-dir", "mountPath": "/run/peerpod"},
            {"name": "netns", "mountPath": "/run/netns", "mountPropagation": "HostToContainer"},
        ],
    });
    if let Some(resources) = &spec.adaptor.resources {
        container["resources"] = canonical(json!(resources));
    }
    container
}

/// Amounts as the API server writes them (`1000m` is `1`), so that what it stores is what was
/// applied.
fn canonical(mut resources: Value) -> Value {
    for list in ["requests", "limits"] {
        let amounts = resources.get_mut(list).and_then(Value::as_object_mut);
        for amount in amounts.into_iter().flat_map(|amounts| amounts.values_mut()) {
            if let Ok(quantity) = Quantity::of(amount) {
                *amount = json!(quantity.to_string());
            }
        }
    }
    resources
}

/// Where the pods go. One selector of labels is a node selector, as it always was; anything else
/// is an affinity, with a term for each selector.
fn place(pod: &mut Value, selectors: &[&NodeSelector]) {
    if let [selector] = selectors {
        let written = selector.as_label_selector();
        let labels = written.match_labels.clone().unwrap_or_default();
        if written.match_expressions.as_ref().is_none_or(Vec::is_empty) {
            if !labels.is_empty() {
                pod["nodeSelector"] = json!(labels);
            }
            return;
        }
    }
    let terms: Vec<Vec<Value>> = selectors.iter().map(|selector| expressions(selector)).collect();
    // A term without expressions selects nothing there, and everything here.
    if terms.iter().any(Vec::is_empty) {
        return;
    }
    let terms: Vec<Value> =
        terms.into_iter().map(|expressions| json!({"matchExpressions": expressions})).collect();
    pod["affinity"] = json!({"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms},
    }});
}

fn expressions(selector: &NodeSelector) -> Vec<Value> {
    let written = selector.as_label_selector();
    let labels = written.match_labels.iter().flatten();
    labels
        .map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]}))
        .chain(written.match_expressions.iter().flatten().map(|expression| json!(expression)))
        .collect()
}

fn int_or_string(text: &str) -> Value {
    text.parse::<u32>().map_or_else(|_| json!(text), |number| json!(number))
}

#[cfg(test)]
mod tests;
