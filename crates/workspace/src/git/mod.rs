//! The git program, as far as a workspace needs it.
//!
//! Git asks nobody for passwords here, never runs helper programs for addresses, and gives up on a
//! connection that carries nothing. `GIT_OPTIONAL_LOCKS=0` keeps looking from writing.

mod concealed;
mod files;
mod remote;
mod state;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::name::{GitUrl, Reference};
use crate::process::{self, ProcessError, Stop};

pub use remote::Answer;
pub(crate) use state::hex;
pub use state::{Change, State, StateError};

/// What is set for every call.
const SETTINGS: [&str; 8] = [
    // A program that lies where git looks for hooks came from somebody else, or is for people.
    "core.hooksPath=/dev/null",
    "protocol.ext.allow=never",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "advice.detachedHead=false",
    "gc.auto=0",
    // Whoever checks a commit out gets the same bytes, which is what its key stands for.
    "core.autocrlf=false",
    "core.eol=lf",
];

/// How long a fetch may take. One that carries nothing is given up long before.
const LONGEST_FETCH: Duration = Duration::from_secs(24 * 60 * 60);

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

    /// A git command in this repository that may take long, and does not outlive us: to be run by
    /// [`process::watched`] or [`process::answered`].
    pub(crate) fn bound(&self) -> Command {
        let search = std::env::var_os("PATH").unwrap_or_default();
        let mut command = equipped(process::bound("git", &search));
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

    /// The commit that an expression stands for, if there is one.
    #[must_use]
    pub fn commit(&self, expression: &str) -> Option<String> {
        let expression = format!("{expression}^{{commit}}");
        self.line(&["rev-parse", "--verify", "--quiet", "--end-of-options", &expression]).ok()
    }

    /// Whether a branch of a remote repository has this name, as far as it was fetched.
    #[must_use]
    pub fn has_branch(&self, remote: &str, name: &Reference) -> bool {
        self.commit(&format!("refs/remotes/{remote}/{name}")).is_some()
    }

    /// Whether a branch or tag has this name here.
    #[must_use]
    pub fn has_ref(&self, name: &Reference) -> bool {
        let full = |kind| self.commit(&format!("refs/{kind}/{name}")).is_some();
        full("heads") || full("tags")
    }

    /// Whether a branch of a remote repository, or a tag, leads to a commit.
    #[must_use]
    pub fn is_published(&self, remote: &str, commit: &str) -> bool {
        let (contains, branches) =
            (format!("--contains={commit}"), format!("refs/remotes/{remote}"));
        let holders = ["for-each-ref", "--count=1", &contains, &branches, "refs/tags"];
        self.line(&holders).is_ok_and(|holder| !holder.is_empty())
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
    /// files are changed. The commit has twelve digits: by itself git takes more the more objects it
    /// has, so that a commit would be called otherwise where it came from a bundle.
    ///
    /// # Errors
    /// When there is no commit.
    pub fn describe(&self) -> Result<String, ProcessError> {
        self.line(&["describe", "--tags", "--always", "--dirty", "--abbrev=12"])
    }

    /// Where the repository was cloned from.
    #[must_use]
    pub fn origin(&self) -> Option<GitUrl> {
        GitUrl::new(self.origin_text()?).ok()
    }

    /// The address that the repository was cloned from, as it stands there.
    #[must_use]
    pub fn origin_text(&self) -> Option<String> {
        self.line(&["config", "--get", "remote.origin.url"]).ok()
    }

    /// Names and addresses of all that this repository fetches from.
    ///
    /// # Errors
    /// When git fails.
    pub fn remotes(&self) -> Result<Vec<(String, String)>, ProcessError> {
        let ask = ["config", "--null", "--get-regexp", r"^remote\..*\.url$"];
        let said = match self.text(&ask) {
            Ok(said) => said,
            // There are none.
            Err(ProcessError::Failed { status, .. }) if status.code() == Some(1) => String::new(),
            Err(error) => return Err(error),
        };
        let pairs = said.split('\0').filter_map(|entry| entry.split_once('\n'));
        let remotes = pairs.filter_map(|(key, url)| {
            let name = key.strip_prefix("remote.")?.strip_suffix(".url")?;
            Some((name.to_owned(), url.to_owned()))
        });
        Ok(remotes.collect())
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
        for (key, value) in [("remote.origin.url", url.as_str()), ("remote.origin.fetch", branches)]
        {
            // At rest nothing is written.
            if self.line(&["config", "--get", key]).ok().as_deref() != Some(value) {
                self.text(&["config", key, value])?;
            }
        }
        Ok(())
    }

    /// Fetches branches and tags from a remote repository, which may take long. In a mirror
    /// everything follows it: a release that was moved there is moved here. In a repository that
    /// someone cloned, branches and tags that are there stay; a tag that was moved is an error then,
    /// for its owner to settle. What git says goes to `log`.
    ///
    /// # Errors
    /// When git fails, or is stopped.
    pub fn fetch(
        &self,
        remote: &str,
        mirror: bool,
        log: &Path,
        stop: &Stop,
    ) -> Result<(), ProcessError> {
        let mut command = self.bound();
        command.args(["fetch", "--quiet", "--tags"]);
        if mirror {
            command.args(["--prune", "--force"]);
        }
        process::watched(command.arg(remote), log, LONGEST_FETCH, stop)
    }
}

/// git without a repository.
fn git() -> Command {
    equipped(Command::new("git"))
}

/// A git command with what is set for every one.
fn equipped(mut command: Command) -> Command {
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    for variable in OF_ANOTHER {
        command.env_remove(variable);
    }
    // ssh asks a program instead of the terminal, and that one says no. How ssh is called stays as
    // people have configured it for git.
    command.env("SSH_ASKPASS_REQUIRE", "force");
    if std::env::var_os("SSH_ASKPASS").is_none() {
        command.env("SSH_ASKPASS", "false");
    }
    command
}
