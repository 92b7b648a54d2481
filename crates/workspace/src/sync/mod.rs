//! Repositories and trees, as the manifest and the lock want them.
//!
//! Each component with an address has a mirror, a bare repository that is fetched into, and a tree
//! of it. A tree that was cloned by hand is fetched into itself, from the remote that has the
//! address; one that was cloned from elsewhere stays as it is. What a branch or tag is the origin is
//! asked, so nothing is pinned that it has not got. A tree is made beside its place and
//! then moved there, so that one that is there is whole; what was fetched before an interruption is
//! not fetched again.

mod one;
mod origin;
pub mod plan;
mod tree;

use std::io;
use std::path::PathBuf;

use serde::Serialize;

use crate::git::StateError;
use crate::lock::Pin;
use crate::name::{ComponentName, GitUrl, Reference};
use crate::parallel;
use crate::process::{ProcessError, Stop};
use crate::progress::Progress;
use crate::workspace::{Workspace, WorkspaceError};
use one::One;
use plan::Step;

/// Folder of the mirrors.
const MIRRORS: &str = "mirrors";

/// Why a component cannot be synced.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Git fails.
    #[error("component {component}: cannot {what}")]
    Git {
        /// The component.
        component: ComponentName,
        /// What was tried.
        what: String,
        /// What git said.
        #[source]
        source: ProcessError,
    },
    /// The origin has no such branch, tag or commit.
    #[error("component {component}: {url} has no branch, tag or commit {reference}")]
    Reference {
        /// The component.
        component: ComponentName,
        /// The origin.
        url: GitUrl,
        /// What was wanted.
        reference: String,
    },
    /// The origin has the commit of the lock no more.
    #[error(
        "component {component}: {url} has no commit {commit}, which the lock has: was it replaced there? `sync --update` pins what there is"
    )]
    Gone {
        /// The component.
        component: ComponentName,
        /// The origin.
        url: GitUrl,
        /// The commit.
        commit: String,
    },
    /// The state of its tree is not known.
    #[error("component {component} cannot be looked at")]
    State {
        /// The component.
        component: ComponentName,
        /// Why.
        #[source]
        source: StateError,
    },
    /// Something else is where its tree should be.
    #[error("component {component}: {} is in the way, and is no repository", folder.display())]
    InTheWay {
        /// The component.
        component: ComponentName,
        /// The folder.
        folder: PathBuf,
    },
    /// A link is on the way to its tree.
    #[error(
        "component {component}: {} leads elsewhere by a link; give it another path",
        folder.display()
    )]
    Outside {
        /// The component.
        component: ComponentName,
        /// The link.
        folder: PathBuf,
    },
    /// A folder cannot be made.
    #[error("component {component}: cannot use {}", folder.display())]
    Folder {
        /// The component.
        component: ComponentName,
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The workspace cannot be used.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// Someone asked to stop.
    #[error("component {0}: interrupted")]
    Stopped(ComponentName),
}

/// How to sync.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Ask the origins for what is new, and pin that, instead of what the lock has.
    pub update: bool,
    /// Fetch and look, but leave trees and lock as they are.
    pub dry_run: bool,
    /// Components at once; none is as many as is good.
    pub jobs: Option<usize>,
}

/// What became of one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Synced {
    /// The component.
    pub component: ComponentName,
    /// The commit that it should be at.
    pub commit: String,
    /// The one that the lock had before, if it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What was done, or would be.
    #[serde(flatten)]
    pub step: Step,
}

/// Syncs some components, and writes the lock. One that fails does not keep the others from it.
///
/// # Errors
/// When the workspace cannot be written.
pub fn sync(
    workspace: &mut Workspace,
    names: &[&ComponentName],
    options: &Options,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Vec<Result<Synced, SyncError>>, WorkspaceError> {
    let _hold = workspace.hold()?;
    workspace.state_folder(MIRRORS)?;
    workspace.state_folder("sync")?;
    workspace.state_folder("log")?;
    // Again under the hold: another process may have written it meanwhile.
    workspace.lock = crate::lock::Lock::read(&workspace.lock_file())?;
    let fetched = names.iter().filter_map(|name| {
        let (name, component) = workspace.manifest.component.get_key_value(*name)?;
        Some((name, component, component.git.as_ref()?))
    });
    let work: Vec<_> = fetched.collect();
    progress.total(work.len());
    let jobs = options.jobs.unwrap_or(parallel::PROCESSES);
    let results = parallel::map(&work, jobs, |(name, component, url)| {
        if stop.stopped() {
            return Err(SyncError::Stopped((*name).clone()));
        }
        progress.begin(name, "sync");
        let one = One { workspace, name, component, url, stop };
        let result = one.sync(options);
        progress.end(name, &told(&result));
        result
    });
    let pins: Vec<_> = work
        .iter()
        .zip(&results)
        .filter_map(|((name, component, url), result)| {
            let commit = Reference::new(result.as_ref().ok()?.commit.clone()).ok()?;
            let reference = component.reference.clone();
            Some(((*name).clone(), Pin { git: (*url).clone(), reference, commit }))
        })
        .collect();
    if !options.dry_run {
        let known = &workspace.manifest.component;
        workspace.lock.component.retain(|name, _| known.contains_key(name));
        workspace.lock.component.extend(pins);
        workspace.lock.write(&workspace.lock_file())?;
    }
    Ok(results)
}

fn told(result: &Result<Synced, SyncError>) -> String {
    match result {
        Ok(Synced { step: Step::Nothing, .. }) => "up to date".to_owned(),
        Ok(Synced { step: Step::Add, commit, .. }) => format!("cloned at {}", short(commit)),
        Ok(Synced { step: Step::Move | Step::Advance, commit, .. }) => {
            format!("moved to {}", short(commit))
        }
        Ok(Synced { step: Step::Leave { why }, .. }) => format!("left alone: it {why}"),
        Err(_) => "failed".to_owned(),
    }
}

/// The first digits of a commit.
#[must_use]
pub fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
