//! Network namespaces that live in a file, as `ip netns` and container runtimes keep them.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::thread;

use rustix::fs::statfs;
use rustix::mount::{UnmountFlags, mount_bind, unmount};
use rustix::thread::UnshareFlags;

use super::absent;

/// Type of the file system of namespaces, `NSFS_MAGIC`.
const NAMESPACE_FS: i64 = 0x6e73_6673;

/// The folder of the namespaces.
#[derive(Debug)]
pub(super) struct Namespaces {
    folder: PathBuf,
}

impl Namespaces {
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// The file that stands for a namespace, whether or not there is one.
    pub(super) fn path(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }

    /// Makes a namespace.
    pub(super) fn make(&self, id: &str) -> io::Result<PathBuf> {
        let path = self.path(id);
        File::create(&path)?;
        let made = thread::scope(|scope| {
            // The thread ends in the new namespace, and the mount keeps that.
            let thread = scope.spawn(|| {
                enter_new()?;
                mount_bind("/proc/thread-self/ns/net", &path).map_err(io::Error::from)
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        made.map(|()| path)
    }

    /// Whether there is a namespace, not only the file for it, as after a reboot.
    pub(super) fn is_open(&self, id: &str) -> bool {
        let found = statfs(self.path(id));
        found.is_ok_and(|found| found.f_type == NAMESPACE_FS)
    }

    /// Lets go of a namespace; with it goes everything in it.
    pub(super) fn close(&self, id: &str) -> io::Result<()> {
        let path = self.path(id);
        while self.is_open(id) {
            unmount(&path, UnmountFlags::DETACH)?;
        }
        absent(fs::remove_file(&path))
    }

    /// Names of all.
    pub(super) fn all(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.folder)?;
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }
}

/// Moves this thread into a network namespace of its own.
fn enter_new() -> io::Result<()> {
    // Deprecated for what it does to file descriptors when asked; it is not asked.
    #[expect(deprecated, reason = "its successor is unsafe for UnshareFlags::FILES only")]
    rustix::thread::unshare(UnshareFlags::NEWNET).map_err(io::Error::from)
}
