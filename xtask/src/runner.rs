//! Runs cargo's test runners and keeps the lines they close with.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result};

use crate::summary;

/// One call of cargo that runs tests.
pub(crate) struct Runner {
    command: Command,
}

/// What came of a [`Runner`].
pub(crate) struct Outcome {
    pub(crate) passed: bool,
    /// The counting lines the runner printed: one of nextest, one per binary of `cargo test`.
    pub(crate) closing_lines: Vec<String>,
}

impl Runner {
    /// nextest where it is installed, else `cargo test`; all packages unless `args` name some.
    pub(crate) fn of_the_workspace(root: &Path, args: &[String]) -> Self {
        let words: &[&str] = match has_nextest() {
            true => &["nextest", "run", "--no-tests=pass"],
            false => &["test", "--no-fail-fast", "--lib", "--bins", "--tests"],
        };
        let mut runner = Self::new(root, words);
        if !args.iter().any(|arg| arg.starts_with("-p") || arg.starts_with("--package")) {
            runner.command.arg("--workspace");
        }
        runner.command.args(args);
        runner
    }

    /// Doc tests, which nextest does not run.
    pub(crate) fn of_doc_tests(root: &Path) -> Self {
        Self::new(root, &["test", "--doc", "--workspace", "--quiet"])
    }

    fn new(root: &Path, words: &[&str]) -> Self {
        let mut command = Command::new(cargo());
        command.current_dir(root).args(words);
        if std::io::stderr().is_terminal() {
            // The runner writes to a pipe of ours and would otherwise drop its colours.
            command.env("CARGO_TERM_COLOR", "always");
        }
        Self { command }
    }

    /// Runs it, showing its output as it comes.
    ///
    /// # Errors
    /// When cargo cannot be started.
    pub(crate) fn run(mut self, environment: &[(&str, &OsStr)]) -> Result<Outcome> {
        self.command
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.command.spawn().context("starting cargo")?;
        let stdout = child.stdout.take().context("cargo has no stdout")?;
        let stderr = child.stderr.take().context("cargo has no stderr")?;
        let out = thread::spawn(move || echo(stdout, |line| std::io::stdout().write_all(line)));
        let mut closing_lines = echo(stderr, |line| std::io::stderr().write_all(line));
        closing_lines.extend(out.join().unwrap_or_default());
        let status = child.wait().context("waiting for cargo")?;
        Ok(Outcome { passed: status.success(), closing_lines })
    }
}

/// Copies lines to `sink` and returns those that close a run.
fn echo(source: impl Read, mut sink: impl FnMut(&[u8]) -> std::io::Result<()>) -> Vec<String> {
    let mut source = BufReader::new(source);
    let mut closing = Vec::new();
    let mut line = Vec::new();
    while source.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        // A closed terminal must not stop the tests.
        let _ = sink(&line);
        let text = summary::plain(&String::from_utf8_lossy(&line));
        if summary::closes_a_run(&text) {
            closing.push(text);
        }
        line.clear();
    }
    closing
}

fn has_nextest() -> bool {
    Command::new(cargo())
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The cargo that called us, or the one on PATH.
fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
