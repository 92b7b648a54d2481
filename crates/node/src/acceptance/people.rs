//! What people say to requests: pending, accept, reject.

use std::collections::BTreeSet;

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Node;
use kube::api::{DeleteParams, ListParams, Preconditions};
use kube::{Api, Client, ResourceExt};

use super::answer::{AnswerError, approve, deny};
use super::is_ready;
use super::request::{Flaw, Kind, Request};
use crate::discovery::Pin;
use crate::join::{Answer, NodeName};

/// Why a node was neither accepted nor rejected.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// It does not ask.
    #[error("no node {node} waits to be accepted; `kubewright node pending` lists those that do")]
    NotPending {
        /// The node.
        node: NodeName,
    },
    /// Somebody has that name.
    #[error(
        "a node {node} is in the cluster and Ready: who asks under its name is somebody else, or was set up anew; in that case remove the node first with `kubewright node remove {node}`"
    )]
    Taken {
        /// The node.
        node: NodeName,
    },
    /// Several ask under that name, or did and were rejected.
    #[error(
        "{} machines ask, or have asked, to be node {node}; compare the fingerprints that they show and say which with --fingerprint: {}",
        fingerprints.len(), list(fingerprints)
    )]
    Ambiguous {
        /// The node.
        node: NodeName,
        /// Their keys.
        fingerprints: Vec<Pin>,
    },
    /// Who asks has another key.
    #[error("node {node} asks with the key {}, not with {expected}", list(fingerprints))]
    Fingerprint {
        /// The node.
        node: NodeName,
        /// The keys of those who ask.
        fingerprints: Vec<Pin>,
        /// The key that was expected.
        expected: Pin,
    },
    /// The request is not to be accepted.
    #[error("the request {name} is not to be accepted")]
    Flawed {
        /// Name of the request.
        name: String,
        /// Why.
        #[source]
        flaw: Flaw,
    },
    /// The API server refuses.
    #[error("cannot {verb}")]
    Api {
        /// What was tried.
        verb: &'static str,
        /// Its words.
        #[source]
        source: Box<kube::Error>,
    },
    /// The answer was not taken.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

fn list(pins: &[Pin]) -> String {
    pins.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn failed(verb: &'static str) -> impl FnOnce(kube::Error) -> AcceptError {
    move |source| AcceptError::Api { verb, source: Box::new(source) }
}

fn requests(client: &Client) -> Api<CertificateSigningRequest> {
    Api::all(client.clone())
}

/// What has been decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The request.
    pub request: Request,
    /// The node was rejected before; that is withdrawn, and it has to ask again.
    pub withdrawn: bool,
}

/// Requests of nodes that nobody has answered, oldest first, with their objects. Those that nobody
/// should say yes to come with what is wrong with them.
///
/// # Errors
/// When they cannot be listed.
pub async fn pending(
    client: &Client,
) -> Result<Vec<(CertificateSigningRequest, Result<Request, Flaw>)>, AcceptError> {
    let all = requests(client).list(&ListParams::default()).await;
    let all = all.map_err(failed("list the requests for certificates"))?;
    let mut waiting: Vec<_> = all
        .items
        .into_iter()
        .filter(|object| crate::join::answer(object) == Answer::Pending)
        .filter_map(|object| Request::of(&object).map(|request| (object, request)))
        .collect();
    waiting.sort_by_key(|(object, _)| object.metadata.creation_timestamp.clone());
    Ok(waiting)
}

/// Lets a node in: the one that asks under this name, with this key if one is given. Whoever was
/// rejected before may ask again.
///
/// # Errors
/// When nobody asks, several do, the name is taken, or the API server refuses.
pub async fn accept(
    client: &Client,
    node: &NodeName,
    fingerprint: Option<&Pin>,
) -> Result<Decided, AcceptError> {
    let found = match asking(client, node, fingerprint).await {
        // It may have been rejected, whoever else asks under its name.
        Err(error @ (AcceptError::NotPending { .. } | AcceptError::Fingerprint { .. })) => {
            return match withdraw(client, node, fingerprint).await? {
                Some(request) => Ok(Decided { request, withdrawn: true }),
                None => Err(error),
            };
        }
        found => found?,
    };
    let nodes: Api<Node> = Api::all(client.clone());
    let present =
        nodes.get_opt(node.as_str()).await.map_err(failed("see whether the name is taken"))?;
    if present.is_some_and(|present| is_ready(&present)) {
        return Err(AcceptError::Taken { node: node.clone() });
    }
    let (object, request) = found;
    approve(client, &object, "accepted with `kubewright node accept`").await?;
    Ok(Decided { request, withdrawn: false })
}

/// Turns a node away. The denial holds for that key for an hour; [`accept`] withdraws it.
///
/// # Errors
/// As of [`accept`].
pub async fn reject(
    client: &Client,
    node: &NodeName,
    fingerprint: Option<&Pin>,
    reason: &str,
) -> Result<Decided, AcceptError> {
    let (object, request) = asking(client, node, fingerprint).await?;
    deny(client, &object, reason).await?;
    Ok(Decided { request, withdrawn: false })
}

/// Takes back that a node was rejected, the one with this key if one is given: its request goes,
/// and it may ask again. What that was.
///
/// # Errors
/// When several were rejected under this name and no key is given, or the API server refuses.
pub async fn withdraw(
    client: &Client,
    node: &NodeName,
    fingerprint: Option<&Pin>,
) -> Result<Option<Request>, AcceptError> {
    let all = requests(client).list(&ListParams::default()).await;
    let all = all.map_err(failed("list the requests for certificates"))?;
    let mut rejected = Vec::new();
    for object in all {
        let Some(Ok(request)) = Request::of(&object) else { continue };
        let meant = request.node == *node
            && request.kind == Kind::Client
            && fingerprint.is_none_or(|it| *it == request.fingerprint);
        if meant && matches!(request.answer, Answer::Rejected { .. }) {
            rejected.push((object.uid(), request));
        }
    }
    let keys: BTreeSet<String> =
        rejected.iter().map(|(_, request)| request.fingerprint.to_string()).collect();
    if keys.len() > 1 {
        let fingerprints = rejected.into_iter().map(|(_, request)| request.fingerprint).collect();
        return Err(AcceptError::Ambiguous { node: node.clone(), fingerprints });
    }
    let mut withdrawn = None;
    for (uid, request) in rejected {
        let parameters = DeleteParams {
            preconditions: Some(Preconditions { uid, resource_version: None }),
            ..DeleteParams::default()
        };
        match requests(client).delete(&request.name, &parameters).await {
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            deleted => drop(deleted.map_err(failed("delete the rejected request"))?),
        }
        withdrawn = Some(request);
    }
    Ok(withdrawn)
}

/// The one request of this node for a client certificate that waits.
async fn asking(
    client: &Client,
    node: &NodeName,
    fingerprint: Option<&Pin>,
) -> Result<(CertificateSigningRequest, Request), AcceptError> {
    let mut found = Vec::new();
    let mut flawed = None;
    for (object, request) in pending(client).await? {
        match request {
            Ok(request) if request.node == *node && request.kind == Kind::Client => {
                found.push((object, request));
            }
            // Of whom it is cannot be told: by the name it was asked for at least.
            Err(flaw) if object.name_any() == node.as_str() => {
                flawed = Some(AcceptError::Flawed { name: object.name_any(), flaw });
            }
            _ => {}
        }
    }
    let keys = |found: &[(CertificateSigningRequest, Request)]| -> Vec<Pin> {
        found.iter().map(|(_, request)| request.fingerprint.clone()).collect()
    };
    if let Some(expected) = fingerprint {
        let fingerprints = keys(&found);
        found.retain(|(_, request)| request.fingerprint == *expected);
        if found.is_empty() && !fingerprints.is_empty() {
            let (node, expected) = (node.clone(), expected.clone());
            return Err(AcceptError::Fingerprint { node, fingerprints, expected });
        }
    }
    if fingerprint.is_none() {
        let asked: Vec<Request> = found.iter().map(|(_, request)| request.clone()).collect();
        found.retain(|(_, request)| !asked.iter().any(|newer| request.is_given_up_for(newer)));
    }
    match (found.pop(), found.as_slice()) {
        (Some(one), []) => Ok(one),
        (Some(one), _) => {
            found.push(one);
            Err(AcceptError::Ambiguous { node: node.clone(), fingerprints: keys(&found) })
        }
        (None, _) => Err(flawed.unwrap_or(AcceptError::NotPending { node: node.clone() })),
    }
}
