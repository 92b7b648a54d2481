//! The real binary in surroundings of its own.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

pub mod kubectl;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The binary of this build.
pub const KUBEWRIGHT: &str = env!("CARGO_BIN_EXE_kubewright");

/// A home, a runtime directory and nothing else; what runs in it ends with it.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Standard output of a program that succeeded.
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Exit code and messages, with what differs from run to run replaced.
    pub fn shown(&self, sandbox: &Sandbox) -> String {
        let text = format!("exit code: {:?}\n{}{}", self.code.unwrap(), self.stdout, self.stderr);
        text.replace(&sandbox.path("").display().to_string(), "[SANDBOX]/")
    }
}

impl Sandbox {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program with nothing of the environment of the test but PATH.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub fn kubewright(&self, arguments: &[&str]) -> Ended {
        run(self.program(KUBEWRIGHT).args(arguments))
    }

    pub fn state_dir(&self) -> String {
        self.path("state").display().to_string()
    }

    /// `kubewright local VERB` on the durable control plane.
    pub fn durable(&self, verb: &str) -> Ended {
        self.kubewright(&["local", verb, "--state-dir", &self.state_dir()])
    }

    /// `local status -o json`
    pub fn status(&self, arguments: &[&str]) -> Value {
        let line = [&["local", "status", "-o", "json"], arguments].concat();
        serde_json::from_str(&self.kubewright(&line).stdout).unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kubewright(&["local", "stop"]);
        if Path::new(&self.state_dir()).exists() {
            self.durable("stop");
        }
    }
}

/// A program in the background; killed when its test ends before it does.
pub struct Running(pub Child);

impl Running {
    /// Asks it to end.
    pub fn terminate(&self) {
        let id = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
    }

    /// Lines of its standard output, which must be piped.
    pub fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        BufReader::new(self.0.stdout.take().unwrap()).lines().map(Result::unwrap)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a command with its standard output piped.
pub fn spawn(command: &mut Command) -> Running {
    Running(command.stdout(Stdio::piped()).spawn().unwrap())
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Asks another process until it says so; that it never does is a failure.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asks a web server for a page: head and body as they come.
pub fn get(url: &str) -> String {
    let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
