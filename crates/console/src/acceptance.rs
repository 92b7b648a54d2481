//! Accepting and rejecting nodes that wait.

use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::Value;

use crate::model::waiting;
use crate::world::request::{Decision, Request};

/// The request of a node, as it was shown to who decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Name of the CertificateSigningRequest.
    pub name: String,
    /// Its UID: another request of the same name is another matter.
    pub uid: String,
}

/// Why a decision was not made.
#[derive(Debug, thiserror::Error)]
pub enum AcceptanceError {
    /// It is not there any more, or another one has its name.
    #[error("request {name} is gone; the node asks again by itself")]
    Gone {
        /// The request.
        name: String,
    },
    /// Somebody was faster.
    #[error("request {name} has been decided already")]
    Decided {
        /// The request.
        name: String,
    },
    /// It must not be accepted.
    #[error("request {name} cannot be accepted: {why}")]
    Refused {
        /// The request.
        name: String,
        /// Why.
        why: String,
    },
    /// The API server did not do it.
    #[error("cannot decide request {name}")]
    Api {
        /// The request.
        name: String,
        /// Its answer.
        #[source]
        source: Box<kube::Error>,
    },
}

/// How nodes are accepted and rejected. What it does, it does with the client it is given: that of
/// the user who decides.
pub trait Acceptance: Send + Sync {
    /// Lets the node in.
    fn accept(&self, client: Client, asked: Asked) -> BoxFuture<'_, Result<(), AcceptanceError>>;

    /// Keeps it out, and says why.
    fn reject(
        &self,
        client: Client,
        asked: Asked,
        reason: String,
    ) -> BoxFuture<'_, Result<(), AcceptanceError>>;
}

/// Decides by the approval of the CertificateSigningRequest alone.
///
/// The user needs `get` on `certificatesigningrequests` and `nodes`, `update` on
/// `certificatesigningrequests/approval`, and `approve` on the signer
/// `kubernetes.io/kube-apiserver-client-kubelet`: what `kubectl certificate approve` needs,
/// and a look at the nodes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Approval;

impl Acceptance for Approval {
    fn accept(&self, client: Client, asked: Asked) -> BoxFuture<'_, Result<(), AcceptanceError>> {
        let condition = condition("Approved", "KubewrightAccepted", "accepted in the console");
        Box::pin(decide(client, asked, condition))
    }

    fn reject(
        &self,
        client: Client,
        asked: Asked,
        reason: String,
    ) -> BoxFuture<'_, Result<(), AcceptanceError>> {
        let condition = condition("Denied", "KubewrightRejected", &reason);
        Box::pin(decide(client, asked, condition))
    }
}

fn condition(kind: &str, reason: &str, message: &str) -> CertificateSigningRequestCondition {
    let now = Some(Time(Timestamp::now()));
    CertificateSigningRequestCondition {
        type_: kind.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_update_time: now.clone(),
        last_transition_time: now,
    }
}

async fn decide(
    client: Client,
    asked: Asked,
    condition: CertificateSigningRequestCondition,
) -> Result<(), AcceptanceError> {
    let Asked { name, uid } = asked;
    let nodes = client.clone();
    let requests: Api<CertificateSigningRequest> = Api::all(client);
    let failed = |source: kube::Error| match &source {
        kube::Error::Api(status) if status.code == 404 => {
            AcceptanceError::Gone { name: name.clone() }
        }
        // It carries the version that was read: somebody has written since.
        kube::Error::Api(status) if status.code == 409 => {
            AcceptanceError::Decided { name: name.clone() }
        }
        _ => AcceptanceError::Api { name: name.clone(), source: Box::new(source) },
    };
    let mut request = requests.get(&name).await.map_err(failed)?;
    if request.metadata.uid.as_deref() != Some(&uid) {
        return Err(AcceptanceError::Gone { name });
    }
    let accept = condition.type_ == "Approved";
    let facts = may_be_decided(&name, &request, accept)?;
    if let Some(node) = facts.node.ok().filter(|_| accept)
        && facts.requester != format!("system:node:{node}")
    {
        // Whoever is accepted under the name of a node takes its place.
        let nodes: Api<Node> = Api::all(nodes);
        let taken = nodes.get_opt(&node).await.map_err(failed)?;
        if taken.as_ref().is_some_and(is_ready) {
            return Err(AcceptanceError::Refused { name, why: waiting::TAKEN.to_owned() });
        }
    }
    request.status.get_or_insert_default().conditions.get_or_insert_default().push(condition);
    let parameters = PostParams::default();
    let decided = requests.replace_subresource("approval", &name, &parameters, &request).await;
    decided.map(drop).map_err(failed)
}

fn may_be_decided(
    name: &str,
    request: &CertificateSigningRequest,
    accept: bool,
) -> Result<Request, AcceptanceError> {
    let refused =
        |why: &str| AcceptanceError::Refused { name: name.to_owned(), why: why.to_owned() };
    let object: Value = serde_json::to_value(request).unwrap_or_default();
    let Some(facts) = Request::of(&object) else {
        return Err(refused("it is not for the certificate of a kubelet"));
    };
    if facts.decision != Decision::Waiting {
        return Err(AcceptanceError::Decided { name: name.to_owned() });
    }
    match waiting::refusal(&facts) {
        Some(why) if accept => Err(refused(&why)),
        _ => Ok(facts),
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|it| it.type_ == "Ready" && it.status == "True")
}
