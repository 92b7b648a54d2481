//! The plugin in the runtime's directory.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use kubewright_attachment::record::{Store, Whose};
use serde_json::Value;

use super::{Change, Directory, InstallError, PLUGIN};

/// Copies the plugin into place, after the copy has proved that it runs here: a configuration that
/// names a broken plugin would stop every pod of the node.
pub(super) fn put(dir: &mut Directory, source: &Path) -> Result<Change, InstallError> {
    let content = fs::read(source).map_err(InstallError::io("read", source))?;
    let Some(staged) = dir.stage(PLUGIN, &content, 0o755)? else { return Ok(Change::Unchanged) };
    answers(staged.path().unwrap_or(source))?;
    staged.put()
}

/// Whether anything is recorded that a runtime may still ask us to detach.
pub(super) fn is_needed(state_dir: &Path) -> Result<bool, InstallError> {
    // Opening the records would make the directory.
    if !state_dir.exists() {
        return Ok(false);
    }
    let ids = Store::open(state_dir).and_then(|store| store.ids(Whose::All));
    ids.map(|ids| !ids.is_empty()).map_err(InstallError::Records)
}

/// Runs `VERSION`, which needs neither an agent nor a namespace.
fn answers(program: &Path) -> Result<(), InstallError> {
    let fail = |reason: String| InstallError::Program { program: program.to_owned(), reason };
    let mut child = start(program).map_err(|error| fail(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read it may still answer.
        let _ = stdin.write_all(br#"{"cniVersion":"1.1.0"}"#);
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(1 << 16).read_to_end(&mut output);
        read.map_err(|error| fail(error.to_string()))?;
    }
    let status = child.wait().map_err(|error| fail(error.to_string()))?;
    let supported = serde_json::from_slice::<Value>(&output)
        .is_ok_and(|answer| answer["supportedVersions"].is_array());
    match status.success() && supported {
        true => Ok(()),
        false => Err(fail(format!("it ended with {status} and without a list of versions"))),
    }
}

/// A file that was just written can be busy for a moment: a process forked by another thread may
/// still hold it open for writing.
fn start(program: &Path) -> io::Result<std::process::Child> {
    let mut left = 50;
    loop {
        let started = Command::new(program)
            .env_clear()
            .env("CNI_COMMAND", "VERSION")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        match started {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && left > 0 => {
                left -= 1;
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            other => return other,
        }
    }
}
