//! How a machine finds out which cluster it is about to trust, knowing a token and a pin.
//!
//! ```text
//!  1. anonymously, trusting nobody ──▶ kube-public/cluster-info
//!        signed with the token?  (a stranger cannot)
//!        authority pinned?       (another who has the token cannot)
//!  2. again, trusting that authority only ──▶ kube-public/cluster-info
//!        the same?               (whoever stood between cannot)
//! ```
//!
//! What comes before the second answer is a stranger's word: it is bounded in size and time, and
//! nothing but the address and the certificate authority is taken from it.
//!
//! Semantics: token-based discovery of kubeadm
//! (<https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/#token-based-discovery-with-ca-pinning>).

mod cluster_info;
mod endpoint;
mod fetch;
mod jws;
mod patience;
mod pin;

use std::time::Duration;

pub use cluster_info::{Cluster, ClusterInfoError, ConfigMapData};
pub use endpoint::{Endpoint, EndpointError};
pub use fetch::FetchError;
pub use jws::detached as signature;
pub(crate) use patience::Patience;
pub use pin::{Pin, PinError};

use fetch::{ask_anybody, ask_verified};
use kube::Client;

use crate::join;
use crate::token::Token;

/// How long a cluster may take to sign with a token that has just been made. Signing follows the
/// token by milliseconds; what is missing after this long will stay missing.
const SIGNING: Duration = Duration::from_secs(5);

/// Where to look for a cluster, and how to know it.
#[derive(Debug, Clone)]
pub struct Search {
    /// Where it is said to be.
    pub seeder: Endpoint,
    /// What proves that we may know of it, and that it knows of us.
    pub token: Token,
    /// Who its authority has to be: one of these.
    pub trust: Trusted,
    /// How long to wait for a seeder that is not up yet.
    pub patience: Duration,
}

/// Who a cluster's certificate authority has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trusted {
    /// One with one of these pins.
    Pins(Vec<Pin>),
    /// Anyone who knows the token. Whoever has seen it can then stand between.
    AnyWithToken,
}

/// Why no cluster was found, or none that is to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// It did not answer in time.
    #[error(
        "no cluster answered at {seeder} within {} s; see that the seeder is up and can be reached from here",
        patience.as_secs()
    )]
    Silent {
        /// Where.
        seeder: Endpoint,
        /// How long.
        patience: Duration,
        /// What it was like the last time.
        #[source]
        source: FetchError,
    },
    /// It answers what no cluster answers.
    #[error("what answers at {seeder} cannot be used")]
    Fetch {
        /// Where.
        seeder: Endpoint,
        /// What is wrong with it.
        #[source]
        source: FetchError,
    },
    /// Its `cluster-info` is not to be trusted.
    #[error("the cluster at {seeder} is not to be trusted")]
    Untrusted {
        /// Where.
        seeder: Endpoint,
        /// Why.
        #[source]
        source: ClusterInfoError,
    },
    /// It is not who it says it is.
    #[error(
        "{server}, where the cluster at {seeder} says it is, has no certificate of its authority for that name, or does not answer"
    )]
    Verified {
        /// Where we asked.
        seeder: Endpoint,
        /// Where we were sent.
        server: String,
        /// What is wrong.
        #[source]
        source: FetchError,
    },
    /// It says one thing to strangers and another to those who check.
    #[error(
        "the cluster at {seeder} answers differently over a verified connection: somebody stands between, or it has just changed; try again, and if that does not help do not join"
    )]
    Differs {
        /// Where.
        seeder: Endpoint,
    },
}

/// A cluster that was found.
#[derive(Clone)]
pub struct Found {
    /// Where it is, and its authority.
    pub cluster: Cluster,
    /// A client that says nothing of who asks, over a connection that is verified to be with it.
    pub client: Client,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

/// Finds the cluster, and is sure of it. `waiting` is told what keeps it from that, each time that
/// is something else.
///
/// # Errors
/// When there is none in time, or none that is to be trusted.
pub async fn discover(
    search: &Search,
    mut waiting: impl FnMut(&dyn std::error::Error) + Send,
) -> Result<Found, DiscoveryError> {
    let seeder = || search.seeder.clone();
    let untrusted = |source| DiscoveryError::Untrusted { seeder: seeder(), source };
    let mut patience = Patience::new(search.patience);
    let mut signing = Patience::new(SIGNING.min(search.patience));
    let (data, cluster) = loop {
        let data = match ask_anybody(&search.seeder).await {
            Ok(data) => data,
            Err(error) if !error.may_pass() => {
                return Err(DiscoveryError::Fetch { seeder: seeder(), source: error });
            }
            Err(error) => {
                waiting(&error);
                if !patience.wait().await {
                    let patience = search.patience;
                    return Err(DiscoveryError::Silent {
                        seeder: seeder(),
                        patience,
                        source: error,
                    });
                }
                continue;
            }
        };
        match Cluster::verified(&data, &search.token, &search.trust) {
            Ok(cluster) => break (data, cluster),
            Err(error @ ClusterInfoError::NotSigned { .. }) => {
                waiting(&error);
                if !signing.wait().await {
                    return Err(untrusted(error));
                }
            }
            Err(error) => return Err(untrusted(error)),
        }
    };
    let verified = |source| DiscoveryError::Verified {
        seeder: seeder(),
        server: cluster.server.clone(),
        source,
    };
    let server = cluster.endpoint().map_err(untrusted)?;
    let client = join::with_nothing(&cluster)
        .map_err(|error| verified(FetchError::Authority { why: error.to_string() }))?;
    let again = loop {
        match ask_verified(&server, &client).await {
            Ok(again) => break again,
            // The seeder may go down between two questions as well.
            Err(error) if error.may_pass() && patience.wait().await => waiting(&error),
            Err(error) => return Err(verified(error)),
        }
    };
    if again.kubeconfig != data.kubeconfig {
        return Err(DiscoveryError::Differs { seeder: seeder() });
    }
    Ok(Found { cluster, client })
}

#[cfg(test)]
mod tests;
