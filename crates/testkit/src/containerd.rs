//! A containerd of a test's own: own folders, own socket, own network namespace, gone on drop.
//!
//! ```no_run
//! # use kubewright_testkit::{Containerd, containerd, require};
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! require!(containerd::available() => Ok(()));
//! let containerd = Containerd::start().await?;
//! let client = containerd.client(); // of CRI
//! let bridge = containerd.netns().exec("ip", &["-br", "link"])?; // where the plugins put theirs
//! # Ok(())
//! # }
//! ```
//!
//! It runs in a network namespace of its own but among the mounts of the machine: what its CNI
//! plugins make on the "node" touches nothing else, while the namespaces of its sandboxes can be
//! opened by their paths. A test that runs plugins itself must do so in [`Containerd::netns`].

mod image;
mod leftovers;

use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use kubewright_cri::{CallError, Client, Endpoint};
use serde_json::json;
use tempfile::TempDir;

use crate::netns::{Netns, NetnsError};
use crate::require::{self, Skip};

/// Namespace of containerd that its CRI keeps everything in.
const NAMESPACE: &str = "k8s.io";

/// How long a loaded machine may take to start it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no containerd.
#[derive(Debug, thiserror::Error)]
pub enum ContainerdError {
    /// A file cannot be written, or a program not started.
    #[error("cannot {what}")]
    Io {
        /// What failed.
        what: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something is not installed; [`available`] says so too.
    #[error("containerd cannot run here")]
    Missing(#[from] Skip),
    /// It has no network namespace to run in.
    #[error("containerd has no network namespace to run in")]
    Netns(#[from] NetnsError),
    /// It ended, or is not ready in time.
    #[error("containerd {what}; the end of its log:\n{log}")]
    Start {
        /// What it did instead.
        what: String,
        /// What it wrote last.
        log: String,
    },
    /// Its CRI does not answer.
    #[error("containerd does not serve CRI")]
    Cri(#[from] CallError),
}

/// Whether a containerd can run here.
///
/// # Errors
/// [`Skip`] with what is missing.
pub fn available() -> Result<(), Skip> {
    require::root()?;
    require::programs(&["containerd", "runc", "ctr", "ip", "nsenter"])?;
    require::cni_plugins()?;
    match std::env::consts::ARCH {
        image::ARCHITECTURE => Ok(()),
        other => Err(Skip::because(format!("no image for sandboxes on {other}: only x86_64"))),
    }
}

/// A running containerd.
#[derive(Debug)]
pub struct Containerd {
    process: Option<Child>,
    client: Client,
    netns: Netns,
    folder: TempDir,
}

impl Containerd {
    /// With one CNI network named `pods`: a bridge `cni0` with addresses of 10.88.0.0/16.
    ///
    /// # Errors
    /// When it does not start; ask [`available`] first.
    pub async fn start() -> Result<Self, ContainerdError> {
        Self::start_with(|folder| {
            let network = json!({ "cniVersion": "1.0.0", "name": "pods", "plugins": [{
                "type": "bridge", "bridge": "cni0", "isGateway": true,
                "ipam": { "type": "host-local", "dataDir": folder.join("addresses"),
                    "ranges": [[{ "subnet": "10.88.0.0/16" }]],
                    "routes": [{ "dst": "0.0.0.0/0" }] } }] });
            vec![("10-pods.conflist".to_owned(), network.to_string())]
        })
        .await
    }

    /// With CNI configurations of the test: file names and contents. They are told a folder that
    /// lives as long as this does.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_with(
        configurations: impl FnOnce(&Path) -> Vec<(String, String)>,
    ) -> Result<Self, ContainerdError> {
        let folder = tempfile::Builder::new().prefix("kwc-").tempdir();
        let folder = folder.map_err(doing("make a temporary folder"))?;
        let path = folder.path();
        let conf_dir = path.join("net.d");
        fs::create_dir(&conf_dir).map_err(doing("make the folder of CNI configurations"))?;
        for (name, text) in configurations(path) {
            fs::write(conf_dir.join(&name), text).map_err(doing(format!("write {name}")))?;
        }
        let plugins = require::cni_plugins()?;
        fs::write(path.join("config.toml"), configuration(path, &plugins))
            .map_err(doing("write config.toml"))?;
        let client = Client::new(Endpoint::at(socket(path)));
        let mut containerd = Self { process: None, client, netns: Netns::new()?, folder };
        containerd.spawn()?;
        containerd.import_image()?;
        containerd.await_cri().await?;
        Ok(containerd)
    }

    /// Ends containerd and starts it again; sandboxes go on meanwhile.
    ///
    /// # Errors
    /// When it does not start again.
    pub async fn restart(&mut self) -> Result<(), ContainerdError> {
        self.kill();
        self.spawn()?;
        self.await_cri().await
    }

    /// Kills containerd; sandboxes go on.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // An error says that it has ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Its CRI.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where its CRI is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        self.client.endpoint()
    }

    /// The namespace it runs in: the network of the "node".
    #[must_use]
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// Its folder of CNI configurations. It uses the first by name, and sees changes, but not at
    /// once.
    #[must_use]
    pub fn conf_dir(&self) -> PathBuf {
        self.folder.path().join("net.d")
    }

    /// A folder for the test, gone with this.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn spawn(&mut self) -> Result<(), ContainerdError> {
        let folder = self.folder.path();
        let notify = folder.join("notify");
        if let Err(error) = fs::remove_file(&notify)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(doing("remove the old notification socket")(error));
        }
        let ready = UnixDatagram::bind(&notify).map_err(doing("bind the notification socket"))?;
        let log = File::options().create(true).append(true).open(folder.join("log"));
        let log = log.map_err(doing("open the log"))?;
        let clone = log.try_clone().map_err(doing("open the log"))?;
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.netns.path().display()));
        command.args(["containerd", "--config"]).arg(folder.join("config.toml"));
        command.env("NOTIFY_SOCKET", &notify).stdout(clone).stderr(log);
        let process = command.spawn().map_err(doing("start containerd"))?;
        await_ready(&ready, self.process.insert(process))
            .map_err(|what| ContainerdError::Start { what, log: self.end_of_log() })
    }

    fn import_image(&self) -> Result<(), ContainerdError> {
        let folder = self.folder.path();
        let archive = folder.join("pause.tar");
        let written = image::archive().and_then(|bytes| fs::write(&archive, bytes));
        written.map_err(doing("write the image"))?;
        let mut ctr = Command::new("ctr");
        ctr.arg("--address").arg(socket(folder)).args(["--namespace", NAMESPACE]);
        ctr.args(["images", "import", "--snapshotter", "native", "--base-name", image::NAME]);
        let output = ctr.arg(archive).output().map_err(doing("start ctr"))?;
        match output.status.success() {
            true => Ok(()),
            false => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                Err(doing("import the image")(io::Error::other(said)))
            }
        }
    }

    /// containerd says that it is ready before its CRI is, and nothing says when that is.
    async fn await_cri(&self) -> Result<(), ContainerdError> {
        let begin = Instant::now();
        loop {
            match self.client.status().await {
                Ok(_) => return Ok(()),
                Err(error) if begin.elapsed() > PATIENCE => return Err(error.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    fn end_of_log(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the end of containerd's log:\n{}", self.end_of_log());
        }
        self.kill();
        for wrong in leftovers::remove(self.folder.path(), &socket(self.folder.path())) {
            eprintln!("left over from containerd: {wrong}");
        }
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("s")
}

/// Waits for the word that services give to systemd.
fn await_ready(notifications: &UnixDatagram, process: &mut Child) -> Result<(), String> {
    let wrong = |error: io::Error| format!("cannot be waited for: {error}");
    notifications.set_read_timeout(Some(Duration::from_millis(200))).map_err(wrong)?;
    let begin = Instant::now();
    let mut word = [0; 4096];
    while begin.elapsed() < PATIENCE {
        match notifications.recv(&mut word) {
            Ok(length) if word[..length].split(|b| *b == b'\n').any(|line| line == b"READY=1") => {
                return Ok(());
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(wrong(error)),
        }
        if let Some(status) = process.try_wait().map_err(wrong)? {
            return Err(format!("ended with {status}"));
        }
    }
    Err(format!("is not ready after {PATIENCE:?}"))
}

/// All in one folder; no right to CAP_SYS_RESOURCE is needed, nothing is pulled, and the native
/// snapshotter works on any file system.
fn configuration(folder: &Path, plugins: &Path) -> String {
    let (folder, plugins) = (folder.display(), plugins.display());
    let image = format!("{}:{}", image::NAME, image::TAG);
    format!(
        r#"version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
address = "{folder}/s"

[plugins."io.containerd.internal.v1.opt"]
path = "{folder}/opt"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{image}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{folder}/net.d"

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
Root = "{folder}/runc"
"#
    )
}

fn doing(what: impl Into<String>) -> impl FnOnce(io::Error) -> ContainerdError {
    let what = what.into();
    move |source| ContainerdError::Io { what, source }
}
