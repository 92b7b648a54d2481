//! What the number says with which a command ends.

use anyhow::Result;

use super::filled;
use crate::failure::{FAILED, INTERRUPTED, USAGE};

pub(super) fn page() -> Result<String> {
    let [failed, usage, interrupted] = [FAILED, USAGE, INTERRUPTED].map(|code| code.to_string());
    filled(
        include_str!("exit_codes.md"),
        &[("FAILED", &failed), ("USAGE", &usage), ("INTERRUPTED", &interrupted)],
    )
}
