//! `cargo xtask test`: components, tests, doc tests, summary.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{components, runner::Runner, skips, summary};

/// Where tests append one line per skip; `testkit` reads the same name.
const SKIP_LOG: &str = "KUBEWRIGHT_SKIP_LOG";

#[derive(Args)]
pub(crate) struct Options {
    /// Do not install anything.
    #[arg(long)]
    no_install: bool,
    /// Passed to the test runner, a filter for example: `cargo xtask test -- oracle`.
    ///
    /// Doc tests run only when nothing is passed.
    #[arg(last = true, value_name = "RUNNER ARGS")]
    runner_args: Vec<String>,
}

/// Runs every test of the workspace; the code is that of the worst runner.
///
/// # Errors
/// When cargo cannot be started or the skip log cannot be read.
pub(crate) fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    if !options.no_install {
        components::install_missing();
    }
    let log = tempfile::NamedTempFile::new().context("creating the skip log")?;
    let environment: [(&str, &OsStr); 1] = [(SKIP_LOG, log.path().as_os_str())];

    // The main runner goes first, its closing line is repeated last.
    let main = Runner::of_the_workspace(root, &options.runner_args).run(&environment)?;
    let doc = match options.runner_args.is_empty() {
        true => Some(Runner::of_doc_tests(root).run(&environment)?),
        false => None,
    };

    println!();
    skips::print(&skips::read(log.path())?);
    if let Some(doc) = &doc {
        println!("doc tests: {}", summary::closing_line(&doc.closing_lines));
    }
    println!("{}", summary::closing_line(&main.closing_lines));
    let passed = main.passed && doc.is_none_or(|doc| doc.passed);
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
