#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// The crates that are shipped: testkit is for tests alone.
const CRATES: [&str; 15] = [
    "attachment",
    "cni",
    "cni-shim",
    "console",
    "cri",
    "hostendpoint",
    "kubewright",
    "local",
    "node",
    "oci",
    "operator",
    "peerpod",
    "podnet",
    "quantity",
    "workspace",
];

/// The text of the program's source files by their path; tests and what follows them left out.
fn sources() -> BTreeMap<PathBuf, String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeMap::new();
    for name in CRATES {
        let mut folders = vec![crates.join(name).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let file = path.file_name().unwrap().to_str().unwrap().to_owned();
                if path.is_dir() {
                    if file != "tests" && file != "reference" {
                        folders.push(path);
                    }
                } else if file.ends_with(".rs") && file != "tests.rs" {
                    let text = fs::read_to_string(&path).unwrap();
                    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
                    found.insert(path, text);
                }
            }
        }
    }
    assert!(found.len() > 500, "{}", found.len());
    found
}

/// The texts between quotes on lines that are no comments.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2))
}

fn page_named(name: &str) -> String {
    let pages = pages().unwrap();
    pages.into_iter().find(|(path, _)| path.ends_with(name)).unwrap().1
}

#[test]
fn the_index_names_every_page_and_each_has_a_title() {
    let pages = pages().unwrap();
    let index = page_named("README.md");
    for (path, text) in &pages {
        let file = path.file_name().unwrap().to_str().unwrap();
        assert!(file == "README.md" || index.contains(&format!("({file})")), "{file}");
        assert!(text.starts_with(NOTICE), "{file}");
        assert!(text.lines().nth(1).unwrap().starts_with("# "), "{file}");
    }
    // And of a second run nothing differs.
    assert_eq!(pages, super::pages().unwrap());
}

#[test]
fn tables_have_the_cells_of_their_heads() {
    for (path, text) in pages().unwrap().into_iter().filter(|(path, _)| !path.ends_with("cli.md")) {
        let mut width = None;
        for line in text.lines() {
            let bars = line.replace("\\|", "").matches('|').count();
            match line.starts_with('|') {
                true => assert_eq!(*width.get_or_insert(bars), bars, "{}: {line}", path.display()),
                false => width = None,
            }
        }
    }
}

#[test]
fn every_field_of_every_resource_has_a_type_and_a_description() {
    let page = page_named("crds.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `spec"))
        .map(|line| line.split(" | ").collect())
        .collect();
    assert!(rows.len() > 60, "{}", rows.len());
    let bare: Vec<_> = rows
        .iter()
        .filter(|row| row[1].is_empty() || row[3].is_empty())
        .map(|row| row[0])
        .collect();
    assert!(bare.is_empty(), "without a description or type: {bare:#?}");
    for said in
        ["`\"{node}-{interface}\"`", "one of `\"Never\"`, `\"Matching\"`, `\"Always\"`", "required"]
    {
        assert!(page.contains(said), "{said}");
    }
}

/// Variables are read by constants and literals that end up in `var`, `var_os`, a table of names or
/// clap's `env`.
#[test]
fn every_variable_that_is_read_is_listed() {
    let page = page_named("environment.md");
    let mut missing = BTreeSet::new();
    for (path, text) in sources() {
        let named = text.match_indices(": &str = \"").map(|(at, head)| &text[at + head.len()..]);
        let read = ["var(\"", "var_os(\"", "env = \""]
            .iter()
            .flat_map(|call| text.match_indices(call).map(|(at, head)| &text[at + head.len()..]))
            .chain(named);
        for rest in read {
            let name = rest.split('"').next().unwrap();
            let variable = name.len() > 3
                && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
                && text.contains("env");
            if variable && !page.contains(&format!("`{name}`")) && !NOT_READ.contains(&name) {
                missing.insert(format!("{name} in {}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Names in capitals that are no variables of ours.
const NOT_READ: [&str; 4] = [
    // Set for a plugin that we call, and looked for to notice that it called us.
    "KUBEWRIGHT_CNI_CALLED",
    // A key in the ConfigMap of the cloud.
    "CLOUD_PROVIDER",
    "DROP",
    "ACCEPT",
];

#[test]
fn every_name_of_ours_on_objects_is_listed() {
    let page = page_named("names.md");
    let mut missing = BTreeSet::new();
    for (path, text) in sources() {
        for literal in literals(&text) {
            let name = literal.split('=').next().unwrap();
            let ours = name
                .split_once('/')
                .is_some_and(|(group, name)| group.ends_with("kubewright.io") && !name.is_empty());
            // Versions of kinds, and what events say of their reporter.
            let other = name.contains("/v1") || name.contains('{');
            if ours && !other && !page.contains(name) {
                missing.insert(format!("{name} in {}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_file_of_ours_is_listed() {
    let page = page_named("files.md");
    let mut missing = BTreeSet::new();
    for (path, text) in sources() {
        for literal in literals(&text) {
            let place = ["/etc/", "/run/", "/var/"].iter().any(|root| literal.starts_with(root));
            let file = literal.rsplit('/').next().unwrap();
            // Of a path that is put together its last part has to be there.
            let listed = page.contains(literal) || literal.contains('{') && page.contains(file);
            if place && literal.contains("kubewright") && !literal.contains(' ') && !listed {
                missing.insert(format!("{literal} in {}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_warning_says_what_to_do() {
    let page = page_named("events.md");
    let warnings: Vec<_> = page.lines().filter(|line| line.contains("| Warning |")).collect();
    assert!(warnings.len() > 40, "{}", warnings.len());
    let helpless: Vec<_> = warnings.iter().filter(|line| line.ends_with("|  |")).collect();
    assert!(helpless.is_empty(), "{helpless:#?}");
}

#[test]
fn metrics_are_read_with_their_labels() {
    let text = "# HELP a_b Of a thing.\n# TYPE a_b counter\na_b_total{x=\"1\",y=\"a, b\"} 1\n\
                a_b_total{x=\"2\",y=\"c\"} 1\n# HELP c Other.\n# TYPE c histogram\nc_bucket{le=\"1\"} 0\n";
    let read = metrics::read(text);
    let labels = &read["a_b"].labels;
    assert_eq!(read["a_b"].kind, "counter");
    assert_eq!(labels["x"], BTreeSet::from(["1".to_owned(), "2".to_owned()]));
    assert_eq!(labels["y"], BTreeSet::from(["a, b".to_owned(), "c".to_owned()]));
    assert!(read["c"].labels.is_empty());
}

#[test]
fn a_constant_that_is_nowhere_or_missing_is_an_error() {
    let constants = [("TABLE", "t"), ("FILE", "f")];
    assert_eq!(filled("{TABLE}/{FILE} {lower}", &constants).unwrap(), "t/f {lower}");
    assert!(filled("{TABLE}", &constants).unwrap_err().to_string().contains("{FILE}"));
    assert!(filled("{TABLE} {FILE} {OTHER}", &constants).is_err());
}
