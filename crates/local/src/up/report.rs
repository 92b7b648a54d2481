//! What `up` tells: one line per check, and a result.

use std::time::Duration;

use serde::Serialize;

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// It holds; with what was seen.
    Passed {
        /// What was seen.
        seen: String,
    },
    /// It does not hold.
    Failed {
        /// What was seen instead, and what to do.
        why: String,
    },
    /// It cannot be told on this machine.
    Skipped {
        /// Why, and how to get what is missing.
        why: String,
    },
}

/// A check that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Short name.
    pub name: &'static str,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
    pub took: Duration,
}

fn milliseconds<S: serde::Serializer>(took: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((took.as_secs_f64() * 10_000.0).round() / 10.0)
}

/// Everything together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing failed.
    Passed,
    /// Something failed.
    Failed,
}

impl Verdict {
    /// Skipped checks fail nothing; no check at all proves nothing.
    pub fn of(checks: &[Check]) -> Self {
        let failed = checks.iter().any(|check| matches!(check.outcome, Outcome::Failed { .. }));
        if failed || checks.is_empty() { Self::Failed } else { Self::Passed }
    }

    /// `passed` or `failed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }
}

impl Check {
    /// The line for people; `colour` for a terminal.
    pub fn line(&self, colour: bool) -> String {
        let (word, code, text) = match &self.outcome {
            Outcome::Passed { seen } => ("ok", "32", seen.clone()),
            Outcome::Failed { why } => ("FAILED", "31", why.clone()),
            Outcome::Skipped { why } => ("skipped", "33", format!("skipped: {why}")),
        };
        let took = format!("{:.1} ms", self.took.as_secs_f64() * 1000.0);
        let word =
            if colour { format!("\x1b[{code}m{word:<7}\x1b[0m") } else { format!("{word:<7}") };
        format!("{word}  {:<24} {took:>11}  {text}", self.name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn check(outcome: Outcome) -> Check {
        Check { name: "nodes", outcome, took: Duration::from_micros(1234) }
    }

    #[test]
    fn one_failure_fails_and_a_skip_does_not() {
        let passed = check(Outcome::Passed { seen: "3 nodes".to_owned() });
        let skipped = check(Outcome::Skipped { why: "not root".to_owned() });
        let failed = check(Outcome::Failed { why: "no nodes".to_owned() });
        assert_eq!(Verdict::of(&[passed.clone(), skipped.clone()]), Verdict::Passed);
        assert_eq!(Verdict::of(&[passed, failed, skipped]), Verdict::Failed);
        assert_eq!(Verdict::of(&[]), Verdict::Failed);
    }

    #[test]
    fn lines_and_json() {
        let skipped = check(Outcome::Skipped { why: "not root: run as root".to_owned() });
        assert_eq!(
            skipped.line(false),
            "skipped  nodes                         1.2 ms  skipped: not root: run as root"
        );
        let json = serde_json::to_value(&skipped).unwrap();
        assert_eq!(
            json,
            serde_json::json!({ "name": "nodes", "outcome": "skipped", "milliseconds": 1.2,
                "why": "not root: run as root" })
        );
    }
}
