//! The machine at the edge: where its files are, and the programs that are run on it.
//!
//! Everything below goes through a [`Host`], so that it works on any root: that of this machine,
//! or a folder that stands for one.

mod command;
mod namespace;
mod scrub;

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use command::{Command, CommandError, Output};
pub use namespace::{EnterError, enter};
pub use scrub::scrub;

/// Where programs are looked for, besides `PATH`: services often have a short one.
const PROGRAMS: [&str; 4] = ["/usr/local/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A machine.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
    search: OsString,
    held: Option<Arc<File>>,
}

impl Host {
    /// This machine, and the programs on its `PATH`.
    #[must_use]
    pub fn this() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = std::env::split_paths(&path).chain(PROGRAMS.map(PathBuf::from));
        // Parts that came out of a search path can be joined again.
        Self { root: "/".into(), search: std::env::join_paths(all).unwrap_or(path), held: None }
    }

    /// A machine whose files are below `root` and whose programs are in `programs` alone.
    #[must_use]
    pub fn at(root: &Path, programs: &Path) -> Self {
        Self { root: root.to_owned(), search: programs.as_os_str().to_owned(), held: None }
    }

    /// The same machine, whose programs keep a lock as long as they run: also one that outlives who
    /// started it.
    #[must_use]
    pub fn holding(&self, lock: File) -> Self {
        Self { held: Some(Arc::new(lock)), ..self.clone() }
    }

    /// Whether it is this machine.
    #[must_use]
    pub fn is_this(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a path of the machine is. A relative one is that of the working directory, as someone
    /// on a command line means it.
    #[must_use]
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        path.strip_prefix("/").map_or_else(|_| path.to_owned(), |below| self.root.join(below))
    }

    /// A program by name.
    #[must_use]
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.search)
            .map(|folder| folder.join(program))
            .find(|candidate| candidate.is_file())
    }
}
