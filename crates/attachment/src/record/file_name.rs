//! Names of the files of records, in the folder of a pod: `<sandbox>@<interface>.jsonl`.

use super::RecordId;
use crate::name::InterfaceName;
use crate::pod::SandboxId;

/// Between the parts; only the last part, the interface, may contain it.
const SEPARATOR: char = '@';
const ENDING: &str = ".jsonl";

/// Whose records are meant.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// All there are.
    All,
    /// Those of the pod of this UID, in whatever sandbox.
    Pod(&'a str),
    /// Those of a sandbox. Where its pod is known [`Whose::SandboxOf`] is faster: there is a folder
    /// for each pod.
    Sandbox(&'a SandboxId),
    /// Those of a sandbox of the pod of this UID.
    SandboxOf(&'a str, &'a SandboxId),
}

impl<'a> Whose<'a> {
    /// UID and sandbox, where they are given.
    pub(super) fn parts(self) -> (Option<&'a str>, Option<&'a SandboxId>) {
        match self {
            Self::All => (None, None),
            Self::Pod(uid) => (Some(uid), None),
            Self::Sandbox(sandbox) => (None, Some(sandbox)),
            Self::SandboxOf(uid, sandbox) => (Some(uid), Some(sandbox)),
        }
    }
}

/// None of the parts can be a path: they are checked when an id is made.
pub(super) fn of(id: &RecordId) -> String {
    format!("{}{SEPARATOR}{}{ENDING}", id.sandbox, id.interface)
}

/// The record that a file in the folder of a pod is of, if it is one of those that are meant.
pub(super) fn parse(uid: &str, name: &str, meant: Option<&SandboxId>) -> Option<RecordId> {
    let (sandbox, interface) = name.strip_suffix(ENDING)?.split_once(SEPARATOR)?;
    if meant.is_some_and(|meant| meant.as_str() != sandbox) {
        return None;
    }
    Some(RecordId {
        pod_uid: uid.to_owned(),
        sandbox: SandboxId::new(sandbox).ok()?,
        interface: InterfaceName::new(interface).ok()?,
    })
}
