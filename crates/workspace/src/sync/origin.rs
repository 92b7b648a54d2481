//! Where the commits of a component come from, and which one is wanted.

use std::fs;
use std::path::PathBuf;

use super::one::One;
use super::{MIRRORS, SyncError};
use crate::git::Repository;
use crate::name::Reference;
use crate::process::ProcessError;

/// Where the commits of a component are.
pub(super) struct Store {
    pub(super) repository: Repository,
    /// The name that the component's address has there.
    pub(super) remote: String,
    /// Whether it is ours.
    pub(super) mirror: bool,
}

/// What a component should be at.
pub(super) struct Wanted {
    pub(super) commit: String,
    pub(super) branch: Option<String>,
}

impl One<'_> {
    /// The name of the component's address in a repository that someone cloned.
    pub(super) fn remote(&self, tree: &Repository) -> Result<Option<String>, SyncError> {
        let remotes = tree.remotes().map_err(self.failed("ask where its tree is from"))?;
        let url = self.url.seen_from(&self.workspace.root);
        let found = remotes.into_iter().find(|(_, other)| url.leads_to_the_same_as(other));
        Ok(found.map(|(name, _)| name))
    }

    pub(super) fn mirror_name(&self) -> String {
        format!("{}.git", self.name)
    }

    pub(super) fn mirror_folder(&self) -> PathBuf {
        self.workspace.state(MIRRORS).join(self.mirror_name())
    }

    pub(super) fn mirror(&self) -> Result<Store, SyncError> {
        let repository = Repository::at(self.mirror_folder());
        let url = self.url.seen_from(&self.workspace.root);
        repository.begin_mirror(&url).map_err(self.failed("begin a mirror"))?;
        Ok(Store { repository, remote: "origin".to_owned(), mirror: true })
    }

    /// What the component should be at. Asks the origin only where that is needed.
    pub(super) fn wanted(
        &self,
        store: &Store,
        pinned: Option<&str>,
        update: bool,
    ) -> Result<Wanted, SyncError> {
        let Store { repository, remote, .. } = store;
        let reference = self.component.reference.as_ref();
        let what = format!("fetch from {}", self.url);
        if let Some(pinned) = pinned.filter(|_| !update) {
            let mut commit = repository.commit(pinned);
            if commit.is_none() {
                self.fetch(store).map_err(self.failed(&what))?;
                commit = self.commit(store, pinned).map_err(self.failed(&what))?;
            }
            let branch = reference.filter(|name| repository.has_branch(remote, name));
            let branch = branch.map(Reference::to_string);
            return commit.map(|commit| Wanted { commit, branch }).ok_or_else(|| {
                let (component, url) = (self.name.clone(), self.url.clone());
                SyncError::Gone { component, url, commit: pinned.to_owned() }
            });
        }
        let answer = repository.ask(remote, reference, self.stop).map_err(self.failed(&what))?;
        self.fetch(store).map_err(self.failed(&what))?;
        let object = match (&answer, reference) {
            (Some(answer), _) => Some(answer.object.as_str()),
            // Names of commits are nothing that an origin is asked for.
            (None, reference) => reference
                .filter(|name| name.may_be_commit() && !repository.has_ref(name))
                .map(Reference::as_str),
        };
        let commit = match object {
            Some(object) => self.commit(store, object).map_err(self.failed(&what))?,
            None => None,
        };
        // In a clone there may be commits that were never pushed.
        let is_there = |commit: &String| {
            answer.is_some() || store.mirror || repository.is_published(remote, commit)
        };
        let commit = commit.filter(is_there);
        let commit = commit.ok_or_else(|| SyncError::Reference {
            component: self.name.clone(),
            url: self.url.clone(),
            reference: reference.map_or("HEAD", Reference::as_str).to_owned(),
        })?;
        // Without a name the commit is wanted, not the branch that it is on today.
        let branch = answer.filter(|_| reference.is_some());
        let branch = branch.and_then(|answer| answer.branch().map(str::to_owned));
        Ok(Wanted { commit, branch })
    }

    fn fetch(&self, store: &Store) -> Result<(), ProcessError> {
        let Store { repository, remote, mirror } = store;
        let log = self.workspace.state("log").join(format!("{}.sync.log", self.name));
        // Of the last time only, and only where it failed.
        let _ = fs::remove_file(&log);
        repository.fetch(remote, *mirror, &log, self.stop)?;
        let _ = fs::remove_file(&log);
        Ok(())
    }

    /// The commit of an object, which may be a tag. What no branch or tag leads to is asked for.
    fn commit(&self, store: &Store, object: &str) -> Result<Option<String>, ProcessError> {
        let repository = &store.repository;
        if let Some(commit) = repository.commit(object) {
            return Ok(Some(commit));
        }
        repository.fetch_object(&store.remote, object, self.stop)?;
        Ok(repository.commit(object))
    }
}
