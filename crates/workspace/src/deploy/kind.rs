//! A cluster of its own, by [kind](https://kind.sigs.k8s.io), which runs its nodes as containers.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{self, ProcessError, Stop};

/// Name of the cluster, when no other is given.
pub const NAME: &str = "kubewright";

/// How long kind may take to make a cluster, to load images or to remove it: it may have to pull its
/// nodes first.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum KindError {
    /// There is no kind.
    #[error(
        "kind is not installed: get it from https://kind.sigs.k8s.io/docs/user/quick-start, with docker or podman, on which it runs nodes; or deploy --on existing"
    )]
    NotInstalled,
    /// kind fails.
    #[error("cannot {what} the kind cluster {name}")]
    Kind {
        /// What was tried.
        what: &'static str,
        /// The cluster.
        name: String,
        /// What kind said.
        #[source]
        source: ProcessError,
    },
    /// A file for it cannot be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A kind cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    program: PathBuf,
    name: String,
    folder: PathBuf,
    stop: Stop,
}

impl Cluster {
    /// The cluster of a name, which may not be there yet; `folder` takes its kubeconfig.
    #[must_use]
    pub fn new(name: &str, folder: &Path) -> Self {
        let (name, folder) = (name.to_owned(), folder.to_owned());
        Self { program: "kind".into(), name, folder, stop: Stop::default() }
    }

    /// Ends what kind does when it is asked to; removing the cluster is never given up.
    #[must_use]
    pub fn stopping(self, stop: &Stop) -> Self {
        Self { stop: stop.clone(), ..self }
    }

    /// Runs another program in place of `kind`.
    #[must_use]
    pub fn with_program(self, program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), ..self }
    }

    /// Its kubeconfig. The one of the user is left alone.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join(format!("kind-{}.kubeconfig", self.name))
    }

    /// Makes it, unless it is there. It comes without a network plugin: that is what is tried out.
    ///
    /// # Errors
    /// When kind fails.
    pub fn create(&self) -> Result<(), KindError> {
        let known = self.ask("list", &["get", "clusters"])?;
        if known.lines().any(|line| line.trim() == self.name) {
            let kubeconfig = self.ask("reach", &["get", "kubeconfig", "--name", &self.name])?;
            let path = self.kubeconfig();
            return private(&path, &kubeconfig).map_err(|source| KindError::File { path, source });
        }
        let config = self.folder.join(format!("kind-{}.yaml", self.name));
        let text = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking:\n  disableDefaultCNI: true\n";
        std::fs::write(&config, text)
            .map_err(|source| KindError::File { path: config.clone(), source })?;
        let (config, kubeconfig) = (config.to_string_lossy(), self.kubeconfig());
        let kubeconfig = kubeconfig.to_string_lossy();
        let create = [
            "create",
            "cluster",
            "--name",
            &self.name,
            "--config",
            &config,
            "--kubeconfig",
            &kubeconfig,
        ];
        self.run("create", &create, &self.stop)
    }

    /// Brings images into its nodes.
    ///
    /// # Errors
    /// When kind fails.
    pub fn load(&self, archive: &Path) -> Result<(), KindError> {
        let archive = archive.to_string_lossy();
        let load = ["load", "image-archive", &archive, "--name", &self.name];
        self.run("load images into", &load, &self.stop)
    }

    /// Removes it. One that is not there is no error.
    ///
    /// # Errors
    /// When kind fails.
    pub fn delete(&self) -> Result<(), KindError> {
        self.run("delete", &["delete", "cluster", "--name", &self.name], &Stop::default())?;
        // It may never have been written.
        let _ = std::fs::remove_file(self.kubeconfig());
        Ok(())
    }

    fn ask(&self, what: &'static str, arguments: &[&str]) -> Result<String, KindError> {
        let said = process::output(Command::new(&self.program).args(arguments));
        let said = said.map_err(self.failed(what))?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    fn run(&self, what: &'static str, arguments: &[&str], stop: &Stop) -> Result<(), KindError> {
        let log = self.folder.join(format!("kind-{}.log", self.name));
        let mut command = Command::new(&self.program);
        process::watched(command.args(arguments), &log, LIMIT, stop).map_err(self.failed(what))
    }

    fn failed(&self, what: &'static str) -> impl FnOnce(ProcessError) -> KindError {
        let name = self.name.clone();
        move |source| match source {
            ProcessError::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                KindError::NotInstalled
            }
            source => KindError::Kind { what, name, source },
        }
    }
}

/// A kubeconfig holds a key.
fn private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(text.as_bytes())
}
