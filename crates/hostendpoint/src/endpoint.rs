//! A HostEndpoint as it was observed, and how it differs from what is wanted.

mod wire;

use std::collections::BTreeMap;

use kube::{Resource, ResourceExt};
use serde_json::{Map, Value, json};

use crate::{
    api::{
        CALICO_CREATED_BY_LABEL, CALICO_METADATA_ANNOTATION, CalicoGroup, CalicoMetadata,
        EndpointPort, MANAGED_BY, MANAGED_BY_LABEL, TEMPLATE_LABEL,
    },
    labels::{Interner, LabelSource, Labels, Shared},
    metadata::{Keys, OwnedKeys},
    wanted::Wanted,
};

pub use wire::PrunedEndpoint;

/// An observed HostEndpoint, in compact form: there are tens of thousands.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Its name.
    pub name: Shared,
    /// Its uid, for deletions that must not hit a successor of that name.
    pub uid: Box<str>,
    /// Its resourceVersion, where it is a number.
    pub resource_version: Option<u64>,
    /// `spec.node`.
    pub node: Shared,
    /// `spec.interfaceName`.
    pub interface: Shared,
    /// `spec.expectedIPs`.
    pub expected_ips: Box<[Shared]>,
    /// `spec.profiles`.
    pub profiles: Box<[Shared]>,
    /// `spec.ports`.
    pub ports: Box<[EndpointPort]>,
    /// `metadata.labels`.
    pub labels: Labels,
    /// `metadata.annotations`, without Calico's and kubectl's records.
    pub annotations: Labels,
    /// What Calico reads instead of the metadata, if it is there.
    pub calico: Option<Box<CalicoMetadata>>,
    /// Keys that our field manager owns.
    pub owned: Owned,
    /// Whether its deletion has begun.
    pub deleting: bool,
}

/// Keys that our field manager owns; those that are no longer wanted have to
/// go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owned {
    /// Label keys.
    pub labels: Box<[Shared]>,
    /// Annotation keys.
    pub annotations: Box<[Shared]>,
}

/// kubectl's record of the last apply; large, and nothing of ours.
const LAST_APPLIED_ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Endpoint {
    /// Takes from an object what matters.
    pub fn new(object: &PrunedEndpoint, group: CalicoGroup, interner: &mut Interner) -> Self {
        let (metadata, annotations) = (object.meta(), object.annotations());
        let kept = annotations.iter().filter(|(key, _)| {
            *key != CALICO_METADATA_ANNOTATION && *key != LAST_APPLIED_ANNOTATION
        });
        let mut share = |texts: &[String]| texts.iter().map(|text| interner.share(text)).collect();
        let (expected_ips, profiles) =
            (share(&object.spec.expected_ips), share(&object.spec.profiles));
        Self {
            name: interner.share(metadata.name.as_deref().unwrap_or_default()),
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            resource_version: version(object),
            node: interner.share(&object.spec.node),
            interface: interner.share(&object.spec.interface_name),
            expected_ips,
            profiles,
            ports: object.spec.ports.clone().into_boxed_slice(),
            labels: interner.labels(object.labels()),
            annotations: interner.labels(kept),
            // The v3 API server resolves the annotation itself.
            calico: (group == CalicoGroup::CrdV1)
                .then(|| annotations.get(CALICO_METADATA_ANNOTATION))
                .flatten()
                .map(|text| Box::new(CalicoMetadata::parse(text))),
            owned: owned(&object.metadata.owned, interner),
            deleting: metadata.deletion_timestamp.is_some(),
        }
    }

    /// The fields that can drift, in the shape of the object, for showing
    /// what would change.
    pub fn fields(&self) -> Value {
        let map = |labels: &Labels| -> Map<String, Value> {
            labels.iter().map(|(key, value)| (key.to_owned(), json!(value))).collect()
        };
        let texts = |texts: &[Shared]| json!(texts.iter().map(|text| &**text).collect::<Vec<_>>());
        json!({
            "metadata": {"labels": map(&self.labels), "annotations": map(&self.annotations)},
            "spec": {
                "node": &*self.node,
                "interfaceName": &*self.interface,
                "expectedIPs": texts(&self.expected_ips),
                "profiles": texts(&self.profiles),
                "ports": &*self.ports,
            },
        })
    }

    /// A label as Calico sees it.
    fn effective_label(&self, key: &str) -> Option<&str> {
        match &self.calico {
            Some(calico) => calico.labels.label(key),
            None => self.labels.label(key),
        }
    }

    /// Whether the endpoint is ours. The mark counts where Calico sees it and
    /// where Kubernetes does: Calico's tools move labels from one to the other.
    pub fn is_managed(&self) -> bool {
        let marked = |label: Option<&str>| label == Some(MANAGED_BY);
        marked(self.labels.label(MANAGED_BY_LABEL))
            || marked(self.effective_label(MANAGED_BY_LABEL))
    }

    /// The template it was made from, if it is ours.
    pub fn template(&self) -> Option<&str> {
        self.labels
            .label(TEMPLATE_LABEL)
            .or_else(|| self.effective_label(TEMPLATE_LABEL))
            .filter(|_| self.is_managed())
    }

    /// Whether Calico's own controller made it.
    pub fn is_calicos(&self) -> bool {
        self.effective_label(CALICO_CREATED_BY_LABEL).is_some()
            || self.labels.label(CALICO_CREATED_BY_LABEL).is_some()
    }

    /// The owned fields that are not as wanted, in stable order; none means
    /// there is nothing to write.
    pub fn drift(&self, wanted: &Wanted) -> Vec<String> {
        let mut drift = Vec::new();
        let mut check = |field: &str, same: bool| {
            if !same {
                drift.push(field.to_owned());
            }
        };
        check("spec.node", *self.node == *wanted.node);
        check("spec.interfaceName", *self.interface == *wanted.interface);
        if let Some(wanted) = &wanted.expected_ips {
            check("spec.expectedIPs", same_texts(&self.expected_ips, wanted));
        }
        check("spec.profiles", same_texts(&self.profiles, &wanted.profiles));
        check("spec.ports", *self.ports == *wanted.ports);
        let calico = self.calico.as_deref();
        keys_drift(
            "metadata.labels",
            &wanted.labels,
            &self.labels,
            calico.map(|calico| &calico.labels),
            &self.owned.labels,
            &mut drift,
        );
        keys_drift(
            "metadata.annotations",
            &wanted.annotations,
            &self.annotations,
            calico.map(|calico| &calico.annotations),
            &self.owned.annotations,
            &mut drift,
        );
        drift
    }

    /// What Calico's metadata annotation has to be so that Calico sees the
    /// wanted labels; `None` where the annotation is not there, and the
    /// labels count.
    pub fn calico_metadata(&self, wanted: &Wanted) -> Option<CalicoMetadata> {
        let mut calico = self.calico.as_deref()?.clone();
        for (mine, all, wanted) in [
            (&self.owned.labels, &mut calico.labels, &wanted.labels),
            (&self.owned.annotations, &mut calico.annotations, &wanted.annotations),
        ] {
            all.retain(|key, _| {
                wanted.contains_key(key) || !mine.iter().any(|owned| **owned == **key)
            });
            all.extend(wanted.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        Some(calico)
    }
}

/// An object's resourceVersion, where it is a number; those of one object
/// rise with its changes.
pub fn version(object: &PrunedEndpoint) -> Option<u64> {
    object.meta().resource_version.as_ref()?.parse().ok()
}

fn same_texts(observed: &[Shared], wanted: &[String]) -> bool {
    observed.len() == wanted.len() && observed.iter().zip(wanted).all(|(a, b)| **a == **b)
}

fn keys_drift(
    field: &str,
    wanted: &BTreeMap<String, String>,
    observed: &Labels,
    calico: Option<&BTreeMap<String, String>>,
    owned: &[Shared],
    drift: &mut Vec<String>,
) {
    for (key, value) in wanted {
        let seen = observed.label(key) == Some(value)
            && calico.is_none_or(|calico| calico.label(key) == Some(value));
        if !seen {
            drift.push(format!("{field}[{key}]"));
        }
    }
    for key in owned {
        let gone = observed.label(key).is_none()
            && calico.is_none_or(|calico| calico.label(key).is_none());
        if !wanted.contains_key(&**key) && !gone {
            drift.push(format!("{field}[{key}]"));
        }
    }
}

/// Label and annotation keys that our apply owns. Calico's record is rewritten
/// as a whole and never taken away.
fn owned(keys: &OwnedKeys, interner: &mut Interner) -> Owned {
    let mut share = |keys: &Keys| {
        let kept = keys.0.iter().filter(|key| *key != CALICO_METADATA_ANNOTATION);
        kept.map(|key| interner.share(key)).collect()
    };
    Owned { labels: share(&keys.labels), annotations: share(&keys.annotations) }
}

#[cfg(test)]
mod tests;
