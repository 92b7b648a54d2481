//! The git program, as far as a workspace needs it.
//!
//! Git asks nobody for passwords here, never runs helper programs for addresses, and gives up on a
//! connection that carries nothing. `GIT_OPTIONAL_LOCKS=0` keeps looking from writing.

mod state;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::name::{GitUrl, Reference};
use crate::process::{self, ProcessError};

pub(crate) use state::hex;
pub use state::{Change, State, StateError};

/// What is set for every call.
const SETTINGS: [&str; 6] = [
    // A program that lies where git looks for hooks came from somebody else, or is for people.
    "core.hooksPath=/dev/null",
    "protocol.ext.allow=never",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "advice.detachedHead=false",
    "gc.auto=0",
];

/// What git sets for hooks: it would have us look into the repository that we are called from.
const OF_ANOTHER: [&str; 10] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// A repository: a bare one, or the tree of one.
#[derive(Clone, Debug)]
pub struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// The repository in a folder, which may not be there yet.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A git command in this repository.
    #[must_use]
    pub fn git(&self) -> Command {
        let mut command = git();
        command.arg("-C").arg(&self.folder);
        command
    }

    /// Runs a command and returns the first line of its output.
    ///
    /// # Errors
    /// When git fails.
    pub fn line(&self, arguments: &[&str]) -> Result<String, ProcessError> {
        let text = self.text(arguments)?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }

    /// Runs a command and returns its output.
    ///
    /// # Errors
    /// When git fails.
    pub fn text(&self, arguments: &[&str]) -> Result<String, ProcessError> {
        let said = process::output(self.git().args(arguments))?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// Whether there is one.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.folder.join(".git").exists() || self.folder.join("HEAD").is_file()
    }

    /// The commit that a name stands for here: a branch of the origin, then a tag, then a commit.
    #[must_use]
    pub fn resolve(&self, reference: &Reference) -> Option<String> {
        let name = reference.as_str();
        let candidates = [format!("refs/remotes/origin/{name}"), format!("refs/tags/{name}")];
        let by_name = candidates.iter().find_map(|full| self.commit(full));
        by_name.or_else(|| self.commit(name))
    }

    /// The commit that an expression stands for, if there is one.
    #[must_use]
    pub fn commit(&self, expression: &str) -> Option<String> {
        let expression = format!("{expression}^{{commit}}");
        self.line(&["rev-parse", "--verify", "--quiet", "--end-of-options", &expression]).ok()
    }

    /// Whether a branch of the origin has this name.
    #[must_use]
    pub fn has_branch(&self, reference: &Reference) -> bool {
        self.commit(&format!("refs/remotes/origin/{reference}")).is_some()
    }

    /// Whether `older` is part of the history of `newer`.
    ///
    /// # Errors
    /// When git cannot tell.
    pub fn is_ancestor(&self, older: &str, newer: &str) -> Result<bool, ProcessError> {
        match process::output(self.git().args(["merge-base", "--is-ancestor", older, newer])) {
            Ok(_) => Ok(true),
            Err(ProcessError::Failed { status, .. }) if status.code() == Some(1) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How many commits only the first and only the second has.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn distance(&self, first: &str, second: &str) -> Result<(u32, u32), ProcessError> {
        let range = format!("{first}...{second}");
        let line = self.line(&["rev-list", "--left-right", "--count", &range, "--"])?;
        let mut counts = line.split_whitespace().map(|count| count.parse().unwrap_or(0));
        Ok((counts.next().unwrap_or(0), counts.next().unwrap_or(0)))
    }

    /// Name of the present commit by the nearest tag, as `git describe` tells it; with `-dirty` when
    /// files are changed.
    ///
    /// # Errors
    /// When there is no commit.
    pub fn describe(&self) -> Result<String, ProcessError> {
        self.line(&["describe", "--tags", "--always", "--dirty"])
    }

    /// Where the repository was cloned from.
    #[must_use]
    pub fn origin(&self) -> Option<GitUrl> {
        let url = self.line(&["config", "--get", "remote.origin.url"]).ok()?;
        GitUrl::new(url).ok()
    }

    /// Begins a bare repository that fetches from `url`. One that is there is pointed to it.
    ///
    /// # Errors
    /// When git fails.
    pub fn begin_mirror(&self, url: &GitUrl) -> Result<(), ProcessError> {
        if !self.exists() {
            process::output(git().args(["init", "--quiet", "--bare", "--"]).arg(&self.folder))?;
        }
        let branches = "+refs/heads/*:refs/remotes/origin/*";
        self.text(&["config", "remote.origin.url", url.as_str()])?;
        self.text(&["config", "remote.origin.fetch", branches])?;
        Ok(())
    }

    /// Fetches branches and tags from the origin. In a mirror everything follows the origin: a
    /// release that was moved there is moved here. In a repository that someone cloned, branches and
    /// tags that are there stay; a tag that was moved is an error then, for its owner to settle.
    ///
    /// # Errors
    /// When git fails.
    pub fn fetch(&self, mirror: bool) -> Result<(), ProcessError> {
        match mirror {
            true => self.text(&["fetch", "--quiet", "--prune", "--tags", "--force", "origin"])?,
            false => self.text(&["fetch", "--quiet", "--tags", "origin"])?,
        };
        // Which branch is the default one; a repository without any has none.
        let _ = self.text(&["remote", "set-head", "origin", "--auto"]);
        Ok(())
    }
}

/// git without a repository.
fn git() -> Command {
    let mut command = Command::new("git");
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    for variable in OF_ANOTHER {
        command.env_remove(variable);
    }
    if std::env::var_os("GIT_SSH_COMMAND").is_none() {
        command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes");
    }
    command
}
