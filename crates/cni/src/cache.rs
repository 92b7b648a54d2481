//! The cache of libcni, `/var/lib/cni/results`, read and written as libcni does.
//!
//! One file for each attachment, `<network>-<container id>-<interface>`, in the form
//! `cniCacheV1`. Whoever cleans up after a runtime finds there what DEL needs, without the
//! configuration files: so other tools can clean up after us, and we after them.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::args::CniArgs;
use crate::config::NetworkConfig;
use crate::name::{MAX_FILE_NAME, NameError, check_container_id, check_interface, check_network};
use crate::result::CniResult;
use crate::runtime::RuntimeConf;

/// The form of an entry.
const KIND: &str = "cniCacheV1";

/// Where libcni keeps its cache unless told otherwise.
pub const DEFAULT_CACHE_DIR: &str = "/var/lib/cni";

/// Why an entry cannot be kept or used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// A part of the file name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The parts are valid, but too long together.
    #[error("cache entry {0:?} is longer than {MAX_FILE_NAME} bytes: shorten the network's name")]
    TooLong(String),
    /// The file cannot be read or written.
    #[error("cache entry {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is not an entry.
    #[error("cache entry {} is not valid", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The file is of another kind, or another attachment's.
    #[error("cache entry {} is not of kind cniCacheV1 for this attachment", path.display())]
    Other {
        /// The file.
        path: PathBuf,
    },
}

/// A cache in a folder.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// What is kept of one attachment. The order of the fields is that of libcni.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheEntry {
    kind: String,
    /// Id of the container.
    pub container_id: String,
    /// The configuration that was used for ADD, as JSON.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub config: Vec<u8>,
    /// Name of the interface in the container.
    pub if_name: String,
    /// The network.
    pub network_name: String,
    /// Path of the network namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub netns: String,
    /// `CNI_ARGS`.
    #[serde(default, skip_serializing_if = "CniArgs::is_empty")]
    pub cni_args: CniArgs,
    /// Values by capability.
    #[serde(default, deserialize_with = "map_or_null", skip_serializing_if = "Map::is_empty")]
    pub capability_args: Map<String, Value>,
    /// The result of ADD. One that is not understood is none: DEL does without.
    #[serde(default, deserialize_with = "result_or_none", skip_serializing_if = "Option::is_none")]
    pub result: Option<CniResult>,
}

impl CacheEntry {
    /// The attachment as it was given to ADD.
    ///
    /// # Errors
    /// [`NameError`] when a name in it is not valid.
    pub fn runtime(&self) -> Result<RuntimeConf, NameError> {
        let netns = (!self.netns.is_empty()).then(|| PathBuf::from(&self.netns));
        Ok(RuntimeConf::new(self.container_id.as_str(), netns, self.if_name.as_str())?
            .with_args(self.cni_args.clone())
            .with_capability_args(self.capability_args.clone()))
    }
}

impl Cache {
    /// The cache in a folder; [`DEFAULT_CACHE_DIR`] is libcni's.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Keeps an attachment, in place of what was kept of it before.
    ///
    /// # Errors
    /// [`CacheError`] when its names make no file name, or it cannot be written.
    pub fn store(
        &self,
        network: &NetworkConfig,
        runtime: &RuntimeConf,
        result: &CniResult,
    ) -> Result<(), CacheError> {
        let path = self.path(network.name(), runtime.container_id(), runtime.ifname())?;
        let netns = runtime.netns().map(|netns| netns.to_string_lossy().into_owned());
        let entry = CacheEntry {
            kind: KIND.to_owned(),
            container_id: runtime.container_id().to_owned(),
            config: network.to_json().to_string().into_bytes(),
            if_name: runtime.ifname().to_owned(),
            network_name: network.name().to_owned(),
            netns: netns.unwrap_or_default(),
            cni_args: runtime.args.clone(),
            capability_args: runtime.capability_args.clone(),
            result: Some(result.clone()),
        };
        let invalid = |source| CacheError::Invalid { path: path.clone(), source };
        let json = serde_json::to_vec(&entry).map_err(invalid)?;
        self.replace(&path, &json).map_err(|source| CacheError::File { path, source })
    }

    /// What is kept of an attachment.
    ///
    /// # Errors
    /// [`CacheError`] when there is something that cannot be used.
    pub fn load(
        &self,
        network: &str,
        container_id: &str,
        ifname: &str,
    ) -> Result<Option<CacheEntry>, CacheError> {
        let path = self.path(network, container_id, ifname)?;
        let Some(entry) = read(&path)? else { return Ok(None) };
        // `a-b` of container `c` and `a` of container `b-c` have the same file.
        let same = entry.network_name == network
            && entry.container_id == container_id
            && entry.if_name == ifname;
        if same { Ok(Some(entry)) } else { Err(CacheError::Other { path }) }
    }

    /// Everything that is kept, in order of the file names, and what is there but of no use.
    ///
    /// # Errors
    /// [`CacheError::File`] when the folder cannot be read; one that is not there is empty.
    pub fn entries(&self) -> Result<(Vec<CacheEntry>, Vec<CacheError>), CacheError> {
        let folder = self.results();
        let failed = |source| CacheError::File { path: folder.clone(), source };
        let mut paths = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(error)),
            Ok(read) => read
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<Vec<_>, _>>()
                .map_err(failed)?,
        };
        paths.sort();
        let (mut entries, mut broken) = (Vec::new(), Vec::new());
        for path in paths {
            match read(&path) {
                Ok(entry) => entries.extend(entry),
                Err(error) => broken.push(error),
            }
        }
        Ok((entries, broken))
    }

    /// Forgets an attachment; one that is not there is forgotten already.
    ///
    /// # Errors
    /// [`CacheError::File`].
    pub fn remove(&self, network: &str, runtime: &RuntimeConf) -> Result<(), CacheError> {
        let path = self.path(network, runtime.container_id(), runtime.ifname())?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(CacheError::File { path, source: error })
            }
            _ => Ok(()),
        }
    }

    fn results(&self) -> PathBuf {
        self.folder.join("results")
    }

    fn path(&self, network: &str, container_id: &str, ifname: &str) -> Result<PathBuf, CacheError> {
        check_network(network)?;
        check_container_id(container_id)?;
        check_interface(ifname)?;
        let name = format!("{network}-{container_id}-{ifname}");
        match name.len() > MAX_FILE_NAME {
            true => Err(CacheError::TooLong(name)),
            false => Ok(self.results().join(name)),
        }
    }

    /// Writes a file so that a reader sees the old content or the new.
    ///
    /// Nothing is synced: after a crash of the machine the attachments themselves are gone, and
    /// what must outlive it is in the records of the caller.
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.results())?;
        // Beside the folder, not in it, where libcni would take it for an attachment.
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join(format!(".kubewright-{}-{serial}", std::process::id()));
        let write = || -> io::Result<()> {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&temporary)?.write_all(content)?;
            fs::rename(&temporary, path)
        };
        write().inspect_err(|_| drop(fs::remove_file(&temporary)))
    }
}

fn read(path: &Path) -> Result<Option<CacheEntry>, CacheError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CacheError::File { path: path.to_owned(), source }),
    };
    let entry: CacheEntry = serde_json::from_slice(&bytes)
        .map_err(|source| CacheError::Invalid { path: path.to_owned(), source })?;
    match entry.kind == KIND {
        true => Ok(Some(entry)),
        false => Err(CacheError::Other { path: path.to_owned() }),
    }
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

fn map_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn result_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<CniResult>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

#[cfg(test)]
mod tests;
