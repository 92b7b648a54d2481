//! A plugin that notes when it was called, and then is the bridge plugin.
//!
//! It splits the time of an attachment: what is before the stamp is the caller's, what comes after
//! is the plugin's.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::clock;

/// Its type, which is the name of a link to this program.
pub(crate) const TYPE: &str = "stamped-bridge";

/// Whether this process is to be the plugin.
pub(crate) fn is_called() -> bool {
    std::env::args_os().next().is_some_and(|name| Path::new(&name).ends_with(TYPE))
}

/// Notes the time and becomes the bridge plugin.
pub(crate) fn serve() -> Result<()> {
    let now = clock::now();
    let own = PathBuf::from(std::env::args_os().next().context("the name of this program")?);
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let line = format!(
        "{} {} {} {now}\n",
        variable("CNI_COMMAND"),
        variable("CNI_CONTAINERID"),
        variable("CNI_IFNAME")
    );
    let file = own.with_file_name("stamps");
    OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())?;
    let bridge = std::fs::read_link(own.with_file_name("bridge"))?;
    Err(Command::new(bridge).exec().into())
}

/// When the plugin was last called so, in nanoseconds of [`clock::now`].
pub(crate) fn last(bin_dir: &Path, command: &str, container: &str, ifname: &str) -> Result<u64> {
    let stamps = std::fs::read_to_string(bin_dir.join("stamps"))?;
    let call = format!("{command} {container} {ifname} ");
    let last = stamps.lines().rev().find_map(|line| line.strip_prefix(&call));
    last.with_context(|| format!("the plugin was not called: {call}"))?.parse().context("a stamp")
}
