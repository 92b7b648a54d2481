//! Developer tasks of the workspace: `cargo xtask test | gen | bench | package | images`.
//!
//! ```text
//! test     components (apt) -> runner (nextest or cargo test) -> doc tests -> summary with every skip
//! gen      generators::all() -> write, or compare with --check
//! bench    name -> cargo run --release of the crate that measures it
//! package  programs -> contents -> deb and rpm
//! images   toolchains that are there -> kubewright workspace image, index
//! ```
//!
//! What CI does beyond this stands in `.ci/run`.

mod bench;
mod components;
mod generate;
mod generators;
mod images;
mod package;
mod runner;
mod skips;
mod summary;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer tasks of kubewright.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install the real components that are missing, then run every test.
    ///
    /// As root on Debian, missing components are installed with apt; elsewhere the packages are
    /// named and the tests that need them are skipped. Every skip is listed at the end with its
    /// reason. KUBEWRIGHT_REQUIRE_ALL=1 turns a skip into a failure, as in CI.
    Test(test::Options),
    /// Write the generated files, or compare them with --check.
    Gen {
        /// Write nothing; show what is stale as a diff and fail.
        #[arg(long)]
        check: bool,
    },
    /// Run a benchmark, built for release.
    Bench(bench::Options),
    /// Build the deb and the rpm for this machine's architecture.
    Package(package::Options),
    /// Build the container images, for every platform that has a toolchain here.
    Images,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let root = workspace_root();
    let outcome = match cli.task {
        Task::Test(options) => test::run(&root, &options),
        Task::Gen { check } => generate::run(&root, check),
        Task::Bench(options) => bench::run(&root, &options),
        Task::Package(options) => package::run(&root, &options),
        Task::Images => images::run(&root),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace's Cargo.toml, wherever cargo was called from.
fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}
