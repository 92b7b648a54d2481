//! How `kubewright podnet install` and `uninstall` are told, by code or on the command line.

use std::path::PathBuf;

use clap::Args;
use kubewright_attachment::protocol::{DEFAULT_CONF_DIR, DEFAULT_SOCKET, DEFAULT_STATE_DIR};

use kubewright_cni::DEFAULT_CACHE_DIR;

use super::PLUGIN;
use crate::options::environment;

/// Where packages put the plugin that is copied into the runtime's directory.
const PACKAGED: &str = "/usr/lib/kubewright/kubewright-cni";

/// Directories of the node, the same for both commands.
#[derive(Clone, Debug, Args)]
pub struct PlaceArgs {
    /// Where the runtime reads network configurations
    #[arg(long, env = environment::CONF_DIR, value_name = "DIR", default_value = DEFAULT_CONF_DIR, value_parser = absolute)]
    pub cni_conf_dir: PathBuf,
    /// Where the runtime searches CNI plugins; of several, as the agent takes them, the first
    #[arg(long, env = environment::BIN_DIR, value_name = "DIR", default_value = "/opt/cni/bin", value_parser = first)]
    pub cni_bin_dir: PathBuf,
    /// Where the runtime and the agent keep libcni's cache
    #[arg(long, env = environment::CACHE_DIR, value_name = "DIR", default_value = DEFAULT_CACHE_DIR, value_parser = absolute)]
    pub cni_cache_dir: PathBuf,
    /// Where the agent records what it attached
    #[arg(long, env = environment::STATE_DIR, value_name = "DIR", default_value = DEFAULT_STATE_DIR, value_parser = absolute)]
    pub state_dir: PathBuf,
}

/// The runtime calls the plugin from a folder of its own.
fn absolute(text: &str) -> Result<PathBuf, String> {
    std::path::absolute(text).map_err(|error| error.to_string())
}

/// The first of folders that are separated by colons.
fn first(text: &str) -> Result<PathBuf, String> {
    match text.split(':').next() {
        None | Some("") => Err("the first folder has no name".to_owned()),
        Some(folder) => absolute(folder),
    }
}

/// How to install.
#[derive(Clone, Debug, Args)]
pub struct InstallArgs {
    /// Directories of the node.
    #[command(flatten)]
    pub places: PlaceArgs,
    /// The plugin to copy; by default the one beside this program, or the packaged one
    #[arg(long, value_name = "FILE")]
    pub plugin: Option<PathBuf>,
    /// Where the agent listens for the plugin
    #[arg(long, env = environment::SOCKET, value_name = "FILE", default_value = DEFAULT_SOCKET, value_parser = absolute)]
    pub socket: PathBuf,
    /// Network that every pod gets, by name; by default that of the first other configuration
    #[arg(long, value_name = "NAME")]
    pub default_network: Option<String>,
    /// Leave the first place to this meta-plugin, by file or type, and install nothing
    #[arg(long, value_name = "FILE|TYPE", conflicts_with = "default_network")]
    pub meta_plugin: Option<String>,
    /// Say what would be done and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl InstallArgs {
    /// The plugin to copy.
    pub(super) fn program(&self) -> PathBuf {
        let beside = || {
            let own = std::env::current_exe().ok()?;
            Some(own.with_file_name(PLUGIN)).filter(|file| file.is_file())
        };
        self.plugin.clone().or_else(beside).unwrap_or_else(|| PACKAGED.into())
    }
}

/// How to uninstall.
#[derive(Clone, Debug, Args)]
pub struct UninstallArgs {
    /// Directories of the node.
    #[command(flatten)]
    pub places: PlaceArgs,
    /// Say what would be done and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        install: InstallArgs,
    }

    #[test]
    fn what_the_plugin_is_told_is_absolute() {
        let given = ["--cni-conf-dir=a", "--cni-bin-dir=b:c", "--cni-cache-dir=d", "--state-dir=e"];
        let line = ["install"].into_iter().chain(given).chain(["--socket=../f"]);
        let args = Cli::try_parse_from(line).unwrap().install;
        let here = std::env::current_dir().unwrap();
        let PlaceArgs { cni_conf_dir, cni_bin_dir, cni_cache_dir, state_dir } = args.places;
        let told = [cni_conf_dir, cni_bin_dir, cni_cache_dir, state_dir, args.socket];
        assert_eq!(told, ["a", "b", "d", "e", "../f"].map(|path| here.join(path)));
    }
}
