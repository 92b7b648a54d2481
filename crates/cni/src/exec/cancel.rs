//! Stopping calls from another thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// Stops the calls it was given to, those under way and those to come.
///
/// Clones stop the same calls. A plugin that runs is killed with its process group; what it has
/// done by then stays, so an ADD that was cancelled is followed by DEL like any that failed.
#[derive(Clone, Debug)]
pub struct Cancel(Arc<OwnedFd>);

impl Cancel {
    /// A handle that has stopped nothing yet.
    ///
    /// # Errors
    /// When the process has no file descriptors left.
    pub fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self(Arc::new(eventfd(0, flags)?)))
    }

    /// Stops them.
    pub fn cancel(&self) {
        // It can only fail when the counter is full: then it was cancelled long ago.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Whether they are stopped.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let mut waited = [PollFd::new(&*self.0, PollFlags::IN)];
        poll(&mut waited, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }
}

/// Readable once cancelled; it is never read, so it stays so.
impl AsFd for Cancel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
