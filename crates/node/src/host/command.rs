//! Running programs: without a shell, with a small environment, and without repeating secrets.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use super::{Host, scrub};
use crate::config::Secret;

/// How long a program may take unless something else is said.
const PATIENCE: Duration = Duration::from_secs(300);
/// Of what a program said, this many lines are repeated in errors.
const LINES: usize = 12;

/// What is to be run. Its arguments are seen by every user of the machine.
#[derive(Clone, Debug)]
pub struct Command {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    secrets: Vec<Secret>,
    input: Option<String>,
    patience: Duration,
}

/// What a program said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// On standard output.
    pub stdout: String,
    /// On standard error.
    pub stderr: String,
}

/// Why a program did not do its work. What it said is repeated without secrets.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It is not installed.
    #[error(
        "there is no program {program} on this machine; install it, or name it in the configuration"
    )]
    Missing {
        /// Its name.
        program: String,
    },
    /// It cannot be started.
    #[error("cannot start `{command}`")]
    Start {
        /// It and its arguments.
        command: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// It failed.
    #[error("`{command}` failed ({status}){}", indented(said))]
    Failed {
        /// It and its arguments.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it said.
        said: String,
        /// All of it, for those who can make something of it.
        output: Box<Output>,
    },
    /// It took too long.
    #[error("`{command}` was not done after {} seconds", patience.as_secs())]
    Slow {
        /// It and its arguments.
        command: String,
        /// How long it was waited for.
        patience: Duration,
    },
}

fn indented(said: &str) -> String {
    said.lines().fold(String::new(), |text, line| text + "\n  | " + line)
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.program)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

impl Command {
    /// A program by name, or by absolute path, and its arguments.
    pub fn new<A: Into<String>>(
        program: impl Into<String>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            secrets: Vec::new(),
            input: None,
            patience: PATIENCE,
        }
    }

    /// Sets variables of its environment.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// What it may say and nobody may hear.
    #[must_use]
    pub fn hiding(mut self, secrets: &[Secret]) -> Self {
        self.secrets.extend_from_slice(secrets);
        self
    }

    /// What it reads on standard input; nothing, unless this is said.
    #[must_use]
    pub fn reading(mut self, input: String) -> Self {
        self.input = Some(input);
        self
    }

    /// How long it may take.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

impl Host {
    /// Runs a program to its end.
    ///
    /// # Errors
    /// [`CommandError`]; a program that takes too long is killed.
    pub async fn run(&self, command: &Command) -> Result<Output, CommandError> {
        let program = match command.program.starts_with('/') {
            true => command.program.clone().into(),
            false => self
                .find(&command.program)
                .ok_or_else(|| CommandError::Missing { program: command.program.clone() })?,
        };
        let mut process = tokio::process::Command::new(program);
        process.args(&command.arguments).env_clear().env("PATH", &self.search);
        // What messages look like must not depend on who asks.
        process.env("LC_ALL", "C").env("HOME", "/root");
        process.envs(command.environment.iter().map(|(name, value)| (name, value)));
        process.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let shown = command.to_string();
        process.stdin(match (&command.input, &self.held) {
            (Some(_), _) => Stdio::piped(),
            // The lock goes with the last who has the file open; it is as empty as nothing.
            (None, Some(lock)) => match lock.try_clone() {
                Ok(lock) => lock.into(),
                Err(source) => return Err(CommandError::Start { command: shown, source }),
            },
            (None, None) => Stdio::null(),
        });
        tracing::debug!(command = shown, "running");
        let running =
            tokio::time::timeout(command.patience, talk(process, command.input.as_deref()));
        let ended = running.await.map_err(|_| CommandError::Slow {
            command: shown.clone(),
            patience: command.patience,
        })?;
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(CommandError::Missing { program: command.program.clone() });
            }
            Err(source) => return Err(CommandError::Start { command: shown, source }),
        };
        let clean = |bytes: &[u8]| scrub(&String::from_utf8_lossy(bytes), &command.secrets);
        let output = Output { stdout: clean(&ended.stdout), stderr: clean(&ended.stderr) };
        if ended.status.success() {
            return Ok(output);
        }
        let all: Vec<&str> = output.stdout.lines().chain(output.stderr.lines()).collect();
        let last = all[all.len().saturating_sub(LINES)..].join("\n");
        let status = ended.status.to_string();
        Err(CommandError::Failed { command: shown, status, said: last, output: Box::new(output) })
    }
}

/// Runs a program; gives it what it reads while it says what it says.
async fn talk(
    mut process: tokio::process::Command,
    input: Option<&str>,
) -> std::io::Result<std::process::Output> {
    let mut child = process.spawn()?;
    let stdin = child.stdin.take();
    let writing = async {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // One that does not read to the end says why with its exit code.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    tokio::join!(child.wait_with_output(), writing).0
}
