//! One machine at a time becomes a control-plane node.
//!
//! etcd takes one new member at a time: a second one that asks while the first is starting is
//! refused, or worse, takes the majority with it. So whoever joins holds a Lease of the cluster
//! while it does. A machine that dies holds it until it expires; the same machine that comes back
//! takes it up again. A Lease has expired when nobody has renewed it for as long as it lasts while
//! *we* looked: clocks of machines differ.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::task::JoinHandle;

/// Its name, in `kube-system`.
pub const NAME: &str = "kubewright-control-plane-join";
const NAMESPACE: &str = "kube-system";
/// How long a machine that died holds it.
const DURATION: Duration = Duration::from_secs(60);
/// Between two looks at a Lease that another machine holds.
const PAUSE: Duration = Duration::from_secs(1);

/// The lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another machine does not finish.
    #[error("{holder} has been joining as control-plane node for more than {} seconds; see how it is doing, then run this again", patience.as_secs())]
    Held {
        /// Name of the other machine.
        holder: String,
        /// How long it was waited for.
        patience: Duration,
    },
    /// The API server refuses.
    #[error("cannot use the Lease {NAMESPACE}/{NAME}")]
    Api(#[from] Box<kube::Error>),
}

/// The right to become a control-plane node, until released.
#[derive(Debug)]
pub struct Lock {
    leases: Api<Lease>,
    holder: String,
    renewing: JoinHandle<()>,
}

impl Lock {
    /// Waits for the right.
    ///
    /// # Errors
    /// [`LockError`] when another machine keeps it, or the API server refuses.
    pub async fn take(
        client: &Client,
        holder: &str,
        patience: Duration,
    ) -> Result<Self, LockError> {
        let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
        let waiting = async {
            let mut watched = None;
            loop {
                match attempt(&leases, holder, &mut watched).await? {
                    None => return Ok::<_, LockError>(()),
                    Some(other) => tracing::info!(holder = other, "another machine is joining"),
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        match tokio::time::timeout(patience, waiting).await {
            Ok(taken) => taken?,
            Err(_) => {
                let found = leases.get_opt(NAME).await.map_err(Box::new)?;
                let other = found.and_then(|lease| lease.spec?.holder_identity).unwrap_or_default();
                return Err(LockError::Held { holder: other, patience });
            }
        }
        let (renewed, name) = (leases.clone(), holder.to_owned());
        let renewing = tokio::spawn(async move {
            loop {
                tokio::time::sleep(DURATION / 4).await;
                if let Err(error) = attempt(&renewed, &name, &mut None).await {
                    tracing::warn!(%error, "the Lease is not renewed");
                }
            }
        });
        Ok(Self { leases, holder: holder.to_owned(), renewing })
    }

    /// Lets the next machine go on.
    ///
    /// # Errors
    /// [`LockError`] when the API server refuses; the Lease expires then.
    pub async fn release(self) -> Result<(), LockError> {
        self.renewing.abort();
        let Some(mut lease) = self.leases.get_opt(NAME).await.map_err(Box::new)? else {
            return Ok(());
        };
        if lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_ref()) == Some(&self.holder)
        {
            lease.spec = Some(spec("", 1));
            let written = self.leases.replace(NAME, &PostParams::default(), &lease).await;
            written.map_err(Box::new)?;
        }
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// When somebody else's Lease was renewed, by his clock, and since when we know, by ours.
type Watched = Option<(Timestamp, Instant)>;

/// Takes the Lease, or tells who has it.
async fn attempt(
    leases: &Api<Lease>,
    holder: &str,
    watched: &mut Watched,
) -> Result<Option<String>, LockError> {
    let seconds = i32::try_from(DURATION.as_secs()).unwrap_or(i32::MAX);
    let written = match leases.get_opt(NAME).await.map_err(Box::new)? {
        None => {
            let metadata = ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(spec(holder, seconds)) };
            leases.create(&PostParams::default(), &lease).await
        }
        Some(mut lease) => {
            if let Some(other) = held_by(&lease, holder, watched) {
                return Ok(Some(other));
            }
            lease.spec = Some(spec(holder, seconds));
            leases.replace(NAME, &PostParams::default(), &lease).await
        }
    };
    match written {
        Ok(_) => Ok(None),
        // Someone was faster; the next look tells who.
        Err(kube::Error::Api(status)) if status.code == 409 => {
            Ok(Some("another machine".to_owned()))
        }
        Err(error) => Err(Box::new(error).into()),
    }
}

fn spec(holder: &str, seconds: i32) -> LeaseSpec {
    let now = MicroTime(Timestamp::now());
    LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: Some(seconds),
        acquire_time: Some(now.clone()),
        renew_time: Some(now),
        ..LeaseSpec::default()
    }
}

/// Who else holds a Lease.
fn held_by(lease: &Lease, us: &str, watched: &mut Watched) -> Option<String> {
    let spec = lease.spec.as_ref()?;
    let other = spec.holder_identity.clone().filter(|other| !other.is_empty() && other != us)?;
    let renewed = spec.renew_time.as_ref()?.0;
    let since = match watched {
        Some((before, since)) if *before == renewed => *since,
        _ => watched.insert((renewed, Instant::now())).1,
    };
    let lasts = u64::try_from(spec.lease_duration_seconds?).unwrap_or_default();
    (since.elapsed() < Duration::from_secs(lasts)).then_some(other)
}
