//! DEL of one attachment, by its record alone.

use std::path::PathBuf;

use kubewright_cni::{DelError, ErrorCode};

use super::attach::calling;
use super::{Engine, EngineError, Step};
use crate::netns::{Netns, NetnsError};
use crate::problem::{Problem, Reason};
use crate::record::{Record, State};
use crate::route;

impl Engine {
    /// Calls DEL for a record and removes it. When a plugin fails the record stays, as
    /// `deleting`, for the next attempt.
    pub(super) fn detach(&self, record: &Record) -> Result<(), Problem> {
        let failed =
            |error: &dyn std::error::Error| Problem::from_error(Reason::DetachFailed, error);
        let mut deleting = record.clone();
        deleting.state = State::Deleting;
        // An attempt after one that failed has nothing new to say.
        let noted = || self.store.get(&record.id()).as_ref() == Some(&deleting);
        if !(record.state == State::Deleting && noted())
            && let Err(error) = self.store.write(&deleting)
        {
            // A full disk is no reason to leave things: what the record says leads to DEL as well.
            tracing::warn!(record = %record.id(), %error, "detached without a note of it");
        }
        self.reached(Step::DelRecorded, &record.id());
        let netns = self.netns_of(record);
        let path = match &netns {
            Ok(_) => Some(record.netns.clone()),
            // Everything in it is gone; what plugins keep outside of it is not.
            Err(error) if error.is_gone() => None,
            Err(error) => return Err(failed(error)),
        };
        self.call_del(record, path)?;
        if let Ok(netns) = netns
            && !record.replaced_routes.is_empty()
        {
            self.put_routes_back(record, &netns).map_err(|error| failed(&error))?;
        }
        self.reached(Step::Deleted, &record.id());
        self.store.remove(&record.id()).map_err(|error| failed(&error))?;
        self.reached(Step::DelDone, &record.id());
        Ok(())
    }

    fn call_del(&self, record: &Record, netns: Option<PathBuf>) -> Result<(), Problem> {
        let (network, runtime) = calling(record, netns)
            .map_err(|problem| Problem { reason: Reason::DetachFailed, ..problem })?;
        if record.state != State::Attached {
            // Of an engine that was killed, a plugin may be at work still; what it does after this
            // DEL nobody would undo. The lock of the sandbox tells that nobody else's is.
            let killed = self.cni.kill_orphans(&runtime);
            if killed > 0 {
                tracing::warn!(record = %record.id(), killed, "killed a plugin that was left at work");
            }
        }
        match self.cni.del(&network, &runtime, record.result.as_ref()) {
            Ok(()) => Ok(()),
            Err(error) if is_unknown(&error) => {
                // DEL keeps the entry of the cache where a plugin fails, but this one is done.
                if let Err(error) = self.cache.remove(network.name(), &runtime) {
                    tracing::warn!(record = %record.id(), %error, "cache entry not removed");
                }
                Ok(())
            }
            Err(error) => Err(Problem::from_error(Reason::DetachFailed, &error)),
        }
    }

    /// The namespace of a record, if it is still that one.
    fn netns_of(&self, record: &Record) -> Result<Netns, NetnsError> {
        match *record.boot_id == *self.boot_id {
            true => Netns::reopen(&record.netns, record.netns_id)?.not_own(),
            // No namespace outlives a boot; the path may name a new one.
            false => Err(NetnsError::Missing(record.netns.clone())),
        }
    }

    fn put_routes_back(&self, record: &Record, netns: &Netns) -> Result<(), EngineError> {
        let put_back = netns.enter(|| route::put_back(&record.replaced_routes))?;
        put_back.map_err(|source| EngineError::Route { record: record.id(), source })
    }
}

/// Whether no plugin knows the container, by which the specification means that nothing is to be
/// cleaned up.
fn is_unknown(error: &DelError) -> bool {
    let unknown = Some(ErrorCode::UnknownContainer);
    error.failures.iter().all(|failure| failure.source.code() == unknown)
}
