//! What would go wrong, found before anything is done, each with what to do about it.
//!
//! ```text
//! machine  ours: programs, runtime, swap, networks      ┐
//! kubeadm  its own, out of what it prints                ├──▶ Report ──▶ nothing is ignored
//! ```
//!
//! kubic-init ignored six of kubeadm's checks on every machine. Here an error is an error; what
//! does no harm is a warning and is shown.

mod kubeadm;
mod machine;

use std::fmt;

use serde::Serialize;

pub use kubeadm::of_kubeadm;
pub use machine::{Facts, check, of_machine};

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// All is well.
    Passed,
    /// It will work, and someone should know.
    Warning,
    /// It will not work.
    Failed,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// Its name; kubeadm's keep theirs.
    pub check: String,
    /// How it went.
    pub outcome: Outcome,
    /// What was found.
    pub message: String,
    /// What to do; nothing when it passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl CheckResult {
    /// Something that someone should know, and what to do about it.
    pub(crate) fn warning(check: &str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Outcome::Warning, check, message, fix)
    }

    fn passed(check: &str, message: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            outcome: Outcome::Passed,
            message: message.into(),
            fix: None,
        }
    }

    fn new(
        outcome: Outcome,
        check: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { outcome, fix: Some(fix.into()), ..Self::passed(check, message) }
    }
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.message)?;
        self.fix.iter().try_for_each(|fix| write!(f, "; {fix}"))
    }
}

/// The results of all checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report(pub Vec<CheckResult>);

impl Report {
    /// Those that failed.
    pub fn failed(&self) -> impl Iterator<Item = &CheckResult> {
        self.0.iter().filter(|result| result.outcome == Outcome::Failed)
    }

    /// Those that warn.
    pub fn warnings(&self) -> impl Iterator<Item = &CheckResult> {
        self.0.iter().filter(|result| result.outcome == Outcome::Warning)
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.failed().next().is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failed().try_for_each(|result| write!(f, "\n  {result}"))
    }
}

#[cfg(test)]
mod tests;
