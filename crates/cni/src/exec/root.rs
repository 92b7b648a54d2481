//! Another root for programs: that of the node, for an agent in a container.
//!
//! A root belongs to a thread, and what a thread starts inherits it. So a thread of its own takes
//! the other root, starts the program and ends; no other thread ever sees that root, and no helper
//! has to be executed in between.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::thread::UnshareFlags;

/// Bytes of the thread's stack: it makes paths and starts a process.
const STACK: usize = 256 << 10;

/// A folder that is the root of the programs that are started in it.
#[derive(Clone, Debug)]
pub(super) struct Root {
    folder: PathBuf,
}

impl Root {
    /// Checks that the folder can be a root.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let root = Self { folder: folder.to_owned() };
        root.within(|| Ok(()))?;
        Ok(root)
    }

    /// Does something with the folder as root and working directory.
    pub(super) fn within<T: Send>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("in-root".to_owned()).stack_size(STACK);
            let done = thread.spawn_scoped(scope, || {
                enter(&self.folder)?;
                work()
            })?;
            done.join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
        })
    }
}

/// Makes the folder the root and the working directory of this thread and of no other.
fn enter(folder: &Path) -> io::Result<()> {
    // Deprecated for what it does to file descriptors when asked; it is not asked.
    #[expect(deprecated, reason = "its successor is unsafe for UnshareFlags::FILES only")]
    rustix::thread::unshare(UnshareFlags::FS)?;
    rustix::process::chroot(folder)?;
    rustix::process::chdir("/")?;
    Ok(())
}
