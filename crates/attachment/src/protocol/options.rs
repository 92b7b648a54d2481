//! The fields of our plugin's configuration, which `kubewright podnet install` writes and both the
//! shim and the agent read.

use std::path::{Path, PathBuf};

use kubewright_cni::DEFAULT_CACHE_DIR;
use serde::Serialize;
use serde_json::{Map, Value};

/// Where the agent listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/kubewright/cni.sock";

/// Where attachments are recorded unless told otherwise.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/kubewright/podnet";

/// Where network configurations are unless told otherwise.
pub const DEFAULT_CONF_DIR: &str = "/etc/cni/net.d";

/// What our plugin's configuration says beside what every configuration does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginOptions {
    /// Where the agent listens.
    pub socket: PathBuf,
    /// Where attachments are recorded.
    pub state_dir: PathBuf,
    /// Where the default network's configuration is.
    pub conf_dir: PathBuf,
    /// libcni's cache, which the runtime shares with us: `results` in it.
    pub cache_dir: PathBuf,
    /// The network that every pod gets, by name; otherwise that of the first configuration in
    /// `conf_dir` that does not call our plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_network: Option<String>,
}

/// A field that cannot be used. The message does not quote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {field:?} of the configuration must be {what}")]
pub struct OptionsError {
    field: &'static str,
    what: &'static str,
}

impl PluginOptions {
    /// Reads them from a whole configuration.
    ///
    /// # Errors
    /// [`OptionsError`] names the field.
    pub fn of(config: &Map<String, Value>) -> Result<Self, OptionsError> {
        let error = |field, what| OptionsError { field, what };
        let text = |field: &'static str| match config.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(error(field, "a string")),
        };
        let path = |field: &'static str, default: &str| match text(field)? {
            None => Ok(PathBuf::from(default)),
            Some(path) if Path::new(path).is_absolute() => Ok(PathBuf::from(path)),
            Some(_) => Err(error(field, "an absolute path")),
        };
        Ok(Self {
            socket: path("socket", DEFAULT_SOCKET)?,
            state_dir: path("stateDir", DEFAULT_STATE_DIR)?,
            conf_dir: path("confDir", DEFAULT_CONF_DIR)?,
            cache_dir: path("cacheDir", DEFAULT_CACHE_DIR)?,
            default_network: text("defaultNetwork")?.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn of(config: Value) -> Result<PluginOptions, OptionsError> {
        PluginOptions::of(config.as_object().unwrap())
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        let options = of(json!({"type": "kubewright-cni", "socket": null})).unwrap();
        assert_eq!(options.socket, Path::new("/run/kubewright/cni.sock"));
        assert_eq!(options.state_dir, Path::new("/var/lib/kubewright/podnet"));
        assert_eq!(options.conf_dir, Path::new("/etc/cni/net.d"));
        assert_eq!(options.cache_dir, Path::new("/var/lib/cni"));
        assert_eq!(options.default_network, None);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let options = PluginOptions {
            socket: "/s".into(),
            state_dir: "/d".into(),
            conf_dir: "/c".into(),
            cache_dir: "/l".into(),
            default_network: Some("calico".to_owned()),
        };
        assert_eq!(of(serde_json::to_value(&options).unwrap()), Ok(options));
    }

    #[test]
    fn a_field_of_no_use_is_named_and_not_quoted() {
        for (config, message) in [
            (
                json!({"socket": {"password": "s3cret"}}),
                "\"socket\" of the configuration must be a string",
            ),
            (
                json!({"stateDir": "s3cret"}),
                "\"stateDir\" of the configuration must be an absolute path",
            ),
        ] {
            let error = of(config).unwrap_err().to_string();
            assert!(error.contains(message) && !error.contains("s3cret"), "{error}");
        }
    }
}
