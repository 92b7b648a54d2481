//! Asking for a certificate and waiting for it, by watching the request.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Node;
use kube::api::PostParams;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};

use super::answer::{Answer, answer};
use super::credentials::{Certificate, CredentialsError};
use super::request::{Key, RequestError, Wish, certificate_request};
use crate::acceptance::is_ready;
use crate::discovery::Patience;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The name belongs to another.
    #[error(
        "a node {node} is in the cluster and Ready; give this one another name with --name, or remove that one first with `kubewright node remove {node}`"
    )]
    Taken {
        /// The name.
        node: String,
    },
    /// The API server does not know the token or certificate that we show.
    #[error(
        "the API server does not know who asks for node {node}: the token has expired or was deleted; make a new one on the seeder with `kubewright node token create`"
    )]
    Unknown {
        /// The node.
        node: String,
    },
    /// The API server knows who asks and does not let them.
    #[error("the API server does not let this token ask for a certificate for node {node}")]
    Forbidden {
        /// The node.
        node: String,
        /// Its words.
        #[source]
        source: Box<kube::Error>,
    },
    /// Somebody said no.
    #[error("node {node} was rejected: {reason}")]
    Rejected {
        /// The node.
        node: String,
        /// Their words.
        reason: String,
    },
    /// The signer said no.
    #[error("the request of node {node} was accepted and could not be signed: {reason}")]
    Failed {
        /// The node.
        node: String,
        /// Its words.
        reason: String,
    },
    /// Nobody has said anything.
    #[error(
        "node {node} was not accepted within {} s; accept it on the seeder with `kubewright node accept {node}` and run this again: it goes on where it was",
        patience.as_secs()
    )]
    Pending {
        /// The node.
        node: String,
        /// How long.
        patience: Duration,
    },
    /// The API server has gone.
    #[error(
        "the API server stopped answering while node {node} joined, for {} s; see that the seeder is up and run this again: it goes on where it was",
        patience.as_secs()
    )]
    Lost {
        /// The node.
        node: String,
        /// How long.
        patience: Duration,
        /// What it was like the last time.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The API server refuses for another reason.
    #[error("the API server refuses the request of node {node}")]
    Refused {
        /// The node.
        node: String,
        /// Its words.
        #[source]
        source: Box<kube::Error>,
    },
    /// The request cannot be made.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

/// What happens while a node waits.
#[derive(Debug)]
pub enum Waiting<'a> {
    /// Nobody has answered the request yet.
    ForAcceptance,
    /// It was accepted, and is being signed.
    ForSignature,
    /// The API server does not answer, which may pass.
    ForServer(&'a (dyn std::error::Error + Send + Sync)),
}

/// One node that asks for a certificate.
pub struct Enrolment<'a> {
    /// Who asks: with the token, or as the node itself.
    pub client: &'a Client,
    /// The key that it is for.
    pub key: &'a Key,
    /// What is asked for.
    pub wish: Wish<'a>,
    /// How long to wait for the answer.
    pub patience: Duration,
}

impl Enrolment<'_> {
    /// Refuses a name that a living node has, as far as who asks may see nodes.
    ///
    /// # Errors
    /// [`EnrolError::Taken`].
    pub async fn check_name(&self) -> Result<(), EnrolError> {
        let node = self.node();
        let nodes: Api<Node> = Api::all(self.client.clone());
        let mut patience = Patience::new(self.patience);
        loop {
            match nodes.get_opt(&node).await {
                Ok(Some(found)) if is_ready(&found) => return Err(EnrolError::Taken { node }),
                Ok(_) => return Ok(()),
                // Tokens of other tools may not look.
                Err(kube::Error::Api(status)) if status.code == 403 => return Ok(()),
                Err(error) => self.bear(error, &mut patience).await?,
            }
        }
    }

    /// Asks. To ask again is no harm: the request has the same name and is the same.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn ask(&self) -> Result<(), EnrolError> {
        let request = certificate_request(self.key, &self.wish)?;
        let requests: Api<CertificateSigningRequest> = Api::all(self.client.clone());
        let mut patience = Patience::new(self.patience);
        loop {
            match requests.create(&PostParams::default(), &request).await {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status)) if status.is_already_exists() => return Ok(()),
                Err(error) => self.bear(error, &mut patience).await?,
            }
        }
    }

    /// Waits until the certificate is there.
    ///
    /// # Errors
    /// When the answer is no, or there is none in time.
    pub async fn certificate(
        &self,
        mut waiting: impl FnMut(&Waiting<'_>) + Send,
    ) -> Result<Certificate, EnrolError> {
        let node = self.node();
        let name = self.key.request_name(self.wish.node);
        let requests: Api<CertificateSigningRequest> = Api::all(self.client.clone());
        let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut patience = Patience::new(self.patience);
        let mut lost = None;
        loop {
            let mut events = watcher(requests.clone(), only.clone()).boxed();
            let mut there = false;
            let failed = loop {
                let next = tokio::time::timeout_at(patience.until(), events.next()).await;
                let Ok(next) = next else {
                    return Err(match lost {
                        Some(source) => EnrolError::Lost { node, patience: self.patience, source },
                        None => EnrolError::Pending { node, patience: self.patience },
                    });
                };
                let request = match next {
                    Some(Ok(Event::Init)) => {
                        there = false;
                        continue;
                    }
                    Some(Ok(Event::InitApply(request) | Event::Apply(request))) => request,
                    // Old, or withdrawn after it was rejected: it may be made again.
                    Some(Ok(Event::InitDone)) if !there => break None,
                    Some(Ok(Event::InitDone)) => continue,
                    Some(Ok(Event::Delete(_))) | None => break None,
                    Some(Err(error)) => break Some(error),
                };
                there = request.name_any() == name;
                lost = None;
                match answer(&request) {
                    Answer::Pending => waiting(&Waiting::ForAcceptance),
                    Answer::Accepted => waiting(&Waiting::ForSignature),
                    Answer::Issued(pem) => {
                        return Ok(Certificate::accept(pem, self.key, self.wish.node)?);
                    }
                    Answer::Rejected { reason } => {
                        return Err(EnrolError::Rejected { node, reason });
                    }
                    Answer::Failed { reason } => return Err(EnrolError::Failed { node, reason }),
                }
            };
            if let Some(error) = failed {
                self.judge(&error)?;
                waiting(&Waiting::ForServer(&error));
                lost = Some(Box::new(error) as Box<dyn std::error::Error + Send + Sync>);
            } else {
                self.ask().await?;
            }
            // Its end is seen above.
            patience.wait().await;
        }
    }

    fn node(&self) -> String {
        self.wish.node.to_string()
    }

    /// Waits a little after an error that may pass.
    async fn bear(&self, error: kube::Error, patience: &mut Patience) -> Result<(), EnrolError> {
        let node = self.node();
        if let kube::Error::Api(status) = &error {
            match status.code {
                401 => return Err(EnrolError::Unknown { node }),
                403 => return Err(EnrolError::Forbidden { node, source: Box::new(error) }),
                429 | 500.. => {}
                _ => return Err(EnrolError::Refused { node, source: Box::new(error) }),
            }
        }
        match patience.wait().await {
            true => Ok(()),
            false => {
                Err(EnrolError::Lost { node, patience: self.patience, source: Box::new(error) })
            }
        }
    }

    /// Whether a broken watch is worth another try.
    fn judge(&self, error: &watcher::Error) -> Result<(), EnrolError> {
        use watcher::Error::{InitialListFailed, WatchError, WatchFailed, WatchStartFailed};
        let code = match error {
            InitialListFailed(kube::Error::Api(status))
            | WatchStartFailed(kube::Error::Api(status))
            | WatchFailed(kube::Error::Api(status)) => status.code,
            WatchError(status) => status.code,
            _ => return Ok(()),
        };
        match code {
            401 => Err(EnrolError::Unknown { node: self.node() }),
            _ => Ok(()),
        }
    }
}
