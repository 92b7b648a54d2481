//! Names of the files of records: `<uid>@<sandbox>@<interface>.json`.

use super::RecordId;
use crate::name::{InterfaceName, check_uid};
use crate::pod::SandboxId;

/// Between the parts; only the last part, the interface, may contain it.
const SEPARATOR: char = '@';
const ENDING: &str = ".json";

/// Whose records are meant.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// All there are.
    All,
    /// Those of the pod of this UID, in whatever sandbox.
    Pod(&'a str),
    /// Those of a sandbox.
    Sandbox(&'a SandboxId),
}

/// None of the parts can be a path: they are checked when an id is made.
pub(super) fn of(id: &RecordId) -> String {
    format!("{}{SEPARATOR}{}{SEPARATOR}{}{ENDING}", id.pod_uid, id.sandbox, id.interface)
}

/// The record that a file is of, if it is one of those that are meant. Names of others are not
/// looked at any further: a node has hundreds, and a pod's are asked for several times for each of
/// its attachments.
pub(super) fn parse(name: &str, whose: Whose<'_>) -> Option<RecordId> {
    let mut parts = name.strip_suffix(ENDING)?.splitn(3, SEPARATOR);
    let (uid, sandbox, interface) = (parts.next()?, parts.next()?, parts.next()?);
    let meant = match whose {
        Whose::All => true,
        Whose::Pod(meant) => uid == meant,
        Whose::Sandbox(meant) => sandbox == meant.as_str(),
    };
    if !meant {
        return None;
    }
    check_uid(uid).ok()?;
    Some(RecordId {
        pod_uid: uid.to_owned(),
        sandbox: SandboxId::new(sandbox).ok()?,
        interface: InterfaceName::new(interface).ok()?,
    })
}
