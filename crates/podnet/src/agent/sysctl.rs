//! Settings of the kernel that plugins write, such as `net.ipv4.ip_forward`.
//!
//! Container runtimes mount `/proc/sys` read-only unless a container is privileged. The agent has
//! the capability to change that in its own mount namespace, and no other namespace sees it.

use std::io;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::mount::{MountFlags, mount_remount};

const SETTINGS: &str = "/proc/sys";

/// Makes the settings writable where they are mounted read-only.
pub(super) fn make_writable() {
    match remount(Path::new(SETTINGS)) {
        Ok(false) => {}
        Ok(true) => tracing::info!("{SETTINGS} is writable for plugins now"),
        Err(error) => tracing::warn!(
            %error,
            "{SETTINGS} is read-only and stays so: plugins that change settings of the kernel will fail; a security profile may forbid mounting, see docs/podnet.md"
        ),
    }
}

/// Whether anything had to be done.
fn remount(path: &Path) -> io::Result<bool> {
    let flags = statvfs(path)?.f_flag;
    if !flags.contains(StatVfsMountFlags::RDONLY) {
        return Ok(false);
    }
    let kept = [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
    ];
    let kept = kept.into_iter().filter(|(is, _)| flags.contains(*is));
    let flags = kept.fold(MountFlags::BIND, |all, (_, flag)| all | flag);
    mount_remount(path, flags, c"")?;
    Ok(true)
}
