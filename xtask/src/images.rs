//! `cargo xtask images`: the container images of kubewright, as `deploy/images/workspace.toml` says,
//! for every platform that this machine has a toolchain for.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

/// A platform that images are for, and what compiles for it.
struct Toolchain {
    platform: &'static str,
    /// Target of Rust.
    target: &'static str,
    /// Compiler of C, which links.
    compiler: &'static str,
    /// Its packages on Debian.
    packages: &'static str,
}

const TOOLCHAINS: [Toolchain; 2] = [
    Toolchain {
        platform: "linux/amd64",
        target: "x86_64-unknown-linux-gnu",
        compiler: "x86_64-linux-gnu-gcc",
        packages: "gcc-x86-64-linux-gnu libc6-dev-amd64-cross",
    },
    Toolchain {
        platform: "linux/arm64",
        target: "aarch64-unknown-linux-gnu",
        compiler: "aarch64-linux-gnu-gcc",
        packages: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    },
];

impl Toolchain {
    /// How to get what is missing.
    fn missing(&self, compiler: bool, library: bool) -> Option<String> {
        let mut steps = Vec::new();
        if !library {
            steps.push(format!("rustup target add {}", self.target));
        }
        if !compiler {
            steps.push(format!("on Debian, apt-get install {}", self.packages));
        }
        (!steps.is_empty()).then(|| steps.join("; "))
    }
}

/// Builds and joins the images; says which platform has none.
///
/// # Errors
/// When there is no toolchain at all, or a program cannot be started.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let mut there = Vec::new();
    for toolchain in &TOOLCHAINS {
        let library = library(toolchain.target)?.is_dir();
        match toolchain.missing(on_path(toolchain.compiler), library) {
            None => there.push(toolchain.platform),
            Some(steps) => println!("no image for {}: {steps}", toolchain.platform),
        }
    }
    if there.is_empty() {
        bail!("no platform has a toolchain here");
    }
    for step in ["image", "index"] {
        let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .current_dir(root)
            .args(["run", "--quiet", "--release", "--package", "kubewright", "--", "workspace"])
            .args(["--workspace", "deploy/images/workspace.toml"])
            .args(["--platform", &there.join(","), step])
            .status()
            .context("starting cargo")?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where Rust's own library for a target would be.
fn library(target: &str) -> Result<PathBuf> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", target]);
    let output = rustc.output().context("starting rustc")?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_remedy() {
        let [_, arm64] = &TOOLCHAINS;
        assert_eq!(arm64.missing(true, true), None);
        assert_eq!(
            arm64.missing(false, false).as_deref(),
            Some(
                "rustup target add aarch64-unknown-linux-gnu; \
                 on Debian, apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
            )
        );
    }
}
