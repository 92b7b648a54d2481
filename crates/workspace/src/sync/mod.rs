//! Repositories and trees, as the manifest and the lock want them.
//!
//! Each component with an address has a mirror, a bare repository that is fetched into, and a tree
//! of it. A tree that was cloned by hand is fetched into itself. A tree is made beside its place and
//! then moved there, so that one that is there is whole; what was fetched before an interruption is
//! not fetched again.

pub mod plan;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::git::{Repository, State, StateError};
use crate::lock::Pin;
use crate::manifest::Component;
use crate::name::{ComponentName, GitUrl, Reference};
use crate::parallel;
use crate::process::{ProcessError, Stop};
use crate::progress::Progress;
use crate::workspace::{Workspace, WorkspaceError};
use plan::{Found, Relation, Step, step};

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
    workspace.state_folder("mirrors")?;
    workspace.state_folder("sync")?;
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
        let one = One { workspace, name, component, url };
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

/// One component that is fetched from somewhere.
struct One<'a> {
    workspace: &'a Workspace,
    name: &'a ComponentName,
    component: &'a Component,
    url: &'a GitUrl,
}

impl One<'_> {
    fn sync(&self, options: &Options) -> Result<Synced, SyncError> {
        let tree = self.workspace.repository(self.name);
        let there = tree.exists();
        if !there && fs::read_dir(tree.folder()).is_ok_and(|mut all| all.next().is_some()) {
            let folder = tree.folder().to_owned();
            return Err(SyncError::InTheWay { component: self.name.clone(), folder });
        }
        let by_hand = tree.folder().join(".git").is_dir();
        let store = match by_hand {
            true => tree.clone(),
            false => self.mirror()?,
        };
        let before = self.workspace.lock.pinned(self.name, self.component).map(str::to_owned);
        let commit = self.commit(&store, before.as_deref(), options.update)?;
        let branch = self.branch(&store);
        let found = match there {
            true => self.look(&tree, &commit)?,
            false => Found::Absent,
        };
        let step = step(&found, branch);
        if !options.dry_run {
            self.take(&step, &store, &tree, &commit, branch)?;
        }
        let before = before.filter(|before| *before != commit);
        Ok(Synced { component: self.name.clone(), commit, before, step })
    }

    fn failed<'a>(&'a self, what: &'a str) -> impl FnOnce(ProcessError) -> SyncError + 'a {
        move |source| {
            let (component, what) = (self.name.clone(), what.to_owned());
            SyncError::Git { component, what, source }
        }
    }

    fn mirror(&self) -> Result<Repository, SyncError> {
        let folder = self.workspace.state("mirrors").join(format!("{}.git", self.name));
        let mirror = Repository::at(folder);
        mirror.begin_mirror(self.url).map_err(self.failed("begin a mirror"))?;
        Ok(mirror)
    }

    /// The commit that the component should be at. Asks the origin only where that is needed.
    fn commit(
        &self,
        store: &Repository,
        pinned: Option<&str>,
        update: bool,
    ) -> Result<String, SyncError> {
        if let Some(pinned) = pinned.filter(|_| !update)
            && let Some(commit) = store.commit(pinned)
        {
            return Ok(commit);
        }
        let what = format!("fetch from {}", self.url);
        store
            .fetch(store.folder() != self.workspace.tree(self.name))
            .map_err(self.failed(&what))?;
        let reference = self.component.reference.as_ref();
        let (wanted, commit) = match (pinned.filter(|_| !update), reference) {
            (Some(pinned), _) => (pinned, store.commit(pinned)),
            (None, Some(reference)) => (reference.as_str(), store.resolve(reference)),
            (None, None) => ("HEAD", store.commit("refs/remotes/origin/HEAD")),
        };
        commit.ok_or_else(|| SyncError::Reference {
            component: self.name.clone(),
            url: self.url.clone(),
            reference: wanted.to_owned(),
        })
    }

    /// The branch that is wanted, if it is one.
    fn branch(&self, store: &Repository) -> Option<&str> {
        let reference = self.component.reference.as_ref()?;
        store.has_branch(reference).then_some(reference.as_str())
    }

    fn look(&self, tree: &Repository, commit: &str) -> Result<Found, SyncError> {
        let state = State::of(tree)
            .map_err(|source| SyncError::State { component: self.name.clone(), source })?;
        let compare = || -> Result<Relation, ProcessError> {
            if state.commit == commit {
                return Ok(Relation::Same);
            }
            if tree.is_ancestor(&state.commit, commit)? {
                return Ok(Relation::Behind);
            }
            let contains = format!("--contains={}", state.commit);
            let holders = ["for-each-ref", "--count=1", &contains, "refs/remotes", "refs/tags"];
            match tree.line(&holders)?.is_empty() {
                true => Ok(Relation::Own),
                false => Ok(Relation::Published),
            }
        };
        let relation = compare().map_err(self.failed("compare commits"))?;
        let dirty = state.dirty();
        Ok(Found::Tree { branch: state.branch, dirty, relation })
    }

    fn take(
        &self,
        step: &Step,
        store: &Repository,
        tree: &Repository,
        commit: &str,
        branch: Option<&str>,
    ) -> Result<(), SyncError> {
        match step {
            Step::Nothing | Step::Leave { .. } => Ok(()),
            Step::Move => {
                // Files that git ignores are somebody's, too.
                let checkout = ["checkout", "--quiet", "--no-overwrite-ignore", "--detach", commit];
                let checkout = tree.text(&[&checkout[..], &["--"]].concat());
                checkout.map(drop).map_err(self.failed("check out"))
            }
            Step::Advance => {
                let merge =
                    tree.text(&["merge", "--quiet", "--no-overwrite-ignore", "--ff-only", commit]);
                merge.map(drop).map_err(self.failed("advance the branch"))
            }
            Step::Add => self.add(store, tree.folder(), commit, branch),
        }
    }

    /// A new tree, beside its place and then in it.
    fn add(
        &self,
        store: &Repository,
        tree: &Path,
        commit: &str,
        branch: Option<&str>,
    ) -> Result<(), SyncError> {
        let unusable = |folder: &Path| {
            let (component, folder) = (self.name.clone(), folder.to_owned());
            move |source| SyncError::Folder { component, folder, source }
        };
        let beside = self.workspace.state("sync").join(self.name.as_str());
        if beside.exists() {
            // Left by one that was interrupted.
            fs::remove_dir_all(&beside).map_err(unusable(&beside))?;
        }
        if let Some(parent) = tree.parent() {
            // A link that another tree brought could lead anywhere.
            let mut there = parent.ancestors().filter(|folder| folder.symlink_metadata().is_ok());
            let nearest = there.next().unwrap_or(parent);
            if nearest.canonicalize().map_err(unusable(nearest))? != nearest {
                let (component, folder) = (self.name.clone(), nearest.to_owned());
                return Err(SyncError::Outside { component, folder });
            }
            fs::create_dir_all(parent).map_err(unusable(parent))?;
        }
        let (from, to) = (beside.to_string_lossy(), tree.to_string_lossy());
        let add = || -> Result<(), ProcessError> {
            store.text(&["worktree", "prune"])?;
            match branch {
                // The branch is there from a tree that is gone: it may have commits.
                Some(name) if store.commit(&format!("refs/heads/{name}")).is_some() => {
                    store.text(&["worktree", "add", "--quiet", &from, name])?;
                }
                Some(name) => {
                    store.text(&["worktree", "add", "--quiet", "-b", name, &from, commit])?;
                    let upstream = format!("--set-upstream-to=origin/{name}");
                    store.text(&["branch", "--quiet", &upstream, name])?;
                }
                None => {
                    store.text(&["worktree", "add", "--quiet", "--detach", &from, commit])?;
                }
            }
            store.text(&["worktree", "move", &from, &to])?;
            Ok(())
        };
        // An empty folder would be moved into.
        let _ = fs::remove_dir(tree);
        add().map_err(self.failed("make its tree"))
    }
}
