//! What libcni's cache knows, for when we do not: of sandboxes that others made, and of records
//! that cannot be read.

use std::path::{Path, PathBuf};

use kubewright_cni::{Cache, CacheEntry, NetworkConfig};

use super::Engine;
use super::outcome::Outcome;
use super::teardown::TeardownError;
use crate::annotation::Dialect;
use crate::default_network::PLUGIN_TYPE;
use crate::name::InterfaceName;
use crate::netns::Netns;
use crate::network::NetworkKey;
use crate::pod::{Pod, SandboxId};
use crate::problem::{Problem, Reason};
use crate::record::{Corrupt, Record, RecordId, Role, State};
use crate::route::DefaultRoutes;
use crate::status::Entry;

/// Multus' folder in libcni's, its `cniDir`.
const MULTUS: &str = "multus";

impl Engine {
    /// Detaches what a record that cannot be read stood for, by what libcni's cache has of it.
    /// Where someone adopted it meanwhile there is a record again, and nothing is done.
    pub(super) fn salvage(&self, corrupt: &[Corrupt], outcome: &mut Outcome) {
        for corrupt in corrupt {
            let id = &corrupt.id;
            if self.store.get(id).is_some() {
                continue;
            }
            for entry in self.cached_all(&id.sandbox, &id.interface) {
                let network = entry.network_name.clone();
                let deleted = match self.recovered(id, &entry) {
                    // With a record again it is tried until it is done.
                    Some(record) => self.detach(&record),
                    None => self.delete_cached(&entry),
                };
                if let Err(problem) = deleted {
                    outcome.fail(Some(network), Some(&id.interface), problem);
                }
            }
        }
    }

    /// Puts the cluster's network of a sandbox on record again, by what libcni's cache has of it: it
    /// lives and dies with the sandbox, so it is not to be detached.
    pub(super) fn restore(&self, id: &RecordId) {
        let known = self.cached_all(&id.sandbox, &id.interface);
        let Some(record) = known.iter().find_map(|entry| self.recovered(id, entry)) else {
            tracing::warn!(record = %id, "the cluster's network of a sandbox is not on record any more");
            return;
        };
        if let Err(error) = self.store.write(&Record { state: State::Attached, ..record }) {
            tracing::warn!(record = %id, %error, "a record could not be made again");
        }
    }

    /// Detaches an interface by what libcni's cache has of it; false when that has nothing.
    ///
    /// # Errors
    /// [`TeardownError`] with all that is left.
    pub(super) fn delete_known_to_cache(
        &self,
        sandbox: &SandboxId,
        interface: &InterfaceName,
    ) -> Result<bool, TeardownError> {
        let _lock = self.store.lock(sandbox, self.options.patience)?;
        let mut outcome = Outcome::default();
        let entries = self.cached_all(sandbox, interface);
        for entry in &entries {
            if let Err(problem) = self.delete_cached(entry) {
                outcome.fail(Some(entry.network_name.clone()), Some(interface), problem);
            }
        }
        match outcome.failures {
            failures if failures.is_empty() => Ok(!entries.is_empty()),
            failures => Err(TeardownError::Left { sandbox: sandbox.clone(), failures }),
        }
    }

    /// A record of what is to be detached, from what the cache has of it.
    fn recovered(&self, id: &RecordId, entry: &CacheEntry) -> Option<Record> {
        let args = &entry.cni_args;
        let (namespace, name) = (args.get("K8S_POD_NAMESPACE")?, args.get("K8S_POD_NAME")?);
        let pod = Pod::new(namespace, name, id.pod_uid.as_str()).ok()?;
        let role = match id.interface.as_str() == InterfaceName::DEFAULT {
            true => Role::Default,
            // Which dialect asked for it does not matter to DEL.
            false => {
                let network = args.get("K8S_POD_NETWORK").unwrap_or(&entry.network_name);
                Role::Network(NetworkKey::new(Dialect::Standard, namespace, network).ok()?)
            }
        };
        Some(Record {
            pod,
            sandbox: id.sandbox.clone(),
            netns: PathBuf::from(&entry.netns),
            netns_id: None,
            boot_id: self.boot_id.to_string(),
            interface: id.interface.clone(),
            role,
            state: State::Deleting,
            explicit: false,
            adopted: false,
            digest: String::new(),
            config: serde_json::from_slice(&entry.config).ok()?,
            args: entry.cni_args.clone(),
            capability_args: entry.capability_args.clone(),
            result: entry.result.clone(),
            link: None,
            replaced_routes: DefaultRoutes::default(),
            default_route: None,
        })
    }

    fn delete_cached(&self, entry: &CacheEntry) -> Result<(), Problem> {
        let failed =
            |error: &dyn std::error::Error| Problem::from_error(Reason::DetachFailed, error);
        let network = NetworkConfig::parse(&entry.config).map_err(|error| failed(&error))?;
        let mut runtime = entry.runtime().map_err(|error| failed(&error))?;
        let gone = |path: &Path| {
            Netns::open(path).and_then(Netns::not_own).is_err_and(|error| error.is_gone())
        };
        if runtime.netns().is_some_and(gone) {
            runtime.netns = None;
        }
        let deleted = self.cni.del(&network, &runtime, entry.result.as_ref());
        deleted.map_err(|error| failed(&error))
    }

    /// What libcni's cache has of an attachment that someone else made: that of the runtime, or
    /// Multus', which has a folder of its own in it.
    pub(super) fn cached_by_others(
        &self,
        network: &str,
        sandbox: &SandboxId,
        interface: &InterfaceName,
    ) -> Option<CacheEntry> {
        let multus = || Cache::new(self.options.cache_dir.join(MULTUS));
        let own = cached(&self.cache, network, sandbox, interface);
        own.or_else(|| cached(&multus(), network, sandbox, interface))
    }

    /// What libcni's cache has of an interface, whatever its network, but for the call that the
    /// runtime makes of us.
    fn cached_all(&self, sandbox: &SandboxId, interface: &InterfaceName) -> Vec<CacheEntry> {
        let ending = format!("-{sandbox}-{interface}");
        let Ok(files) = std::fs::read_dir(self.options.cache_dir.join("results")) else {
            return Vec::new();
        };
        let names = files.flatten().filter_map(|file| file.file_name().into_string().ok());
        let networks = names.filter_map(|name| name.strip_suffix(&ending).map(str::to_owned));
        let entries =
            networks.filter_map(|network| cached(&self.cache, &network, sandbox, interface));
        entries.filter(|entry| !calls_us(entry)).collect()
    }

    /// The cluster's network of a sandbox that others attached, as libcni's cache has it.
    pub(super) fn cached_default(&self, sandbox: &SandboxId) -> Option<Entry> {
        let interface = InterfaceName::new(InterfaceName::DEFAULT).ok()?;
        let entry = self.cached_all(sandbox, &interface).into_iter().next()?;
        let result = entry.result.as_ref()?;
        Some(Entry::from_result(&entry.network_name, interface.as_str(), true, result))
    }
}

fn cached(
    cache: &Cache,
    network: &str,
    sandbox: &SandboxId,
    interface: &InterfaceName,
) -> Option<CacheEntry> {
    match cache.load(network, sandbox.as_str(), interface.as_str()) {
        Ok(entry) => entry,
        Err(error) => {
            tracing::warn!(network, %sandbox, %interface, %error, "cache entry ignored");
            None
        }
    }
}

fn calls_us(entry: &CacheEntry) -> bool {
    NetworkConfig::parse(&entry.config).is_ok_and(|network| {
        network.plugins().iter().any(|plugin| plugin.plugin_type() == PLUGIN_TYPE)
    })
}
