//! The body of the server-side apply of an endpoint.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Wanted;
use crate::{
    api::{CALICO_METADATA_ANNOTATION, CalicoGroup, EndpointPort},
    endpoint::Endpoint,
    labels::Shared,
};

/// What is applied: the fields that are owned, and no others.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Clone, Debug, Serialize)]
struct Metadata {
    name: String,
    #[serde(serialize_with = "inner")]
    labels: Arc<BTreeMap<String, String>>,
    #[serde(serialize_with = "inner", skip_serializing_if = "is_empty")]
    annotations: Arc<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(serialize_with = "inner")]
    node: Shared,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface_name: Option<String>,
    #[serde(rename = "expectedIPs", skip_serializing_if = "Option::is_none")]
    expected_ips: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profiles: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<Vec<EndpointPort>>,
}

impl Manifest {
    /// Empty fields are left out, except where the observed endpoint has
    /// something there: apply removes what others wrote only if the field is
    /// named. Addresses that are not known stay as they were observed.
    pub(super) fn new(wanted: &Wanted, group: CalicoGroup, observed: Option<&Endpoint>) -> Self {
        let is_set = |field: fn(&Endpoint) -> bool| observed.is_some_and(field);
        let mut annotations = Arc::clone(&wanted.annotations);
        if let Some(calico) = observed.and_then(|observed| observed.calico_metadata(wanted)) {
            Arc::make_mut(&mut annotations)
                .insert(CALICO_METADATA_ANNOTATION.to_owned(), calico.render());
        }
        let expected_ips = wanted.expected_ips.clone().unwrap_or_else(|| {
            let addresses = observed.map(|endpoint| &*endpoint.expected_ips);
            addresses.unwrap_or_default().iter().map(|address| address.to_string()).collect()
        });
        Self {
            api_version: group.api_version(),
            kind: "HostEndpoint",
            metadata: Metadata {
                name: wanted.name.clone(),
                labels: Arc::clone(&wanted.labels),
                annotations,
            },
            spec: Spec {
                node: Arc::clone(&wanted.node),
                interface_name: Some(wanted.interface.clone())
                    .filter(|name| !name.is_empty() || is_set(|seen| !seen.interface.is_empty())),
                expected_ips: Some(expected_ips).filter(|list| {
                    !list.is_empty() || is_set(|seen| !seen.expected_ips.is_empty())
                }),
                profiles: Some(wanted.profiles.clone())
                    .filter(|list| !list.is_empty() || is_set(|seen| !seen.profiles.is_empty())),
                ports: Some(wanted.ports.clone())
                    .filter(|list| !list.is_empty() || is_set(|seen| !seen.ports.is_empty())),
            },
        }
    }

    /// As JSON.
    pub fn to_value(&self) -> Value {
        serde_json::json!(self)
    }
}

fn inner<T: Serialize + ?Sized, S: Serializer>(value: &Arc<T>, to: S) -> Result<S::Ok, S::Error> {
    value.serialize(to)
}

fn is_empty(map: &Arc<BTreeMap<String, String>>) -> bool {
    map.is_empty()
}
