//! What no sandbox needs any more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kubewright_cni::{Attachment, GcError, NetworkConfig};

use super::teardown::{Teardown, TeardownError};
use super::{Engine, EngineError};
use crate::netns::Netns;
use crate::pod::SandboxId;
use crate::record::{Record, Whose};

/// How long a sandbox may take from its first network to its listing.
const STARTING: Duration = Duration::from_secs(600);

/// What was collected.
#[derive(Debug, Default)]
pub struct GcOutcome {
    /// Sandboxes that were torn down.
    pub collected: Vec<SandboxId>,
    /// What could not be.
    pub failures: Vec<GcFailure>,
}

/// What could not be collected.
#[derive(Debug, thiserror::Error)]
pub enum GcFailure {
    /// Of a sandbox that is gone.
    #[error(transparent)]
    Teardown(#[from] TeardownError),
    /// Of a network: what its plugins hold beyond what is attached.
    #[error(transparent)]
    Network(#[from] GcError),
}

impl Engine {
    /// Tears down every sandbox that is not among the living (ready or not) and not so young that
    /// the runtime may not list it yet, and tells the
    /// plugins of `networks` and of all recorded networks what is attached, so that those that
    /// know GC drop the rest.
    ///
    /// What libcni's cache lists counts as attached, whoever attached it: other runtimes of the
    /// node may share a network.
    ///
    /// # Errors
    /// [`EngineError`] when the records cannot be read.
    pub fn gc(
        &self,
        living: &BTreeSet<SandboxId>,
        networks: &[NetworkConfig],
    ) -> Result<GcOutcome, EngineError> {
        let mut outcome = GcOutcome::default();
        let ids = self.store.ids(Whose::All)?;
        let recorded: BTreeSet<SandboxId> = ids.into_iter().map(|id| id.sandbox).collect();
        for sandbox in recorded.difference(living) {
            match self.collect(sandbox) {
                Ok(Some(_)) => outcome.collected.push(sandbox.clone()),
                Ok(None) => {}
                Err(error) => outcome.failures.push(error.into()),
            }
        }
        self.store.sweep(living)?;
        let records = self.store.load(Whose::All)?.records;
        for network in distinct(networks, &records).values() {
            if !network.version().has_gc_and_status() || network.disable_gc() {
                continue;
            }
            if let Err(error) = self.cni.gc(network, &self.valid(network.name(), &records)) {
                outcome.failures.push(error.into());
            }
        }
        Ok(outcome)
    }

    /// Detaches everything of a sandbox that the runtime does not list, unless it is so young that
    /// the runtime may be about to; then none.
    ///
    /// # Errors
    /// [`TeardownError`] with all that is left.
    pub fn collect(&self, sandbox: &SandboxId) -> Result<Option<Teardown>, TeardownError> {
        match self.may_be_starting(sandbox)? {
            true => Ok(None),
            false => self.teardown(sandbox).map(Some),
        }
    }

    /// Whether the runtime may not list a sandbox yet: it attaches networks before it does.
    fn may_be_starting(&self, sandbox: &SandboxId) -> Result<bool, EngineError> {
        let records = self.store.load(Whose::Sandbox(sandbox))?.records;
        let mut young = false;
        for record in &records {
            let is_alive = record.boot_id == *self.boot_id
                && Netns::reopen(&record.netns, record.netns_id).is_ok();
            young |= is_alive && self.store.age(&record.id())?.is_some_and(|age| age < STARTING);
        }
        Ok(young)
    }

    /// What is attached to a network.
    fn valid(&self, network: &str, records: &[Record]) -> BTreeSet<Attachment> {
        let recorded = records
            .iter()
            .filter(|record| {
                record.config.get("name").and_then(|name| name.as_str()) == Some(network)
            })
            .map(|record| (record.sandbox.to_string(), record.interface.to_string()));
        let cached = match self.cache.entries() {
            Ok((entries, _)) => entries,
            Err(error) => {
                tracing::warn!(network, %error, "cache not read for GC");
                Vec::new()
            }
        };
        let cached = cached
            .into_iter()
            .filter(|entry| entry.network_name == network)
            .map(|entry| (entry.container_id, entry.if_name));
        let all = recorded.chain(cached);
        all.map(|(container_id, ifname)| Attachment { container_id, ifname }).collect()
    }
}

/// One configuration for each name; those given go first.
fn distinct(networks: &[NetworkConfig], records: &[Record]) -> BTreeMap<String, NetworkConfig> {
    let recorded = records.iter().filter_map(|record| {
        // A record that was tampered with is nobody's network.
        NetworkConfig::from_value(record.config.clone()).ok()
    });
    let mut all = BTreeMap::new();
    for network in networks.iter().cloned().chain(recorded) {
        all.entry(network.name().to_owned()).or_insert(network);
    }
    all
}
