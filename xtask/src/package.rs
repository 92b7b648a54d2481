//! `cargo xtask package`: the deb and the rpm of kubewright, for this machine's architecture.
//!
//! ```text
//! programs ─▶ contents (what goes where) ─▶ stage (a tree) ─▶ deb: dpkg-deb
//!                                                          └▶ rpm: rpmbuild
//! ```
//!
//! One package, since its programs are of one version and the agent refuses another version's plugin.
//! `kubewright` links glibc dynamically, as name service needs it to. The plugin `kubewright-cni` is
//! static: it is copied to nodes whose C library nobody knows, and starts with two thirds of the CPU time. It is
//! packaged in `/usr/lib/kubewright`, not in a plugin directory: those differ from runtime to
//! runtime, and `kubewright podnet install` puts it, and its configuration, into the right ones.
//!
//! No unit is enabled. The same commit gives the same bytes: times are the commit's.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

mod contents;
mod deb;
mod programs;
mod rpm;
mod scripts;
mod stage;
#[cfg(test)]
mod tests;

pub(crate) use programs::Programs;

#[derive(Args)]
pub(crate) struct Options {
    /// Which packages; by default those whose tools are installed.
    #[arg(long, value_delimiter = ',')]
    format: Vec<Format>,
    /// Cargo profile of the programs.
    #[arg(long, default_value = "dist")]
    profile: String,
    /// Package the programs that were built before.
    #[arg(long)]
    no_build: bool,
    /// Where the packages go.
    #[arg(long, default_value = "target/package")]
    out: PathBuf,
}

/// A kind of package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Debian, Ubuntu; made by dpkg-deb.
    Deb,
    /// Fedora, RHEL, SUSE; made by rpmbuild.
    Rpm,
}

impl Format {
    fn tool(self) -> &'static str {
        match self {
            Self::Deb => "dpkg-deb",
            Self::Rpm => "rpmbuild",
        }
    }
}

/// What both kinds of package say about themselves.
struct Release {
    version: String,
    /// `x86_64` and so on, as the kernel and rpm call it.
    machine: String,
    /// Seconds since 1970 of the commit.
    epoch: u64,
}

/// Builds the programs and the packages, and prints where they are.
///
/// # Errors
/// When a program or package cannot be built.
pub(crate) fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    let formats = match options.format.as_slice() {
        [] => [Format::Deb, Format::Rpm].into_iter().filter(|it| present(it.tool())).collect(),
        some => some.to_vec(),
    };
    if formats.is_empty() {
        bail!("neither dpkg-deb nor rpmbuild is installed: install dpkg or rpm-build");
    }
    let programs = match options.no_build {
        true => Programs::built(root, &options.profile)?,
        false => Programs::build(root, &options.profile)?,
    };
    let release = Release {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: std::env::consts::ARCH.to_owned(),
        epoch: epoch(root)?,
    };
    let out = root.join(&options.out);
    std::fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
    for format in formats {
        let file = make(format, root, &programs, &release, &out)?;
        let bytes = file.metadata().with_context(|| file.display().to_string())?.len();
        println!("{} ({:.1} MB)", file.display(), bytes as f64 / 1e6);
    }
    Ok(ExitCode::SUCCESS)
}

fn make(
    format: Format,
    root: &Path,
    programs: &Programs,
    release: &Release,
    out: &Path,
) -> Result<PathBuf> {
    let mut entries = contents::of(format, root, programs)?;
    match format {
        Format::Deb => {
            entries.push(deb::changelog(release)?);
            deb::build(&entries, programs, release, out)
        }
        Format::Rpm => rpm::build(&entries, release, out),
    }
}

/// Times in the packages: `SOURCE_DATE_EPOCH` where it is set, else the commit's.
fn epoch(root: &Path) -> Result<u64> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => output(Command::new("git").current_dir(root).args(["log", "-1", "--format=%ct"]))
            .context(
                "the packages' date is the commit's: set SOURCE_DATE_EPOCH where there is no git",
            )?,
    };
    text.trim().parse().with_context(|| format!("SOURCE_DATE_EPOCH is not a number: {text:?}"))
}

fn present(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Standard output of a program that must succeed.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("starting {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} ended with {}: {}", output.status, said.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("output of {name}"))
}
