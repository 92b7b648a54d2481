//! From a container onto the machine: into the mount namespace of its first process.
//!
//! An image has no systemctl, no kubeadm and no kubelet, and those of the machine do not run among
//! the files of an image. So the process goes where they are; what it is made of it has in memory.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

const THEIRS: &str = "/proc/1/ns/mnt";
const OURS: &str = "/proc/self/ns/mnt";
/// Files by which podman and Docker mark their containers.
const MARKS: [&str; 2] = ["/run/.containerenv", "/.dockerenv"];

/// The machine cannot be entered.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// Process 1 is that of the container.
    #[error("process 1 is that of this container, not of the machine: run it with --pid=host")]
    Contained,
    /// The kernel refuses.
    #[error(
        "cannot enter the machine by {THEIRS}: run the container with --privileged and --pid=host"
    )]
    Refused(#[source] io::Error),
}

/// Enters the machine, for the rest of this process; on it already, nothing changes. It has to
/// come before there is a second thread: the kernel moves no process that shares its files.
///
/// # Errors
/// [`EnterError`].
pub fn enter() -> Result<(), EnterError> {
    let theirs = File::open(THEIRS).map_err(EnterError::Refused)?;
    let ours = File::open(OURS).map_err(EnterError::Refused)?;
    let number = |file: &File| file.metadata().map(|metadata| metadata.ino());
    let same = number(&theirs).and_then(|theirs| Ok(theirs == number(&ours)?));
    if same.map_err(EnterError::Refused)? {
        return match MARKS.iter().any(|mark| Path::new(mark).exists()) {
            true => Err(EnterError::Contained),
            false => Ok(()),
        };
    }
    let kind = Some(LinkNameSpaceType::Mount);
    move_into_link_name_space(theirs.as_fd(), kind)
        .map_err(|error| EnterError::Refused(error.into()))
}
