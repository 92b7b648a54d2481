//! The programs that are packaged, and how each is built.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The agent of pod networks.
const AGENT: &str = "kubewright-podnet";

/// Files of built programs.
pub(crate) struct Programs {
    /// The command line, against the system's C library.
    pub(super) kubewright: PathBuf,
    /// The agent of pod networks, likewise.
    pub(super) agent: PathBuf,
    /// The CNI plugin, static.
    pub(super) plugin: PathBuf,
}

impl Programs {
    /// Builds all.
    pub(super) fn build(root: &Path, profile: &str) -> Result<Self> {
        cargo(root, profile, &["kubewright", "--bin", "kubewright"], "")?;
        Self::build_agent(root, profile)?;
        Self::build_plugin(root, profile)?;
        Self::built(root, profile)
    }

    /// Builds the plugin, which is static, and says where it is.
    pub(crate) fn build_plugin(root: &Path, profile: &str) -> Result<PathBuf> {
        // A target must be named for the flag not to reach build scripts and macros.
        let static_libc = format!("target.{}.rustflags=['-Ctarget-feature=+crt-static']", host()?);
        cargo(root, profile, &["kubewright-cni-shim"], &static_libc)?;
        plugin(root, profile)
    }

    /// Builds the agent, and says where it is.
    pub(crate) fn build_agent(root: &Path, profile: &str) -> Result<PathBuf> {
        cargo(root, of_agent(profile), &["kubewright", "--bin", AGENT], "")?;
        Ok(agent(root, profile))
    }

    /// Those that were built before.
    pub(super) fn built(root: &Path, profile: &str) -> Result<Self> {
        let programs = Self {
            kubewright: root.join("target").join(directory(profile)).join("kubewright"),
            agent: agent(root, profile),
            plugin: plugin(root, profile)?,
        };
        for file in [&programs.kubewright, &programs.agent, &programs.plugin] {
            ensure!(file.is_file(), "{} is not built: leave out --no-build", file.display());
        }
        Ok(programs)
    }
}

fn agent(root: &Path, profile: &str) -> PathBuf {
    root.join("target").join(directory(of_agent(profile))).join(AGENT)
}

/// What is shipped to every node is as small as it gets.
fn of_agent(profile: &str) -> &str {
    if profile == "dist" { "node" } else { profile }
}

fn plugin(root: &Path, profile: &str) -> Result<PathBuf> {
    let dir = root.join("target").join(host()?).join(directory(profile));
    Ok(dir.join("kubewright-cni"))
}

/// Cargo's directory for `dev` has the name it had before profiles had names.
fn directory(profile: &str) -> &str {
    if profile == "dev" { "debug" } else { profile }
}

fn cargo(root: &Path, profile: &str, package: &[&str], config: &str) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--locked", "--package"]).args(package);
    command.args(["--profile", profile]);
    if !config.is_empty() {
        command.args(["--config", config, "--target", &host()?]);
    }
    let status = command.status().context("starting cargo")?;
    ensure!(status.success(), "building {} failed", package[0]);
    Ok(())
}

/// The compiler's own target, as it names it.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let about = super::output(Command::new(rustc).arg("-vV"))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}
