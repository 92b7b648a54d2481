//! Writing an answer into a request.

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// It was answered, or has gone, in the same moment.
    #[error("the request {name} has changed meanwhile; look again with `kubewright node pending`")]
    Changed {
        /// Name of the request.
        name: String,
    },
    /// The API server refuses.
    #[error("the API server does not take the answer to request {name}")]
    Api {
        /// Name of the request.
        name: String,
        /// Its words.
        #[source]
        source: Box<kube::Error>,
    },
}

/// Says yes to this request, as it was seen: not to what has become of it since.
///
/// # Errors
/// [`AnswerError`].
pub async fn approve(
    client: &Client,
    seen: &CertificateSigningRequest,
    why: &str,
) -> Result<(), AnswerError> {
    answer(client, seen, ("Approved", "KubewrightAccepted"), why).await
}

/// Says no to this request.
///
/// # Errors
/// [`AnswerError`].
pub async fn deny(
    client: &Client,
    seen: &CertificateSigningRequest,
    why: &str,
) -> Result<(), AnswerError> {
    answer(client, seen, ("Denied", "KubewrightRejected"), why).await
}

async fn answer(
    client: &Client,
    seen: &CertificateSigningRequest,
    (kind, reason): (&str, &str),
    why: &str,
) -> Result<(), AnswerError> {
    let name = seen.name_any();
    let mut object = seen.clone();
    let now = Timestamp::now();
    // Whole seconds, as the API keeps them.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let status = object.status.get_or_insert_with(CertificateSigningRequestStatus::default);
    status.conditions.get_or_insert_default().push(CertificateSigningRequestCondition {
        type_: kind.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(why.to_owned()),
        last_update_time: Some(Time(now)),
        last_transition_time: None,
    });
    let refused = |source| AnswerError::Api { name: name.clone(), source: Box::new(source) };
    let requests: Api<CertificateSigningRequest> = Api::all(client.clone());
    // Its version makes it fail when anything has changed since it was seen.
    let patch = Patch::Merge(json!({
        "metadata": { "uid": object.metadata.uid, "resourceVersion": object.metadata.resource_version },
        "status": { "conditions": object.status.as_ref().and_then(|it| it.conditions.as_ref()) },
    }));
    match requests.patch_approval(&name, &PatchParams::default(), &patch).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {
            Err(AnswerError::Changed { name })
        }
        Err(error) => Err(refused(error)),
    }
}
