//! Making and moving trees.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::SyncError;
use super::one::One;
use super::origin::{Store, Wanted};
use super::plan::Step;
use crate::git::Repository;
use crate::process::{self, ProcessError};

impl One<'_> {
    /// Takes a step.
    pub(super) fn take(
        &self,
        step: &Step,
        store: &Store,
        tree: &Repository,
        wanted: &Wanted,
    ) -> Result<(), SyncError> {
        let commit = &wanted.commit[..];
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
            Step::Add => self.add(&store.repository, tree.folder(), wanted),
        }
    }

    /// A new tree, beside its place and then in it.
    fn add(&self, store: &Repository, tree: &Path, wanted: &Wanted) -> Result<(), SyncError> {
        let (commit, branch) = (&wanted.commit[..], wanted.branch.as_deref());
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
        let git = |arguments: &[&OsStr]| process::output(store.git().args(arguments)).map(drop);
        let (from, to) = (beside.as_os_str(), tree.as_os_str());
        let new = ["worktree", "add", "--quiet"].map(OsStr::new);
        let add = || -> Result<(), ProcessError> {
            store.text(&["worktree", "prune"])?;
            match branch {
                // The branch is there from a tree that is gone: it may have commits.
                Some(name) if store.commit(&format!("refs/heads/{name}")).is_some() => {
                    git(&[&new[..], &[from, name.as_ref()]].concat())?;
                }
                Some(name) => {
                    let branch = ["-b".as_ref(), name.as_ref(), from, commit.as_ref()];
                    git(&[&new[..], &branch].concat())?;
                    let upstream = format!("--set-upstream-to=origin/{name}");
                    store.text(&["branch", "--quiet", &upstream, name])?;
                }
                None => {
                    git(&[&new[..], &["--detach".as_ref(), from, commit.as_ref()]].concat())?;
                }
            }
            git(&["worktree".as_ref(), "move".as_ref(), from, to])
        };
        // An empty folder would be moved into.
        let _ = fs::remove_dir(tree);
        add().map_err(self.failed("make its tree"))
    }
}
