//! A seeder whose journal was lost: what it was made with is noted for its service, and is in its
//! cluster.

use jiff::Timestamp;

use super::init::{ControlPlane, FIRST, InitError, Running, Seed, StepFailure, step_failed};
use crate::formation::{auto_approves, is_published};
use crate::journal::Journal;
use crate::service::{self, Role};

/// Puts a seeder on record again as it was made, if it was made to its end, so that what is asked for
/// is held against that. Otherwise the journal stays as it is, and every step is done.
pub(super) async fn restored(
    seed: &Seed,
    control_plane: &impl ControlPlane,
    mut journal: Journal,
) -> Result<Journal, InitError> {
    let Some(noted) = noted(seed).filter(|_| journal.is_blank()) else { return Ok(journal) };
    // Where it is, not where it is asked to be: other nodes look for it there.
    let Running { client, .. } =
        control_plane.ensure(&noted).await.map_err(InitError::ControlPlane)?;
    let formed = auto_approves(&client).await.map_err(step_failed("rights"))?;
    let published = is_published(&client).await.map_err(step_failed("cluster-info"))?;
    let Some(auto_approve) = formed.filter(|_| published) else { return Ok(journal) };
    // The one step after that.
    if let Some(node) = noted.registration() {
        let registered = node.register(&client, Timestamp::now()).await;
        registered.map_err(StepFailure::from).map_err(step_failed("node"))?;
    }
    let made = Seed { auto_approve: Some(auto_approve), ..noted };
    journal.adopt(FIRST, &made.fingerprint())?;
    drop(journal);
    Ok(Journal::open(&seed.state, super::INIT, &seed.fingerprint())?)
}

/// The seed with what the service of this machine was started with.
fn noted(seed: &Seed) -> Option<Seed> {
    match service::role(&seed.state) {
        Ok(Role::Seeder { address, names, node }) => {
            Some(Seed { address, names, node, ..seed.clone() })
        }
        _ => None,
    }
}
