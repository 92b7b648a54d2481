//! What the watches tell the engine.

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::{ResourceExt, core::DynamicObject};

use crate::{
    api::{CalicoGroup, HostEndpointTemplate, HostEndpointTemplateStatus},
    endpoint::PrunedEndpoint,
    node::PrunedNode,
    observed::{Kind, Observed},
    precreation,
};

/// Something was seen.
#[derive(Debug)]
pub(super) enum Sighting {
    /// Calico's resources are in this group.
    Group(CalicoGroup),
    /// A list of a kind begins.
    ListBegins(Kind),
    /// And is complete.
    ListEnds(Kind),
    /// A kind cannot be listed or watched at the moment.
    Trouble(Kind, Trouble),
    /// An object is there or has changed.
    There(Box<Object>),
    /// An object is gone.
    Gone(Kind, String),
}

/// Why a kind cannot be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// One of those in [`crate::events`].
    pub(super) reason: &'static str,
    /// What the API server said.
    pub(super) message: String,
}

/// An object of one of the kinds.
#[derive(Debug)]
pub(super) enum Object {
    Node(PrunedNode),
    Template(DynamicObject),
    Endpoint(PrunedEndpoint),
    Certificate(CertificateSigningRequest),
    Machine(DynamicObject),
    Policy(DynamicObject),
    Felix(DynamicObject),
}

impl Object {
    /// Takes the object into the index.
    pub(super) fn apply(&self, observed: &mut Observed) {
        match self {
            Self::Node(node) => {
                observed.apply_node(node);
            }
            Self::Template(object) => apply_template(object, observed),
            Self::Endpoint(endpoint) => observed.apply_endpoint(endpoint),
            Self::Certificate(request) => {
                let announcement = precreation::from_certificate(request, observed.interner());
                observed.announce(Kind::Certificates, &request.name_any(), announcement);
            }
            Self::Machine(machine) => {
                let announcement = precreation::from_machine(machine, observed.interner());
                observed.announce(Kind::Machines, &qualified_name(machine), announcement);
            }
            Self::Policy(policy) => observed.apply_policy(&policy.name_any(), &policy.data["spec"]),
            Self::Felix(felix) => observed.apply_felix(&felix.name_any(), &felix.data["spec"]),
        }
    }
}

/// Templates are decoded one by one: one that a newer version wrote must not
/// hide the others.
fn apply_template(object: &DynamicObject, observed: &mut Observed) {
    match object.clone().try_parse::<HostEndpointTemplate>() {
        Ok(template) => observed.apply_template(&template),
        Err(error) => {
            observed.apply_unreadable_template(
                &object.name_any(),
                object.metadata.generation,
                error.to_string(),
            );
        }
    }
}

/// The status of a template; one that cannot be read is written anew.
pub(super) fn template_status(object: &DynamicObject) -> Option<HostEndpointTemplateStatus> {
    serde_json::from_value(object.data.get("status")?.clone()).ok()
}

/// `namespace/name`, or the name.
pub(super) fn qualified_name(object: &impl ResourceExt) -> String {
    match object.namespace() {
        Some(namespace) => format!("{namespace}/{}", object.name_any()),
        None => object.name_any(),
    }
}
