//! Taking back what a run has done that failed, while that is safe.
//!
//! Until the kubelet starts, everything is files: those of ours, and those that kubeadm made. Which
//! those are is known from what was there before each step, so an authority that someone brought
//! along stays. From then on there is a control plane, perhaps with data, or a certificate that the
//! cluster has issued: nothing is taken back, and the error says how to go on.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::context::Context;
use super::{EngineError, Failed, Request, WorkError};
use crate::config::NodeConfiguration;
use crate::file::{self, FileError, SECRET};
use crate::host::Host;
use crate::journal::{Journal, Progress, StepError};
use crate::machine;

/// Where kubeadm writes besides the certificates.
const KUBERNETES: &str = "/etc/kubernetes";

/// Why nothing is taken back on a machine whose journal was lost, or on which others ran kubeadm.
const LOST: &str = "nothing is taken back: kubeadm has started a kubelet here before, of which the journal does not tell; `kubewright node reset` lists what there is";

/// What it takes to take a step back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Undo {
    /// It leaves nothing that is in the way.
    Nothing,
    /// Our files go.
    Machine,
    /// What kubeadm made goes.
    Created,
    /// It is not safe, for this reason.
    Unsafe(&'static str),
}

fn of(step: &str) -> Undo {
    match step {
        "checks" | "preflight" => Undo::Nothing,
        // An image that is not used is in nobody's way, and may have been there.
        _ if step.starts_with("image-") => Undo::Nothing,
        "machine" => Undo::Machine,
        "certs" | "kubeconfig" | "etcd" | "control-plane" | "control-plane-prepare" => {
            Undo::Created
        }
        "kubelet-start" | "kubelet-wait-bootstrap" => Undo::Unsafe(
            "the kubelet goes on trying (`journalctl -u kubelet` tells); on a machine that joins, see `kubewright node pending` for whether it has to be accepted; run this again to go on, or `kubewright node reset` to clean up",
        ),
        _ => Undo::Unsafe(
            "what was done stays, since the kubelet is running; mend the cause and run this again to go on, or `kubewright node reset` to clean up",
        ),
    }
}

/// Remembers what is there before a step, unless an earlier run has.
pub(super) fn remember(
    host: &Host,
    configuration: &NodeConfiguration,
    state: &Path,
    step: &str,
) -> Result<(), FileError> {
    let path = snapshot(state, step);
    if of(step) != Undo::Created || path.exists() {
        return Ok(());
    }
    let present = present(host, configuration)?;
    let json = serde_json::to_vec(&present)
        .map_err(|error| FileError::of("write", &path)(error.into()))?;
    file::replace(&path, &json, SECRET)?;
    Ok(())
}

/// Forgets all of it, when nothing is to be taken back any more.
pub(super) fn forget(state: &Path) -> Result<(), FileError> {
    let folder = state.join("before");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::of("remove", &folder)(error))
        }
        _ => Ok(()),
    }
}

fn snapshot(state: &Path, step: &str) -> PathBuf {
    state.join("before").join(format!("{step}.json"))
}

/// The files in kubeadm's folders.
fn present(host: &Host, configuration: &NodeConfiguration) -> Result<BTreeSet<PathBuf>, FileError> {
    let mut found = BTreeSet::new();
    for folder in [Path::new(KUBERNETES), &configuration.certificates.directory] {
        walk(&host.path(folder), &mut found)?;
    }
    Ok(found)
}

fn walk(folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), FileError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(FileError::of("list", folder))?,
    };
    for entry in entries {
        let entry = entry.map_err(FileError::of("list", folder))?;
        // Links are not followed: what they lead to is not kubeadm's.
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => walk(&entry.path(), found)?,
            false => drop(found.insert(entry.path())),
        }
    }
    Ok(())
}

/// Takes back what can be, and makes an error that says what was and what was not.
pub(super) async fn after(
    request: &Request<'_>,
    context: &Context<'_>,
    journal: &mut Journal,
    failed: Failed,
) -> EngineError {
    let (step, source) = match failed {
        StepError::Journal(error) => return error.into(),
        StepError::Failed { step, source } => (step, Box::new(source)),
    };
    let begun: Vec<(String, Progress)> = journal
        .steps()
        .iter()
        .filter(|step| step.progress != Progress::Undone)
        .map(|step| (step.name.clone(), step.progress))
        .collect();
    // Which steps an earlier run has done is not known then: they may be what pods run by.
    let started = begun.iter().any(|(name, _)| name == "kubelet-start");
    if !started && request.host.path(super::KUBELET_FLAGS).exists() {
        return EngineError::Step { step, undone: Vec::new(), left: Some(LOST), source };
    }
    let left = begun.iter().rev().find_map(|(name, _)| match of(name) {
        Undo::Unsafe(why) => Some(why),
        _ => None,
    });
    if left.is_some() {
        return EngineError::Step { step, undone: Vec::new(), left, source };
    }
    let mut undone = Vec::new();
    for (name, _) in begun.iter().rev() {
        let work = async || one(request, context, name).await;
        match journal.undo(name, work).await {
            Ok(_) if of(name) != Undo::Nothing => undone.push(name.clone()),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(step = name, %error, "cannot be taken back");
                return EngineError::Undo { step, undoing: name.clone(), source };
            }
        }
    }
    EngineError::Step { step, undone, left: None, source }
}

async fn one(request: &Request<'_>, context: &Context<'_>, step: &str) -> Result<(), WorkError> {
    match of(step) {
        Undo::Nothing | Undo::Unsafe(_) => {}
        Undo::Machine => {
            let (host, configuration) = (request.host, request.configuration);
            machine::take_back(host, &context.state, configuration, &context.reach.direct).await?;
        }
        Undo::Created => {
            let path = snapshot(&context.state, step);
            // Without it nothing was done yet.
            let Ok(bytes) = fs::read(&path) else { return Ok(()) };
            let Ok(before) = serde_json::from_slice::<BTreeSet<PathBuf>>(&bytes) else {
                return Ok(());
            };
            for made in present(request.host, request.configuration)?.difference(&before) {
                file::remove(made).map_err(FileError::of("remove", made))?;
            }
            file::remove(&path).map_err(FileError::of("remove", &path))?;
        }
    }
    Ok(())
}
