//! One component: what its tree is, and what becomes of it.

use std::fs;
use std::path::{Path, PathBuf};

use super::origin::{Store, Wanted};
use super::plan::{Found, Relation, Step, Why, step};
use super::{MIRRORS, Options, SyncError, Synced};
use crate::git::{Repository, State};
use crate::manifest::Component;
use crate::name::{ComponentName, GitUrl};
use crate::process::{self, ProcessError, Stop, scrubbed};
use crate::workspace::{STATE, Workspace};

/// One component that is fetched from somewhere.
pub(super) struct One<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) name: &'a ComponentName,
    pub(super) component: &'a Component,
    pub(super) url: &'a GitUrl,
    pub(super) stop: &'a Stop,
}

impl One<'_> {
    /// Syncs it.
    pub(super) fn sync(&self, options: &Options) -> Result<Synced, SyncError> {
        let tree = self.workspace.repository(self.name);
        let there = tree.exists();
        if !there && fs::read_dir(tree.folder()).is_ok_and(|mut all| all.next().is_some()) {
            let folder = tree.folder().to_owned();
            return Err(SyncError::InTheWay { component: self.name.clone(), folder });
        }
        let by_hand = there && !self.is_ours(&tree)?;
        let remote = match by_hand {
            true => self.remote(&tree)?,
            false => None,
        };
        let foreign = by_hand && remote.is_none();
        let store = match remote {
            Some(remote) => Store { repository: tree.clone(), remote, mirror: false },
            None => self.mirror()?,
        };
        let before = self.workspace.lock.pinned(self.name, self.component).map(str::to_owned);
        let wanted = self.wanted(&store, before.as_deref(), options.update)?;
        let mut step = match there {
            true => self.step(&tree, &wanted, foreign)?,
            false => step(&Found::Absent, None),
        };
        if !options.dry_run {
            self.take(&step, &store, &tree, &wanted)?;
            if step == Step::Add {
                // The branch may be one that a tree which is gone has left behind.
                match self.step(&tree, &wanted, false)? {
                    left @ Step::Leave { .. } => step = left,
                    further => self.take(&further, &store, &tree, &wanted)?,
                }
            }
        }
        let commit = wanted.commit;
        let before = before.filter(|before| *before != commit);
        Ok(Synced { component: self.name.clone(), commit, before, step })
    }

    /// What to do with a tree that is there.
    fn step(&self, tree: &Repository, wanted: &Wanted, foreign: bool) -> Result<Step, SyncError> {
        let state = State::of(tree)
            .map_err(|source| SyncError::State { component: self.name.clone(), source })?;
        if foreign && state.commit != wanted.commit {
            let remotes = tree.remotes().map_err(self.failed("ask where its tree is from"))?;
            let (named, others): (Vec<_>, Vec<_>) =
                remotes.into_iter().partition(|(name, _)| name == "origin");
            let url = named.into_iter().chain(others).next().map(|(_, url)| scrubbed(&url));
            return Ok(Step::Leave { why: Why::OtherOrigin { url } });
        }
        let relation = self.relation(tree, &state.commit, &wanted.commit);
        let relation = relation.map_err(self.failed("compare commits"))?;
        let dirty = state.dirty();
        let found = Found::Tree { branch: state.branch, dirty, relation };
        Ok(step(&found, wanted.branch.as_deref()))
    }

    /// Whether a tree belongs to our mirror.
    fn is_ours(&self, tree: &Repository) -> Result<bool, SyncError> {
        let link = tree.folder().join(".git");
        if link.is_dir() {
            return Ok(false);
        }
        let mirror = self.mirror_folder();
        let Ok(text) = fs::read_to_string(&link) else { return Ok(false) };
        let leads_to = PathBuf::from(text.trim_end().strip_prefix("gitdir: ").unwrap_or_default());
        let of_us = Path::new(STATE).join(MIRRORS).join(self.mirror_name());
        let moved = leads_to.ancestors().nth(2).is_some_and(|folder| folder.ends_with(&of_us));
        if moved && !leads_to.exists() && mirror.is_dir() {
            // The workspace was moved as a whole: trees and mirrors know each other by whole paths.
            let mut repair = Repository::at(&mirror).git();
            repair.args(["worktree", "repair"]).arg(tree.folder());
            process::output(&mut repair).map_err(self.failed("find its mirror again"))?;
        }
        let store = tree.line(&["rev-parse", "--path-format=absolute", "--git-common-dir"]);
        let store = store.map_err(self.failed("find the repository of its tree"))?;
        let physical = |path: &Path| path.canonicalize().ok();
        Ok(mirror.is_dir() && physical(Path::new(&store)) == physical(&mirror))
    }

    pub(super) fn failed<'a>(
        &'a self,
        what: &'a str,
    ) -> impl FnOnce(ProcessError) -> SyncError + 'a {
        move |source| match source {
            ProcessError::Stopped { .. } => SyncError::Stopped(self.name.clone()),
            source => {
                let (component, what) = (self.name.clone(), what.to_owned());
                SyncError::Git { component, what, source }
            }
        }
    }

    fn relation(
        &self,
        tree: &Repository,
        present: &str,
        wanted: &str,
    ) -> Result<Relation, ProcessError> {
        if present == wanted {
            return Ok(Relation::Same);
        }
        if tree.is_ancestor(present, wanted)? {
            return Ok(Relation::Behind);
        }
        let contains = format!("--contains={present}");
        let holders = ["for-each-ref", "--count=1", &contains, "refs/remotes", "refs/tags"];
        match tree.line(&holders)?.is_empty() {
            true => Ok(Relation::Own),
            false => Ok(Relation::Published),
        }
    }
}
