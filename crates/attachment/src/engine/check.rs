//! CHECK of a sandbox: whether all is as ADD left it.

use super::Engine;
use super::attach::calling;
use super::outcome::Outcome;
use super::teardown::all;
use crate::pod::{Sandbox, SandboxId};
use crate::problem::{Problem, Reason};
use crate::record::{Record, State, Whose};
use crate::status::Failure;

/// An attachment that is not as ADD left it, or a sandbox that cannot be checked.
#[derive(Debug, thiserror::Error)]
#[error("sandbox {sandbox}: {}", all(.failures))]
pub struct CheckFailed {
    /// The sandbox.
    pub sandbox: SandboxId,
    /// Each fault.
    pub failures: Vec<Failure>,
}

impl Engine {
    /// Asks the plugins of every attachment of a sandbox whether all is as ADD left it.
    ///
    /// # Errors
    /// [`CheckFailed`] with every fault.
    pub fn check(&self, sandbox: &Sandbox) -> Result<(), CheckFailed> {
        let mut outcome = Outcome::default();
        let unusable = |error: &dyn std::error::Error| {
            let problem = Problem::from_error(Reason::SandboxUnusable, error);
            let failures = vec![Failure { name: None, interface: None, problem }];
            CheckFailed { sandbox: sandbox.id.clone(), failures }
        };
        let lock = self.store.lock(&sandbox.id, self.options.patience);
        let _lock = lock.map_err(|error| unusable(&error))?;
        let loaded =
            self.store.load(Whose::Sandbox(&sandbox.id)).map_err(|error| unusable(&error))?;
        for record in &loaded.records {
            if let Err(problem) = self.check_one(record) {
                outcome.fail(Some(record.network_name()), Some(&record.interface), problem);
            }
        }
        match outcome.failures {
            failures if failures.is_empty() => Ok(()),
            failures => Err(CheckFailed { sandbox: sandbox.id.clone(), failures }),
        }
    }

    fn check_one(&self, record: &Record) -> Result<(), Problem> {
        if record.state != State::Attached {
            let message = format!("{} is {:?}", record.id(), record.state);
            return Err(Problem::new(Reason::AttachFailed, message));
        }
        let (network, runtime) = calling(record, Some(record.netns.clone()))?;
        // Older versions cannot be asked, and what someone else attached has no result.
        let Some(result) = record.result.as_ref().filter(|_| network.version().has_check()) else {
            return Ok(());
        };
        let checked = self.cni.check(&network, &runtime, Some(result));
        checked.map_err(|error| Problem::from_error(Reason::AttachFailed, &error))
    }
}
