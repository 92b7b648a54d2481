//! The checks one after the other, each with its time.

use std::error::Error;
use std::time::Instant;

use kubewright_operator::with_causes;

use super::report::{Check, Outcome, Verdict};

/// Where checks are told of while they are made.
pub trait Audience {
    /// A check begins.
    fn begins(&mut self, name: &'static str);
    /// It ended.
    fn ended(&mut self, check: &Check);
}

/// What a check came to: what it hands on with what was seen, or why not.
pub(super) type Finding<T = ()> = Result<(T, String), Wrong>;

/// Why a check did not pass.
#[derive(Debug)]
pub(super) enum Wrong {
    Failed(String),
    Skipped(String),
}

impl Wrong {
    /// It does not hold.
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }

    /// It cannot be made, for another check did not pass.
    pub(super) fn needs(check: &str) -> Self {
        Self::Skipped(format!("it needs what `{check}` gives"))
    }

    /// `failed(doing("joining worker-0"))`, for errors.
    pub(super) fn during<E: Error>(doing: impl Into<String>) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |error| Self::Failed(format!("{doing}: {}", with_causes(&error)))
    }
}

impl<E: Error> From<E> for Wrong {
    fn from(error: E) -> Self {
        Self::Failed(with_causes(&error))
    }
}

/// The checks that were made so far.
pub(super) struct Course<'a> {
    audience: &'a mut dyn Audience,
    checks: Vec<Check>,
}

impl<'a> Course<'a> {
    pub(super) fn new(audience: &'a mut dyn Audience) -> Self {
        Self { audience, checks: Vec::new() }
    }

    /// Makes a check; `None` unless it passed.
    pub(super) async fn check<T>(
        &mut self,
        name: &'static str,
        check: impl Future<Output = Finding<T>>,
    ) -> Option<T> {
        self.audience.begins(name);
        let begin = Instant::now();
        let (value, outcome) = match check.await {
            Ok((value, seen)) => (Some(value), Outcome::Passed { seen }),
            Err(Wrong::Failed(why)) => (None, Outcome::Failed { why }),
            Err(Wrong::Skipped(why)) => (None, Outcome::Skipped { why }),
        };
        let check = Check { name, outcome, took: begin.elapsed() };
        self.audience.ended(&check);
        self.checks.push(check);
        value
    }

    pub(super) fn verdict(&self) -> Verdict {
        Verdict::of(&self.checks)
    }

    pub(super) fn into_checks(self) -> Vec<Check> {
        self.checks
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Default)]
    struct Told(Vec<String>);

    impl Audience for Told {
        fn begins(&mut self, name: &'static str) {
            self.0.push(format!("begins {name}"));
        }
        fn ended(&mut self, check: &Check) {
            self.0.push(format!("{} {:?}", check.name, check.outcome));
        }
    }

    #[tokio::test]
    async fn each_check_is_told_of_and_a_failure_is_remembered() {
        let mut told = Told::default();
        let mut course = Course::new(&mut told);
        assert_eq!(course.check("one", async { Ok((1, "seen".to_owned())) }).await, Some(1));
        assert_eq!(course.verdict(), Verdict::Passed);
        let missing = std::fs::read("/nowhere").map_err(Wrong::during("reading"));
        let check = course.check::<()>("two", async { Err(missing.unwrap_err()) });
        assert_eq!(check.await, None);
        assert_eq!(course.verdict(), Verdict::Failed);
        assert_eq!(course.into_checks().len(), 2);
        assert_eq!(told.0[..2], ["begins one", "one Passed { seen: \"seen\" }"]);
        assert!(told.0[3].contains("reading: No such file"), "{}", told.0[3]);
    }
}
