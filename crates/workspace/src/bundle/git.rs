//! Repositories, as git carries them where there is no network.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kubewright_oci::{Digest, Scratch};

use super::{BundleError, file};
use crate::git::Repository;
use crate::name::{ComponentName, GitUrl};
use crate::process::{self, ProcessError, Stop};
use crate::sources::Sources;
use crate::workspace::Workspace;

/// Faults of old commits that many histories have, and that lead nowhere.
const HARMLESS: [&str; 6] = [
    "badTimezone",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
];

/// How the names of folders begin in which a git bundle is being written.
const UNFINISHED: &str = "new-";

/// The commit of a component: that of its tree and of its lock.
pub(super) fn locked(
    workspace: &Workspace,
    sources: &Sources,
    name: &ComponentName,
) -> Result<String, BundleError> {
    let no =
        |problem, remedy| Err(BundleError::NotLocked { component: name.clone(), problem, remedy });
    let component = workspace.manifest.component.get(name);
    let Some(component) = component.filter(|component| component.git.is_some()) else {
        return Err(BundleError::NoRepository(name.clone()));
    };
    let Some(state) = sources.states.get(name) else {
        return no("its tree is not there", "run `workspace sync`");
    };
    if state.dirty() {
        return no("its tree has changes that are not committed", "commit them or put them away");
    }
    match workspace.lock.pinned(name, component) {
        Some(pinned) if pinned == state.commit => Ok(state.commit.clone()),
        Some(_) => no("its tree is at another commit than the lock", "run `workspace sync`"),
        None => no("it is not in the lock", "run `workspace sync`"),
    }
}

/// How long a repository may take to be written.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A git bundle with the commit of a component, all that led to it, the tags on the way, and the
/// branches of its origin that are at it. Made once for each of what it holds: a release has the same
/// commit, and a tag more.
pub(super) fn bundle(
    workspace: &Workspace,
    name: &ComponentName,
    commit: &str,
    stop: &Stop,
) -> Result<PathBuf, BundleError> {
    let repository = workspace.repository(name);
    let refs = refs(&repository).map_err(failed(name, "list its tags and branches"))?;
    let folder = workspace.state_folder(Path::new("bundle").join(name.as_str()))?;
    let digest = Digest::of(refs.as_bytes()).hex();
    let path = folder.join(format!("{commit}-{}.bundle", &digest[..16]));
    if path.is_file() {
        return Ok(path);
    }
    if stop.stopped() {
        return Err(BundleError::Stopped);
    }
    for old in fs::read_dir(&folder).map_err(file("list", &folder))? {
        let old = old.map_err(file("list", &folder))?.path();
        // Folders are of those who write now, or were killed: the latter are swept below.
        if old.is_file() {
            fs::remove_file(&old).map_err(file("remove", &old))?;
        }
    }
    let unfinished =
        Scratch::new(&folder, UNFINISHED).map_err(file("make a folder in", &folder))?;
    let beside = unfinished.path().join("bundle");
    let log = workspace.state_folder("log")?.join(format!("{name}.bundle.log"));
    // Of the last time only, and only where it failed.
    let _ = fs::remove_file(&log);
    let mut command = repository.bound();
    // One thread: more give another file each time.
    command.args(["-c", "pack.threads=1", "bundle", "create", "--quiet"]).arg(&beside).arg("HEAD");
    command.args(refs.lines().filter_map(|line| Some(line.split_once(' ')?.1)));
    process::watched(&mut command, &log, LONGEST, stop)
        .map_err(failed(name, "bundle its repository"))?;
    let _ = fs::remove_file(&log);
    fs::File::open(&beside).and_then(|new| new.sync_all()).map_err(file("write", &beside))?;
    fs::rename(&beside, &path).map_err(file("rename", &beside))?;
    Ok(path)
}

/// The tags and branches that a bundle carries, each with its object, in lines.
fn refs(repository: &Repository) -> Result<String, ProcessError> {
    let format = "--format=%(objectname) %(refname)";
    let tags = repository.text(&["for-each-ref", format, "--merged=HEAD", "refs/tags"])?;
    let heads = "refs/remotes/origin";
    let branches = repository.text(&["for-each-ref", format, "--points-at=HEAD", heads])?;
    // A symbolic name is not one that a bundle carries.
    let branches = branches.lines().filter(|branch| !branch.ends_with("/HEAD"));
    Ok(tags.lines().chain(branches).map(|line| format!("{line}\n")).collect())
}

/// Fills a mirror from a git bundle, as if it had been fetched from `url`.
pub(super) fn fill(
    mirror: &Repository,
    url: &GitUrl,
    bundle: &Path,
    name: &ComponentName,
) -> Result<(), BundleError> {
    mirror.begin_mirror(url).map_err(failed(name, "begin a mirror"))?;
    let refs = [
        "+HEAD:refs/kubewright/bundled",
        "+refs/tags/*:refs/tags/*",
        "+refs/remotes/origin/*:refs/remotes/origin/*",
    ];
    let mut command = mirror.git();
    // It may come from anywhere.
    command.args(["-c", "fetch.fsckObjects=true"]);
    for harmless in HARMLESS {
        command.arg("-c").arg(format!("fetch.fsck.{harmless}=ignore"));
    }
    command.args(["fetch", "--quiet", "--no-tags", "--"]);
    command.arg(bundle).args(refs);
    process::output(&mut command).map(drop).map_err(failed(name, "read its git bundle"))
}

fn failed(name: &ComponentName, what: &'static str) -> impl FnOnce(ProcessError) -> BundleError {
    let component = name.clone();
    move |source| match source {
        ProcessError::Stopped { .. } => BundleError::Stopped,
        source => BundleError::Git { component, what, source },
    }
}
