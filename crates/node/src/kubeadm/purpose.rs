//! What a machine is made, and by what it is known again.

use serde_json::json;

use crate::config::{Engine, NodeConfiguration, Secret};
use crate::journal::{self, Fingerprint};

/// What a machine is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The first of a new cluster.
    Init,
    /// One more of a cluster that is there.
    Join,
}

impl Purpose {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Join => "join",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Init => Self::Join,
            Self::Join => Self::Init,
        }
    }

    /// The machine is the same when the same was given, whatever the defaults are by now, and when
    /// it means the same, however it was given. Secrets are left out: a new token for the same
    /// machine is no other machine.
    pub(super) fn fingerprint(self, configuration: &NodeConfiguration) -> Fingerprint {
        let mut meant = configuration.clone();
        meant.engine = Engine::Kubeadm;
        meant.cluster_formation.token = Secret::default();
        meant.cluster_formation.token_file = String::new();
        let given = &configuration.given;
        let asked = journal::keys(given);
        let alike = json!({ "engine": "kubeadm", "given": given });
        // A configuration that was made by a program was asked for as it is.
        let asks = |key: &str| given.is_null() || key == "engine" || asked.contains(key);
        Fingerprint::of(&json!(meant)).or(&alike).asking(asks)
    }
}
