//! The objects that pods and volumes name.

use serde_json::Value;

use super::graph::Kind;
use crate::store::ObjectKey;

/// Marks the copy of a pod that a kubelet runs on its own; it gives no rights.
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";

/// Volume sources whose `secretRef` is a secret in the namespace of the pod.
const BY_SECRET_REF: [&str; 7] =
    ["cephfs", "cinder", "flexVolume", "rbd", "scaleIO", "iscsi", "storageos"];

/// What a kubelet must read to run a pod.
pub(super) fn of_pod(key: &ObjectKey, pod: &Value) -> Vec<(Kind, ObjectKey)> {
    if !pod["metadata"]["annotations"][MIRROR].is_null() {
        return Vec::new();
    }
    let spec = &pod["spec"];
    let mut found = Found { namespace: &key.namespace, objects: Vec::new() };
    found.add(Kind::ServiceAccount, &spec["serviceAccountName"]);
    for secret in each(&spec["imagePullSecrets"]) {
        found.add(Kind::Secret, &secret["name"]);
    }
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in each(&spec[list]) {
            found.environment(container);
        }
    }
    for volume in each(&spec["volumes"]) {
        found.volume(&key.name, volume);
    }
    found.objects
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

struct Found<'a> {
    namespace: &'a str,
    objects: Vec<(Kind, ObjectKey)>,
}

impl Found<'_> {
    fn add(&mut self, kind: Kind, name: &Value) {
        if let Some(name) = name.as_str().filter(|name| !name.is_empty()) {
            self.objects.push((kind, ObjectKey::new(self.namespace, name)));
        }
    }

    fn environment(&mut self, container: &Value) {
        for variable in each(&container["env"]) {
            let from = &variable["valueFrom"];
            self.add(Kind::Secret, &from["secretKeyRef"]["name"]);
            self.add(Kind::ConfigMap, &from["configMapKeyRef"]["name"]);
        }
        for from in each(&container["envFrom"]) {
            self.add(Kind::Secret, &from["secretRef"]["name"]);
            self.add(Kind::ConfigMap, &from["configMapRef"]["name"]);
        }
    }

    fn volume(&mut self, pod: &str, volume: &Value) {
        self.add(Kind::Secret, &volume["secret"]["secretName"]);
        self.add(Kind::Secret, &volume["azureFile"]["secretName"]);
        self.add(Kind::Secret, &volume["csi"]["nodePublishSecretRef"]["name"]);
        for source in BY_SECRET_REF {
            self.add(Kind::Secret, &volume[source]["secretRef"]["name"]);
        }
        self.add(Kind::ConfigMap, &volume["configMap"]["name"]);
        for source in each(&volume["projected"]["sources"]) {
            self.add(Kind::Secret, &source["secret"]["name"]);
            self.add(Kind::ConfigMap, &source["configMap"]["name"]);
        }
        self.add(Kind::Claim, &volume["persistentVolumeClaim"]["claimName"]);
        if !volume["ephemeral"].is_null() {
            let name = volume["name"].as_str().unwrap_or_default();
            self.add(Kind::Claim, &format!("{pod}-{name}").into());
        }
    }
}

/// The secrets that a kubelet must read to mount a volume bound to a claim in `namespace`.
pub(super) fn of_volume(namespace: &str, spec: &Value) -> Vec<ObjectKey> {
    let csi = ["nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef"];
    let csi = csi.iter().map(|field| &spec["csi"][field]);
    let others = BY_SECRET_REF.iter().map(|source| &spec[source]["secretRef"]);
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let references = csi.chain(others).map(|of| (text(of, "namespace"), text(of, "name")));
    let azure = &spec["azureFile"];
    let azure = (text(azure, "secretNamespace"), text(azure, "secretName"));
    references
        .chain([azure])
        .filter(|(_, name)| !name.is_empty())
        .map(|(of, name)| ObjectKey::new(if of.is_empty() { namespace } else { &of }, &name))
        .collect()
}
