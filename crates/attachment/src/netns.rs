//! Network namespaces: told apart, and entered.
//!
//! A path is not a namespace. After the last process has gone, a path may name nothing, an empty
//! file where a mount was, or, under `/proc`, the namespace of another process that got the same
//! id. So a namespace is known by what the kernel says of the open file.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::fs::{FsWord, fstatfs};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde::{Deserialize, Serialize};

use crate::netlink::Netlink;

/// Type of the file system that namespaces are files of.
const NSFS_MAGIC: FsWord = 0x6e73_6673;

/// Which namespace: no two that exist have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetnsId {
    device: u64,
    inode: u64,
}

/// A namespace that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// Nothing is at its path.
    #[error("network namespace {} is gone", .0.display())]
    Missing(PathBuf),
    /// What is at its path is no namespace any more.
    #[error("network namespace {} is closed: nothing is mounted there", .0.display())]
    Closed(PathBuf),
    /// Its path names another namespace now.
    #[error("network namespace {} is gone: the path names another one now", .0.display())]
    Another(PathBuf),
    /// It is that of the node, where pods' interfaces must never be made.
    #[error("network namespace {} is the node's own", .0.display())]
    Own(PathBuf),
    /// The system does not let it be opened or entered.
    #[error("entering network namespace {}", path.display())]
    System {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl NetnsError {
    /// Whether the pod's namespace does not exist any more, and everything in it with it: its path
    /// names nothing, or something that is not a pod's.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        !matches!(self, Self::System { .. })
    }
}

/// An open network namespace; it stays while this does.
#[derive(Debug)]
pub struct Netns {
    file: File,
    path: PathBuf,
    id: NetnsId,
    /// A socket stays in the namespace it was opened in, whoever uses it.
    netlink: Mutex<Option<Netlink>>,
}

impl Netns {
    /// Opens the namespace at a path.
    ///
    /// # Errors
    /// [`NetnsError`]; see there what is told apart.
    pub fn open(path: &Path) -> Result<Self, NetnsError> {
        let system = |source| NetnsError::System { path: path.to_owned(), source };
        let file = match File::open(path) {
            Ok(file) => file,
            // A process that is gone has no `/proc/<pid>/ns/net`, or one that says ESRCH.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) || Errno::from_io_error(&error) == Some(Errno::SRCH) =>
            {
                return Err(NetnsError::Missing(path.to_owned()));
            }
            Err(error) => return Err(system(error)),
        };
        if fstatfs(file.as_fd()).map_err(|errno| system(errno.into()))?.f_type != NSFS_MAGIC {
            return Err(NetnsError::Closed(path.to_owned()));
        }
        let metadata = file.metadata().map_err(system)?;
        let id = NetnsId { device: metadata.dev(), inode: metadata.ino() };
        Ok(Self { file, path: path.to_owned(), id, netlink: Mutex::default() })
    }

    /// Opens the namespace at a path if it is still this one.
    ///
    /// # Errors
    /// [`NetnsError`], also [`NetnsError::Another`].
    pub fn reopen(path: &Path, id: Option<NetnsId>) -> Result<Self, NetnsError> {
        let netns = Self::open(path)?;
        match id.is_none_or(|id| id == netns.id) {
            true => Ok(netns),
            false => Err(NetnsError::Another(path.to_owned())),
        }
    }

    /// Refuses the namespace that this process is in.
    ///
    /// # Errors
    /// [`NetnsError::Own`].
    pub fn not_own(self) -> Result<Self, NetnsError> {
        match Self::open(Path::new("/proc/thread-self/ns/net"))?.id == self.id {
            true => Err(NetnsError::Own(self.path)),
            false => Ok(self),
        }
    }

    /// Which one it is.
    #[must_use]
    pub fn id(&self) -> NetnsId {
        self.id
    }

    /// Asks the kernel about the namespace, which is entered for the first question only.
    pub(crate) fn ask<T>(
        &self,
        question: impl FnOnce(&mut Netlink) -> io::Result<T>,
    ) -> Result<io::Result<T>, NetnsError> {
        let mut netlink = self.netlink.lock().unwrap_or_else(PoisonError::into_inner);
        // One that failed is not used again: what is left in it would answer the next question.
        let mut open = match netlink.take() {
            Some(open) => open,
            None => match self.enter(Netlink::open)? {
                Ok(open) => open,
                Err(error) => return Ok(Err(error)),
            },
        };
        let answer = question(&mut open);
        *netlink = answer.is_ok().then_some(open);
        Ok(answer)
    }

    /// Does something in the namespace, on a thread that ends with it.
    ///
    /// # Errors
    /// [`NetnsError::System`] when it cannot be entered.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
        let system = |source| NetnsError::System { path: self.path.clone(), source };
        thread::scope(|scope| {
            let inside = move || {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(self.file.as_fd(), kind)?;
                Ok(work())
            };
            let thread = thread::Builder::new().name("netns".to_owned());
            let thread = thread.spawn_scoped(scope, inside).map_err(system)?;
            let done: Result<T, Errno> =
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            done.map_err(|errno| system(errno.into()))
        })
    }
}
