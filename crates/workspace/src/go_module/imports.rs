//! Which packages the sources of a component import.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Number of files that import each package.
pub type Imports = BTreeMap<String, usize>;

/// Imports stand at the beginning; what is longer is no source written by people.
const LONGEST: u64 = 4 << 20;

/// Counts the imports of the Go module in a folder, of which these are the files: of all its
/// packages with their tests, not of what Go passes over (`vendor`, `testdata`, `_x`, `.x`), and
/// not of modules inside it.
///
/// # Errors
/// What the system says.
pub fn scan(folder: &Path, files: &[PathBuf]) -> io::Result<Imports> {
    let modules = files.iter().filter(|file| file.file_name().is_some_and(|name| name == "go.mod"));
    let inner: BTreeSet<&Path> = modules.filter_map(|file| file.parent()).collect();
    let is_inner = |folder: &Path| !folder.as_os_str().is_empty() && inner.contains(folder);
    let mut imports = Imports::new();
    for file in files.iter().filter(|file| is_source(file)) {
        let path = folder.join(file);
        // Links are not followed: what they lead to may be anything.
        if file.ancestors().skip(1).any(is_inner) || !fs::symlink_metadata(&path)?.is_file() {
            continue;
        }
        let mut source = Vec::new();
        fs::File::open(path)?.take(LONGEST).read_to_end(&mut source)?;
        let mut packages = of_source(&String::from_utf8_lossy(&source));
        packages.sort();
        packages.dedup();
        for package in packages {
            *imports.entry(package).or_default() += 1;
        }
    }
    Ok(imports)
}

/// Whether Go takes a file for a source when it is asked for all packages.
fn is_source(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "go") && !is_passed_over(file)
}

/// Whether Go passes over a file when it is asked for all packages, because of its name or place.
pub(super) fn is_passed_over(file: &Path) -> bool {
    let passed_over = |part: &OsStr| {
        let part = part.to_string_lossy();
        part.starts_with(['.', '_']) || part == "vendor" || part == "testdata"
    };
    file.iter().any(passed_over)
}

/// The packages that one file imports. A file that is no Go imports what could be read of it.
#[must_use]
pub fn of_source(source: &str) -> Vec<String> {
    let mut tokens = Tokens { rest: source };
    let mut imports = Vec::new();
    // package NAME
    if tokens.next() != Some(Token::Word("package")) {
        return imports;
    }
    tokens.next();
    while tokens.next() == Some(Token::Word("import")) {
        match tokens.next() {
            Some(Token::Text(path)) => imports.push(path.to_owned()),
            Some(Token::Sign('(')) => {
                for token in tokens.by_ref() {
                    match token {
                        Token::Text(path) => imports.push(path.to_owned()),
                        Token::Sign(')') => break,
                        _ => {}
                    }
                }
            }
            // A name, `_` or `.`.
            Some(_) => match tokens.next() {
                Some(Token::Text(path)) => imports.push(path.to_owned()),
                _ => break,
            },
            None => break,
        }
    }
    imports
}

#[derive(Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Text(&'a str),
    Sign(char),
}

/// As much of Go as stands before the first declaration. Semicolons are passed over.
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    /// Takes what goes on until `end`, and `end` itself.
    fn until(&mut self, end: &str) -> &'a str {
        let at = self.rest.find(end).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(at);
        self.rest = rest.strip_prefix(end).unwrap_or(rest);
        taken
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let skipped = |c: char| c.is_whitespace() || c == ';' || c == '\u{feff}';
            self.rest = self.rest.trim_start_matches(skipped);
            if let Some(comment) = self.rest.strip_prefix("//") {
                self.rest = comment;
                self.until("\n");
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                self.rest = comment;
                self.until("*/");
            } else {
                break;
            }
        }
        let first = self.rest.chars().next()?;
        match first {
            '"' | '`' => {
                self.rest = &self.rest[1..];
                Some(Token::Text(self.until(if first == '"' { "\"" } else { "`" })))
            }
            c if c.is_alphanumeric() || c == '_' => {
                let part = |c: char| !(c.is_alphanumeric() || c == '_');
                let at = self.rest.find(part).unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(at);
                self.rest = rest;
                Some(Token::Word(word))
            }
            sign => {
                self.rest = &self.rest[sign.len_utf8()..];
                Some(Token::Sign(sign))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_import_is_found() {
        let source = r#"//go:build linux

/* package doc: import "no" */
package main // import "example.org/canonical"

import "fmt"; import . "a/dot"
import (
	_ "a/blank" // "no"
	name "a/named"
	`a/raw`
	/* "no" */ "a/last"
)

var x = "import"
import "too/late"
"#;
        let found = of_source(source);
        assert_eq!(found, ["fmt", "a/dot", "a/blank", "a/named", "a/raw", "a/last"]);
    }

    #[test]
    fn what_is_no_go_imports_nothing() {
        for source in ["", "hello", "package", "package x\nimport", "package x\nimport (\n\"a"] {
            let found = of_source(source);
            assert!(found.is_empty() || found == ["a"], "{source:?}: {found:?}");
        }
    }
}
