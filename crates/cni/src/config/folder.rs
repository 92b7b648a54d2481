//! A folder of configurations, `/etc/cni/net.d` for example.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::list::{ConfigError, NetworkConfig, PluginConfig};

/// Endings of files that are configurations.
const ENDINGS: [&str; 3] = ["conf", "conflist", "json"];

/// A file that is no use, and why.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("reading {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It is not a valid configuration.
    #[error("{} is not a valid CNI configuration", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: ConfigError,
    },
}

/// A configuration and the file it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub network: NetworkConfig,
}

/// What a folder holds. A file that is broken hides no other.
#[derive(Debug, Default)]
pub struct ConfDir {
    /// The valid configurations in lexical order of their files; a runtime uses the first.
    pub networks: Vec<Loaded>,
    /// The files that are not valid.
    pub broken: Vec<FileError>,
}

impl ConfDir {
    /// Reads every `.conf`, `.conflist` and `.json` of a folder. A folder that is not there holds
    /// nothing.
    ///
    /// # Errors
    /// [`FileError::Read`] when the folder itself cannot be read.
    pub fn read(folder: &Path) -> Result<Self, FileError> {
        let mut read = Self::default();
        for path in files(folder, &ENDINGS)? {
            match NetworkConfig::read(&path) {
                Ok(network) => read.networks.push(Loaded { path, network }),
                Err(error) => read.broken.push(error),
            }
        }
        Ok(read)
    }

    /// The first network of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Loaded> {
        self.networks.iter().find(|loaded| loaded.network.name() == name)
    }
}

impl NetworkConfig {
    /// Reads the file of a network and, unless it says `loadOnlyInlinedPlugins`, the plugins in
    /// `<name of the network>/*.conf` beside it, which come after its own in lexical order.
    ///
    /// # Errors
    /// [`FileError`] with the file, which may be one of a plugin.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let invalid = |source| FileError::Invalid { path: path.to_owned(), source };
        let network = Self::without_folder(json(path)?).map_err(invalid)?;
        let network = match (network.takes_folder(), path.parent()) {
            (true, Some(folder)) => {
                let plugins = plugins(&folder.join(network.name()))?;
                network.with_more(plugins)
            }
            _ => network,
        };
        match network.plugins().is_empty() {
            true => Err(invalid(ConfigError::NoPlugins)),
            false => Ok(network),
        }
    }
}

fn plugins(folder: &Path) -> Result<Vec<PluginConfig>, FileError> {
    let read = |path: PathBuf| {
        PluginConfig::parse(json(&path)?, "").map_err(|source| FileError::Invalid { path, source })
    };
    files(folder, &["conf"])?.into_iter().map(read).collect()
}

fn json(path: &Path) -> Result<serde_json::Value, FileError> {
    let bytes =
        fs::read(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes)
        .map_err(|source| FileError::Invalid { path: path.to_owned(), source: source.into() })
}

/// The files with one of the endings, in lexical order.
fn files(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, FileError> {
    let failed = |source| FileError::Read { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().and_then(OsStr::to_str);
        let named = ending.is_some_and(|ending| endings.contains(&ending));
        // Links are followed: a ConfigMap's files are links. One that leads nowhere is an error
        // when it is read; a folder or a pipe is no file at all.
        if named && path.metadata().map_or(true, |metadata| metadata.is_file()) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
