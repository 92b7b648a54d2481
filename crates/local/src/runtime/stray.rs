//! What is there without a record: of a record that could not be read, say.

use std::collections::BTreeSet;

use super::namespace::Namespaces;
use super::network::Networks;

/// Takes down everything that belongs to no known sandbox. What cannot be is told of, and tried
/// again by the next run.
pub(super) fn take_down(
    known: &BTreeSet<&str>,
    corrupt: &[String],
    namespaces: &Namespaces,
    networks: &Networks,
) {
    let mut strays: BTreeSet<String> = corrupt.iter().cloned().collect();
    match namespaces.all() {
        Ok(all) => strays.extend(all),
        Err(error) => tracing::warn!(%error, "namespaces without a record are not looked for"),
    }
    match networks.cache.entries() {
        Ok((entries, _)) => strays.extend(entries.into_iter().map(|entry| entry.container_id)),
        Err(error) => tracing::warn!(%error, "attachments without a record are not looked for"),
    }
    strays.retain(|id| !known.contains(id.as_str()));
    for id in strays {
        let netns = namespaces.is_open(&id).then(|| namespaces.path(&id));
        if let Err(error) = networks.del_cached(&id, netns) {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(sandbox = id, error, "a network without a record is left over");
            continue;
        }
        match namespaces.close(&id) {
            Ok(()) => tracing::info!(sandbox = id, "a sandbox without a record was taken down"),
            Err(error) => {
                tracing::warn!(sandbox = id, %error, "a namespace without a record is left over");
            }
        }
    }
}
