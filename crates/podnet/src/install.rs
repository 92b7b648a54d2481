//! Making kubewright the node's first CNI configuration, and unmaking it.
//!
//! ```text
//! conf dir    00-kubewright.conflist   ours: written last, removed first
//!             10-calico.conflist       the default network: read, never written, renamed or removed
//! bin dir     kubewright-cni           ours: checked before it is put in place
//! ```
//!
//! A runtime uses the first file in lexical order, so one file beside the others is all there is to
//! it. At every instant the first configuration is either ours, whole, with its program in place, or
//! the one that was first before: files come by rename and go by unlink, and nothing else in the
//! directory is touched. Being killed at any step leaves one of the two, and at most a temporary
//! file that no runtime reads and the next call removes.
//!
//! The configuration **stays** when the agent stops. Without it, pods that start while the agent is
//! away would silently get the default network only, and nothing would ever mend that; with it they
//! wait, since the plugin answers an ADD with code 11, "try again later", and the runtime does.
//! Detaching goes on without the agent. Only `uninstall` takes it away.
//!
//! `uninstall` keeps the program while interfaces are recorded: cri-o detaches a pod with the
//! configuration it was attached with, which names our program.

use std::path::{Path, PathBuf};

use kubewright_attachment::default_network::{DefaultNetworkError, PLUGIN_TYPE};
use kubewright_attachment::record::StoreError;
use serde::Serialize;

mod args;
mod directory;
mod network;
mod program;
#[cfg(test)]
mod tests;

pub use args::{InstallArgs, PlaceArgs, UninstallArgs};
use directory::Directory;
pub use network::OtherNetwork;

/// Our configuration's file: before every name that network add-ons are known to use.
pub const CONFIGURATION: &str = "00-kubewright.conflist";

/// Our plugin, by its file name, which is its type in configurations.
pub const PLUGIN: &str = PLUGIN_TYPE;

/// What was done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new or has new content.
    Written,
    /// It is gone.
    Removed,
    /// It was as it should be; nothing was written.
    Unchanged,
    /// It is no longer wanted but still needed, see [`uninstall`].
    Kept,
}

/// What was done to which file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// The file.
    pub file: PathBuf,
    /// What was done to it.
    pub change: Change,
}

/// What `install` or `uninstall` did, or with `dry_run` would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Our configuration.
    pub configuration: FileChange,
    /// Our plugin.
    pub plugin: FileChange,
    /// The first configuration that is not ours: the default network, or after `uninstall` what the
    /// runtime uses now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<OtherNetwork>,
}

impl Report {
    fn new(
        places: &PlaceArgs,
        configuration: Change,
        plugin: Change,
        other: Option<OtherNetwork>,
    ) -> Self {
        let changed = |dir: &Path, name: &str, change| FileChange { file: dir.join(name), change };
        Self {
            configuration: changed(&places.cni_conf_dir, CONFIGURATION, configuration),
            plugin: changed(&places.cni_bin_dir, PLUGIN, plugin),
            other,
        }
    }
}

/// Why it was not done. Whatever was first in the directory still is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// There is nothing to delegate to.
    #[error(
        "{} holds no other network configuration, so there is no default network: install \
         the cluster's network first, or name the one that will come with --default-network",
        dir.display()
    )]
    NoDefaultNetwork {
        /// The configuration directory.
        dir: PathBuf,
    },
    /// The default network cannot be told.
    #[error(transparent)]
    DefaultNetwork(#[from] DefaultNetworkError),
    /// The runtime would go on using this one.
    #[error(
        "{} would come before {CONFIGURATION}, and the runtime uses the first: give it a name \
         that sorts later",
        file.display()
    )]
    Precedes {
        /// The configuration that sorts before ours.
        file: PathBuf,
    },
    /// `--meta-plugin` names what is not first.
    #[error("{wanted} is not the node's first CNI configuration: {}", first_is(first.as_ref()))]
    NotFirst {
        /// The file or type asked for.
        wanted: String,
        /// What is first.
        first: Option<OtherNetwork>,
    },
    /// A file of our name that does not use our plugin.
    #[error("{} is not kubewright's: it was left as it is, move it away", file.display())]
    Foreign {
        /// That file.
        file: PathBuf,
    },
    /// The plugin does not run on this node.
    #[error("{} does not answer CNI's VERSION: {reason}", program.display())]
    Program {
        /// The plugin that was tried.
        program: PathBuf,
        /// What it did instead.
        reason: String,
    },
    /// It cannot be told whether interfaces are recorded.
    #[error("the attachments on record cannot be read")]
    Records(#[source] StoreError),
    /// A file or directory could not be read or written.
    #[error("cannot {verb} {}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
}

impl InstallError {
    /// For `map_err`: what was tried on which path.
    fn io(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { verb, path, source }
    }
}

fn first_is(first: Option<&OtherNetwork>) -> String {
    match first {
        Some(other) => {
            format!("{} is, with plugins {}", other.file.display(), other.types.join(", "))
        }
        None => "there is none".to_owned(),
    }
}

/// Puts the plugin and then our configuration in place, or with a meta-plugin takes our
/// configuration away and leaves the first to it. Doing it again changes nothing.
///
/// # Errors
/// See [`InstallError`]; after one the runtime uses what it used before.
pub fn install(args: &InstallArgs) -> Result<Report, InstallError> {
    let mut conf_dir = Directory::open(&args.places.cni_conf_dir, args.dry_run)?.locked()?;
    let file = conf_dir.file(CONFIGURATION);
    if file.exists() && !network::is_ours(&file) {
        return Err(InstallError::Foreign { file });
    }
    if let Some(wanted) = &args.meta_plugin {
        let first = network::first_other(conf_dir.path(), None)?;
        if !first.as_ref().is_some_and(|first| first.answers_to(wanted)) {
            return Err(InstallError::NotFirst { wanted: wanted.clone(), first });
        }
        let configuration = conf_dir.remove(CONFIGURATION)?;
        return Ok(Report::new(&args.places, configuration, Change::Unchanged, first));
    }
    if let Some(file) = network::before_ours(conf_dir.path())? {
        return Err(InstallError::Precedes { file });
    }
    let other = match network::first_other(conf_dir.path(), args.default_network.as_deref()) {
        // Told which, one may install before it is there.
        Err(InstallError::DefaultNetwork(DefaultNetworkError::Unknown { .. })) => None,
        Ok(None) => {
            return Err(InstallError::NoDefaultNetwork { dir: args.places.cni_conf_dir.clone() });
        }
        other => other?,
    };
    let configuration = network::ours(args, other.as_ref());
    let mut bin_dir = Directory::open(&args.places.cni_bin_dir, args.dry_run)?;
    let program = program::put(&mut bin_dir, &args.program())?;
    let configuration = conf_dir.write(CONFIGURATION, configuration.as_bytes(), 0o600)?;
    Ok(Report::new(&args.places, configuration, program, other))
}

/// Takes our configuration away, so that the runtime uses what was first before, and then the plugin
/// unless interfaces are still recorded. Doing it again changes nothing.
///
/// # Errors
/// See [`InstallError`].
pub fn uninstall(args: &UninstallArgs) -> Result<Report, InstallError> {
    let (mut configuration, mut other) = (Change::Unchanged, None);
    if args.places.cni_conf_dir.exists() {
        let mut conf_dir = Directory::open(&args.places.cni_conf_dir, args.dry_run)?.locked()?;
        let file = conf_dir.file(CONFIGURATION);
        if network::is_ours(&file) || !file.exists() {
            configuration = conf_dir.remove(CONFIGURATION)?;
        }
        // Taking ours away is right even if what comes then is broken.
        other = network::first_other(conf_dir.path(), None).ok().flatten();
    }
    let program = match args.places.cni_bin_dir.exists() {
        false => Change::Unchanged,
        true if program::is_needed(&args.places.state_dir)? => Change::Kept,
        true => Directory::open(&args.places.cni_bin_dir, args.dry_run)?.remove(PLUGIN)?,
    };
    Ok(Report::new(&args.places, configuration, program, other))
}
