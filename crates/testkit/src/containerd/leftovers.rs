//! What a containerd that was killed leaves behind: shims and what they keep, mounts, caches.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::NAMESPACE;

/// Where libcni keeps results, containerd's too; it cannot be told another place.
const CNI_RESULTS: &str = "/var/lib/cni/results";

/// Ends and removes all that the instance in `folder` has left, whose socket is `socket`. Goes on
/// past errors and returns them.
pub(super) fn remove(folder: &Path, socket: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut note = |what: String, result: io::Result<()>| {
        if let Err(error) = result {
            wrong.push(format!("{what}: {error}"));
        }
    };
    let bundles = folder.join("state/io.containerd.runtime.v2.task").join(NAMESPACE);
    for bundle in entries(&bundles) {
        let Some(id) = bundle.file_name().and_then(|name| name.to_str()) else { continue };
        note(format!("runc delete {id}"), delete(folder, id));
    }
    for shim in shims(socket) {
        note(format!("killing shim {shim:?}"), kill(shim, socket));
    }
    for bundle in entries(&bundles) {
        // A shim removes its socket when it ends by itself.
        let address = fs::read_to_string(bundle.join("address")).unwrap_or_default();
        if let Some(path) = address.trim().strip_prefix("unix://") {
            note(format!("removing {path}"), absent(fs::remove_file(path)));
        }
    }
    for path in mounts_below(folder) {
        let unmounted = unmount(&path, UnmountFlags::DETACH).map_err(io::Error::from);
        note(format!("unmounting {}", path.display()), unmounted);
    }
    let sandboxes = folder.join("root/io.containerd.grpc.v1.cri/sandboxes");
    for sandbox in entries(&sandboxes) {
        let Some(id) = sandbox.file_name().and_then(|name| name.to_str()) else { continue };
        let infix = format!("-{id}-");
        for result in entries(Path::new(CNI_RESULTS)) {
            if result.file_name().is_some_and(|name| name.to_string_lossy().contains(&infix)) {
                note(format!("removing {}", result.display()), absent(fs::remove_file(&result)));
            }
        }
    }
    wrong
}

/// Kills the container and removes its control groups.
fn delete(folder: &Path, id: &str) -> io::Result<()> {
    let root = folder.join("runc").join(NAMESPACE);
    let mut runc = Command::new("runc");
    let output = runc.arg("--root").arg(root).args(["delete", "--force", id]).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}

/// Shims of the containerd at `socket`.
fn shims(socket: &Path) -> Vec<Pid> {
    let processes = entries(Path::new("/proc")).into_iter();
    let pids = processes.filter_map(|path| path.file_name()?.to_str()?.parse().ok());
    pids.filter_map(Pid::from_raw).filter(|pid| is_shim(*pid, socket)).collect()
}

fn is_shim(pid: Pid, socket: &Path) -> bool {
    let path = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
    let line = fs::read(path).unwrap_or_default();
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    let program = words.first().is_some_and(|word| word.ends_with(b"containerd-shim-runc-v2"));
    program && words.contains(&socket.as_os_str().as_encoded_bytes())
}

/// Kills a shim and waits until it is gone. The handle is to the process, not to its number, and
/// what it is was checked after it was had.
fn kill(pid: Pid, socket: &Path) -> io::Result<()> {
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        other => other?,
    };
    if !is_shim(pid, socket) {
        return Ok(());
    }
    match pidfd_send_signal(&handle, Signal::KILL) {
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        other => other?,
    }
    // It is nobody's child here: its end makes the handle readable.
    let mut ended = [rustix::event::PollFd::new(&handle, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut ended, None)?;
    Ok(())
}

/// Mounts below a folder, the inner ones first.
fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    let mut below: Vec<_> = points.filter(|point| point.starts_with(folder)).collect();
    below.reverse();
    below
}

/// Paths in a folder; none when it is not there.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
