//! ADD, CHECK and DEL: the life of one attachment.

use std::fmt;

use super::Cni;
use super::call::{CallError, start};
use crate::cache::CacheError;
use crate::config::NetworkConfig;
use crate::result::CniResult;
use crate::runtime::RuntimeConf;
use crate::version::Version;

/// Why ADD failed. In every case the whole list may have left something: call DEL.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// A plugin failed.
    #[error("ADD to network {network}: {} of {plugins} plugins done", .failure.position)]
    Plugin {
        /// The network.
        network: String,
        /// How many plugins it has.
        plugins: usize,
        /// Which one failed, and why.
        #[source]
        failure: PluginFailure,
    },
    /// There is no network namespace to add to.
    #[error("ADD to network {network} needs a network namespace")]
    NoNetns {
        /// The network.
        network: String,
    },
    /// All is done, but could not be kept for others.
    #[error("ADD to network {network}: the result cannot be kept")]
    Cache {
        /// The network.
        network: String,
        /// Why.
        #[source]
        source: CacheError,
    },
}

/// Which plugin of a network failed.
#[derive(Debug, thiserror::Error)]
#[error("plugin {position} of the list ({plugin}) failed")]
pub struct PluginFailure {
    /// Its position in the list, from 0.
    pub position: usize,
    /// Its type.
    pub plugin: String,
    /// Why.
    #[source]
    pub source: CallError,
}

/// Every plugin that failed on DEL; the others have done it.
#[derive(Debug)]
pub struct DelError {
    /// The network.
    pub network: String,
    /// In the order they were called, the last of the list first.
    pub failures: Vec<PluginFailure>,
}

impl fmt::Display for DelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DEL from network {}: ", self.network)?;
        let failures = self.failures.iter().map(|failure| failure.source.to_string());
        formatter.write_str(&failures.collect::<Vec<_>>().join("; "))
    }
}

impl std::error::Error for DelError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failures.first().and_then(|failure| std::error::Error::source(&failure.source))
    }
}

/// Why CHECK failed, or could not be asked for.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The version of the configuration has no CHECK.
    #[error("network {network} is of version {version}, which has no CHECK: it came with 0.4.0")]
    Unsupported {
        /// The network.
        network: String,
        /// Its version.
        version: Version,
    },
    /// Nothing is known of an ADD.
    #[error("CHECK of network {network} needs the result of ADD, which is not known")]
    NoResult {
        /// The network.
        network: String,
    },
    /// A plugin found a fault, or failed.
    #[error("CHECK of network {network}")]
    Plugin {
        /// The network.
        network: String,
        /// Which, and what.
        #[source]
        failure: PluginFailure,
    },
}

impl Cni {
    /// Adds a container to a network: every plugin in order, each with the result of the one
    /// before. The result is in the version of the configuration.
    ///
    /// # Errors
    /// [`AddError`], after which DEL is due.
    pub fn add(
        &self,
        network: &NetworkConfig,
        runtime: &RuntimeConf,
    ) -> Result<CniResult, AddError> {
        let name = || network.name().to_owned();
        if runtime.netns().is_none() {
            return Err(AddError::NoNetns { network: name() });
        }
        let mut result: Option<CniResult> = None;
        for (position, plugin) in network.plugins().iter().enumerate() {
            let added = self
                .call_for("ADD", network, plugin, result.as_ref(), runtime)
                .and_then(|stdout| read_result(network, plugin.plugin_type(), &stdout))
                .map_err(|source| AddError::Plugin {
                    network: name(),
                    plugins: network.plugins().len(),
                    failure: PluginFailure {
                        position,
                        plugin: plugin.plugin_type().to_owned(),
                        source,
                    },
                })?;
            result = Some(added);
        }
        // A configuration has at least one plugin.
        let result = result.unwrap_or_else(|| CniResult::empty(network.version()));
        if let Some(cache) = &self.cache {
            cache
                .store(network, runtime, &result)
                .map_err(|source| AddError::Cache { network: name(), source })?;
        }
        Ok(result)
    }

    /// Removes a container from a network: every plugin in reverse order, each with the result of
    /// ADD; where none is given, with that of the cache. A plugin that fails keeps no other from
    /// its turn.
    ///
    /// # Errors
    /// [`DelError`] with all that failed. The entry of the cache stays then, for another try.
    pub fn del(
        &self,
        network: &NetworkConfig,
        runtime: &RuntimeConf,
        result: Option<&CniResult>,
    ) -> Result<(), DelError> {
        let cached = self.cached(network, runtime, result);
        // What cannot be said in the version of the configuration is no reason to leave things.
        let result = result
            .or(cached.as_ref())
            .filter(|_| network.version().has_check())
            .and_then(|result| result.to_version(network.version()).ok());
        let mut failures = Vec::new();
        for (position, plugin) in network.plugins().iter().enumerate().rev() {
            let called = self.call_for("DEL", network, plugin, result.as_ref(), runtime);
            if let Err(source) = called {
                let plugin = plugin.plugin_type().to_owned();
                failures.push(PluginFailure { position, plugin, source });
            }
        }
        if !failures.is_empty() {
            return Err(DelError { network: network.name().to_owned(), failures });
        }
        if let Some(cache) = &self.cache
            && let Err(error) = cache.remove(network.name(), runtime)
        {
            // The attachment is gone; a stale entry only means another DEL, which does no harm.
            tracing::warn!(network = network.name(), %error, "cache entry not removed");
        }
        Ok(())
    }

    /// Asks every plugin in order whether an attachment is still as ADD left it. Where no result
    /// is given, that of the cache is taken. Does nothing where the configuration says so.
    ///
    /// # Errors
    /// [`CheckError`] of the first plugin that finds a fault.
    pub fn check(
        &self,
        network: &NetworkConfig,
        runtime: &RuntimeConf,
        result: Option<&CniResult>,
    ) -> Result<(), CheckError> {
        let name = || network.name().to_owned();
        if !network.version().has_check() {
            return Err(CheckError::Unsupported { network: name(), version: network.version() });
        }
        if network.disable_check() {
            return Ok(());
        }
        let cached = self.cached(network, runtime, result);
        let result = result.or(cached.as_ref());
        let result = result.ok_or_else(|| CheckError::NoResult { network: name() })?;
        for (position, plugin) in network.plugins().iter().enumerate() {
            self.call_for("CHECK", network, plugin, Some(result), runtime).map_err(|source| {
                let plugin = plugin.plugin_type().to_owned();
                let failure = PluginFailure { position, plugin, source };
                CheckError::Plugin { network: name(), failure }
            })?;
        }
        Ok(())
    }

    fn cached(
        &self,
        network: &NetworkConfig,
        runtime: &RuntimeConf,
        given: Option<&CniResult>,
    ) -> Option<CniResult> {
        let cache = self.cache.as_ref().filter(|_| given.is_none())?;
        match cache.load(network.name(), runtime.container_id(), runtime.ifname()) {
            Ok(entry) => entry?.result,
            Err(error) => {
                tracing::warn!(network = network.name(), %error, "cache entry ignored");
                None
            }
        }
    }
}

fn read_result(
    network: &NetworkConfig,
    plugin: &str,
    stdout: &[u8],
) -> Result<CniResult, CallError> {
    CniResult::parse(stdout, network.version())
        .and_then(|result| result.to_version(network.version()))
        .map_err(|source| CallError::Result {
            plugin: plugin.to_owned(),
            stdout: start(stdout),
            source,
        })
}
