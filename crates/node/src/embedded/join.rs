//! Joining, step by step with a journal.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;

use crate::discovery::{Cluster, ClusterInfoError, DiscoveryError, Search, Trusted, discover};
use crate::file::{self, FileError};
use crate::join::{
    Certificate, CredentialsError, EnrolError, Enrolment, Key, NodeName, Place, Registration,
    RegistrationError, RequestError, Waiting, Wish, address_towards, from_kubeconfig, kubeconfig,
    with_certificate, with_token,
};
use crate::journal::{Fingerprint, Journal, JournalError, Observer, StepError};

/// The step after which key and certificate are in the kubeconfig.
const KUBECONFIG: &str = "kubeconfig";

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
    /// The cluster does not answer, or does not vouch for itself, which may pass.
    Searching(&'a dyn std::error::Error),
    /// It was found and is to be trusted.
    Found(&'a Cluster),
    /// A certificate was asked for, with this fingerprint of the key.
    Asked(&'a crate::discovery::Pin),
    /// It has not come yet.
    Waiting(&'a Waiting<'a>),
}

/// Why a machine has not joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// What was done cannot be told or noted.
    #[error(transparent)]
    Journal(#[from] JournalError),
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
    /// The key cannot be made or read.
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
    // What cannot be made again, the key above all, is in files of its own.
    journal.lighten();
    if let Some(observer) = observer {
        journal.observe(observer);
    }
    let before = journal.is_finished();
    let place = join.place();
    let step = async || {
        let found = discover(&join.search, |error| progress(&Progress::Searching(error))).await?;
        progress(&Progress::Found(&found));
        place.write(&place.cluster(), &serde_json::to_string(&found).unwrap_or_default())?;
        Ok::<_, JoinError>(())
    };
    journal.run("discover", step).await?;
    let cluster = kept_cluster(&place)?;
    let registration = join.registration(&cluster)?;
    let (key, certificate) = match journal.is_done(KUBECONFIG) {
        true => kept_credentials(&place, &join.node)?,
        false => enrol(join, &mut journal, &cluster, registration.address, progress).await?,
    };
    let client = with_certificate(&cluster, &certificate, &key)?;
    let step = async || Ok::<_, JoinError>(registration.register(&client, Timestamp::now()).await?);
    journal.run("register", step).await?;
    if !before {
        // They are in the kubeconfig, which is replaced when they are renewed.
        for path in [place.key(), place.certificate()] {
            file::remove(&path).map_err(FileError::of("remove", &path))?;
        }
        journal.finish()?;
    }
    Ok(Joined { cluster, client, certificate, registration, before })
}

/// From a token to key and certificate, in the kubeconfig.
async fn enrol(
    join: &Join,
    journal: &mut Journal,
    cluster: &Cluster,
    address: Option<IpAddr>,
    progress: &mut (dyn FnMut(&Progress<'_>) + Send),
) -> Result<(Key, Certificate), JoinError> {
    let place = join.place();
    journal.run("key", async || keep_key(&place)).await?;
    let key = kept_key(&place)?;
    let asks = with_token(cluster, &join.search.token)?;
    let enrolment = Enrolment {
        client: &asks,
        key: &key,
        wish: Wish { node: &join.node, expiration: join.expiration, address },
        patience: join.search.patience,
    };
    let step = async || {
        enrolment.check_name().await?;
        enrolment.ask().await?;
        progress(&Progress::Asked(&key.fingerprint()));
        Ok::<_, JoinError>(())
    };
    journal.run("request", step).await?;
    let step = async || {
        let waiting = |what: &Waiting<'_>| progress(&Progress::Waiting(what));
        let certificate = enrolment.certificate(waiting).await?;
        place.write(&place.certificate(), certificate.pem())?;
        Ok::<_, JoinError>(())
    };
    journal.run("certificate", step).await?;
    let certificate = kept_certificate(&place, &key, &join.node)?;
    let step = async || {
        let text = kubeconfig(cluster, &join.node, &certificate, &key);
        Ok::<_, JoinError>(place.write(&place.kubeconfig(), &text)?)
    };
    journal.run(KUBECONFIG, step).await?;
    Ok((key, certificate))
}

pub(super) fn kept_credentials(
    place: &Place,
    node: &NodeName,
) -> Result<(Key, Certificate), JoinError> {
    let path = place.kubeconfig();
    let text = place.read(&path)?.ok_or(JoinError::Damaged { path })?;
    Ok(from_kubeconfig(&text, node)?)
}

pub(super) fn kept_cluster(place: &Place) -> Result<Cluster, JoinError> {
    let path = place.cluster();
    let kept = place.read(&path)?.and_then(|json| serde_json::from_str(&json).ok());
    kept.ok_or(JoinError::Damaged { path })
}

/// One that is there is kept: a request may have been made with it.
fn keep_key(place: &Place) -> Result<(), JoinError> {
    if place.read(&place.key())?.is_none() {
        place.write(&place.key(), &Key::generate()?.pem())?;
    }
    Ok(())
}

fn kept_key(place: &Place) -> Result<Key, JoinError> {
    let path = place.key();
    let pem = place.read(&path)?.ok_or(JoinError::Damaged { path })?;
    Ok(Key::from_pem(&pem)?)
}

fn kept_certificate(place: &Place, key: &Key, node: &NodeName) -> Result<Certificate, JoinError> {
    let path = place.certificate();
    let pem = place.read(&path)?.ok_or(JoinError::Damaged { path })?;
    Ok(Certificate::accept(pem, key, node)?)
}
