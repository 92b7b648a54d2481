//! A cluster of its own, by [kind](https://kind.sigs.k8s.io), which runs its nodes as containers.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, ProcessError};

/// Name of the cluster, when no other is given.
pub const NAME: &str = "kubewright";

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum KindError {
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
}

impl Cluster {
    /// The cluster of a name, which may not be there yet; `folder` takes its kubeconfig.
    #[must_use]
    pub fn new(name: &str, folder: &Path) -> Self {
        Self { program: "kind".into(), name: name.to_owned(), folder: folder.to_owned() }
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
        let known = self.run("list", &["get", "clusters"])?;
        if known.lines().any(|line| line.trim() == self.name) {
            let kubeconfig = self.run("reach", &["get", "kubeconfig", "--name", &self.name])?;
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
        self.run("create", &create).map(drop)
    }

    /// Brings images into its nodes.
    ///
    /// # Errors
    /// When kind fails.
    pub fn load(&self, archive: &Path) -> Result<(), KindError> {
        let archive = archive.to_string_lossy();
        self.run("load images into", &["load", "image-archive", &archive, "--name", &self.name])
            .map(drop)
    }

    /// Removes it. One that is not there is no error.
    ///
    /// # Errors
    /// When kind fails.
    pub fn delete(&self) -> Result<(), KindError> {
        self.run("delete", &["delete", "cluster", "--name", &self.name])?;
        // It may never have been written.
        let _ = std::fs::remove_file(self.kubeconfig());
        Ok(())
    }

    fn run(&self, what: &'static str, arguments: &[&str]) -> Result<String, KindError> {
        let said = process::output(Command::new(&self.program).args(arguments));
        let said =
            said.map_err(|source| KindError::Kind { what, name: self.name.clone(), source })?;
        Ok(String::from_utf8_lossy(&said).into_owned())
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
