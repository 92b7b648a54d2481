//! Names that stand on objects, and that other programs and people rely on.

use anyhow::Result;
use kubewright_attachment::{annotation, default_network, status};
use kubewright_hostendpoint::{api as hostendpoint, defaults};
use kubewright_node::{addon, approver, embedded, join, kubeadm, token};
use kubewright_peerpod::{controller as peerpod, mutation, objects};
use kubewright_podnet::api as podnet;

use super::filled;
use crate::command::controllers::Controller;
use crate::manifests;

pub(super) fn page() -> Result<String> {
    filled(
        include_str!("names.md"),
        &[
            ("MANAGED_BY_LABEL", hostendpoint::MANAGED_BY_LABEL),
            ("MANAGED_BY", hostendpoint::MANAGED_BY),
            ("TEMPLATE_LABEL", hostendpoint::TEMPLATE_LABEL),
            ("CALICO_CREATED_BY_LABEL", hostendpoint::CALICO_CREATED_BY_LABEL),
            ("NODE_LABEL", defaults::NODE_LABEL),
            ("PEER_POD_LABEL", mutation::PEER_POD_LABEL),
            ("OPT_OUT", objects::webhook::OPT_OUT),
            ("CONTROL_PLANE_LABEL", embedded::CONTROL_PLANE_LABEL),
            ("CONFIRM_MASS_DELETE_ANNOTATION", hostendpoint::CONFIRM_MASS_DELETE_ANNOTATION),
            ("GUARD_ANNOTATION", hostendpoint::GUARD_ANNOTATION),
            ("CALICO_INTERFACES_ANNOTATION", hostendpoint::CALICO_INTERFACES_ANNOTATION),
            ("CALICO_METADATA_ANNOTATION", hostendpoint::CALICO_METADATA_ANNOTATION),
            ("STANDARD", annotation::STANDARD),
            ("KALOOM", annotation::KALOOM),
            ("NETWORK_STATUS", status::NETWORK_STATUS),
            ("NETWORK_ERRORS", status::NETWORK_ERRORS),
            ("RESOURCE_NAME", podnet::RESOURCE_NAME),
            ("ORIGINALS", mutation::ORIGINALS),
            ("INSTANCE_TYPE", mutation::INSTANCE_TYPE),
            ("SETTINGS_DIGEST", objects::adaptor::SETTINGS_DIGEST),
            ("ADDRESS", join::ADDRESS),
            ("UNPROTECTED_TAINT", hostendpoint::UNPROTECTED_TAINT),
            ("PROTECTED_CONDITION", hostendpoint::PROTECTED_CONDITION),
            ("FINALIZER", peerpod::FINALIZER),
            ("HOSTENDPOINT_MANAGER", hostendpoint::FIELD_MANAGER),
            ("PEERPOD_MANAGER", peerpod::FIELD_MANAGER),
            ("MANAGER_PREFIX", peerpod::MANAGER_PREFIX),
            ("NODE_MANAGER", addon::FIELD_MANAGER),
            ("WORKSPACE_MANAGER", kubewright_workspace::deploy::FIELD_MANAGER),
            ("HOSTENDPOINT_LEASE", Controller::Hostendpoint.lease()),
            ("PEERPOD_LEASE", Controller::Peerpod.lease()),
            ("NODE_LEASE", Controller::Node.lease()),
            ("CONTROL_PLANE_JOIN", kubeadm::lock::NAME),
            ("NODE_LEASES", join::LEASES),
            ("NAMESPACE", manifests::NAMESPACE),
            ("CONTROLLERS", manifests::CONTROLLERS),
            ("AGENT", manifests::AGENT),
            ("CONFIG_MAP", approver::CONFIG_MAP),
            ("POLICY_KEY", approver::POLICY_KEY),
            ("ADAPTOR", objects::adaptor::NAME),
            ("WEBHOOK", objects::webhook::NAME),
            ("AUTHORITIES", objects::webhook::AUTHORITIES),
            ("SECRET", objects::webhook::SECRET),
            ("DEFAULT_GROUP", token::DEFAULT_GROUP),
            ("PLUGIN_TYPE", default_network::PLUGIN_TYPE),
        ],
    )
}
