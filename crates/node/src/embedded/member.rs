//! The life of a node that has joined: heartbeats, and a new certificate in time.

use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kubewright_operator::Shutdown;

use super::JoinError;
use super::again::kept_credentials;
use crate::discovery::Cluster;
use crate::join::{
    Certificate, Ended, Enrolment, Key, Place, Registration, Wish, beat, kubeconfig,
    with_certificate,
};

/// How long to wait for the answer to a request for a new certificate.
const PATIENCE: Duration = Duration::from_secs(60);

/// How soon to ask again when that failed, or brought a certificate that is due at once; and how
/// long the pauses may get.
const PAUSES: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(60), SignedDuration::from_mins(10));

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
        let path = place.kubeconfig();
        let kept = kept_credentials(&place, &registration.name)?;
        let (cluster, key, certificate) = kept.ok_or(JoinError::Damaged { path })?;
        let client = with_certificate(&cluster, &certificate, &key)?;
        Ok(Self { place, cluster, registration, expiration, certificate, client })
    }

    /// Says that it is alive, and renews its certificate, until it is to stop or is removed.
    ///
    /// # Errors
    /// When what is on disk cannot be replaced. That the API server does not answer is none.
    pub async fn live(mut self, shutdown: &Shutdown) -> Result<Ended, JoinError> {
        let mut schedule = Schedule::default();
        let mut renew_at = self.certificate.renew_from();
        loop {
            match beat(&self.registration, &self.client, renew_at, shutdown).await {
                Ended::Renewal => {}
                ended => return Ok(ended),
            }
            let renewed = tokio::select! {
                // Whether it is accepted may take a while, and is no reason to fall silent.
                ended = beat(&self.registration, &self.client, Timestamp::MAX, shutdown) => return Ok(ended),
                renewed = self.renew() => renewed,
            };
            let renewed = renewed.map(|(client, certificate)| {
                (self.client, self.certificate) = (client, certificate);
            });
            let (node, expires) = (&self.registration.name, self.certificate.expires());
            let now = Timestamp::now();
            renew_at = match renewed {
                Ok(()) => {
                    tracing::info!(%node, %expires, "the certificate is renewed");
                    let due = self.certificate.renew_from();
                    if due <= now {
                        tracing::warn!(%node, %due, "the new certificate is to be renewed already: the clock of this machine and that of the cluster differ by much");
                    }
                    schedule.after(Some(due), now)
                }
                Err(error) => {
                    let error = kubewright_operator::with_causes(&error);
                    tracing::warn!(%node, error, %expires, "the certificate cannot be renewed; trying again");
                    schedule.after(None, now)
                }
            };
        }
    }

    /// Says goodbye, as the machine is to be something else: see [`Registration::leave`].
    ///
    /// # Errors
    /// When the API server does not take it.
    pub async fn leave(&self) -> Result<(), JoinError> {
        Ok(self.registration.leave(&self.client, Timestamp::now()).await?)
    }

    /// With a new key, asked for as the node itself.
    async fn renew(&self) -> Result<(Client, Certificate), JoinError> {
        let node = &self.registration.name;
        let key = Key::generate()?;
        let wish = Wish { node, expiration: self.expiration, address: self.registration.address };
        let enrolment = Enrolment { client: &self.client, key: &key, wish, patience: PATIENCE };
        let asked = enrolment.ask().await?;
        let certificate = enrolment.certificate(Some(asked), |_| {}).await?;
        let client = with_certificate(&self.cluster, &certificate, &key)?;
        let text = kubeconfig(&self.cluster, node, &certificate, &key);
        self.place.write(self.place.kubeconfig(), text).await?;
        Ok((client, certificate))
    }
}

/// When to renew: in time, and not in a hurry however wrong a clock is.
struct Schedule {
    pause: SignedDuration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { pause: PAUSES.0 }
    }
}

impl Schedule {
    /// After a renewal whose certificate is to be renewed at `due`, or that failed.
    fn after(&mut self, due: Option<Timestamp>, now: Timestamp) -> Timestamp {
        match due.filter(|due| *due > now) {
            Some(due) => {
                self.pause = PAUSES.0;
                due.max(now + self.pause)
            }
            None => {
                let at = now + self.pause;
                self.pause = PAUSES.1.min(self.pause * 2);
                at
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_makes_no_storm() {
        let mut schedule = Schedule::default();
        let begin = Timestamp::UNIX_EPOCH;
        let hours = SignedDuration::from_hours(2);
        let mut now = begin;
        let mut renewals = 0;
        while now < begin + hours {
            // Issued by a clock that is two hours behind, so due in the past.
            now = schedule.after(Some(now - hours), now);
            renewals += 1;
        }
        assert!(renewals < 20, "{renewals}");
        let due = now + hours;
        assert_eq!(schedule.after(Some(due), now), due, "the clock was set");
        assert_eq!(schedule.after(None, now), now + PAUSES.0, "and pauses are short again");
        assert_eq!(schedule.after(None, now), now + PAUSES.0 * 2);
        let soon = now + SignedDuration::from_secs(1);
        assert_eq!(schedule.after(Some(soon), now), now + PAUSES.0, "never in a hurry");
    }
}
