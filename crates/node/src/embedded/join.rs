//! Joining, step by step with a journal.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use serde::{Deserialize, Serialize};

use super::Claimed;
use crate::discovery::{
    Cluster, ClusterInfoError, DiscoveryError, Found, Pin, Search, Trusted, discover,
};
use crate::file::{self, FileError};
use crate::join::{
    Certificate, CredentialsError, EnrolError, Enrolment, Key, NodeName, Place, Registration,
    RegistrationError, RequestError, Waiting, Wish, address_towards, from_kubeconfig, kubeconfig,
    with_certificate, with_nothing, with_token,
};
use crate::journal::{Fingerprint, Journal, JournalError, Observer, StepError};

/// The first step, after which cluster and key are on disk.
pub(super) const FIRST: &str = "discover";

/// The step after which a request with that key has been made.
const REQUEST: &str = "request";

/// The step after which key and certificate are in the kubeconfig.
const CERTIFICATE: &str = "certificate";

/// How long the cluster of a node may take to say whether it still knows it.
const ANSWER: Duration = Duration::from_secs(10);

/// Who is to join what.
#[derive(Debug, Clone)]
pub struct Join {
    /// Where the state of this machine is.
    pub state: PathBuf,
    /// Where the cluster is and how to know it; its patience is for the acceptance, too.
    pub search: Search,
    /// The name that the node is to have.
    pub node: NodeName,
    /// Its address, where it is not that towards the seeder.
    pub address: Option<IpAddr>,
    /// Labels of its own.
    pub labels: BTreeMap<String, String>,
    /// How long its certificate is to be good; as long as the cluster grants, otherwise.
    pub expiration: Option<Duration>,
    /// Whether it joins once more with this token when it had joined and its cluster does not
    /// know it any more.
    pub again: bool,
}

/// A node that has joined.
pub struct Joined {
    /// The cluster.
    pub cluster: Cluster,
    /// A client that is the node.
    pub client: Client,
    /// Its certificate.
    pub certificate: Certificate,
    /// What it tells of itself.
    pub registration: Registration,
    /// Whether it had joined before, so that there was nothing to do.
    pub before: bool,
}

/// What happens meanwhile, for people.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The record of earlier runs could not be read and was put there.
    SetAside(&'a Path),
    /// The cluster does not answer, or does not vouch for itself, which may pass.
    Searching(&'a dyn std::error::Error),
    /// It was found and is to be trusted.
    Found(&'a Cluster),
    /// A certificate was asked for, with this fingerprint of the key.
    Asked(&'a crate::discovery::Pin),
    /// It has not come yet.
    Waiting(&'a Waiting<'a>),
    /// It had joined, and whether it is still known cannot be told.
    Unsure(&'a dyn std::error::Error),
    /// It had joined, is not known any more, and joins again.
    Again(&'a Forgotten),
}

/// Why a cluster does not know a node any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forgotten {
    /// Its Node has gone.
    #[error("node {node} was removed from the cluster")]
    Removed {
        /// The node.
        node: NodeName,
    },
    /// Its certificate is not good any more.
    #[error(
        "the cluster does not take the certificate of node {node} any more, which ends {expires}"
    )]
    Unknown {
        /// The node.
        node: NodeName,
        /// When it ends.
        expires: Timestamp,
    },
}

/// Why a machine has not joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// What was done cannot be told or noted.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The machine is something else.
    #[error(transparent)]
    Claimed(#[from] Claimed),
    /// It had joined.
    #[error("{why}; to join it again, give a token of `kubewright node token create`")]
    Forgotten {
        /// What has become of it.
        why: Forgotten,
    },
    /// There is no cluster, or none to trust.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// There is no certificate.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// The node cannot be registered.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// What is on disk cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// What is on disk cannot be used.
    #[error("{} is not what an earlier run left there; `kubewright node reset` clears it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The key or its request cannot be made.
    #[error(transparent)]
    Key(#[from] RequestError),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl From<ClusterInfoError> for JoinError {
    fn from(error: ClusterInfoError) -> Self {
        CredentialsError::Cluster { why: error.to_string() }.into()
    }
}

impl From<StepError<JoinError>> for JoinError {
    fn from(error: StepError<JoinError>) -> Self {
        match error {
            // What failed says it better than the name of the step.
            StepError::Failed { source, .. } => source,
            StepError::Journal(error) => Self::Journal(error),
        }
    }
}

impl Join {
    /// What decides what is to be done. The token does not: one that has expired meanwhile may be
    /// replaced in the middle.
    fn fingerprint(&self) -> Fingerprint {
        let pins = match &self.search.trust {
            Trusted::Pins(pins) => pins.iter().map(ToString::to_string).collect(),
            Trusted::AnyWithToken => Vec::new(),
        };
        Fingerprint::of(&serde_json::json!({ "seeder": self.search.seeder.to_string(),
            "pins": pins, "node": self.node, "labels": self.labels,
            "address": self.address, "expiration": self.expiration }))
    }

    fn place(&self) -> Place {
        Place::at(&self.state)
    }

    fn registration(&self, cluster: &Cluster) -> Result<Registration, JoinError> {
        let address = match self.address {
            Some(address) => Some(address),
            None => address_towards(&cluster.endpoint()?),
        };
        let labels = self.labels.clone();
        Ok(Registration { labels, ..Registration::new(self.node.clone(), address) })
    }
}

/// What is kept from finding the cluster until there is a certificate.
struct Joining {
    cluster: Cluster,
    key: Key,
}

/// As it is on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    cluster: Cluster,
    /// PEM.
    key: String,
}

/// Joins, or sees that it has been done.
///
/// # Errors
/// What kept it from that; the next run goes on from there.
pub async fn join(
    join: &Join,
    observer: Option<Observer>,
    progress: &mut (dyn FnMut(&Progress<'_>) + Send),
) -> Result<Joined, JoinError> {
    let mut journal = Journal::open(&join.state, super::JOIN, &join.fingerprint())?;
    super::claim::check(&join.state, super::JOIN)?;
    // What cannot be made again, the key above all, is in files of its own.
    journal.lighten();
    if let Some(observer) = observer {
        journal.observe(observer);
    }
    if let Some(aside) = journal.set_aside() {
        progress(&Progress::SetAside(aside));
    }
    let lost = !journal.is_finished() && journal.steps().is_empty();
    if lost && let Some(joined) = unrecorded(join, progress).await {
        journal.finish()?;
        return Ok(joined);
    }
    if journal.is_finished() {
        match known(join, progress).await {
            Err(JoinError::Forgotten { why }) if join.again => {
                progress(&Progress::Again(&why));
                journal.start_over()?;
            }
            known => return known,
        }
    }
    let place = join.place();
    let (cluster, key, certificate) = match obtained(&place, &join.node)? {
        Some(obtained) if journal.is_done(REQUEST) => obtained,
        _ => enrol(join, &mut journal, progress).await?,
    };
    let client = with_certificate(&cluster, &certificate, &key)?;
    let registration = join.registration(&cluster)?;
    let step = async || Ok::<_, JoinError>(registration.register(&client, Timestamp::now()).await?);
    journal.run("register", step).await?;
    let finish = move || {
        journal.finish()?;
        // What is in it is in the kubeconfig, too.
        let path = place.joining();
        file::remove(&path).map_err(FileError::of("remove", &path))?;
        Ok::<_, JoinError>(())
    };
    file::aside(finish).await?;
    Ok(Joined { cluster, client, certificate, registration, before: false })
}

/// A node that has joined, if its cluster still knows it, as far as that can be told.
async fn known(
    join: &Join,
    progress: &mut (dyn FnMut(&Progress<'_>) + Send),
) -> Result<Joined, JoinError> {
    let place = join.place();
    let path = place.kubeconfig();
    let kept = kept_credentials(&place, &join.node)?;
    let (cluster, key, certificate) = kept.ok_or(JoinError::Damaged { path })?;
    let client = with_certificate(&cluster, &certificate, &key)?;
    let registration = join.registration(&cluster)?;
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

/// A node that has joined the cluster that is asked for, which knows it, although no journal tells:
/// that was lost. It would be refused as one who takes the name of a node that is there.
async fn unrecorded(
    join: &Join,
    progress: &mut (dyn FnMut(&Progress<'_>) + Send),
) -> Option<Joined> {
    let place = join.place();
    // Until its end a run has that file, and goes on with it.
    if place.joining().exists() {
        return None;
    }
    let (cluster, ..) = kept_credentials(&place, &join.node).ok()??;
    let asked_for = match &join.search.trust {
        Trusted::Pins(pins) => {
            Pin::of_pem(&cluster.authority)?.iter().any(|pin| pins.contains(pin))
        }
        Trusted::AnyWithToken => cluster.endpoint().is_ok_and(|it| it == join.search.seeder),
    };
    if !asked_for {
        return None;
    }
    let mut sure = true;
    let mut hear = |what: &Progress<'_>| {
        sure &= !matches!(what, Progress::Unsure(_));
        progress(what);
    };
    let joined = known(join, &mut hear).await.ok()?;
    sure.then_some(joined)
}

/// What a run that was killed has obtained: credentials for the key that it asked with, in the
/// cluster that it found.
fn obtained(
    place: &Place,
    node: &NodeName,
) -> Result<Option<(Cluster, Key, Certificate)>, JoinError> {
    let Some(joining) = kept_joining(place)? else { return Ok(None) };
    // Of an attempt under another name, say: it is replaced.
    let Ok(Some(kept)) = kept_credentials(place, node) else { return Ok(None) };
    let same = kept.0 == joining.cluster && kept.1.fingerprint() == joining.key.fingerprint();
    Ok(same.then_some(kept))
}

/// A step that was done is to be done again.
async fn take_back(journal: &mut Journal, step: &str) -> Result<(), JoinError> {
    journal.undo(step, async || Ok::<_, JoinError>(())).await?;
    Ok(())
}

/// From a token to key and certificate, in the kubeconfig.
async fn enrol(
    join: &Join,
    journal: &mut Journal,
    progress: &mut (dyn FnMut(&Progress<'_>) + Send),
) -> Result<(Cluster, Key, Certificate), JoinError> {
    let place = join.place();
    let mut nobody = None;
    let mut kept = kept_joining(&place)?;
    // A power cut may leave the record of a step and take what it is about.
    take_back(journal, CERTIFICATE).await?;
    if kept.is_none() {
        take_back(journal, FIRST).await?;
        take_back(journal, REQUEST).await?;
    }
    let step = async || {
        let found = discover(&join.search, |error| progress(&Progress::Searching(error))).await?;
        let Found { cluster, client } = found;
        progress(&Progress::Found(&cluster));
        nobody = Some(client);
        // A key that is there is kept: a request may have been made with it.
        let key = kept.take().map_or_else(Key::generate, |kept| Ok(kept.key))?;
        let text = Kept { cluster: cluster.clone(), key: key.pem() };
        let text = serde_json::to_string(&text).unwrap_or_default();
        place.write_first(place.joining(), text).await?;
        kept = Some(Joining { cluster, key });
        Ok::<_, JoinError>(())
    };
    journal.run(FIRST, step).await?;
    let Some(Joining { cluster, key }) = kept else {
        return Err(JoinError::Damaged { path: place.joining() });
    };
    let address = join.registration(&cluster)?.address;
    let nobody = nobody.map_or_else(|| with_nothing(&cluster), Ok)?;
    let asks = with_token(&nobody, &join.search.token);
    let enrolment = Enrolment {
        client: &asks,
        key: &key,
        wish: Wish { node: &join.node, expiration: join.expiration, address },
        patience: join.search.patience,
    };
    let mut asked = None;
    let step = async || {
        enrolment.check_name().await?;
        asked = Some(enrolment.ask().await?);
        progress(&Progress::Asked(&key.fingerprint()));
        Ok::<_, JoinError>(())
    };
    journal.run(REQUEST, step).await?;
    // Waiting may take hours from here on, and this machine is to know what for.
    journal.keep()?;
    let mut issued = None;
    let step = async || {
        let waiting = |what: &Waiting<'_>| progress(&Progress::Waiting(what));
        let certificate = enrolment.certificate(asked, waiting).await?;
        let text = kubeconfig(&cluster, &join.node, &certificate, &key);
        place.write_first(place.kubeconfig(), text).await?;
        issued = Some(certificate);
        Ok::<_, JoinError>(())
    };
    journal.run(CERTIFICATE, step).await?;
    match issued {
        Some(certificate) => Ok((cluster, key, certificate)),
        None => Err(JoinError::Damaged { path: place.kubeconfig() }),
    }
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

fn kept_joining(place: &Place) -> Result<Option<Joining>, JoinError> {
    let text = place.read(&place.joining())?.unwrap_or_default();
    let kept = serde_json::from_str::<Kept>(&text).ok();
    let joining =
        |kept: Kept| Some(Joining { key: Key::from_pem(&kept.key).ok()?, cluster: kept.cluster });
    Ok(kept.and_then(joining))
}
