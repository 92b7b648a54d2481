//! A machine that has joined before: what it has on record, and whether its cluster still knows it.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::join::{Forgotten, Join, JoinError, Joined, Progress};
use crate::discovery::{Cluster, Pin, Trusted};
use crate::join::{
    Certificate, Key, NodeName, Place, Registration, from_kubeconfig, node_of_kubeconfig,
    with_certificate,
};
use crate::service::{self, Role};

/// How long the cluster of a node may take to say whether it still knows it.
const ANSWER: Duration = Duration::from_secs(10);

/// What a machine that has joined has on record of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its cluster.
    pub cluster: Cluster,
    /// Who it is there.
    pub node: NodeName,
    /// When its certificate ends.
    pub expires: Timestamp,
    /// How long its certificates are to be good, where that was asked for.
    pub expiration: Option<Duration>,
}

/// What a machine has on record; nothing, if it has no credentials that can be used.
#[must_use]
pub fn kept(state: &Path) -> Option<Kept> {
    let place = Place::at(state);
    let text = place.read(&place.kubeconfig()).ok()??;
    let node = node_of_kubeconfig(&text)?;
    let (cluster, _, certificate) = from_kubeconfig(&text, &node).ok()?;
    let expires = certificate.expires();
    let expiration = match service::role(state) {
        Ok(Role::Node { expiration_seconds, .. }) => expiration_seconds.map(Duration::from_secs),
        _ => None,
    };
    Some(Kept { cluster, node, expires, expiration })
}

/// Cluster, key and certificate of a node that has one; nothing, if that is not there or was not
/// written to the end.
pub(super) fn kept_credentials(
    place: &Place,
    node: &NodeName,
) -> Result<Option<(Cluster, Key, Certificate)>, JoinError> {
    let text = place.read(&place.kubeconfig())?;
    text.filter(|text| !text.is_empty()).map(|text| Ok(from_kubeconfig(&text, node)?)).transpose()
}

/// A node that has joined, if its cluster still knows it, as far as that can be told.
pub(super) async fn known(
    join: &Join,
    progress: &mut (dyn FnMut(&Progress<'_>) + Send),
) -> Result<Joined, JoinError> {
    let place = join.place();
    let path = place.kubeconfig();
    let kept = kept_credentials(&place, &join.node)?;
    let (cluster, key, certificate) = kept.ok_or(JoinError::Damaged { path })?;
    let client = with_certificate(&cluster, &certificate, &key)?;
    let registration = registration(join, &cluster)?;
    let node = join.node.clone();
    match tokio::time::timeout(ANSWER, registration.find(&client)).await {
        Ok(Ok(Some(_))) => {}
        Ok(Ok(None)) => {
            return Err(JoinError::Forgotten { why: Forgotten::Removed { node } });
        }
        // API servers differ in how they turn away who comes too late.
        Ok(Err(error)) if error.is_unknown() || certificate.expires() <= Timestamp::now() => {
            let expires = certificate.expires();
            return Err(JoinError::Forgotten { why: Forgotten::Unknown { node, expires } });
        }
        Ok(Err(error)) => progress(&Progress::Unsure(&error)),
        Err(error) => progress(&Progress::Unsure(&error)),
    }
    Ok(Joined { cluster, client, certificate, registration, before: true })
}

/// What a node tells of itself. An address that nobody asks for is that with which it joined.
fn registration(join: &Join, cluster: &Cluster) -> Result<Registration, JoinError> {
    let wanted = join.registration(cluster)?;
    let address = match (join.address, service::role(&join.state)) {
        (None, Ok(Role::Node { registration, .. })) if registration.name == join.node => {
            registration.address.or(wanted.address)
        }
        _ => wanted.address,
    };
    Ok(Registration { address, ..wanted })
}

/// A node that has joined the cluster that is asked for, although no journal tells: that was lost.
/// It would be refused as one who takes the name of a node that is there. One that is another node,
/// or one of another cluster, is not taken from there in passing. Nothing, when it is none, or its
/// cluster does not say.
pub(super) async fn unrecorded(
    join: &Join,
    progress: &mut (dyn FnMut(&Progress<'_>) + Send),
) -> Option<Result<Joined, JoinError>> {
    let place = join.place();
    // Until its end a run has that file, and goes on with it.
    if place.joining().exists() {
        return None;
    }
    let Kept { cluster, node, .. } = kept(&join.state)?;
    let asked_for = match &join.search.trust {
        Trusted::Pins(pins) => {
            Pin::of_pem(&cluster.authority)?.iter().any(|pin| pins.contains(pin))
        }
        Trusted::AnyWithToken => cluster.endpoint().is_ok_and(|it| it == join.search.seeder),
    };
    if !asked_for || node != join.node {
        return Some(Err(JoinError::Other { node, server: cluster.server }));
    }
    let mut sure = true;
    let mut hear = |what: &Progress<'_>| {
        sure &= !matches!(what, Progress::Unsure(_));
        progress(what);
    };
    match known(join, &mut hear).await {
        // Without a token there is nothing else that could be done, and it has joined.
        Ok(joined) => (sure || !join.given.token).then_some(Ok(joined)),
        Err(forgotten @ JoinError::Forgotten { .. }) => Some(Err(forgotten)),
        Err(_) => None,
    }
}
