//! The `go.mod` that a build sees: that of the tree, with the modules of the workspace in place of
//! those that it pins.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Component as Part, Path, PathBuf};

use crate::go_module::ModFile;

/// A module of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Local {
    /// Path of the module.
    pub(super) module: String,
    /// Its folder, relative to the module that is built.
    ///
    /// Relative, because Go writes the folder of a replaced module into the program: an absolute
    /// one would make programs differ by where the workspace is.
    pub(super) folder: String,
}

/// A `go.mod` with local modules. Replaces that it has for them go; one for a version would win
/// over ours.
pub(super) fn with_locals(text: &str, module: &ModFile, locals: &[Local]) -> String {
    let local = |path: &str| locals.iter().any(|local| local.module == path);
    let dropped: BTreeSet<usize> =
        module.replace.iter().filter(|old| local(&old.path)).map(|old| old.line).collect();
    let kept = text.lines().enumerate().filter(|(at, _)| !dropped.contains(&(at + 1)));
    let mut text: String = kept.map(|(_, line)| format!("{line}\n")).collect();
    for Local { module, folder } in locals {
        let _ = writeln!(text, "\nreplace {module} => {folder}");
    }
    text
}

/// The checksums of several `go.sum`.
pub(super) fn sums<'a>(files: impl IntoIterator<Item = &'a str>) -> String {
    let lines: BTreeSet<&str> = files.into_iter().flat_map(str::lines).collect();
    lines.into_iter().filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

/// The way from one folder to another, both absolute and without links; it begins with `./` or
/// `../`, as Go wants it.
pub(super) fn relative(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<Part<'_>>, Vec<Part<'_>>) =
        (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let mut way: PathBuf = from[common..].iter().map(|_| "..").collect();
    way.extend(&to[common..]);
    match way.starts_with("..") {
        true => way.to_string_lossy().into_owned(),
        false => format!("./{}", way.display()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn replaces_of_local_modules_give_way_and_others_stay() {
        let text = "module a\nrequire b v1.0.0\nreplace b v1.0.0 => ../old\nreplace (\n\tb => ../older\n\tc => ./c\n)\n";
        let module = ModFile::parse(text).unwrap();
        let locals = [Local { module: "b".to_owned(), folder: "../b".to_owned() }];
        let text = with_locals(text, &module, &locals);
        let now = ModFile::parse(&text).unwrap();
        let replaced: Vec<&str> = now.replace.iter().map(|replace| &replace.path[..]).collect();
        assert_eq!(replaced, ["c", "b"], "{text}");
        assert_eq!(now.require, module.require);
    }

    #[test]
    fn a_way_begins_with_a_dot() {
        for (from, to, way) in [
            ("/w/node", "/w/felix", "../felix"),
            ("/w", "/w/felix", "./felix"),
            ("/w/a/b", "/w/c/d", "../../c/d"),
            ("/w/a", "/w", ".."),
        ] {
            assert_eq!(relative(Path::new(from), Path::new(to)), way);
        }
    }

    #[test]
    fn sums_are_joined_once() {
        assert_eq!(sums(["b 1\na 1\n", "a 1\n\nc 1\n"]), "a 1\nb 1\nc 1\n");
    }
}
