//! A sandbox that goes: everything of it is detached, by records alone.

use std::fmt;
use std::path::Path;

use super::outcome::Outcome;
use super::{DefaultNetwork, Engine, EngineError};
use crate::name::InterfaceName;
use crate::netns::Netns;
use crate::pod::SandboxId;
use crate::problem::{Problem, Reason};
use crate::record::{Loaded, Whose};
use crate::status::Failure;

/// What was torn down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Teardown {
    /// Interfaces that were detached.
    pub detached: Vec<InterfaceName>,
    /// Whether the cluster's network was among them. A sandbox made before we were here has no
    /// record of it: see [`Engine::delete_unrecorded`].
    pub default: bool,
}

/// What is left of a sandbox, and why; all else is gone.
#[derive(Debug)]
pub enum TeardownError {
    /// Nothing could be done.
    Engine(EngineError),
    /// Some attachments are still there.
    Left {
        /// The sandbox.
        sandbox: SandboxId,
        /// Each of them.
        failures: Vec<Failure>,
    },
}

impl fmt::Display for TeardownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => error.fmt(f),
            Self::Left { sandbox, failures } => {
                write!(f, "sandbox {sandbox} is not cleaned up: {}", all(failures))
            }
        }
    }
}

impl std::error::Error for TeardownError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Engine(error) => error.source(),
            Self::Left { .. } => None,
        }
    }
}

impl<E: Into<EngineError>> From<E> for TeardownError {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

pub(super) fn all(failures: &[Failure]) -> String {
    let one = |failure: &Failure| {
        let interface = failure.interface.as_deref().unwrap_or("?");
        format!("interface {interface}: {}", failure.problem)
    };
    failures.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl Engine {
    /// Detaches everything of a sandbox, the cluster's network last. Needs no pod, definition,
    /// network namespace or agent. A failure keeps no other attachment from its turn.
    ///
    /// # Errors
    /// [`TeardownError`] with all that is left.
    pub fn teardown(&self, sandbox: &SandboxId) -> Result<Teardown, TeardownError> {
        let lock = self.store.lock(sandbox, self.options.patience)?;
        let (done, failures) = self.teardown_locked(Whose::Sandbox(sandbox))?;
        if !failures.is_empty() {
            return Err(TeardownError::Left { sandbox: sandbox.clone(), failures });
        }
        lock.retire();
        Ok(done)
    }

    /// The same for whoever holds the lock.
    pub(super) fn teardown_locked(
        &self,
        whose: Whose<'_>,
    ) -> Result<(Teardown, Vec<Failure>), EngineError> {
        let Loaded { mut records, corrupt } = self.store.load(whose)?;
        let mut outcome = Outcome::default();
        let mut done = Teardown::default();
        records.sort_by_key(|record| record.network().is_none());
        for record in &records {
            match self.detach(record) {
                Ok(()) => {
                    done.detached.push(record.interface.clone());
                    done.default |= record.network().is_none();
                }
                Err(problem) => {
                    outcome.fail(Some(record.network_name()), Some(&record.interface), problem);
                }
            }
        }
        self.salvage(&corrupt, &mut outcome);
        let ids = records.iter().map(|record| record.pod.uid());
        for uid in ids.chain(corrupt.iter().map(|corrupt| corrupt.id.pod_uid.as_str())) {
            self.store.retire(uid);
        }
        Ok((done, outcome.failures))
    }

    /// Calls DEL for the cluster's network of a sandbox that has no record of it, having been
    /// made before we were here.
    ///
    /// # Errors
    /// [`TeardownError`].
    pub fn delete_unrecorded(
        &self,
        sandbox: &SandboxId,
        netns: Option<&Path>,
        default: &DefaultNetwork,
    ) -> Result<(), TeardownError> {
        let _lock = self.store.lock(sandbox, self.options.patience)?;
        let left = |problem| TeardownError::Left {
            sandbox: sandbox.clone(),
            failures: vec![Failure {
                name: Some(default.config.name().to_owned()),
                interface: Some(default.interface.to_string()),
                problem,
            }],
        };
        let failed =
            |error: &dyn std::error::Error| left(Problem::from_error(Reason::DetachFailed, error));
        let opened = |path: &Path| Netns::open(path).and_then(Netns::not_own);
        let there = netns.filter(|path| !opened(path).is_err_and(|error| error.is_gone()));
        let runtime = default.runtime(sandbox, there).map_err(|error| failed(&error))?;
        self.cni.del(&default.config, &runtime, None).map_err(|error| failed(&error))
    }
}
