//! A bundle back into a workspace that builds without a network.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use kubewright_oci::{Digest, Layout, Scratch};
use serde::Serialize;

use super::entry::BundlePath;
use super::plan::About;
use super::read::{self, Damage, Failure, Taker};
use super::verify::{MAX_ABOUT, check_blob, damaged, describe};
use super::{ABOUT, BundleError, file, git};
use crate::build::Environment;
use crate::git::Repository;
use crate::lock::{self, Lock};
use crate::manifest::{self, Manifest};
use crate::name::ComponentName;
use crate::process::Stop;
use crate::workspace::{STATE, WorkspaceError};

/// Where a workspace that came from a bundle has the Go modules of others, among what can be made
/// again; a folder as a module proxy serves it.
pub const PROXY: &str = "go-proxy";
/// Where Go asks when nobody said otherwise.
const DEFAULT_PROXY: &str = "https://proxy.golang.org,direct";

/// What was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loaded {
    /// Where.
    pub folder: PathBuf,
    /// What the bundle said of itself.
    #[serde(flatten)]
    pub about: About,
}

/// How names of folders begin that a bundle is unpacked into.
const PREFIX: &str = ".kubewright-load-";

/// Unpacks a bundle into a folder that must not be there yet: manifest, lock, mirrors of its
/// repositories, Go modules and images. Nothing is under that name before every bit was checked.
/// `workspace sync` then makes the trees, without a network: the commits are in the mirrors.
///
/// # Errors
/// When the bundle is damaged, the folder is there or cannot be written, or `stop` is asked for.
pub fn load(
    bundle: &Path,
    to: &Path,
    moved: &dyn Fn(u64),
    stop: &Stop,
) -> Result<Loaded, BundleError> {
    vacant(to)?;
    let parent = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(file("make", parent))?;
    let beside = Scratch::new(parent, PREFIX).map_err(file("make a folder in", parent))?;
    let about = unpack(bundle, beside.path(), moved, stop)?;
    mirrors(bundle, beside.path(), &about, stop)?;
    use std::os::unix::fs::PermissionsExt as _;
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(beside.path(), open).map_err(file("open", beside.path()))?;
    beside.keep_as(to).map_err(file("make", to))?;
    Ok(Loaded { folder: to.to_owned(), about })
}

/// Whether a bundle can be loaded into a folder: there must be none.
///
/// # Errors
/// [`BundleError::Occupied`].
pub fn vacant(to: &Path) -> Result<(), BundleError> {
    match fs::symlink_metadata(to) {
        Ok(_) => Err(BundleError::Occupied(to.to_owned())),
        Err(_) => Ok(()),
    }
}

/// The images of a bundle alone, in a folder that goes with what is returned.
///
/// # Errors
/// When the bundle is damaged, nothing can be written in `beside`, or `stop` is asked for.
pub fn images(
    bundle: &Path,
    beside: &Path,
    moved: &dyn Fn(u64),
    stop: &Stop,
) -> Result<(Scratch, Layout, About), BundleError> {
    let folder = Scratch::new(beside, PREFIX).map_err(file("make a folder in", beside))?;
    let about = unpack(bundle, folder.path(), moved, stop)?;
    let layout = Layout::create(folder.path().join(STATE).join("images"))?;
    Ok((folder, layout, about))
}

fn unpack(
    bundle: &Path,
    to: &Path,
    moved: &dyn Fn(u64),
    stop: &Stop,
) -> Result<About, BundleError> {
    let from = File::open(bundle).map_err(file("open", bundle))?;
    let mut unpacker = Unpacker { to, about: None, open: None, moved, stop };
    read::read(from, &mut unpacker).map_err(|failure| match failure {
        Failure::Damage(damage) => damaged(bundle, damage),
        Failure::Io(error) => file("read", bundle)(error),
        Failure::Taker(Refusal::Damage(damage)) => damaged(bundle, damage),
        Failure::Taker(Refusal::Error(error)) => error,
    })?;
    describe(bundle, &unpacker.about.unwrap_or_default())
}

enum Refusal {
    Damage(Damage),
    Error(BundleError),
}

impl From<BundleError> for Refusal {
    fn from(error: BundleError) -> Self {
        Self::Error(error)
    }
}

struct Unpacker<'a> {
    to: &'a Path,
    about: Option<Vec<u8>>,
    open: Option<(BundlePath, Option<(PathBuf, File)>)>,
    moved: &'a dyn Fn(u64),
    stop: &'a Stop,
}

/// Where a file of a bundle goes. Its parts were checked when its path was read.
fn place(path: &BundlePath) -> Option<PathBuf> {
    let (top, rest) = path.as_str().split_once('/')?;
    Some(match top {
        "workspace" if rest.split('/').next() != Some(STATE) => PathBuf::from(rest),
        "git" => Path::new(STATE).join("bundle").join(rest),
        "go" => Path::new(STATE).join(PROXY).join(rest),
        "images" => Path::new(STATE).join("images").join(rest),
        _ => return None,
    })
}

impl Taker for Unpacker<'_> {
    type Error = Refusal;

    fn begin(&mut self, path: &BundlePath, size: u64) -> Result<(), Refusal> {
        if path.as_str() == ABOUT {
            if size > MAX_ABOUT || self.open.is_some() {
                let what = format!("{ABOUT} is not its first file, or too large");
                return Err(Refusal::Damage(Damage::Files(what)));
            }
            self.about = Some(Vec::new());
            self.open = Some((path.clone(), None));
            return Ok(());
        }
        let unknown =
            || Refusal::Damage(Damage::Files(format!("{path} has no place in a workspace")));
        let target = self.to.join(place(path).ok_or_else(unknown)?);
        let make = || -> io::Result<File> {
            fs::create_dir_all(target.parent().unwrap_or(self.to))?;
            // A path that was there already would be written twice.
            File::options().create_new(true).write(true).open(&target)
        };
        let made = make().map_err(file("write", &target))?;
        self.open = Some((path.clone(), Some((target, made))));
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        if self.stop.stopped() {
            return Err(BundleError::Stopped.into());
        }
        match (&mut self.open, &mut self.about) {
            (Some((_, Some((path, target)))), _) => {
                target.write_all(bytes).map_err(file("write", path))?;
            }
            (_, Some(about)) => about.extend_from_slice(bytes),
            _ => {}
        }
        (self.moved)(bytes.len() as u64);
        Ok(())
    }

    fn end(&mut self, digest: Digest) -> Result<(), Refusal> {
        match &self.open {
            Some((path, _)) => check_blob(path, digest).map_err(Refusal::Damage),
            None => Ok(()),
        }
    }
}

/// Makes mirrors of the git bundles, so that nothing has to be fetched.
fn mirrors(bundle: &Path, root: &Path, about: &About, stop: &Stop) -> Result<(), BundleError> {
    let manifest_file = root.join(manifest::FILE);
    let manifest = Manifest::read(&manifest_file).map_err(WorkspaceError::Manifest)?;
    let lock = Lock::read(&root.join(lock::FILE)).map_err(WorkspaceError::Lock)?;
    // What is not in the bundle would be asked for from where its manifest says.
    let there = |name: &ComponentName| about.components.iter().any(|one| one.name == *name);
    if let Some(name) = manifest.component.keys().find(|name| !there(name)) {
        let what = format!("{ABOUT} does not name the component {name} of its manifest");
        return Err(damaged(bundle, Damage::Files(what)));
    }
    let folder = root.join(STATE).join("mirrors");
    fs::create_dir_all(&folder).map_err(file("make", &folder))?;
    let ignore = root.join(STATE).join(".gitignore");
    fs::write(&ignore, "*\n").map_err(file("write", &ignore))?;
    for bundled in &about.components {
        if stop.stopped() {
            return Err(BundleError::Stopped);
        }
        let name = &bundled.name;
        let component = manifest.component.get(name);
        let pinned = component.and_then(|component| lock.pinned(name, component));
        let url = component.and_then(|component| component.git.as_ref());
        let Some(url) = url.filter(|_| pinned == Some(&*bundled.commit)) else {
            let what = format!("{ABOUT} has another commit of {name} than its manifest and lock");
            return Err(damaged(bundle, Damage::Files(what)));
        };
        let from = root.join(STATE).join("bundle").join(format!("{name}.bundle"));
        let mirror = Repository::at(folder.join(format!("{name}.git")));
        git::fill(&mirror, url, &from, name)?;
        if mirror.commit(&bundled.commit).is_none() {
            let what = format!("git/{name}.bundle does not have the commit {}", bundled.commit);
            return Err(damaged(bundle, Damage::Files(what)));
        }
    }
    // What they held is in the mirrors.
    let bundles = root.join(STATE).join("bundle");
    match fs::remove_dir_all(&bundles) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(file("remove", &bundles)(error))
        }
        _ => Ok(()),
    }
}

/// An environment in which Go finds the modules of a bundle, where the workspace came from one.
#[must_use]
pub fn with_modules(environment: Environment, root: &Path) -> Environment {
    let proxy = root.join(STATE).join(PROXY);
    if !proxy.is_dir() {
        return environment;
    }
    let mut value = OsString::from("file://");
    value.push(&proxy);
    value.push(",");
    let others = std::env::var_os("GOPROXY").filter(|others| !others.is_empty());
    value.push(others.unwrap_or_else(|| DEFAULT_PROXY.into()));
    environment.with("GOPROXY", value)
}
