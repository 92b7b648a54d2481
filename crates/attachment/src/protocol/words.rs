//! Which words of a request are believed: those that can do no harm as a path or an argument.
//!
//! `CNI_ARGS` check themselves when they are read.

use std::path::{Component, Path, PathBuf};

use kubewright_cni::NameError;
use kubewright_cni::name::{check_container_id, check_interface};

use super::{Call, Request};

/// A word of a request that could be taken for something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWord {
    /// A container id or an interface name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A namespace or a plugin directory.
    #[error("{what} {} is not valid: it must be an absolute path without '..'", path.display())]
    Path {
        /// What it is the path of.
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
}

/// Checks everything that becomes a path, a file name or an argument.
pub(super) fn check(request: &Request) -> Result<(), InvalidWord> {
    for dir in &request.plugin_dirs {
        check_path("plugin directory", dir)?;
    }
    match &request.call {
        Call::Add(container) | Call::Del(container) | Call::Check(container) => {
            check_container_id(&container.container_id)?;
            check_interface(&container.ifname)?;
            container.netns.as_deref().map_or(Ok(()), |netns| check_path("namespace", netns))
        }
        Call::Status => Ok(()),
        Call::Gc(valid) => valid.valid_attachments.iter().try_for_each(|attachment| {
            check_container_id(&attachment.container_id)?;
            check_interface(&attachment.ifname)?;
            Ok(())
        }),
    }
}

fn check_path(what: &'static str, path: &Path) -> Result<(), InvalidWord> {
    let fits = path.is_absolute() && path.components().all(|part| part != Component::ParentDir);
    if fits { Ok(()) } else { Err(InvalidWord::Path { what, path: path.to_owned() }) }
}
