//! The configurations in the runtime's directory: which is first, and what ours says.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use kubewright_attachment::default_network::{self, DefaultNetworkError, PLUGIN_TYPE};
use kubewright_attachment::protocol::PluginOptions;
use kubewright_cni::{ConfDir, FileError, Loaded, NetworkConfig, PluginConfig, Version};
use serde::Serialize;
use serde_json::json;

use super::{CONFIGURATION, InstallArgs, InstallError};

/// The capabilities that runtimes supply. All are asked for; each reaches only those plugins of the
/// default network that declare it.
const CAPABILITIES: [&str; 9] = [
    "aliases",
    "bandwidth",
    "cgroupPath",
    "dns",
    "infinibandGUID",
    "io.kubernetes.cri.pod-annotations",
    "ips",
    "mac",
    "portMappings",
];

/// A network configuration that is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherNetwork {
    /// Its file.
    pub file: PathBuf,
    /// The name of its network.
    pub name: String,
    /// The types of its plugins, in order.
    pub types: Vec<String>,
    #[serde(skip)]
    version: Version,
}

impl OtherNetwork {
    /// Whether someone who names it by file or by type means this one.
    pub(super) fn answers_to(&self, wanted: &str) -> bool {
        self.file == Path::new(wanted)
            || self.file.file_name() == Some(OsStr::new(wanted))
            || self.types.first().is_some_and(|first| first == wanted)
    }
}

/// What a runtime would use if we were not there.
pub(super) fn first_other(
    dir: &Path,
    name: Option<&str>,
) -> Result<Option<OtherNetwork>, InstallError> {
    let selected = default_network::select(dir, name)?;
    Ok(selected.map(|Loaded { path, network }| OtherNetwork {
        file: path,
        name: network.name().to_owned(),
        types: network.plugins().iter().map(|it| it.plugin_type().to_owned()).collect(),
        version: network.version(),
    }))
}

/// A configuration that a runtime would use although ours is there.
pub(super) fn before_ours(dir: &Path) -> Result<Option<PathBuf>, InstallError> {
    let ConfDir { networks, broken } = ConfDir::read(dir).map_err(DefaultNetworkError::Folder)?;
    let broken = broken.into_iter().map(|error| match error {
        FileError::Read { path, .. } | FileError::Invalid { path, .. } => path,
    });
    let files = networks.into_iter().map(|loaded| loaded.path).chain(broken);
    Ok(files.min().filter(|file| *file < dir.join(CONFIGURATION)))
}

/// Whether a file is one that was installed here, even if somebody has added plugins to it, as those
/// of service meshes add themselves; somebody else's of our name is neither overwritten nor removed.
pub(super) fn is_ours(file: &Path) -> bool {
    let is_plugin = |plugin: &PluginConfig| plugin.plugin_type() == PLUGIN_TYPE;
    NetworkConfig::read(file).is_ok_and(|network| network.plugins().first().is_some_and(is_plugin))
}

/// Our plugin in our configuration.
#[derive(Serialize)]
struct Plugin {
    #[serde(rename = "type")]
    kind: &'static str,
    capabilities: BTreeMap<&'static str, bool>,
    #[serde(flatten)]
    options: PluginOptions,
}

/// Our configuration. Its version is the default network's, which this node's runtime is known to
/// read; newer runtimes choose from `cniVersions`.
pub(super) fn ours(args: &InstallArgs, other: Option<&OtherNetwork>) -> String {
    let versions = [Version::V0_3_1, Version::V0_4_0, Version::V1_0_0, Version::V1_1_0];
    let version = other.map_or(versions[0], |other| other.version.max(versions[0]));
    let plugin = Plugin {
        kind: PLUGIN_TYPE,
        capabilities: CAPABILITIES.map(|name| (name, true)).into(),
        options: PluginOptions {
            socket: args.socket.clone(),
            state_dir: args.places.state_dir.clone(),
            conf_dir: args.places.cni_conf_dir.clone(),
            cache_dir: args.places.cni_cache_dir.clone(),
            default_network: args.default_network.clone(),
        },
    };
    let configuration = json!({
        "cniVersion": version,
        "cniVersions": versions,
        "name": "kubewright",
        "plugins": [plugin],
    });
    format!("{configuration:#}\n")
}
