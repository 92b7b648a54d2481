//! A foreign meta-plugin, kactus for example, that attaches Kaloom's networks in our place.
//!
//! It is called as podagent called it: the network's name in `K8S_POD_NETWORK` of the arguments,
//! a hardware address in `K8S_POD_IFMAC`; it looks the network up by itself.

use std::path::Path;

use kubewright_cni::{ConfigError, FileError, NetworkConfig};
use serde_json::json;

/// Version of the configuration of a plugin that is given by its type.
const VERSION: &str = "0.3.1";

/// A meta-plugin and its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct MetaPlugin {
    network: NetworkConfig,
}

/// No meta-plugin.
#[derive(Debug, thiserror::Error)]
pub enum MetaPluginError {
    /// Its file is no use.
    #[error("configuration of the meta-plugin")]
    File(#[from] FileError),
    /// Its type is not the name of a program.
    #[error("meta-plugin {name:?}: give its configuration file, or the type of a plugin")]
    Type {
        /// What was given.
        name: String,
        /// What is wrong with it.
        #[source]
        source: ConfigError,
    },
}

impl MetaPlugin {
    /// Reads a meta-plugin's configuration file (what has a `/` in it), or takes the type of one
    /// that needs no configuration.
    ///
    /// # Errors
    /// [`MetaPluginError`] with the file or type.
    pub fn new(file_or_type: &str) -> Result<Self, MetaPluginError> {
        if file_or_type.contains('/') {
            return Ok(Self { network: NetworkConfig::read(Path::new(file_or_type))? });
        }
        let config = json!({"cniVersion": VERSION, "name": file_or_type, "type": file_or_type});
        let network = NetworkConfig::from_value(config)
            .map_err(|source| MetaPluginError::Type { name: file_or_type.to_owned(), source })?;
        Ok(Self { network })
    }

    /// Its configuration.
    #[must_use]
    pub fn network(&self) -> &NetworkConfig {
        &self.network
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn it_is_given_by_type_or_file() {
        let by_type = MetaPlugin::new("kactus").unwrap();
        assert_eq!(by_type.network().plugins()[0].plugin_type(), "kactus");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("05-kactus.conf");
        std::fs::write(
            &file,
            r#"{"cniVersion":"0.3.1","name":"kactus-net","type":"kactus","kubeconfig":"/k"}"#,
        )
        .unwrap();
        let by_file = MetaPlugin::new(file.to_str().unwrap()).unwrap();
        assert_eq!(by_file.network().name(), "kactus-net");
        assert!(MetaPlugin::new("").is_err());
        assert!(MetaPlugin::new("/no/such").is_err());
    }
}
