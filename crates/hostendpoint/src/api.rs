//! The Kubernetes types of this area: our [`HostEndpointTemplate`] and Calico's
//! [`HostEndpoint`], which is served by one of two API groups.

mod calico_metadata;
mod group;
mod hostendpoint;
mod names;
mod status;
mod template;

pub use calico_metadata::{CALICO_METADATA_ANNOTATION, CalicoMetadata};
pub use group::{CalicoGroup, UnknownGroup};
pub use hostendpoint::{EndpointPort, HostEndpoint, HostEndpointSpec, PortProtocol};
pub use names::*;
pub use status::{ConditionType, HostEndpointTemplateStatus};
pub use template::{
    AddressKind, AdoptPolicy, CertificatePreCreation, HostEndpointTemplate,
    HostEndpointTemplateSpec, InterfaceRule, LabelCopy, LockoutPolicy, MachinePreCreation,
    PreCreation,
};

#[cfg(test)]
mod tests;
