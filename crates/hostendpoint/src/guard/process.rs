//! Running the few programs the guard needs (`nft`, `ip`, `iptables-legacy-save`).

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use tokio::process::Command;

/// After this long a program is taken to hang and is killed. Listing the rules of a
/// large node takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program is not installed, or not at the path given.
    #[error(
        "cannot find the program \"{program}\"; install {package} (on Debian: apt-get install {package})"
    )]
    Missing {
        /// What was to run.
        program: String,
        /// The package that has it.
        package: &'static str,
    },
    /// The kernel refused: no root, or CAP_NET_ADMIN is missing.
    #[error(
        "\"{program}\" may not read or change the node's firewall: {stderr}; run as root or with CAP_NET_ADMIN"
    )]
    Denied {
        /// What ran.
        program: String,
        /// What it said.
        stderr: String,
    },
    /// The program ran and failed.
    #[error("\"{program} {arguments}\" failed ({status}): {stderr}")]
    Failed {
        /// What ran.
        program: String,
        /// With which arguments.
        arguments: String,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// The program could not be started or talked to.
    #[error("cannot run \"{program}\"")]
    Run {
        /// What was to run.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl ProcessError {
    /// Whether waiting cannot help: someone has to install or permit something.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Denied { .. })
    }
}

/// Runs a program with `input` on its standard input and returns what it wrote
/// to its standard output.
///
/// The input is a finished file in memory, not a pipe: if this process is killed
/// half way through writing, nft would take the truncated text for a whole
/// script, and one that ends behind `delete table` opens the node. When the
/// future is dropped the program is killed; what it had not committed to the
/// kernel by then does not happen.
pub(crate) async fn run(
    program: &str,
    package: &'static str,
    arguments: &[&str],
    input: &str,
) -> Result<String, ProcessError> {
    let broken = |source| ProcessError::Run { program: program.to_owned(), source };
    let output = Command::new(program)
        .args(arguments)
        // The messages of a refusal are recognised by their text.
        .env("LC_ALL", "C")
        .stdin(in_memory(input).map_err(broken)?)
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(PATIENCE, output).await {
        Ok(output) => output,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    let output = output.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ProcessError::Missing { program: program.to_owned(), package },
        _ => broken(source),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if ["Operation not permitted", "Permission denied", "must be root"]
        .iter()
        .any(|said| stderr.contains(said))
    {
        return Err(ProcessError::Denied { program: program.to_owned(), stderr });
    }
    Err(ProcessError::Failed {
        program: program.to_owned(),
        arguments: arguments.join(" "),
        status: output.status,
        stderr,
    })
}

fn in_memory(input: &str) -> io::Result<Stdio> {
    if input.is_empty() {
        return Ok(Stdio::null());
    }
    let mut file = File::from(memfd_create("kubewright-guard", MemfdFlags::CLOEXEC)?);
    file.write_all(input.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}

#[cfg(test)]
mod tests;
