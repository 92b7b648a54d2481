//! Seeding: from nothing to a cluster that others can join.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;

use super::Claimed;
use super::restored::restored;
use crate::discovery::{Cluster, Pin};
use crate::file::{self, FileError};
use crate::formation::{Approval, Formation, FormationError, auto_approves, publish};
use crate::join::{NodeName, Registration, RegistrationError};
use crate::journal::{Fingerprint, Journal, JournalError, Observer, StepError};
use crate::token::{self, Grant, StoreError, Token};

/// Label and taint of nodes with a control plane.
pub const CONTROL_PLANE_LABEL: &str = "node-role.kubernetes.io/control-plane";

/// The first step.
pub(super) const FIRST: &str = "control-plane";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A control plane that serves.
#[derive(Clone)]
pub struct Running {
    /// Its administrator.
    pub client: Client,
    /// URL and certificate authority, as other machines are to know it.
    pub cluster: Cluster,
}

/// What keeps a control plane running on this machine.
pub trait ControlPlane {
    /// Sees to it that one serves as the seed says, from its state, and goes on to when this
    /// process ends. One that does already is left as it is; one that serves elsewhere, begun
    /// before the seed was corrected, is replaced.
    fn ensure(&self, seed: &Seed) -> impl Future<Output = Result<Running, BoxError>>;
}

/// What is to be seeded.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Where the state of this machine is.
    pub state: PathBuf,
    /// Where the API server listens, and where others reach it.
    pub address: SocketAddr,
    /// Further names and addresses under which others reach it.
    pub names: Vec<String>,
    /// The node that this machine becomes, if it is to be one.
    pub node: Option<NodeName>,
    /// A token that is known already.
    pub token: Option<Token>,
    /// How long the token is good.
    pub token_ttl: Duration,
    /// Whether a token is enough to become a node. Where nobody says so, what a cluster that is
    /// there has stays as it is, and in a new one it is enough.
    pub auto_approve: Option<bool>,
}

/// What was seeded.
#[derive(Debug)]
pub struct Seeded {
    /// How others know it.
    pub cluster: Cluster,
    /// Pin of its authority.
    pub pin: Pin,
    /// A token that has not been shown yet; [`Seeded::shown`] forgets it.
    pub token: Option<Token>,
    /// Whether a token is enough to become a node.
    pub auto_approve: bool,
    /// Whether it had been seeded before, so that there was nothing to do.
    pub before: bool,
    /// Where the record of earlier runs was put, if it could not be read.
    pub set_aside: Option<PathBuf>,
    unseen: PathBuf,
}

impl Seeded {
    /// The token has been shown: it stands nowhere on this machine any more, but in the cluster.
    ///
    /// # Errors
    /// When the file with it cannot be removed.
    pub fn shown(&self) -> Result<(), FileError> {
        let removed = file::remove(&self.unseen);
        removed.map(drop).map_err(FileError::of("remove", &self.unseen))
    }
}

/// Why seeding failed.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// What was done cannot be told or noted.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The machine is something else.
    #[error(transparent)]
    Claimed(#[from] Claimed),
    /// The control plane does not run.
    #[error("the control plane of this machine does not run")]
    ControlPlane(#[source] BoxError),
    /// A step failed.
    #[error("cannot make a cluster of the control plane: step {step} failed")]
    Step {
        /// Its name.
        step: String,
        /// Why.
        #[source]
        source: Box<StepFailure>,
    },
    /// Its authority cannot be read.
    #[error("the certificate authority of the control plane cannot be read: {why}")]
    Authority {
        /// Why.
        why: String,
    },
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepFailure {
    /// Objects cannot be written.
    #[error(transparent)]
    Formation(#[from] FormationError),
    /// The token cannot be made.
    #[error(transparent)]
    Token(#[from] StoreError),
    /// The Node cannot be made.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl From<StepError<StepFailure>> for InitError {
    fn from(error: StepError<StepFailure>) -> Self {
        match error {
            StepError::Failed { step, source } => Self::Step { step, source: Box::new(source) },
            StepError::Journal(error) => Self::Journal(error),
        }
    }
}

impl Seed {
    /// What decides what is to be done; the token does not, as another one can be made any time.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let wanted = serde_json::json!({
            "engine": "embedded",
            "network": { "bind": { "address": self.address.ip(), "port": self.address.port() } },
            "apiServer": { "certSANs": self.names },
            "node": { "name": self.node },
            "clusterFormation": { "autoApprove": self.auto_approve.unwrap_or(true) },
        });
        let asked = self.auto_approve.is_some();
        Fingerprint::of(&wanted).asking(|key| asked || key != "clusterFormation.autoApprove")
    }

    pub(super) fn registration(&self) -> Option<Registration> {
        let mut node = Registration::new(self.node.clone()?, Some(self.address.ip()));
        node.labels.insert(CONTROL_PLANE_LABEL.to_owned(), String::new());
        node.taints.push((CONTROL_PLANE_LABEL.to_owned(), "NoSchedule".to_owned()));
        Some(node)
    }
}

/// Where a token waits to be shown.
fn unseen(state: &Path) -> PathBuf {
    state.join("token")
}

/// Makes this machine the seeder of a new cluster, or sees that it is.
///
/// # Errors
/// What kept it from that; the next run goes on from there.
pub async fn init(
    seed: &Seed,
    control_plane: &impl ControlPlane,
    observer: Option<Observer>,
) -> Result<Seeded, InitError> {
    let journal = Journal::open(&seed.state, super::INIT, &seed.fingerprint())?;
    super::claim::check(&seed.state, super::INIT)?;
    let set_aside = journal.set_aside().map(Path::to_owned);
    // It is rare, and the futures of those who call this are deep enough.
    let mut journal = Box::pin(restored(seed, control_plane, journal)).await?;
    // What cannot be made again, the key above all, is in files of its own.
    journal.lighten();
    if let Some(observer) = observer {
        journal.observe(observer);
    }
    let before = journal.is_finished();
    // Not only once: it has to run whenever this is called.
    let running = control_plane.ensure(seed).await.map_err(InitError::ControlPlane)?;
    let Running { client, cluster } = &running;
    let pin = pin(cluster)?;
    let auto_approve = match seed.auto_approve {
        Some(asked) => asked,
        None => auto_approves(client).await.map_err(step_failed("rights"))?.unwrap_or(true),
    };
    let unseen = unseen(&seed.state);
    if !before {
        // What nobody asked for is as the cluster has it, also on record.
        let made = Seed { auto_approve: Some(auto_approve), ..seed.clone() };
        journal.restate(&made.fingerprint());
        journal.run(FIRST, async || Ok::<_, StepFailure>(())).await?;
        journal.keep()?;
        let formation = Formation::new(Approval::of(auto_approve, false));
        journal
            .run("rights", async || Ok::<_, StepFailure>(formation.apply(client).await?))
            .await?;
        journal.run("token", async || grant(seed, client, &unseen).await).await?;
        journal
            .run("cluster-info", async || Ok::<_, StepFailure>(publish(client, cluster).await?))
            .await?;
        if let Some(node) = seed.registration() {
            let register =
                async || Ok::<_, StepFailure>(node.register(client, Timestamp::now()).await?);
            journal.run("node", register).await?;
        }
        journal.finish()?;
    }
    let waits = std::fs::read_to_string(&unseen).ok().and_then(|text| text.trim().parse().ok());
    let cluster = running.cluster.clone();
    Ok(Seeded { cluster, pin, token: waits, auto_approve, before, set_aside, unseen })
}

pub(super) fn step_failed<E: Into<StepFailure>>(step: &str) -> impl FnOnce(E) -> InitError {
    move |error| InitError::Step { step: step.to_owned(), source: Box::new(error.into()) }
}

fn pin(cluster: &Cluster) -> Result<Pin, InitError> {
    let wrong = |why: String| InitError::Authority { why };
    let authorities = cluster.authorities().map_err(|error| wrong(error.to_string()))?;
    let pin = authorities.first().and_then(Pin::of_certificate);
    pin.ok_or_else(|| wrong("it is no certificate".to_owned()))
}

/// On disk first, so that a token that is in the cluster can be shown; in the cluster then.
async fn grant(seed: &Seed, client: &Client, unseen: &Path) -> Result<(), StepFailure> {
    let kept = std::fs::read_to_string(unseen).ok().and_then(|text| text.trim().parse().ok());
    let token: Token = match kept.or_else(|| seed.token.clone()) {
        Some(token) => token,
        None => Token::generate().map_err(StoreError::from)?,
    };
    file::replace(unseen, token.reveal().as_bytes(), file::SECRET)?;
    let end = Timestamp::now().checked_add(seed.token_ttl).ok();
    let description = Some("made by `kubewright node init`".to_owned());
    let grant = Grant { description, ..Grant::for_nodes(end) };
    match token::create(client, Some(token), &grant).await {
        // By an earlier run that was killed.
        Err(StoreError::Taken { .. }) => Ok(()),
        created => Ok(created.map(drop)?),
    }
}
