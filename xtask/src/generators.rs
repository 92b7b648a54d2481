//! Everything `cargo xtask gen` generates, in one list.
//!
//! A generator is pure: it returns the content of its files and touches nothing. Output is in a
//! stable order, so that a second run changes nothing.

use anyhow::Result;

use crate::generate::Generated;

/// All generated files of the workspace.
///
/// # Errors
/// When a generator fails.
pub(crate) fn all() -> Result<Vec<Generated>> {
    let files = kubewright::generated::files()?;
    Ok(files.into_iter().map(|(path, content)| Generated { path, content }).collect())
}
