//! Repositories, as git carries them where there is no network.

use std::fs;
use std::path::{Path, PathBuf};

use super::{BundleError, file};
use crate::git::Repository;
use crate::name::{ComponentName, GitUrl};
use crate::process::{self, ProcessError};
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

/// A git bundle with the commit of a component, all that led to it, and the tags on the way.
/// Made once for each commit.
pub(super) fn bundle(
    workspace: &Workspace,
    name: &ComponentName,
    commit: &str,
) -> Result<PathBuf, BundleError> {
    let folder = workspace.state_folder(Path::new("bundle").join(name.as_str()))?;
    let path = folder.join(format!("{commit}.bundle"));
    if path.is_file() {
        return Ok(path);
    }
    for old in fs::read_dir(&folder).map_err(file("list", &folder))? {
        let old = old.map_err(file("list", &folder))?.path();
        fs::remove_file(&old).map_err(file("remove", &old))?;
    }
    let beside = folder.join("new");
    create(&workspace.repository(name), &beside).map_err(failed(name, "bundle its repository"))?;
    fs::File::open(&beside).and_then(|new| new.sync_all()).map_err(file("write", &beside))?;
    fs::rename(&beside, &path).map_err(file("rename", &beside))?;
    Ok(path)
}

fn create(repository: &Repository, file: &Path) -> Result<(), ProcessError> {
    let refs = ["for-each-ref", "--format=%(refname)", "--merged=HEAD", "refs/tags"];
    let tags = repository.text(&refs)?;
    let heads = "refs/remotes/origin";
    let branches =
        repository.text(&["for-each-ref", "--format=%(refname)", "--points-at=HEAD", heads])?;
    let mut command = repository.git();
    // One thread: more give another file each time.
    command.args(["-c", "pack.threads=1", "bundle", "create", "--quiet"]).arg(file).arg("HEAD");
    // A symbolic name is not one that a bundle carries.
    let branches = branches.lines().filter(|branch| !branch.ends_with("/HEAD"));
    command.args(tags.lines().chain(branches));
    process::output(&mut command).map(drop)
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
    move |source| BundleError::Git { component, what, source }
}
