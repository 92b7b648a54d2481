//! The annotation in which Calico keeps an object's metadata on its CRDs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// On `crd.projectcalico.org/v1` Calico writes labels and annotations of its
/// own API into this annotation; when it is there it wins on read, and the
/// object's own labels count for nothing.
pub const CALICO_METADATA_ANNOTATION: &str = "projectcalico.org/metadata";

/// Content of [`CALICO_METADATA_ANNOTATION`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CalicoMetadata {
    /// Labels that Calico sees.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations that Calico sees.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Everything else (uid, creationTimestamp), kept as it is.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl CalicoMetadata {
    /// Reads the annotation. An unreadable one counts as empty: Calico cannot
    /// read it either, and rewriting it is the repair.
    pub fn parse(annotation: &str) -> Self {
        serde_json::from_str(annotation).unwrap_or_default()
    }

    /// The annotation's text, keys in stable order.
    pub fn render(&self) -> String {
        // Maps with string keys always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}
