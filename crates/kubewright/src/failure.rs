//! What a command says when it failed: what, why, and what to do.

use std::fmt::Write;
use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Error;

use crate::{advice, output};

/// How a command ended.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Failed.
pub(crate) const FAILED: u8 = 1;
/// Not understood.
pub(crate) const USAGE: u8 = 2;
/// Ended by a signal before it was done, as shells say it for SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Error,
    advice: Option<String>,
    code: u8,
}

impl Failure {
    pub(crate) fn new(error: impl Into<Error>) -> Self {
        let error = error.into();
        Self { advice: advice::on(&error), error, code: FAILED }
    }

    /// The command line was not understood.
    pub(crate) fn usage(error: impl Into<Error>) -> Self {
        Self { code: USAGE, ..Self::new(error) }
    }

    /// What failed, above its causes.
    pub(crate) fn context(self, what: impl std::fmt::Display + Send + Sync + 'static) -> Self {
        Self { error: self.error.context(what), ..self }
    }

    /// What to do, in place of what is said for any such cause.
    pub(crate) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// As it is printed.
    pub(crate) fn report(&self) -> String {
        self.render(output::colours(std::io::stderr().is_terminal()))
    }

    fn render(&self, colours: bool) -> String {
        let (red, cyan, off) = match colours {
            true => ("\x1b[1;31m", "\x1b[36m", "\x1b[0m"),
            false => ("", "", ""),
        };
        let mut text = format!("{red}error:{off} {}\n", self.error);
        let mut said = self.error.to_string();
        for cause in self.error.chain().skip(1) {
            let cause = cause.to_string();
            // Messages of some libraries repeat those of their causes.
            if !said.contains(&cause) {
                let _ = writeln!(text, "  because: {cause}");
                said = cause;
            }
        }
        if let Some(advice) = &self.advice {
            let _ = writeln!(text, "  {cyan}try:{off} {advice}");
        }
        text
    }
}

/// Without causes and advice.
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once_and_advice_last() {
        let io = std::io::Error::other("disk on fire");
        let failure = Failure::new(anyhow::Error::new(io).context("cannot read x: disk on fire"))
            .context("cannot plan")
            .advise("water");
        assert_eq!(
            failure.render(false),
            "error: cannot plan\n  because: cannot read x: disk on fire\n  try: water\n"
        );
        assert!(failure.render(true).starts_with("\x1b[1;31merror:\x1b[0m cannot plan"));
    }
}
