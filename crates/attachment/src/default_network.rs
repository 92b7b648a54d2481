//! Which network every pod gets: the one that the runtime would use if our plugin were not there.

use std::path::{Path, PathBuf};

use kubewright_cni::{ConfDir, FileError, Loaded, NetworkConfig};
use serde_json::Value;

use crate::annotation::Dialect;

/// Type of our plugin in configurations.
pub const PLUGIN_TYPE: &str = "kubewright-cni";

/// Variable of the environment of every plugin that an [`Engine`](crate::engine::Engine) calls: the
/// root of its records.
/// Our own plugin finds it only when one of those has called it, which would never end.
pub const CALLED: &str = "KUBEWRIGHT_CNI_CALLED";

/// Fields by which a meta-plugin names the networks that it calls, by their name or file.
const BY_NAME: [&str; 2] = ["clusterNetwork", "defaultNetworks"];

/// In which dialect the plugins of a network, called for a new sandbox, follow the pod's annotation
/// themselves: those of meta-plugins do, by the type of the first.
#[must_use]
pub fn follows(first_plugin: &str) -> Option<Dialect> {
    match first_plugin {
        "multus" | "multus-shim" => Some(Dialect::Standard),
        "kactus" => Some(Dialect::Kaloom),
        _ => None,
    }
}

/// The default network is not known.
#[derive(Debug, thiserror::Error)]
pub enum DefaultNetworkError {
    /// The folder cannot be read.
    #[error("the folder of network configurations cannot be read")]
    Folder(#[source] FileError),
    /// A file that comes first cannot be used. It may be the default network, half written: taking
    /// the next one instead would put pods into the wrong network.
    #[error("the default network is not known: the first configuration is broken")]
    Broken(#[source] FileError),
    /// There is none of the name that our configuration asks for.
    #[error("{} holds no usable configuration of the default network {name:?}", folder.display())]
    Unknown {
        /// Its name.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// It is a meta-plugin's that calls our plugin, as Multus does when it finds its own master.
    #[error(
        "{} calls {PLUGIN_TYPE}, which would call it again: let it name another network \
         (Multus: another --multus-master-cni-file-name than kubewright's)",
        file.display()
    )]
    Loop {
        /// The file.
        file: PathBuf,
    },
}

/// The network of this name, or without one the first that does not call our plugin; none when the
/// folder holds no other, or is not there.
///
/// # Errors
/// [`DefaultNetworkError`]; it is read anew every time, so trying again later may help.
pub fn select(folder: &Path, name: Option<&str>) -> Result<Option<Loaded>, DefaultNetworkError> {
    if !folder.exists() && name.is_none() {
        return Ok(None);
    }
    let ConfDir { networks, broken } =
        ConfDir::read(folder).map_err(DefaultNetworkError::Folder)?;
    let (ours, others): (Vec<_>, Vec<_>) =
        networks.into_iter().partition(|loaded| calls_us(&loaded.network));
    let mut others = others.into_iter();
    if let Some(name) = name {
        let named = others.find(|loaded| loaded.network.name() == name);
        let named = named.ok_or_else(|| DefaultNetworkError::Unknown {
            name: name.to_owned(),
            folder: folder.to_owned(),
        })?;
        return without_loop(named, &ours).map(Some);
    }
    let first = others.next();
    let comes_first = |error: &FileError| first.as_ref().is_none_or(|it| path(error) < it.path);
    match broken.into_iter().find(comes_first) {
        Some(error) => Err(DefaultNetworkError::Broken(error)),
        None => first.map(|first| without_loop(first, &ours)).transpose(),
    }
}

/// A network, unless its plugins would call ours.
fn without_loop(network: Loaded, ours: &[Loaded]) -> Result<Loaded, DefaultNetworkError> {
    let plugins = network.network.plugins().iter();
    let comes_back = plugins.flat_map(|plugin| plugin.raw()).any(|(name, value)| {
        delegates_to_us(value) || BY_NAME.contains(&name.as_str()) && names_us(value, ours)
    });
    match comes_back {
        true => Err(DefaultNetworkError::Loop { file: network.path }),
        false => Ok(network),
    }
}

/// Whether the configuration of our plugin stands in that of another one.
pub(crate) fn delegates_to_us(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            fields.get("type").is_some_and(|kind| kind == PLUGIN_TYPE)
                || fields.values().any(delegates_to_us)
        }
        Value::Array(items) => items.iter().any(delegates_to_us),
        _ => false,
    }
}

/// Whether a network, or one of several, is one of ours. Of a path only the file's name counts: a
/// meta-plugin may see the folder at another place.
fn names_us(value: &Value, ours: &[Loaded]) -> bool {
    match value {
        Value::String(text) => {
            let file = Path::new(text).file_name();
            let is_it = |own: &Loaded| own.network.name() == text || own.path.file_name() == file;
            ours.iter().any(is_it)
        }
        Value::Array(items) => items.iter().any(|item| names_us(item, ours)),
        _ => false,
    }
}

fn calls_us(network: &NetworkConfig) -> bool {
    network.plugins().iter().any(|plugin| plugin.plugin_type() == PLUGIN_TYPE)
}

fn path(error: &FileError) -> &Path {
    match error {
        FileError::Read { path, .. } | FileError::Invalid { path, .. } => path,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use tempfile::TempDir;

    use super::*;

    const OURS: &str =
        r#"{"cniVersion":"1.0.0","name":"kubewright","plugins":[{"type":"kubewright-cni"}]}"#;

    fn network(name: &str) -> String {
        format!(r#"{{"cniVersion":"1.0.0","name":"{name}","type":"bridge"}}"#)
    }

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    fn selected(folder: &TempDir, name: Option<&str>) -> Option<String> {
        let loaded = select(folder.path(), name).unwrap()?;
        Some(loaded.network.name().to_owned())
    }

    #[test]
    fn it_is_the_first_that_is_not_ours() {
        let (red, blue) = (network("red"), network("blue"));
        let folder = folder(&[
            ("00-kubewright.conflist", OURS),
            ("05-ours-again.conflist", &OURS.replace("kubewright\"", "again\"")),
            ("10-red.conf", &red),
            ("20-blue.conf", &blue),
            ("calico-kubeconfig", "apiVersion: v1"),
        ]);
        assert_eq!(selected(&folder, None).as_deref(), Some("red"));
        assert_eq!(selected(&folder, Some("blue")).as_deref(), Some("blue"));
        let error = select(folder.path(), Some("green")).unwrap_err().to_string();
        assert!(error.contains("green"), "{error}");
        // Never ourselves.
        assert!(select(folder.path(), Some("kubewright")).is_err());
    }

    #[test]
    fn where_there_is_nothing_else_there_is_none() {
        assert_eq!(selected(&folder(&[("00-kubewright.conflist", OURS)]), None), None);
        assert_eq!(select(Path::new("/nonexistent"), None).unwrap(), None);
        assert!(select(Path::new("/nonexistent"), Some("red")).is_err());
    }

    /// As Multus writes it in `auto` mode, thin and thick, when ours is the first that it finds.
    #[test]
    fn one_that_calls_us_is_refused() {
        let delegating = r#"{"cniVersion":"1.0.0","name":"multus-cni-network","type":"multus","delegates":[{"cniVersion":"1.0.0","name":"kubewright","plugins":[{"type":"kubewright-cni"}]}]}"#;
        let by_file = r#"{"cniVersion":"1.0.0","name":"multus-cni-network","type":"multus-shim","clusterNetwork":"/host/etc/cni/net.d/00-kubewright.conflist"}"#;
        let by_name = r#"{"cniVersion":"1.0.0","name":"multus-cni-network","type":"multus","clusterNetwork":"red","defaultNetworks":["kubewright"]}"#;
        let red = network("red");
        for multus in [delegating, by_file, by_name] {
            let folder = folder(&[
                ("00-kubewright.conflist", OURS),
                ("00-multus.conf", multus),
                ("10-red.conf", &red),
            ]);
            for name in [None, Some("multus-cni-network")] {
                let error = select(folder.path(), name).unwrap_err();
                assert!(matches!(&error, DefaultNetworkError::Loop { .. }), "{multus}: {error}");
                let text = error.to_string();
                assert!(text.contains("00-multus.conf calls kubewright-cni"), "{text}");
            }
            assert_eq!(selected(&folder, Some("red")).as_deref(), Some("red"));
            let other = multus.replace("00-kubewright.conflist", "10-red.conf");
            let other = other.replace("kubewright", "other");
            fs::write(folder.path().join("00-multus.conf"), other).unwrap();
            assert_eq!(selected(&folder, None).as_deref(), Some("multus-cni-network"));
        }
    }

    #[test]
    fn half_a_file_does_not_promote_the_next() {
        let (red, blue) = (network("red"), network("blue"));
        let folder = folder(&[("10-red.conf", &red[..20]), ("20-blue.conf", &blue)]);
        assert!(matches!(select(folder.path(), None), Err(DefaultNetworkError::Broken(_))));
        assert_eq!(selected(&folder, Some("blue")).as_deref(), Some("blue"));
        fs::write(folder.path().join("10-red.conf"), &red).unwrap();
        fs::write(folder.path().join("30-later.conf"), "{").unwrap();
        assert_eq!(selected(&folder, None).as_deref(), Some("red"));
    }
}
