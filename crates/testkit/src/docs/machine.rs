//! A machine for a page: an overlay of this one in namespaces of its own, and a shell in it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;
use std::{fs, io, thread};

use crate::Netns;
use crate::netns::NetnsError;

const SETUP: &str = include_str!("machine.sh");
/// Where a machine sees the folder that it shares with the test.
const SHARED: &str = "/run/docs";
/// For one block of commands. Builds are among them, on loaded machines.
const PATIENCE: Duration = Duration::from_secs(240);

/// Why a machine could not be made, or a script not be run.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// Its network.
    #[error("making the network of a machine")]
    Network(#[from] NetnsError),
    /// Files or processes.
    #[error("{doing}")]
    System {
        /// What was tried.
        doing: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A script that does not end.
    #[error("it did not end within {} s", PATIENCE.as_secs())]
    TooLong,
}

/// What is installed on every machine: programs and folders, from where to where.
#[derive(Debug, Clone, Default)]
pub struct Installed {
    /// What pages only read.
    pub fixed: Vec<(PathBuf, PathBuf)>,
    /// What pages share and write to, as caches.
    pub shared: Vec<(PathBuf, PathBuf)>,
}

/// A shell that keeps its folder and variables from script to script.
#[derive(Debug)]
pub(super) struct Machine {
    process: Child,
    scripts: Option<ChildStdin>,
    codes: Receiver<String>,
    name: String,
    shared: PathBuf,
    serial: usize,
    /// The last script that goes on in the background.
    background: usize,
    // Last: they go when nothing runs in them any more.
    _own: tempfile::TempDir,
    _netns: Netns,
}

/// A script's exit code; the shell is gone where it ended by failing.
pub(super) struct Done {
    pub(super) code: i32,
    pub(super) gone: bool,
}

impl MachineError {
    pub(super) fn folder(source: io::Error) -> Self {
        Self::System { doing: "making a folder".to_owned(), source }
    }
}

fn system(doing: impl Into<String>) -> impl FnOnce(io::Error) -> MachineError {
    let doing = doing.into();
    |source| MachineError::System { doing, source }
}

impl Machine {
    /// `shared` is the folder of the page: its machines all see it.
    pub(super) fn start(
        name: &str,
        netns: Netns,
        shared: &Path,
        installed: &Installed,
    ) -> Result<Self, MachineError> {
        let own = tempfile::tempdir().map_err(MachineError::folder)?;
        let mut command = netns.command("unshare");
        command.args(["--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]);
        command.args(["--propagation", "private", "sh", "-c", SETUP, "machine.sh"]);
        command.arg(own.path()).arg(name).arg(shared);
        for (mode, mounts) in [("ro", &installed.fixed), ("rw", &installed.shared)] {
            for (here, there) in mounts {
                command.arg(mode).arg(here).arg(there);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(system("starting `ip netns exec`"))?;
        let scripts = process.stdin.take();
        let (sender, codes) = channel();
        if let Some(stdout) = process.stdout.take() {
            thread::spawn(move || {
                let lines = BufReader::new(stdout).lines().map_while(Result::ok);
                lines.map(|line| sender.send(line)).take_while(Result::is_ok).for_each(drop);
            });
        }
        let (name, shared) = (name.to_owned(), shared.to_owned());
        Ok(Self {
            process,
            scripts,
            codes,
            name,
            shared,
            serial: 0,
            background: 0,
            _own: own,
            _netns: netns,
        })
    }

    /// Runs commands to their end. What they print is in the file of [`Self::output`].
    pub(super) fn run(&mut self, commands: &str) -> Result<Done, MachineError> {
        self.serial += 1;
        let script = self.share("script", commands)?;
        let line = format!("{} {SHARED}/{}\n", script.display(), self.printed(self.serial));
        let scripts = self.scripts.as_mut();
        // A shell that is gone says so below, with its exit code.
        let _ = scripts.map(|pipe| pipe.write_all(line.as_bytes()));
        match self.codes.recv_timeout(PATIENCE) {
            Ok(code) => Ok(Done { code: code.parse().unwrap_or(-1), gone: false }),
            Err(RecvTimeoutError::Timeout) => Err(MachineError::TooLong),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.process.wait().map_err(system("waiting for a shell"))?;
                Ok(Done { code: status.code().unwrap_or(-1), gone: true })
            }
        }
    }

    /// A file that the machine sees, and where it sees it.
    pub(super) fn share(&self, what: &str, text: &str) -> Result<PathBuf, MachineError> {
        let name = format!("{}-{what}-{}", self.name, self.serial);
        let path = self.shared.join(&name);
        fs::write(&path, text).map_err(system(format!("writing {}", path.display())))?;
        Ok(Path::new(SHARED).join(name))
    }

    /// The last script has left something running, whose output is of interest later.
    pub(super) fn went_on(&mut self) {
        self.background = self.serial;
    }

    fn printed(&self, serial: usize) -> String {
        format!("{}-printed-{serial}", self.name)
    }

    /// What the last script has printed so far, or the last one that goes on in the background.
    pub(super) fn output(&self, background: bool) -> String {
        let serial = if background { self.background } else { self.serial };
        let bytes = fs::read(self.shared.join(self.printed(serial))).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its processes are killed with the first of them, and mounts and files go with those.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Machines side by side on a switch. One without an address has its loopback only.
#[derive(Debug)]
pub(super) struct Switch(Option<Netns>);

impl Switch {
    pub(super) fn new(machines: &[(String, Option<String>)]) -> Result<Self, MachineError> {
        if machines.iter().all(|(_, address)| address.is_none()) {
            return Ok(Self(None));
        }
        let switch = Netns::new()?;
        switch.exec("ip", &["link", "add", "br0", "type", "bridge"])?;
        switch.exec("ip", &["link", "set", "br0", "up"])?;
        Ok(Self(Some(switch)))
    }

    /// The network of one more machine.
    pub(super) fn port(&self, number: usize, address: Option<&str>) -> Result<Netns, MachineError> {
        let netns = Netns::new()?;
        if let (Some(switch), Some(address)) = (&self.0, address) {
            let port = format!("port{number}");
            // A port needs an address to be connected, and has no use for one.
            let other = format!("192.0.2.{}/32", number + 1);
            switch.connect((&port, &other), &netns, ("eth0", &format!("{address}/24")))?;
            switch.exec("ip", &["link", "set", &port, "master", "br0"])?;
            netns.exec("ip", &["route", "add", "default", "dev", "eth0"])?;
        }
        Ok(netns)
    }
}
