//! Joining, step by step with a journal.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use serde::{Deserialize, Serialize};

use super::Claimed;
use super::again::{self, kept_credentials};
use crate::discovery::{
    Cluster, ClusterInfoError, DiscoveryError, Found, Search, Trusted, discover,
};
use crate::file::{self, FileError};
use crate::join::{
    Certificate, CredentialsError, EnrolError, Enrolment, Key, NodeName, Place, Registration,
    RegistrationError, RequestError, Waiting, Wish, address_towards, kubeconfig, with_certificate,
    with_nothing, with_token,
};
use crate::journal::{Fingerprint, Journal, JournalError, Observer, StepError};

/// The first step, after which cluster and key are on disk.
pub(super) const FIRST: &str = "discover";

/// The step after which a request with that key has been made.
const REQUEST: &str = "request";

/// The step after which key and certificate are in the kubeconfig.
const CERTIFICATE: &str = "certificate";

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
    /// What of that somebody gave.
    pub given: Given,
}

/// What of a [`Join`] somebody gave. The rest is what the machine has on record
/// ([`kept`](super::kept)), and decides nothing about a machine that has joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// Where the cluster is.
    pub seeder: bool,
    /// Who its authority has to be.
    pub authority: bool,
    /// The token. Without one nobody joins; nor once more, when the cluster does not know the
    /// machine any more.
    pub token: bool,
}

impl Given {
    /// All of it.
    pub const ALL: Self = Self { seeder: true, authority: true, token: true };
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
    /// It is another node, or one of another cluster; its journal was lost.
    #[error(
        "this machine is node {node} of {server} already; `kubewright node reset` makes it free"
    )]
    Other {
        /// Who it is.
        node: NodeName,
        /// The API server of its cluster.
        server: String,
    },
    /// It takes a token.
    #[error("there is no token to join with")]
    NoToken,
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
    fn wanted(&self) -> Fingerprint {
        let pins = match &self.search.trust {
            Trusted::Pins(pins) => pins.iter().map(ToString::to_string).collect(),
            Trusted::AnyWithToken => Vec::new(),
        };
        let wanted = serde_json::json!({
            "engine": "embedded",
            "clusterFormation": { "seeder": self.search.seeder.to_string() },
            "certificates": { "caCrtHash": pins },
            "network": { "bind": { "address": self.address } },
            "node": { "name": self.node, "labels": self.labels },
            "expirationSeconds": self.expiration.map(|it| it.as_secs()),
        });
        Fingerprint::of(&wanted)
    }

    /// Of that, what somebody gave.
    fn fingerprint(&self) -> Fingerprint {
        let Given { seeder, authority, .. } = self.given;
        self.wanted().asking(|key| match key {
            "clusterFormation.seeder" => seeder,
            "certificates.caCrtHash" => authority,
            _ => true,
        })
    }

    pub(super) fn place(&self) -> Place {
        Place::at(&self.state)
    }

    pub(super) fn registration(&self, cluster: &Cluster) -> Result<Registration, JoinError> {
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
    let before = match (journal.is_finished(), lost) {
        (true, _) => Some(again::known(join, progress).await),
        (false, true) => again::unrecorded(join, progress).await,
        (false, false) => None,
    };
    match before {
        Some(Err(JoinError::Forgotten { why })) if join.given.token => {
            progress(&Progress::Again(&why));
            journal.start_over()?;
        }
        Some(Ok(joined)) => {
            if lost {
                // Where its cluster is and whom it believes it has on record.
                journal.adopt(FIRST, &join.wanted())?;
            }
            return Ok(joined);
        }
        Some(Err(error)) => return Err(error),
        None => {}
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
    if !join.given.token {
        return Err(JoinError::NoToken);
    }
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

/// The cluster that a machine has begun to join, and has found; nothing, when it has not, or is done.
#[must_use]
pub fn sought(state: &Path) -> Option<Cluster> {
    let joining = kept_joining(&Place::at(state)).ok()??;
    Some(joining.cluster)
}

fn kept_joining(place: &Place) -> Result<Option<Joining>, JoinError> {
    let text = place.read(&place.joining())?.unwrap_or_default();
    let kept = serde_json::from_str::<Kept>(&text).ok();
    let joining =
        |kept: Kept| Some(Joining { key: Key::from_pem(&kept.key).ok()?, cluster: kept.cluster });
    Ok(kept.and_then(joining))
}
