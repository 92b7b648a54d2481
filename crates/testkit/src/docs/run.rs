//! Runs a page.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::expect;
use super::machine::{Done, Installed, Machine, MachineError, Switch};
use super::page::{Action, Page, Step};
use crate::require::{self, Skip};

#[cfg(test)]
mod tests;

/// How long something may take to become as expected.
const PATIENCE: Duration = Duration::from_secs(120);
/// Exit code of a block in which another command than the last failed.
const TOO_EARLY: i32 = 254;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Why a page failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A machine could not be made.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// Commands could not be run to their end.
    #[error("line {line}")]
    Stuck {
        /// Line of the page.
        line: usize,
        /// Why.
        #[source]
        source: MachineError,
    },
    /// Commands ended the shell, and with it the page.
    #[error("line {line}: the shell ended with exit code {code}")]
    Ended {
        /// Line of the page.
        line: usize,
        /// Its exit code.
        code: i32,
    },
    /// Commands ended otherwise than expected.
    #[error("line {line}: exit code {code} instead of {expected}")]
    Code {
        /// Line of the page.
        line: usize,
        /// What it was.
        code: i32,
        /// What it should be.
        expected: i32,
    },
    /// They printed something else.
    #[error("line {line}: it printed {difference}")]
    Printed {
        /// Line of the page.
        line: usize,
        /// The first line that differs.
        difference: String,
    },
}

/// What was run and printed, for whoever looks for a fault or writes a page.
#[derive(Debug, Default)]
pub struct Transcript(String);

impl Transcript {
    fn add(&mut self, step: &Step, commands: &str, printed: &str) {
        self.0 += &format!("--- line {} on {}\n", step.line, step.way.on);
        commands.lines().for_each(|line| self.0 += &format!("$ {line}\n"));
        self.0 += printed;
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether pages can be run here.
///
/// # Errors
/// [`Skip`] without root, overlays or a program that the page needs. Besides names of programs
/// a page can need `cni-plugins`, and the name of anything that is installed on its machines.
pub fn possible(page: &Page, installed: &Installed) -> Result<(), Skip> {
    require::root()?;
    require::programs(&["ip", "unshare", "chroot", "bash", "mount"])?;
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !filesystems.contains("overlay") {
        return Err(Skip::because("no overlay file system: load the module `overlay`"));
    }
    page.needs.iter().try_for_each(|need| match need.as_str() {
        "cni-plugins" => require::cni_plugins().map(drop),
        name if installed.fixed.iter().any(|(_, there)| there.ends_with(name)) => Ok(()),
        program => require::program(program),
    })
}

/// Runs a page from the top, as far as it succeeds, and writes down what happened.
///
/// # Errors
/// [`RunError`] with the line where it went wrong.
pub fn run(
    page: &Page,
    installed: &Installed,
    transcript: &mut Transcript,
) -> Result<(), RunError> {
    if page.steps.is_empty() {
        return Ok(());
    }
    let shared = tempfile::tempdir().map_err(MachineError::folder)?;
    let switch = Switch::new(&page.machines)?;
    let mut machines = BTreeMap::new();
    for (number, (name, address)) in page.machines.iter().enumerate() {
        let netns = switch.port(number, address.as_deref())?;
        machines.insert(name.as_str(), Machine::start(name, netns, shared.path(), installed)?);
    }
    for step in &page.steps {
        // Page::read has seen to it that there is such a machine.
        if let Some(machine) = machines.get_mut(step.way.on.as_str()) {
            take(step, machine, transcript)?;
        }
    }
    Ok(())
}

fn take(step: &Step, machine: &mut Machine, transcript: &mut Transcript) -> Result<(), RunError> {
    let line = step.line;
    let stuck = |source| RunError::Stuck { line, source };
    let (commands, expected) = match &step.action {
        Action::Run { commands, expected, .. } => (commands.clone(), expected.as_deref()),
        Action::Write { path, text } => {
            let file = machine.share("file", text).map_err(stuck)?;
            (format!("cat {} > {path}\n", file.display()), None)
        }
        Action::Watch { expected } => {
            let watched = watch(line, expected, machine);
            transcript.add(step, "", &machine.output(true));
            return watched;
        }
    };
    let begin = Instant::now();
    let script = script(step, &commands);
    let mut done = machine.run(&script).map_err(stuck)?;
    if step.way.background {
        machine.went_on();
    }
    loop {
        let printed = machine.output(false);
        let fault = fault(step, expected, &done, &printed);
        let waits = (step.way.until || step.way.background) && !done.gone;
        if fault.is_none() || !waits || begin.elapsed() > PATIENCE {
            transcript.add(step, &commands, &printed);
            return fault.map_or(Ok(()), Err);
        }
        thread::sleep(LOOK);
        if step.way.until {
            done = machine.run(&script).map_err(stuck)?;
        }
    }
}

/// What is wrong with how commands ended and what they printed.
fn fault(step: &Step, expected: Option<&str>, done: &Done, printed: &str) -> Option<RunError> {
    let (line, way) = (step.line, &step.way);
    if done.gone && done.code == way.exit {
        return Some(RunError::Ended { line, code: done.code });
    }
    if done.code != way.exit {
        return Some(RunError::Code { line, code: done.code, expected: way.exit });
    }
    let difference = expect::difference(expected?, printed, way.background)?;
    Some(RunError::Printed { line, difference })
}

/// Waits until what runs in the background has printed this.
fn watch(line: usize, expected: &str, machine: &Machine) -> Result<(), RunError> {
    let begin = Instant::now();
    while let Some(difference) = expect::difference(expected, &machine.output(true), true) {
        if begin.elapsed() > PATIENCE {
            return Err(RunError::Printed { line, difference });
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

/// Commands so that the first that fails ends them. Where the last is to fail or all are tried
/// again, the shell has to live on, and a failure before the last is told by [`TOO_EARLY`].
fn script(step: &Step, commands: &str) -> String {
    let way = &step.way;
    match (way.background, way.until || way.exit != 0) {
        (true, _) => format!("(\nset -e\n{commands}\n) &\n"),
        (false, true) => format!(
            "_failed=0; trap '_failed=$((_failed + 1))' ERR\n{commands}\n_code=$?; trap - ERR\n\
            [ $_code = 0 ] || _failed=$((_failed - 1))\n\
            [ $_failed = 0 ] || return {TOO_EARLY}\nreturn $_code\n"
        ),
        (false, false) => format!("set -e -o pipefail\n{commands}\nset +e +o pipefail\n"),
    }
}
