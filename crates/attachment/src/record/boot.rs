//! Which boot of the machine this is.

use std::io;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The boot cannot be told from others.
#[derive(Debug, thiserror::Error)]
#[error("reading {BOOT_ID}, to tell this boot from others")]
pub struct BootIdError(#[source] io::Error);

/// The kernel's id of this boot; another one after each reboot.
///
/// # Errors
/// [`BootIdError`] where `/proc` is not mounted.
pub fn boot_id() -> Result<String, BootIdError> {
    std::fs::read_to_string(BOOT_ID).map(|id| id.trim().to_owned()).map_err(BootIdError)
}
