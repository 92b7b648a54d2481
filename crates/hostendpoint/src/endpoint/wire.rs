//! The fields of a HostEndpoint that are read at all.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, core::ClusterResourceScope};
use serde::Deserialize;

use crate::{
    api::{CalicoGroup, HostEndpoint, HostEndpointSpec},
    metadata::WithOwned,
};

/// A HostEndpoint, without what the controller does not need: it reads every
/// one that it writes twice, in the answer and in the watch.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PrunedEndpoint {
    pub(super) metadata: WithOwned,
    /// What is protected.
    pub spec: HostEndpointSpec,
}

impl Resource for PrunedEndpoint {
    type DynamicType = CalicoGroup;
    type Scope = ClusterResourceScope;

    fn kind(group: &CalicoGroup) -> Cow<'_, str> {
        HostEndpoint::kind(group)
    }

    fn group(group: &CalicoGroup) -> Cow<'_, str> {
        HostEndpoint::group(group)
    }

    fn version(group: &CalicoGroup) -> Cow<'_, str> {
        HostEndpoint::version(group)
    }

    fn plural(group: &CalicoGroup) -> Cow<'_, str> {
        HostEndpoint::plural(group)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata.metadata
    }
}
