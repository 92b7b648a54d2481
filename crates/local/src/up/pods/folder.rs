//! The folder of everything that pods have, and the bridges that are named after it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kubewright_cri::Client;
use kubewright_cri::message::PodSandboxFilter;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::runtime::{self, Options as RuntimeOptions, Runtime};

/// How folders are named; random letters and digits follow.
const PREFIX: &str = "kubewright-pods-";

/// Addresses of pods on their default network, and on the network that is plugged. The node has
/// none of either, so nothing that it reaches is reached in another way.
const SUBNETS: [&str; 2] = ["10.244.0.0/24", "10.245.0.0/24"];

/// The folder; on drop it goes with the namespaces in it and its bridges.
pub(super) struct Folder {
    directory: Option<TempDir>,
    path: PathBuf,
    _lock: File,
}

impl Folder {
    pub(super) fn make() -> io::Result<Self> {
        let private = fs::Permissions::from_mode(0o700);
        let directory = tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir()?;
        let path = directory.path().to_owned();
        let lock = File::create(path.join("lock"))?;
        lock.lock()?;
        Ok(Self { directory: Some(directory), path, _lock: lock })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn runtime(&self) -> PathBuf {
        self.path("runtime")
    }

    pub(super) fn conf_dir(&self) -> PathBuf {
        self.path("net.d")
    }

    /// Writes the default network of pods.
    pub(super) fn configure(&self) -> io::Result<()> {
        fs::create_dir(self.conf_dir())?;
        let plugin = self.bridge(0);
        let network = json!({ "cniVersion": "1.0.0", "name": "pods", "plugins": [plugin] });
        fs::write(self.conf_dir().join("10-pods.conflist"), network.to_string())
    }

    /// CNI configuration of the network that is plugged.
    pub(super) fn data(&self) -> Value {
        let mut network = self.bridge(1);
        network["cniVersion"] = json!("1.0.0");
        network["name"] = json!("data");
        network
    }

    fn bridge(&self, which: usize) -> Value {
        json!({ "type": "bridge", "bridge": bridges(&self.path)[which], "ipam": {
            "type": "host-local", "dataDir": self.path("addresses"), "subnet": SUBNETS[which] } })
    }

    /// Removes everything, and says what could not be.
    pub(super) fn remove(mut self) -> io::Result<()> {
        self.clear()
    }

    fn clear(&mut self) -> io::Result<()> {
        let Some(directory) = self.directory.take() else { return Ok(()) };
        let cleared = clear(&self.path);
        directory.close()?;
        cleared
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            tracing::warn!(%error, folder = %self.path.display(), "what pods had is left over");
        }
    }
}

/// Lets go of the namespaces in a folder and removes its bridges.
fn clear(folder: &Path) -> io::Result<()> {
    let let_go = runtime::close_namespaces(&folder.join("runtime"));
    bridges(folder).iter().map(|bridge| remove_link(bridge)).fold(let_go, Result::and)
}

/// Names of a folder's bridges: of its default network, and of the one that is plugged.
fn bridges(folder: &Path) -> [String; 2] {
    let name = folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let random = name.rsplit('-').next().unwrap_or_default();
    ["kwp", "kwd"].map(|kind| format!("{kind}-{random}"))
}

fn remove_link(name: &str) -> io::Result<()> {
    if !Path::new("/sys/class/net").join(name).exists() {
        return Ok(());
    }
    let ip = Command::new("ip").args(["link", "delete", name]).stderr(Stdio::piped()).output()?;
    match ip.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&ip.stderr).trim().to_owned())),
    }
}

/// Removes what others have left that were killed. What cannot be removed stays for the next.
pub(super) async fn sweep(bin_dir: &Path) {
    let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let Some(_lock) = abandoned(&path) else { continue };
        tracing::info!(folder = %path.display(), "removing what a killed process has left");
        end_sandboxes(&path, bin_dir).await;
        let removed = clear(&path).and_then(|()| fs::remove_dir_all(&path));
        if let Err(error) = removed {
            tracing::warn!(%error, folder = %path.display(), "what a killed process left stays");
        }
    }
}

/// The lock of a folder that nobody uses, and that nobody else could have made.
fn abandoned(path: &Path) -> Option<File> {
    let named = path.file_name()?.to_str()?.starts_with(PREFIX);
    let found = fs::symlink_metadata(path).ok().filter(|_| named)?;
    let own = found.is_dir()
        && found.uid() == rustix::process::geteuid().as_raw()
        && found.mode() & 0o022 == 0;
    let lock = own.then(|| File::open(path.join("lock")))?.ok()?;
    match lock.try_lock() {
        Ok(()) => Some(lock),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
    }
}

/// As their runtime would have.
async fn end_sandboxes(path: &Path, bin_dir: &Path) {
    if !path.join("runtime").is_dir() {
        return;
    }
    let options = RuntimeOptions {
        run_dir: path.join("runtime"),
        conf_dir: path.join("net.d"),
        bin_dirs: vec![bin_dir.to_owned()],
    };
    let runtime = match Runtime::start(&options).await {
        Ok(runtime) => runtime,
        Err(error) => return tracing::warn!(%error, "sandboxes are not ended"),
    };
    let client = Client::new(runtime.endpoint().clone());
    for sandbox in client.list_sandboxes(PodSandboxFilter::default()).await.unwrap_or_default() {
        if let Err(error) = client.remove_sandbox(&sandbox.id).await {
            tracing::warn!(%error, "a sandbox is not ended");
        }
    }
    runtime.stop().await;
}
