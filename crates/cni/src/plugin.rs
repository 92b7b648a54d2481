//! The other side: what a plugin does with a call, so that a program only says what ADD means.

mod request;

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

pub use request::{Command, Request};

use crate::error::{CniError, ErrorCode};
use crate::result::CniResult;
use crate::version::Version;

/// A plugin. What it answers with is written for it, in the version of the configuration.
pub trait Plugin {
    /// The versions it speaks.
    fn versions(&self) -> &[Version] {
        &Version::ALL
    }

    /// Adds a container to a network.
    ///
    /// # Errors
    /// The answer of the plugin, with its code.
    fn add(&self, request: &Request) -> Result<CniResult, CniError>;

    /// Removes a container from a network. What is gone already is no error.
    ///
    /// # Errors
    /// The answer of the plugin, with its code.
    fn del(&self, request: &Request) -> Result<(), CniError>;

    /// Checks that an attachment is as ADD left it.
    ///
    /// # Errors
    /// The answer of the plugin, with its code.
    fn check(&self, request: &Request) -> Result<(), CniError>;

    /// Whether ADD can be served.
    ///
    /// # Errors
    /// [`ErrorCode::NotAvailable`] or [`ErrorCode::LimitedConnectivity`].
    fn status(&self, request: &Request) -> Result<(), CniError>;

    /// Removes what is not among the [`Request::valid_attachments`].
    ///
    /// # Errors
    /// The answer of the plugin, with its code.
    fn gc(&self, request: &Request) -> Result<(), CniError>;
}

/// The main function of a plugin: serves the call that the process was started for.
pub fn main(plugin: &impl Plugin) -> ExitCode {
    let answer = serve(plugin, |name| std::env::var_os(name), std::io::stdin().lock());
    // There is nobody left to tell when standard output is gone.
    let written = answer.write_to(std::io::stdout().lock());
    ExitCode::from(u8::from(written.is_err() || answer.is_error()))
}

/// What goes to standard output.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nothing: DEL, CHECK, STATUS or GC is done.
    Done,
    /// The result of ADD, or the answer to VERSION.
    Success(Value),
    /// It failed.
    Error(CniError),
}

impl Answer {
    /// Whether it is a failure.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the output is gone.
    pub fn write_to(&self, mut output: impl Write) -> std::io::Result<()> {
        match self {
            Self::Done => return Ok(()),
            Self::Success(value) => serde_json::to_writer(&mut output, value)?,
            Self::Error(error) => serde_json::to_writer(&mut output, error)?,
        }
        output.write_all(b"\n")?;
        output.flush()
    }
}

/// Serves one call with this environment and input.
pub fn serve(
    plugin: &impl Plugin,
    env: impl Fn(&str) -> Option<OsString>,
    stdin: impl Read,
) -> Answer {
    let mut version = String::new();
    match answer(plugin, env, stdin, &mut version) {
        Ok(answer) => answer,
        Err(error) if error.cni_version.is_empty() => {
            Answer::Error(CniError { cni_version: version, ..error })
        }
        Err(error) => Answer::Error(error),
    }
}

fn answer(
    plugin: &impl Plugin,
    env: impl Fn(&str) -> Option<OsString>,
    stdin: impl Read,
    version: &mut String,
) -> Result<Answer, CniError> {
    let command = Command::from_env(&env)?;
    let config = request::read(stdin)?;
    if let Some(named) = config.get("cniVersion").and_then(Value::as_str) {
        named.clone_into(version);
    }
    if command == Command::Version {
        let cni_version = if version.is_empty() { Version::CURRENT.as_str() } else { version };
        let versions = json!({"cniVersion": cni_version, "supportedVersions": plugin.versions()});
        return Ok(Answer::Success(versions));
    }
    let request = Request::new(command, &env, config)?;
    let since = command.since();
    if !plugin.versions().contains(&request.version) || request.version < since {
        let speaks: Vec<_> = plugin.versions().iter().map(|version| version.as_str()).collect();
        let msg = match request.version < since {
            true => format!(
                "{command} came with version {since}, the configuration is of {}",
                request.version
            ),
            false => format!(
                "version {} of the configuration is not spoken, only {}",
                request.version,
                speaks.join(", ")
            ),
        };
        return Err(CniError::new(ErrorCode::IncompatibleVersion, msg));
    }
    let done = match command {
        Command::Add => {
            let result = plugin.add(&request)?;
            let internal =
                |error: &dyn std::error::Error| CniError::from_error(ErrorCode::Internal, error);
            let result = result.to_version(request.version).map_err(|error| internal(&error))?;
            let value = serde_json::to_value(result).map_err(|error| internal(&error))?;
            return Ok(Answer::Success(value));
        }
        Command::Del => plugin.del(&request),
        Command::Check => plugin.check(&request),
        Command::Status => plugin.status(&request),
        Command::Gc => plugin.gc(&request),
        // Answered above.
        Command::Version => Ok(()),
    };
    done.map(|()| Answer::Done)
}

#[cfg(test)]
mod tests;
