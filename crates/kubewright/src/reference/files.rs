//! Every file and folder that kubewright reads or writes on a machine.

use anyhow::Result;
use kubewright_attachment::protocol;
use kubewright_cni::DEFAULT_CACHE_DIR;
use kubewright_hostendpoint::guard;
use kubewright_node::config::{DEFAULT_FILE, NodeConfiguration};
use kubewright_podnet::install::CONFIGURATION;
use kubewright_podnet::pod_resources::DEFAULT_SOCKET;
use kubewright_workspace::{lock, manifest, workspace};

use super::filled;

pub(super) fn page() -> Result<String> {
    let node_state = NodeConfiguration::default().paths.state;
    filled(
        include_str!("files.md"),
        &[
            ("NODE_FILE", DEFAULT_FILE),
            ("NODE_STATE", &node_state.display().to_string()),
            ("GUARD_STATE_DIR", guard::args::STATE_DIR),
            ("GUARD_RECORD", guard::record::RECORD),
            ("TABLE", guard::ruleset::TABLE),
            ("PODNET_STATE_DIR", protocol::DEFAULT_STATE_DIR),
            ("SOCKET", protocol::DEFAULT_SOCKET),
            ("CONF_DIR", protocol::DEFAULT_CONF_DIR),
            ("CONFIGURATION", CONFIGURATION),
            ("CACHE_DIR", DEFAULT_CACHE_DIR),
            ("POD_RESOURCES", DEFAULT_SOCKET),
            ("WORKSPACE_FILE", manifest::FILE),
            ("WORKSPACE_LOCK", lock::FILE),
            ("WORKSPACE_STATE", workspace::STATE),
        ],
    )
}
