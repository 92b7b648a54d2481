//! The life of a node that has joined: heartbeats, and a new certificate in time.

use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kubewright_operator::Shutdown;

use super::JoinError;
use super::join::{kept_cluster, kept_credentials};
use crate::discovery::Cluster;
use crate::join::{
    Certificate, Ended, Enrolment, Key, Place, Registration, Wish, beat, kubeconfig,
    with_certificate,
};

/// How long to wait for the answer to a request for a new certificate.
const PATIENCE: Duration = Duration::from_secs(60);

/// How soon to ask again when that failed.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// A node that has joined.
pub struct Member {
    place: Place,
    cluster: Cluster,
    registration: Registration,
    expiration: Option<Duration>,
    certificate: Certificate,
    client: Client,
}

impl Member {
    /// From what joining left on disk.
    ///
    /// # Errors
    /// When it is not there or cannot be used.
    pub fn load(
        state: &Path,
        registration: Registration,
        expiration: Option<Duration>,
    ) -> Result<Self, JoinError> {
        let place = Place::at(state);
        let cluster = kept_cluster(&place)?;
        let (key, certificate) = kept_credentials(&place, &registration.name)?;
        let client = with_certificate(&cluster, &certificate, &key)?;
        Ok(Self { place, cluster, registration, expiration, certificate, client })
    }

    /// Says that it is alive, and renews its certificate, until it is to stop or is removed.
    ///
    /// # Errors
    /// When what is on disk cannot be replaced. That the API server does not answer is none.
    pub async fn live(mut self, shutdown: &Shutdown) -> Result<Ended, JoinError> {
        let mut renew_at = self.certificate.renew_from();
        loop {
            match beat(&self.registration, &self.client, renew_at, shutdown).await {
                Ended::Renewal => {}
                ended => return Ok(ended),
            }
            renew_at = match self.renew().await {
                Ok(()) => {
                    let (node, expires) = (&self.registration.name, self.certificate.expires());
                    tracing::info!(%node, %expires, "the certificate is renewed");
                    self.certificate.renew_from()
                }
                Err(error) => {
                    let (node, expires) = (&self.registration.name, self.certificate.expires());
                    tracing::warn!(%node, %error, %expires, "the certificate cannot be renewed; trying again");
                    Timestamp::now() + AGAIN
                }
            };
        }
    }

    /// With a new key, asked for as the node itself.
    async fn renew(&mut self) -> Result<(), JoinError> {
        let node = &self.registration.name;
        let key = Key::generate()?;
        let wish = Wish { node, expiration: self.expiration, address: self.registration.address };
        let enrolment = Enrolment { client: &self.client, key: &key, wish, patience: PATIENCE };
        enrolment.ask().await?;
        let certificate = enrolment.certificate(|_| {}).await?;
        let client = with_certificate(&self.cluster, &certificate, &key)?;
        let text = kubeconfig(&self.cluster, node, &certificate, &key);
        self.place.write(&self.place.kubeconfig(), &text)?;
        (self.client, self.certificate) = (client, certificate);
        Ok(())
    }
}
