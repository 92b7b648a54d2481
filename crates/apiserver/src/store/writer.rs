//! The thread that writes to the disk.

use std::sync::mpsc;
use std::time::Duration;

use super::durable::Disk;
use super::{Pending, Shared};

/// Writes what is queued, as much as there is in one transaction, until the store is
/// dropped. After a failure nothing more is accepted: the memory must not run ahead.
pub(super) fn write_groups(disk: &mut Disk, shared: &Shared, pending: &mpsc::Receiver<Pending>) {
    const GROUP: usize = 1024;
    while let Some(first) = next(disk, pending) {
        let group: Vec<_> = std::iter::once(first).chain(pending.try_iter().take(GROUP)).collect();
        let (records, waiting): (Vec<_>, Vec<_>) =
            group.into_iter().map(|pending| (pending.record, pending.done)).unzip();
        if let Err(error) = disk.write(&records) {
            tracing::error!(error = &error as &dyn std::error::Error, "object store failed");
            shared.lock().failed = true;
            // Whoever waits for something to become visible learns that it never will.
            shared.wake.send_modify(|_| {});
            return;
        }
        let mut state = shared.lock();
        for record in &records {
            shared.publish(&mut state, &record.resource, &record.key, record.resource_version);
        }
        drop(state);
        for done in waiting {
            let _ = done.send(true);
        }
    }
}

/// Waits for something to write; uses the time to tidy up.
fn next(disk: &mut Disk, pending: &mpsc::Receiver<Pending>) -> Option<Pending> {
    const QUIET: Duration = Duration::from_secs(1);
    match pending.recv_timeout(QUIET) {
        Ok(first) => Some(first),
        Err(mpsc::RecvTimeoutError::Disconnected) => None,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            if let Err(error) = disk.tidy() {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "cannot make the object store smaller");
            }
            pending.recv().ok()
        }
    }
}
