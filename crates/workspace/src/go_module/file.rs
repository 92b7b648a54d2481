//! `go.mod`, by <https://go.dev/ref/mod#go-mod-file>.

use std::iter::Peekable;
use std::str::Chars;

use serde::{Deserialize, Serialize};

/// A `go.mod` cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("go.mod:{line}: {problem}")]
pub struct ModFileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// A module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModFile {
    /// Its path.
    pub module: String,
    /// The version of the language.
    pub go: Option<String>,
    /// What it requires.
    pub require: Vec<Require>,
    /// What it replaces.
    pub replace: Vec<Replace>,
}

/// A required module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Require {
    /// Its path.
    pub path: String,
    /// Its version.
    pub version: String,
    /// Whether only others need it.
    pub indirect: bool,
}

/// A replaced module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replace {
    /// The module that is replaced.
    pub path: String,
    /// Only this version of it.
    pub version: Option<String>,
    /// By what.
    pub target: Target,
    /// Line of `go.mod`.
    pub line: usize,
}

/// What a module is replaced by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A folder.
    Folder(String),
    /// Another module.
    Module {
        /// Its path.
        path: String,
        /// Its version.
        version: String,
    },
}

impl ModFile {
    /// Reads the text of a `go.mod`. Directives that do not matter here are passed over, whatever
    /// they are: later versions of Go have more.
    ///
    /// # Errors
    /// When a line that matters cannot be read, or there is no module.
    pub fn parse(text: &str) -> Result<Self, ModFileError> {
        let mut module = Self::default();
        let mut block: Option<String> = None;
        for (number, line) in text.lines().enumerate() {
            let wrong = |problem: String| ModFileError { line: number + 1, problem };
            let (words, comment) = words(line).map_err(wrong)?;
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match (&block, &words[..]) {
                (_, []) => {}
                (Some(_), [")"]) => block = None,
                (Some(verb), words) => {
                    module.directive(verb, words, &comment, number + 1).map_err(wrong)?;
                }
                (None, [verb, "("]) => block = Some((*verb).to_owned()),
                (None, [verb, words @ ..]) => {
                    module.directive(verb, words, &comment, number + 1).map_err(wrong)?;
                }
            }
        }
        let end = |problem: &str| ModFileError {
            line: text.lines().count().max(1),
            problem: problem.to_owned(),
        };
        if block.is_some() {
            return Err(end("a block is not closed"));
        }
        if module.module.is_empty() {
            return Err(end("it names no module"));
        }
        Ok(module)
    }

    fn directive(
        &mut self,
        verb: &str,
        words: &[&str],
        comment: &str,
        line: usize,
    ) -> Result<(), String> {
        match (verb, words) {
            ("module", [path]) => self.module = (*path).to_owned(),
            ("go", [version]) => self.go = Some((*version).to_owned()),
            ("require", [path, version]) => {
                let indirect = comment == "indirect" || comment.starts_with("indirect;");
                let (path, version) = ((*path).to_owned(), (*version).to_owned());
                self.require.push(Require { path, version, indirect });
            }
            ("replace", words) => {
                let arrow = words.iter().position(|word| *word == "=>");
                let (from, to) = arrow
                    .map(|at| (&words[..at], &words[at + 1..]))
                    .ok_or("a replace needs an arrow: `old => new`")?;
                let (path, version) = match from {
                    [path] => (*path, None),
                    [path, version] => (*path, Some((*version).to_owned())),
                    _ => return Err("a replace names one module".to_owned()),
                };
                let target = match to {
                    [folder] if is_folder(folder) => Target::Folder((*folder).to_owned()),
                    [path, version] => {
                        Target::Module { path: (*path).to_owned(), version: (*version).to_owned() }
                    }
                    _ => {
                        return Err(
                            "a module is replaced by a folder, or by a module with its version"
                                .to_owned(),
                        );
                    }
                };
                self.replace.push(Replace { path: path.to_owned(), version, target, line });
            }
            ("module" | "go" | "require", words) => {
                return Err(format!("`{verb} {}` cannot be read", words.join(" ")));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Go takes what begins with a dot or a slash for a folder.
fn is_folder(text: &str) -> bool {
    text == "." || text == ".." || ["./", "../", "/"].iter().any(|begin| text.starts_with(begin))
}

/// The words of a line, and its comment.
fn words(line: &str) -> Result<(Vec<String>, String), String> {
    let mut words = Vec::new();
    let mut rest = line.chars().peekable();
    while let Some(next) = rest.peek().copied() {
        match next {
            c if c.is_whitespace() => {
                rest.next();
            }
            '"' | '`' => {
                rest.next();
                words.push(quoted(&mut rest, next)?);
            }
            '(' | ')' => {
                rest.next();
                words.push(next.to_string());
            }
            _ => {
                let mut word = String::new();
                while let Some(c) = rest.next_if(|c| !c.is_whitespace() && !"()".contains(*c)) {
                    word.push(c);
                    if word.ends_with("//") && is_comment(&word) {
                        let comment: String = rest.collect();
                        return Ok((words, comment.trim().to_owned()));
                    }
                }
                words.push(word);
            }
        }
    }
    Ok((words, String::new()))
}

/// Two slashes begin a comment where a word begins; `https://` is none.
fn is_comment(word: &str) -> bool {
    word == "//"
}

fn quoted(rest: &mut Peekable<Chars<'_>>, end: char) -> Result<String, String> {
    let mut word = String::new();
    while let Some(c) = rest.next() {
        match c {
            c if c == end => return Ok(word),
            '\\' if end == '"' => word.extend(rest.next()),
            c => word.push(c),
        }
    }
    Err("a quoted word does not end".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_form_of_a_line_is_read() {
        let text = r#"
// A comment (with brackets).
module "example.org/node" // why

go 1.19
toolchain go1.21.0
require example.org/one v1.0.0
require (
	example.org/two v0.0.0-20210101000000-abcdefabcdef // indirect
	"example.org/three" v2.0.0+incompatible // indirect; because
)
replace example.org/one => ../one
replace (
	example.org/two v1.2.3 => example.org/fork/two v1.2.4
)
exclude example.org/four v1.0.0
retract [v1.0.0, v1.1.0]
tool example.org/tool
"#;
        let module = ModFile::parse(text).unwrap();
        assert_eq!(module.module, "example.org/node");
        assert_eq!(module.go.as_deref(), Some("1.19"));
        let indirect: Vec<bool> = module.require.iter().map(|require| require.indirect).collect();
        assert_eq!(indirect, [false, true, true]);
        assert_eq!(module.replace[0].target, Target::Folder("../one".to_owned()));
        assert_eq!(module.replace[1].version.as_deref(), Some("v1.2.3"));
        assert_eq!(module.replace[1].line, 14);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line, part) in [
            ("go 1.19\n", 1, "names no module"),
            ("module a\nrequire b\n", 2, "`require b`"),
            ("module a\nreplace b ../c\n", 2, "arrow"),
            ("module a\nreplace b => c\n", 2, "folder"),
            ("module a\nrequire (\nb v1\n", 3, "not closed"),
            ("module \"a\n", 1, "does not end"),
        ] {
            let error = ModFile::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}: {error}");
            assert!(error.problem.contains(part), "{text:?}: {error}");
        }
    }
}
