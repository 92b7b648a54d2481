//! Which network every pod gets: the one that the runtime would use if our plugin were not there.

use std::path::{Path, PathBuf};

use kubewright_cni::{ConfDir, FileError, Loaded, NetworkConfig};

/// Type of our plugin in configurations.
pub const PLUGIN_TYPE: &str = "kubewright-cni";

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
    let mut others = networks.into_iter().filter(|loaded| !calls_us(&loaded.network));
    if let Some(name) = name {
        let named = others.find(|loaded| loaded.network.name() == name);
        return named.map(Some).ok_or_else(|| DefaultNetworkError::Unknown {
            name: name.to_owned(),
            folder: folder.to_owned(),
        });
    }
    let first = others.next();
    let comes_first = |error: &FileError| first.as_ref().is_none_or(|it| path(error) < it.path);
    match broken.into_iter().find(comes_first) {
        Some(error) => Err(DefaultNetworkError::Broken(error)),
        None => Ok(first),
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
