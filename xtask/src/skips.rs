//! What the tests skipped, read from the log they append to.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Skipped tests by reason.
pub(crate) type Skips = BTreeMap<String, Vec<String>>;

/// Reads lines of the form `<test>: <why and how to get it>`, as `testkit` writes them.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn read(log: &Path) -> Result<Skips> {
    let text =
        std::fs::read_to_string(log).with_context(|| format!("reading {}", log.display()))?;
    Ok(parse(&text))
}

fn parse(text: &str) -> Skips {
    let mut skips = Skips::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (test, reason) = line.split_once(": ").unwrap_or((line, "no reason given"));
        skips.entry(reason.to_owned()).or_default().push(test.to_owned());
    }
    for tests in skips.values_mut() {
        tests.sort_unstable();
    }
    skips
}

/// Lists each skip under its reason.
pub(crate) fn print(skips: &Skips) {
    if skips.is_empty() {
        println!("skipped for want of a component: none");
        return;
    }
    println!("skipped for want of a component: {}", skips.values().map(Vec::len).sum::<usize>());
    for (reason, tests) in skips {
        println!("  {reason}");
        for test in tests {
            println!("    {test}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_are_grouped_by_reason_in_stable_order() {
        let skips = parse(
            "b::two: needs root: run as root\na::one: needs root: run as root\nc: needs nft\n",
        );
        assert_eq!(
            skips.into_iter().collect::<Vec<_>>(),
            [
                ("needs nft".to_owned(), vec!["c".to_owned()]),
                (
                    "needs root: run as root".to_owned(),
                    vec!["a::one".to_owned(), "b::two".to_owned()]
                ),
            ]
        );
    }
}
