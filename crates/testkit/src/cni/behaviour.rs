//! What the CNI plugin of the tests can be told, and what it records.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The object `testkit` in the configuration of the plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Behaviour {
    /// Each call appends a line to this file, to be read by [`calls`](super::calls).
    pub record: Option<PathBuf>,
    /// The attachments are files in this folder, `<network>-<container id>-<interface>`: ADD makes
    /// one (twice is an error), CHECK fails without it, DEL and GC remove them.
    pub state: Option<PathBuf>,
    /// What ADD answers, instead of `prevResult` or the bare interface.
    pub result: Option<Value>,
    /// What goes wrong, by command.
    pub on: BTreeMap<String, Step>,
}

/// What one command does beside its work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    /// Before all else, waits until this file is there.
    pub wait_for: Option<PathBuf>,
    /// Answers with this error (`{"code": 11, "msg": "…"}`) before its work.
    pub refuse: Option<Value>,
    /// Answers with this error after its work: it failed half-way.
    pub fail: Option<Value>,
    /// Writes this to standard error.
    pub stderr: String,
    /// Writes this to standard output instead of its answer.
    pub write: Option<String>,
    /// Ends with this exit code, without an answer.
    pub exit: Option<i32>,
    /// Kills itself after its work.
    pub die: bool,
    /// Does not end after its work.
    pub hang: bool,
    /// Writes to standard output without end.
    pub flood: bool,
    /// Leaves a child that holds its pipes open, and writes its process id to this file.
    pub grandchild: Option<PathBuf>,
}

/// One call that was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// `CNI_COMMAND`.
    pub command: String,
    /// `CNI_CONTAINERID`; empty for STATUS and GC.
    pub container_id: String,
    /// `CNI_IFNAME`; empty for STATUS and GC.
    pub ifname: String,
    /// `CNI_NETNS`.
    pub netns: Option<PathBuf>,
    /// `CNI_ARGS`.
    pub args: String,
    /// What came on standard input.
    pub config: Value,
}
