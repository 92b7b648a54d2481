//! What documents claim is looked up: the crates and who needs whom, metrics to watch, messages that
//! are quoted, and the tests that show what is promised.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The sources of the crates, by their path.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders = vec![root().join("crates"), root().join("xtask")];
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                texts.push((path, text));
            }
        }
    }
    texts
}

/// The texts in backticks of a text.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The part of a document from a heading to the next of its level.
fn section<'t>(text: &'t str, heading: &str) -> &'t str {
    let level = heading.split(' ').next().unwrap();
    let start = text.find(&format!("\n{heading}\n")).unwrap() + heading.len() + 2;
    let rest = &text[start..];
    &rest[..rest.find(&format!("\n{level} ")).unwrap_or(rest.len())]
}

/// Lines of tables, as cells; without heads.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with("| ") && !line.contains("---"));
    lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
}

#[test]
fn the_diagram_of_crates_is_what_cargo_says() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(["metadata", "--no-deps", "--offline", "--format-version=1"]);
    let answer = command.output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let metadata: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let short = |name: &Value| name.as_str().unwrap().trim_start_matches("kubewright-").to_owned();
    let mut wanted = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = short(&package["name"]);
        if ["testkit", "benches", "xtask"].contains(&name.as_str()) {
            continue;
        }
        for dependency in package["dependencies"].as_array().unwrap() {
            // Neither for tests nor for building, and a crate of ours.
            if dependency["kind"].is_null()
                && dependency.get("path").is_some_and(|it| !it.is_null())
            {
                wanted.insert((name.clone(), short(&dependency["name"])));
            }
        }
    }
    let text = document("architecture.md");
    let drawn: BTreeSet<(String, String)> = section(&text, "## The crates")
        .lines()
        .filter_map(|line| line.trim().split_once(" --> "))
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .collect();
    let missing: Vec<_> = wanted.difference(&drawn).collect();
    let invented: Vec<_> = drawn.difference(&wanted).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "missing {missing:?}, invented {invented:?}"
    );
}

#[test]
fn every_promise_names_tests_that_exist() {
    let sources = sources();
    let text = document("security.md");
    let mut count = 0;
    for row in rows(section(&text, "## Promises")).filter(|row| row[0] != "promise") {
        let named: Vec<&str> = code(row[1]).collect();
        assert!(!named.is_empty(), "{} is shown by no test", row[0]);
        for test in named {
            let head = format!("fn {test}(");
            assert!(
                sources.iter().any(|(_, text)| text.contains(&head)),
                "there is no test {test}"
            );
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

#[test]
fn metrics_to_watch_are_in_the_reference() {
    let pages = kubewright::generated::files().unwrap();
    let page =
        pages.into_iter().find(|(path, _)| path.ends_with("reference/metrics.md")).unwrap().1;
    let text = document("operations.md");
    let mut count = 0;
    for row in rows(section(&text, "### What to alert on")).filter(|row| row[0] != "metric") {
        for metric in code(row[0]).chain(code(row[1])).filter(|it| it.contains("_")) {
            let name = metric.split('{').next().unwrap();
            let known = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
            let known = known.unwrap_or_else(|| panic!("no metric {name}"));
            // What is asked of a label is a label, and a value that it has.
            for asked in metric.split(['{', '}', ',']).skip(1).filter(|it| !it.is_empty()) {
                let (label, value) = asked.split_once('=').unwrap();
                let label = label.trim_end_matches('!');
                assert!(known.contains(&format!("`{label}` (")), "{metric}");
                assert!(known.contains(&format!("`{}`", value.trim_matches('"'))), "{metric}");
            }
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

/// A message is in the code as a text, which may go over several lines there.
#[test]
fn messages_that_are_quoted_are_said() {
    let sources: Vec<String> = sources()
        .iter()
        .filter(|(path, _)| path.components().any(|part| part.as_os_str() == "src"))
        .filter(|(path, _)| !path.components().any(|part| part.as_os_str() == "tests"))
        .map(|(_, text)| text.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let text = document("operations.md");
    let mut count = 0;
    for row in rows(section(&text, "## Trouble, by what you see")) {
        // A file is none, and neither is the status of a condition.
        for message in code(row[0]).filter(|it| !it.starts_with('/') && !it.contains('=')) {
            assert!(sources.iter().any(|text| text.contains(message)), "nothing says {message:?}");
            count += 1;
        }
    }
    assert!(count > 25, "{count}");
}
