//! GC and STATUS: what is asked of a network as a whole.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Cni;
use super::call::{CallError, request};
use super::lifecycle::{DelError, PluginFailure};
use crate::cache::{CacheEntry, CacheError};
use crate::config::{ConfigError, NetworkConfig};

/// An attachment that exists, as GC is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attachment {
    /// Id of the container.
    #[serde(rename = "containerID")]
    pub container_id: String,
    /// Name of the interface.
    pub ifname: String,
}

/// Everything that went wrong during GC; the rest is done.
#[derive(Debug, Default)]
pub struct GcError {
    /// The network.
    pub network: String,
    /// Attachments in the cache that are no longer valid, and could not be removed.
    pub stale: Vec<(Attachment, StaleError)>,
    /// Plugins that failed.
    pub plugins: Vec<PluginFailure>,
    /// The cache could not be read.
    pub cache: Option<CacheError>,
}

/// Why a stale attachment could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum StaleError {
    /// What was kept of its configuration is not valid.
    #[error("its configuration is not valid")]
    Config(#[from] ConfigError),
    /// What was kept of it has a name that may not be used.
    #[error(transparent)]
    Name(#[from] crate::name::NameError),
    /// A plugin failed.
    #[error(transparent)]
    Del(#[from] DelError),
}

impl fmt::Display for GcError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stale = self.stale.iter().map(|(attachment, error)| {
            format!("{} of {}: {error}", attachment.ifname, attachment.container_id)
        });
        let plugins = self.plugins.iter().map(|failure| failure.source.to_string());
        let cache = self.cache.iter().map(ToString::to_string);
        let all: Vec<_> = cache.chain(stale).chain(plugins).collect();
        write!(formatter, "GC of network {}: {}", self.network, all.join("; "))
    }
}

impl std::error::Error for GcError {}

impl Cni {
    /// Removes what is not in `valid`: attachments in the cache by DEL with the configuration kept
    /// there, then whatever the plugins still hold, by GC of 1.1.0. Does nothing where the
    /// configuration says so.
    ///
    /// # Errors
    /// [`GcError`] with all that went wrong.
    pub fn gc(&self, network: &NetworkConfig, valid: &BTreeSet<Attachment>) -> Result<(), GcError> {
        if network.disable_gc() {
            return Ok(());
        }
        let mut errors = GcError { network: network.name().to_owned(), ..GcError::default() };
        for entry in self.kept(network, &mut errors) {
            let (container_id, ifname) = (entry.container_id.clone(), entry.if_name.clone());
            let attachment = Attachment { container_id, ifname };
            if !valid.contains(&attachment)
                && let Err(error) = self.remove_stale(&entry)
            {
                errors.stale.push((attachment, error));
            }
        }
        if network.version().has_gc_and_status() {
            // The first key is that of the specification, the second that of its first text,
            // which plugins were written against.
            let list = json!(valid);
            let more = ["cni.dev/valid-attachments", "cni.dev/attachments"]
                .map(|key| (key.to_owned(), list.clone()));
            errors.plugins = self.ask_all("GC", network, &Map::from_iter(more));
        }
        let clean = errors.stale.is_empty() && errors.plugins.is_empty() && errors.cache.is_none();
        if clean { Ok(()) } else { Err(errors) }
    }

    /// Asks the plugins whether they can serve ADD. Before 1.1.0 nobody can be asked, and the
    /// answer is yes.
    ///
    /// # Errors
    /// [`PluginFailure`] of the first that cannot; its code says more.
    pub fn status(&self, network: &NetworkConfig) -> Result<(), PluginFailure> {
        if !network.version().has_gc_and_status() {
            return Ok(());
        }
        network.plugins().iter().enumerate().try_for_each(|(position, plugin)| {
            let config = request(network, plugin);
            let plugin = plugin.plugin_type();
            self.call("STATUS", plugin, config, None).map(drop).map_err(|source| PluginFailure {
                position,
                plugin: plugin.to_owned(),
                source,
            })
        })
    }

    /// Checks that every plugin is there and speaks the version of the configuration.
    ///
    /// # Errors
    /// [`PluginFailure`] of the first that does not.
    pub fn validate(&self, network: &NetworkConfig) -> Result<(), PluginFailure> {
        network.plugins().iter().enumerate().try_for_each(|(position, plugin)| {
            let plugin = plugin.plugin_type();
            let versions = self.versions(plugin);
            let checked = versions.and_then(|versions| speaks(plugin, &versions, network));
            let failed = |source| PluginFailure { position, plugin: plugin.to_owned(), source };
            checked.map_err(failed)
        })
    }

    fn kept(&self, network: &NetworkConfig, errors: &mut GcError) -> Vec<CacheEntry> {
        let Some(cache) = &self.cache else { return Vec::new() };
        match cache.entries() {
            Ok((mut entries, broken)) => {
                for error in broken {
                    tracing::warn!(%error, "not used for GC");
                }
                entries.retain(|entry| entry.network_name == network.name());
                entries
            }
            Err(error) => {
                errors.cache = Some(error);
                Vec::new()
            }
        }
    }

    fn remove_stale(&self, entry: &CacheEntry) -> Result<(), StaleError> {
        let network = NetworkConfig::parse(&entry.config)?;
        let runtime = entry.runtime()?;
        Ok(self.del(&network, &runtime, entry.result.as_ref())?)
    }

    /// Calls every plugin of a network with these keys; those that failed.
    fn ask_all(
        &self,
        command: &str,
        network: &NetworkConfig,
        more: &Map<String, Value>,
    ) -> Vec<PluginFailure> {
        let plugins = network.plugins().iter().enumerate();
        let failures = plugins.filter_map(|(position, plugin)| {
            let mut config = request(network, plugin);
            config.extend(more.clone());
            let plugin = plugin.plugin_type();
            let source = self.call(command, plugin, config, None).err()?;
            Some(PluginFailure { position, plugin: plugin.to_owned(), source })
        });
        failures.collect()
    }
}

fn speaks(plugin: &str, versions: &[String], network: &NetworkConfig) -> Result<(), CallError> {
    let wanted = network.version();
    if versions.iter().any(|version| version == wanted.as_str()) {
        return Ok(());
    }
    Err(CallError::Version { plugin: plugin.to_owned(), wanted, spoken: versions.join(", ") })
}
