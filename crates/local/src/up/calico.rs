//! What a cluster with Calico has and this one lacks.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// The definition of Calico's HostEndpoints.
const HOST_ENDPOINTS: &str = include_str!("../../calico/hostendpoints.yaml");

/// The definition of Calico's HostEndpoints.
pub(super) fn host_endpoints() -> CustomResourceDefinition {
    serde_saphyr::from_str(HOST_ENDPOINTS).expect("the file is part of this program and tested")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use kubewright_hostendpoint::api::CalicoGroup;

    #[test]
    fn the_definition_is_that_of_the_group_the_controller_writes() {
        let definition = host_endpoints();
        assert_eq!(definition.spec.group, CalicoGroup::CrdV1.group());
        assert_eq!(definition.spec.versions[0].name, CalicoGroup::CrdV1.version());
        assert_eq!(definition.spec.names.plural, "hostendpoints");
    }
}
