//! A kubectl and a control plane for it.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{Ended, Sandbox, run};

/// A control plane, and a kubectl for it.
pub struct Cluster {
    pub sandbox: Sandbox,
}

impl Cluster {
    pub fn start() -> Self {
        let sandbox = Sandbox::new();
        sandbox.kubewright(&["local", "start"]).ok();
        Self { sandbox }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.program("kubectl");
        command.env("KUBECONFIG", self.sandbox.path("kubewright/kubeconfig")).args(arguments);
        command
    }

    pub fn try_kubectl(&self, line: &str) -> Ended {
        run(&mut self.command(&line.split(' ').collect::<Vec<_>>()))
    }

    /// Standard output of a kubectl that succeeds.
    pub fn kubectl(&self, line: &str) -> String {
        self.try_kubectl(line).ok()
    }

    pub fn apply(&self, flags: &[&str], manifest: &str) -> Ended {
        self.pipe(&[&["apply", "-f", "-"], flags].concat(), manifest)
    }

    /// A kubectl that reads from its standard input.
    pub fn pipe(&self, arguments: &[&str], manifest: &str) -> Ended {
        let mut command = self.command(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(manifest.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn field(&self, object: &str, path: &str) -> String {
        self.kubectl(&format!("get {object} -o jsonpath={{{path}}}"))
    }
}

/// A table without what differs from run to run: ages, times, and the widths of columns.
pub fn stable(table: &str) -> String {
    let is_time =
        |word: &str| word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    let is_age = |word: &str| {
        let number = word.strip_suffix(['s', 'm', 'h', 'd']).unwrap_or_default();
        !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit() || b"ydhm".contains(&byte))
    };
    let words = |line: &str| -> Vec<String> {
        let words = line.split_whitespace();
        let plain = |word: &str| match word {
            word if is_age(word) => "AGE".to_owned(),
            word if is_time(word) => "TIME".to_owned(),
            word => word.to_owned(),
        };
        words.map(plain).collect()
    };
    table.lines().map(|line| words(line).join(" ") + "\n").collect()
}
