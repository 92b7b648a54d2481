//! What the object that defines a network says, as a configuration of CNI.

use std::path::Path;

use kubewright_cni::{ConfDir, ConfigError, FileError, NetworkConfig, PluginConfig};
use serde_json::Value;

use crate::default_network::{PLUGIN_TYPE, delegates_to_us};
use crate::network::NetworkKey;

/// Version of a Network that names none: the one kactus and its delegates speak.
const KALOOM_VERSION: &str = "0.3.1";

/// The spec of the object that defines a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// Spec of a Network (`networks.kaloom.com`).
    Kaloom {
        /// Type of the plugin.
        plugin: String,
        /// Its configuration, a JSON object.
        config: String,
    },
    /// Spec of a NetworkAttachmentDefinition.
    Standard {
        /// Configuration of the network, single or list. Empty: a file on the node of that name.
        config: String,
    },
}

/// An object that defines no network.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// The configuration is not valid.
    #[error("configuration of network {network} is not valid")]
    Config {
        /// The network.
        network: NetworkKey,
        /// What is wrong.
        #[source]
        source: ConfigError,
    },
    /// A Network lacks what its kind must have.
    #[error("network {network} is not valid: spec.{field} {fault}")]
    Field {
        /// The network.
        network: NetworkKey,
        /// Field of the spec.
        field: &'static str,
        /// What is wrong with it.
        fault: String,
    },
    /// Its plugins are called by ours, not the other way round.
    #[error(
        "network {network} calls {PLUGIN_TYPE}, which is what attaches it: name another plugin"
    )]
    Loop {
        /// The network.
        network: NetworkKey,
    },
    /// Neither the object nor the node has a configuration.
    #[error(
        "network {network} has an empty spec.config, and no configuration in {folder} is named {:?}",
        .network.name()
    )]
    NoFile {
        /// The network.
        network: NetworkKey,
        /// Where it was looked for.
        folder: String,
    },
    /// The configurations of the node cannot be read.
    #[error(
        "network {network} has an empty spec.config, and the node's configurations cannot be read"
    )]
    Folder {
        /// The network.
        network: NetworkKey,
        /// Why.
        #[source]
        source: FileError,
    },
}

/// Makes a configuration from a definition. A network without a name gets that of its object.
///
/// # Errors
/// [`DefinitionError`], naming the object and the field.
pub fn read(
    key: &NetworkKey,
    definition: &Definition,
    conf_dir: &Path,
) -> Result<NetworkConfig, DefinitionError> {
    let network = match definition {
        Definition::Kaloom { plugin, config } => kaloom(key, plugin, config),
        Definition::Standard { config } if config.trim().is_empty() => on_node(key, conf_dir),
        Definition::Standard { config } => {
            NetworkConfig::parse_or_named(config.as_bytes(), key.name())
                .map_err(|source| DefinitionError::Config { network: key.clone(), source })
        }
    }?;
    let comes_back = |plugin: &PluginConfig| {
        plugin.plugin_type() == PLUGIN_TYPE || plugin.raw().values().any(delegates_to_us)
    };
    match network.plugins().iter().any(comes_back) {
        true => Err(DefinitionError::Loop { network: key.clone() }),
        false => Ok(network),
    }
}

/// As kactus composes it: the object in `config`, of type `plugin`, with `networkName`.
fn kaloom(key: &NetworkKey, plugin: &str, config: &str) -> Result<NetworkConfig, DefinitionError> {
    let fault =
        |field, fault: String| DefinitionError::Field { network: key.clone(), field, fault };
    if plugin.is_empty() {
        return Err(fault("plugin", "is missing".to_owned()));
    }
    let mut object = match serde_json::from_str(config) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Err(fault("config", "is not a JSON object".to_owned())),
        Err(error) => return Err(fault("config", format!("is not JSON: {error}"))),
    };
    object.insert("type".to_owned(), plugin.into());
    object.insert("networkName".to_owned(), key.name().into());
    // A list in `config` would hide the plugin.
    object.remove("plugins");
    for (field, default) in [("name", key.name()), ("cniVersion", KALOOM_VERSION)] {
        object.entry(field).or_insert_with(|| default.into());
    }
    NetworkConfig::from_value(Value::Object(object))
        .map_err(|source| DefinitionError::Config { network: key.clone(), source })
}

fn on_node(key: &NetworkKey, conf_dir: &Path) -> Result<NetworkConfig, DefinitionError> {
    let folder = ConfDir::read(conf_dir)
        .map_err(|source| DefinitionError::Folder { network: key.clone(), source })?;
    match folder.named(key.name()) {
        Some(loaded) => Ok(loaded.network.clone()),
        None => Err(DefinitionError::NoFile {
            network: key.clone(),
            folder: conf_dir.display().to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::annotation::Dialect;

    fn key(dialect: Dialect) -> NetworkKey {
        NetworkKey::new(dialect, "shop", "green").unwrap()
    }

    fn standard(config: &str, conf_dir: &Path) -> Result<Value, String> {
        let definition = Definition::Standard { config: config.to_owned() };
        match read(&key(Dialect::Standard), &definition, conf_dir) {
            Ok(network) => Ok(network.to_json()),
            Err(error) => Err(crate::problem::Problem::from_error(
                crate::problem::Reason::InvalidNetwork,
                &error,
            )
            .message),
        }
    }

    #[test]
    fn a_network_without_a_name_gets_that_of_its_object() {
        let single = standard(r#"{"cniVersion":"0.4.0","type":"bridge"}"#, Path::new("/nowhere"));
        assert_eq!(single.unwrap()["name"], "green");
        let list = r#"{"cniVersion":"1.0.0","name":"own","plugins":[{"type":"bridge"},{"type":"tuning"}]}"#;
        let list = standard(list, Path::new("/nowhere")).unwrap();
        assert_eq!((&list["name"], list["plugins"].as_array().unwrap().len()), (&json!("own"), 2));
    }

    #[test]
    fn an_empty_configuration_stands_in_a_file_of_the_node() {
        let folder = tempfile::tempdir().unwrap();
        let missing = standard(" ", folder.path()).unwrap_err();
        assert!(missing.contains("shop/green") && missing.contains("named \"green\""), "{missing}");
        let file = r#"{"cniVersion":"0.4.0","name":"green","type":"macvlan"}"#;
        std::fs::write(folder.path().join("50-x.conf"), file).unwrap();
        let found = standard("", folder.path()).unwrap();
        assert_eq!(found["plugins"][0]["type"], "macvlan");
    }

    #[test]
    fn a_network_that_calls_our_plugin_is_refused() {
        let direct = r#"{"cniVersion":"1.0.0","type":"kubewright-cni"}"#;
        let nested = r#"{"cniVersion":"1.0.0","plugins":[{"type":"multus","delegates":[{"type":"kubewright-cni"}]}]}"#;
        for config in [direct, nested] {
            let error = standard(config, Path::new("/nowhere")).unwrap_err();
            assert!(error.contains("shop/green calls kubewright-cni"), "{error}");
        }
    }

    #[test]
    fn faults_name_the_object_and_the_field() {
        let error =
            standard(r#"{"cniVersion":"0.4.0","type":"/bin/sh"}"#, Path::new("/")).unwrap_err();
        assert!(error.contains("shop/green") && error.contains("/bin/sh"), "{error}");
        for (plugin, config, part) in [
            ("", "{}", "spec.plugin is missing"),
            ("vlan", "[]", "spec.config is not a JSON object"),
            ("vlan", "{", "spec.config is not JSON"),
            ("../vlan", "{}", "../vlan"),
        ] {
            let definition = Definition::Kaloom { plugin: plugin.into(), config: config.into() };
            let error = read(&key(Dialect::Kaloom), &definition, Path::new("/")).unwrap_err();
            let text =
                crate::problem::Problem::from_error(crate::problem::Reason::InvalidNetwork, &error);
            assert!(text.message.contains(part) && text.message.contains("shop/green"), "{text}");
        }
    }

    #[test]
    fn a_network_of_kaloom_is_composed_as_kactus_does() {
        let definition = Definition::Kaloom {
            plugin: "vlan".into(),
            config: r#"{"cniVersion":"0.3.1","name":"green-net","type":"other","vlanId":42}"#
                .into(),
        };
        let network = read(&key(Dialect::Kaloom), &definition, Path::new("/")).unwrap();
        assert_eq!(network.name(), "green-net");
        let plugin = network.to_json()["plugins"][0].clone();
        assert_eq!(plugin["type"], "vlan");
        assert_eq!((&plugin["vlanId"], &plugin["networkName"]), (&json!(42), &json!("green")));
        let bare = Definition::Kaloom { plugin: "vlan".into(), config: "{}".into() };
        let bare = read(&key(Dialect::Kaloom), &bare, Path::new("/")).unwrap();
        assert_eq!((bare.name(), bare.version().as_str()), ("green", "0.3.1"));
    }
}
