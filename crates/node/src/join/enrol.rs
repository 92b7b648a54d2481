//! Asking for a certificate and waiting for it, by watching the request.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Node;
use kube::api::{PostParams, WatchEvent, WatchParams};
use kube::{Api, Client, ResourceExt};

use super::answer::{Answer, answer};
use super::credentials::{Certificate, CredentialsError};
use super::request::{Key, RequestError, Wish, certificate_request};
use crate::acceptance::is_ready;
use crate::discovery::Patience;

/// Seconds that a watch may take: clients give up on a connection without a word after 295.
const WATCH: u32 = 290;

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
        source: Box<kube::Error>,
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
    ForServer(&'a kube::Error),
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

    /// Asks. To ask again is no harm: the request has the same name and is the same. What has
    /// become of it so far.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn ask(&self) -> Result<CertificateSigningRequest, EnrolError> {
        let request = certificate_request(self.key, &self.wish)?;
        let mut patience = Patience::new(self.patience);
        loop {
            match self.requests().create(&PostParams::default(), &request).await {
                Ok(asked) => return Ok(asked),
                Err(kube::Error::Api(status)) if status.is_already_exists() => {}
                Err(error) => {
                    self.bear(error, &mut patience).await?;
                    continue;
                }
            }
            match self.requests().get_opt(&self.name()).await {
                Ok(Some(asked)) => return Ok(asked),
                // Taken away in this very moment.
                Ok(None) => {}
                Err(error) => self.bear(error, &mut patience).await?,
            }
        }
    }

    /// Waits until the certificate is there: by watching, from what `asked` has become of the
    /// request.
    ///
    /// # Errors
    /// When the answer is no, or there is none in time.
    pub async fn certificate(
        &self,
        asked: Option<CertificateSigningRequest>,
        mut waiting: impl FnMut(&Waiting<'_>) + Send,
    ) -> Result<Certificate, EnrolError> {
        let mut patience = Patience::new(self.patience);
        let mut lost = None;
        let mut seen = asked;
        loop {
            let followed = self.follow(seen.take(), &mut lost, &mut waiting);
            match tokio::time::timeout_at(patience.until(), followed).await {
                Ok(Ok(Some(certificate))) => return Ok(certificate),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(None)) if patience.wait().await => {}
                Ok(Ok(None)) | Err(_) => return Err(self.over(lost)),
            }
        }
    }

    /// Reads the request and watches it, until there is a certificate, or nothing more to see:
    /// every watch ends after some time. What kept it from that is in `lost`.
    async fn follow(
        &self,
        seen: Option<CertificateSigningRequest>,
        lost: &mut Option<kube::Error>,
        waiting: &mut (dyn FnMut(&Waiting<'_>) + Send),
    ) -> Result<Option<Certificate>, EnrolError> {
        match self.watch(seen, lost, waiting).await {
            Ok(issued) => issued,
            Err(error) => {
                let error = self.judge(error)?;
                waiting(&Waiting::ForServer(&error));
                *lost = Some(error);
                Ok(None)
            }
        }
    }

    /// The inner result is the answer, the outer one is that of the API server.
    async fn watch(
        &self,
        seen: Option<CertificateSigningRequest>,
        lost: &mut Option<kube::Error>,
        waiting: &mut (dyn FnMut(&Waiting<'_>) + Send),
    ) -> Result<Result<Option<Certificate>, EnrolError>, kube::Error> {
        let request = match seen {
            Some(request) => request,
            None => match self.requests().get_opt(&self.name()).await? {
                Some(request) => request,
                // Old, or withdrawn after it was rejected: it may be made again.
                None => match self.ask().await {
                    Ok(request) => request,
                    Err(error) => return Ok(Err(error)),
                },
            },
        };
        let only = WatchParams::default().fields(&format!("metadata.name={}", self.name()));
        let only = only.timeout(WATCH);
        let version = request.resource_version().unwrap_or_default();
        if let Some(answered) = self.read(&request, waiting).transpose() {
            return Ok(answered.map(Some));
        }
        let mut events = self.requests().watch(&only, &version).await?.boxed();
        *lost = None;
        while let Some(event) = events.next().await {
            let request = match event? {
                WatchEvent::Added(request) | WatchEvent::Modified(request) => request,
                WatchEvent::Bookmark(_) => continue,
                // It has gone, or the watch began too long ago.
                WatchEvent::Deleted(_) | WatchEvent::Error(_) => break,
            };
            if let Some(answered) = self.read(&request, waiting).transpose() {
                return Ok(answered.map(Some));
            }
        }
        Ok(Ok(None))
    }

    /// The certificate in a request, when it is there.
    fn read(
        &self,
        request: &CertificateSigningRequest,
        waiting: &mut (dyn FnMut(&Waiting<'_>) + Send),
    ) -> Result<Option<Certificate>, EnrolError> {
        let node = self.node();
        match answer(request) {
            Answer::Pending => waiting(&Waiting::ForAcceptance),
            Answer::Accepted => waiting(&Waiting::ForSignature),
            Answer::Issued(pem) => {
                return Ok(Some(Certificate::accept(pem, self.key, self.wish.node)?));
            }
            Answer::Rejected { reason } => return Err(EnrolError::Rejected { node, reason }),
            Answer::Failed { reason } => return Err(EnrolError::Failed { node, reason }),
        }
        Ok(None)
    }

    /// Nothing came in time: because nobody has answered, or because the server has gone.
    fn over(&self, lost: Option<kube::Error>) -> EnrolError {
        let (node, patience) = (self.node(), self.patience);
        match lost {
            Some(error) => EnrolError::Lost { node, patience, source: Box::new(error) },
            None => EnrolError::Pending { node, patience },
        }
    }

    fn requests(&self) -> Api<CertificateSigningRequest> {
        Api::all(self.client.clone())
    }

    /// Name of the request.
    fn name(&self) -> String {
        self.key.request_name(self.wish.node)
    }

    fn node(&self) -> String {
        self.wish.node.to_string()
    }

    /// Waits a little after an error that may pass.
    async fn bear(&self, error: kube::Error, patience: &mut Patience) -> Result<(), EnrolError> {
        let error = self.judge(error)?;
        match patience.wait().await {
            true => Ok(()),
            false => Err(self.over(Some(error))),
        }
    }

    /// An error that may pass; any other is an end.
    fn judge(&self, error: kube::Error) -> Result<kube::Error, EnrolError> {
        let kube::Error::Api(status) = &error else { return Ok(error) };
        let (node, code) = (self.node(), status.code);
        match code {
            401 => Err(EnrolError::Unknown { node }),
            403 => Err(EnrolError::Forbidden { node, source: Box::new(error) }),
            // The watch began too long ago; the next one does not.
            410 | 429 | 500.. => Ok(error),
            _ => Err(EnrolError::Refused { node, source: Box::new(error) }),
        }
    }
}
