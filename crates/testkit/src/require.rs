//! What a test needs of its machine, and the loud skip when it is not there.
//!
//! ```
//! use kubewright_testkit::{require, require::program};
//!
//! fn locks_the_interface() {
//!     require!(program("nft"));
//!     // the test
//! }
//! # locks_the_interface();
//! ```
//!
//! `cargo xtask test` sets [`SKIP_LOG`] and lists what the tests appended there. With
//! [`REQUIRE_ALL`] set to anything but `0` a skip is a panic, as in CI.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Environment variable: file to which each skip appends one line.
pub const SKIP_LOG: &str = "KUBEWRIGHT_SKIP_LOG";
/// Environment variable: a skip is a failure.
pub const REQUIRE_ALL: &str = "KUBEWRIGHT_REQUIRE_ALL";

/// Why a test cannot run here, and how to get what it lacks.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Skip(String);

impl Skip {
    /// A reason in words, one line: what is missing, then how to get it.
    pub fn because(reason: impl Into<String>) -> Self {
        Self(reason.into().replace('\n', " "))
    }
}

/// The effective user is root.
///
/// # Errors
/// [`Skip`] when it is not.
pub fn root() -> Result<(), Skip> {
    match rustix::process::geteuid().is_root() {
        true => Ok(()),
        false => Err(Skip::because("not root: run the tests as root")),
    }
}

/// A program on PATH or in the system folders.
///
/// # Errors
/// [`Skip`] when it is not installed.
pub fn program(name: &str) -> Result<(), Skip> {
    find(name).map(drop).ok_or_else(|| {
        Skip::because(format!("no {name}: install it, `cargo xtask test` as root on Debian does"))
    })
}

/// All of several programs.
///
/// # Errors
/// [`Skip`] naming the first that is not installed.
pub fn programs(names: &[&str]) -> Result<(), Skip> {
    names.iter().try_for_each(|name| program(name))
}

/// Folders where distributions and Kubernetes put CNI plugins, which are on no search path.
const CNI_FOLDERS: [&str; 3] = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];

/// The folder with the reference plugins of CNI: `bridge`, `host-local` and the others.
///
/// ```no_run
/// # use kubewright_testkit::require;
/// require!(let plugins = require::cni_plugins());
/// ```
///
/// # Errors
/// [`Skip`] when they are not installed.
pub fn cni_plugins() -> Result<PathBuf, Skip> {
    let mut folders = CNI_FOLDERS.iter().map(PathBuf::from);
    folders.find(|folder| folder.join("bridge").is_file()).ok_or_else(|| {
        Skip::because("no CNI plugins: install them, `cargo xtask test` as root on Debian does")
    })
}

/// Path of a program: PATH first, then the folders that hold root's programs on Debian.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// Path of a program that no distribution packages. Its absence is listed as a skip, and fails
/// nothing: nobody could install it the usual way.
///
/// # Panics
/// When the skip cannot be logged: it must never go unseen.
#[must_use]
pub fn unpackaged(test: &str, name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        note(test, &format!("no {name}: no distribution has it, get it from its makers"));
    }
    found
}

/// Says loudly that `test` is skipped; the second half of [`require!`](crate::require!).
///
/// # Panics
/// With [`REQUIRE_ALL`] set, or when the skip cannot be logged: a skip must never go unseen.
pub fn skip(test: &str, skip: &Skip) {
    if std::env::var_os(REQUIRE_ALL).is_some_and(|value| !value.is_empty() && value != "0") {
        eprintln!("skipped: {test}: {skip}");
        panic!("{REQUIRE_ALL} is set and {test} cannot run: {skip}");
    }
    note(test, &skip.to_string());
}

/// Lists something that `test` leaves out as a skip, which fails nothing: for what cannot be installed.
///
/// # Panics
/// When it cannot be logged.
pub fn note(test: &str, skip: &str) {
    eprintln!("skipped: {test}: {skip}");
    if let Some(log) = std::env::var_os(SKIP_LOG) {
        let log = Path::new(&log);
        append(log, &format!("{test}: {skip}\n"))
            .unwrap_or_else(|error| panic!("writing the skip to {}: {error}", log.display()));
    }
}

/// One write of one line: tests append to the same file at the same time.
fn append(log: &Path, line: &str) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).open(log)?.write_all(line.as_bytes())
}

/// Name of the function that calls it, as in `guard::locks_the_interface`.
#[doc(hidden)]
#[must_use]
pub fn name_of<F>(_: F) -> &'static str {
    let name = std::any::type_name::<F>();
    name.strip_suffix("::here").unwrap_or(name).trim_end_matches("::{{closure}}")
}

/// Goes on when every requirement holds; else says so loudly and returns from the test.
///
/// Takes expressions of type `Result<(), Skip>`. In a test that returns a value, put the value
/// for a skip after `=>`: `require!(root() => Ok(()))`. What a test needs may be a value, of
/// type `Result<_, Skip>`: `require!(let cluster = Cluster::start().await)`.
#[macro_export]
macro_rules! require {
    (let $name:ident = $requirement:expr) => {
        let $name = match $requirement {
            Ok(value) => value,
            Err(skip) => {
                fn here() {}
                $crate::require::skip($crate::require::name_of(here), &skip);
                return;
            }
        };
    };
    ($($requirement:expr),+ $(,)?) => { $crate::require!($($requirement),+ => ()) };
    ($($requirement:expr),+ => $value:expr) => {
        $(
            if let Err(skip) = $requirement {
                fn here() {}
                $crate::require::skip($crate::require::name_of(here), &skip);
                return $value;
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sh_is_found_and_a_missing_program_is_named_with_its_remedy() {
        assert!(program("sh").is_ok());
        let skip = programs(&["sh", "no-such-program"]).expect_err("it does not exist");
        assert!(skip.to_string().starts_with("no no-such-program: install it"), "{skip}");
    }

    #[test]
    fn the_name_of_a_test_is_that_of_its_function() {
        fn here() {}
        assert_eq!(
            name_of(here),
            "kubewright_testkit::require::tests::the_name_of_a_test_is_that_of_its_function"
        );
    }

    #[test]
    fn a_reason_stays_on_one_line() {
        assert_eq!(Skip::because("a\nb").to_string(), "a b");
    }
}
