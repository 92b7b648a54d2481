//! What a machine is already, which it cannot be and become something else.

use std::path::{Path, PathBuf};

use super::{INIT, JOIN};
use crate::journal::{self, Recorded};
use crate::kubeadm::KUBELET_FLAGS;
use crate::service::{self, Role};

/// The first step of each purpose; those of kubeadm's journals are others.
const FIRST: [(&str, &str); 2] = [(INIT, super::init::FIRST), (JOIN, super::join::FIRST)];

/// The machine is something else.
#[derive(Debug, thiserror::Error)]
#[error(
    "this machine {what}; `kubewright node reset` lists what that left in {}, and `kubewright node reset --yes` makes the machine free for this",
    state.display()
)]
pub struct Claimed {
    what: &'static str,
    state: PathBuf,
}

/// Sees that a machine is free to become what `purpose` says, or has begun to.
///
/// # Errors
/// [`Claimed`] when it has begun to become something else: that is not taken from it in passing.
pub fn check(state: &Path, purpose: &str) -> Result<(), Claimed> {
    check_with(Path::new(KUBELET_FLAGS), state, purpose)
}

/// The same, where kubeadm leaves its trace in another file.
fn check_with(kubelet_flags: &Path, state: &Path, purpose: &str) -> Result<(), Claimed> {
    let claimed = |what| Claimed { what, state: state.to_owned() };
    // The journal may have been lost or set aside.
    match service::role(state) {
        Ok(Role::Seeder { .. }) if purpose != INIT => return Err(claimed(SEEDER)),
        Ok(Role::Node { .. }) if purpose != JOIN => return Err(claimed(NODE)),
        _ => {}
    }
    for (known, what) in [(INIT, SEEDER), (JOIN, NODE)] {
        let Some(recorded) = journal::recorded(state, known) else { continue };
        if !is_ours(&recorded) {
            return Err(claimed(KUBEADM));
        }
        if known != purpose {
            return Err(claimed(what));
        }
    }
    let ours = service::role(state).is_ok() || journal::recorded(state, purpose).is_some();
    match !ours && kubelet_flags.exists() {
        true => Err(claimed(KUBEADM)),
        false => Ok(()),
    }
}

/// Whether kubeadm has started a kubelet on this machine, whoever ran it.
#[must_use]
pub fn has_kubelet() -> bool {
    Path::new(KUBELET_FLAGS).exists()
}

const SEEDER: &str = "is the seeder of a cluster, or has begun to be one";
const KUBEADM: &str = "was set up with kubeadm";
const NODE: &str = "is a node of a cluster, or has begun to join one";

/// Whether a journal is one of this engine; the other engine has the same purposes.
#[must_use]
pub fn is_ours(recorded: &Recorded) -> bool {
    let first = recorded.steps.first().map(|step| step.name.as_str());
    first.is_none_or(|first| FIRST.iter().any(|(_, own)| *own == first))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::journal::{Fingerprint, Journal};

    async fn begun(state: &Path, purpose: &str, step: &str) {
        let fingerprint = Fingerprint::of(&serde_json::json!({}));
        let mut journal = Journal::open(state, purpose, &fingerprint).unwrap();
        journal.run(step, async || Ok::<_, std::fmt::Error>(())).await.unwrap();
    }

    #[tokio::test]
    async fn what_has_begun_goes_on_and_nothing_else_begins() {
        let table = [
            (INIT, super::super::init::FIRST, "the seeder", [true, false]),
            (JOIN, super::super::join::FIRST, "a node", [false, true]),
            (INIT, "checks", "kubeadm", [false, false]),
            (JOIN, "checks", "kubeadm", [false, false]),
        ];
        for (purpose, step, told, allowed) in table {
            let folder = tempfile::tempdir().unwrap();
            begun(folder.path(), purpose, step).await;
            for (wanted, allowed) in [INIT, JOIN].into_iter().zip(allowed) {
                let checked = check(folder.path(), wanted);
                assert_eq!(checked.is_ok(), allowed, "{purpose} {step} {wanted}");
                if let Err(claimed) = checked {
                    let text = claimed.to_string();
                    assert!(text.contains(told) && text.contains("node reset --yes"), "{text}");
                }
            }
        }
        assert!(check(tempfile::tempdir().unwrap().path(), INIT).is_ok());
    }

    #[tokio::test]
    async fn a_kubelet_of_kubeadm_counts_where_nothing_is_on_record() {
        let folder = tempfile::tempdir().unwrap();
        let flags = folder.path().join("kubeadm-flags.env");
        let state = folder.path().join("state");
        assert!(check_with(&flags, &state, JOIN).is_ok());
        std::fs::write(&flags, "").unwrap();
        for purpose in [INIT, JOIN] {
            let claimed = check_with(&flags, &state, purpose).unwrap_err();
            assert!(claimed.to_string().contains("was set up with kubeadm"), "{claimed}");
        }
        begun(&state, JOIN, super::super::join::FIRST).await;
        assert!(check_with(&flags, &state, JOIN).is_ok(), "that was there before");
    }

    #[test]
    fn a_role_counts_where_the_journal_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let address = ([10, 0, 0, 1], 6443).into();
        let seeder = Role::Seeder { address, names: Vec::new(), node: None };
        service::assign(folder.path(), &seeder).unwrap();
        assert!(check(folder.path(), INIT).is_ok());
        assert!(check(folder.path(), JOIN).is_err());
    }
}
