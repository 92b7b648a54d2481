//! A registry of a test's own on this machine: Debian's `docker-registry`, gone on drop.
//!
//! ```no_run
//! # use kubewright_testkit::{Registry, require};
//! # fn test() -> Result<(), Box<dyn std::error::Error>> {
//! require!(kubewright_testkit::registry::available() => Ok(()));
//! let registry = Registry::start()?;
//! let name = format!("{}/team/node:v1", registry.host());
//! # Ok(())
//! # }
//! ```

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::require::{self, Skip};

/// Whether a registry can run here.
///
/// # Errors
/// [`Skip`] when it is not installed.
pub fn available() -> Result<(), Skip> {
    require::program("docker-registry")
}

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Registry {
    /// Without authentication and TLS.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start() -> io::Result<Self> {
        Self::start_with(|_| json!({}))
    }

    /// With sections of its configuration that replace the usual ones: `auth`, `http` and others.
    /// They are told a folder that lives as long as this does.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_with(sections: impl FnOnce(&Path) -> Value) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("kwr-").tempdir()?;
        let mut configuration = json!({
            "version": "0.1",
            "log": { "level": "info" },
            "storage": {
                "filesystem": { "rootdirectory": folder.path().join("data") },
                "delete": { "enabled": true },
            },
            "http": { "addr": "127.0.0.1:0", "secret": "of a test" },
        });
        if let (Value::Object(all), Value::Object(own)) =
            (&mut configuration, sections(folder.path()))
        {
            all.extend(own);
        }
        let file = folder.path().join("config.yml");
        // JSON is YAML.
        fs::write(&file, configuration.to_string())?;
        let program = require::find("docker-registry").ok_or(io::ErrorKind::NotFound)?;
        let mut process = Command::new(program)
            .arg("serve")
            .arg(file)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        match address(&mut process) {
            Ok(address) => Ok(Self { process, address, folder }),
            Err(error) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(error)
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name in names of images: address and port.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// A folder for the test, gone with this; what it stores is in `data`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // An error says that it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads its log until it says where it listens, and the rest so that it never waits for a reader.
fn address(process: &mut Child) -> io::Result<SocketAddr> {
    let log = process.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut lines = BufReader::new(log).lines();
    let mut said = String::new();
    for line in lines.by_ref() {
        let line = line?;
        let found = line
            .split_once("listening on ")
            .and_then(|(_, rest)| rest.split(['"', ',', ' ']).next()?.parse::<SocketAddr>().ok());
        if let Some(address) = found {
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(address);
        }
        said.push_str(&line);
        said.push('\n');
    }
    Err(io::Error::other(format!("docker-registry ended; it said:\n{said}")))
}
