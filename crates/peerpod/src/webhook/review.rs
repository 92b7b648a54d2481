//! From an AdmissionReview to its answer: pure, bytes to bytes.
//!
//! A pod that is none of ours is allowed as it is. So is one that cannot be read as a pod of a
//! peer pod's runtime class: whatever else is wrong with it, the API server says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::mutation::{Settings, mutate};

/// Why a body is no AdmissionReview.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// It is not JSON of the right shape.
    #[error("the body is no AdmissionReview of admission.k8s.io/v1")]
    Body(#[source] serde_json::Error),
    /// It is of another version.
    #[error("{api_version} {kind} is not an AdmissionReview of admission.k8s.io/v1")]
    Version {
        /// Its `apiVersion`.
        api_version: String,
        /// Its `kind`.
        kind: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    api_version: String,
    kind: String,
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    uid: String,
    operation: String,
    #[serde(default)]
    object: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    api_version: &'a str,
    kind: &'a str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

#[derive(Serialize)]
struct Status {
    code: u16,
    reason: &'static str,
    message: String,
}

/// What became of a pod, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// None of ours.
    Ignored,
    /// Made a peer pod.
    Mutated,
    /// It was one already.
    Unchanged,
    /// Refused.
    Denied,
}

const VERSION: &str = "admission.k8s.io/v1";

/// The answer to a review.
///
/// # Errors
/// [`ReviewError`] for a body that is none; the API server then follows its failure policy.
pub fn answer(body: &[u8], settings: &Settings) -> Result<(Vec<u8>, Verdict), ReviewError> {
    let review: Review = serde_json::from_slice(body).map_err(ReviewError::Body)?;
    if review.api_version != VERSION || review.kind != "AdmissionReview" {
        return Err(ReviewError::Version { api_version: review.api_version, kind: review.kind });
    }
    let request = review.request;
    let mut response =
        Response { uid: &request.uid, allowed: true, patch_type: None, patch: None, status: None };
    let outcome = match request.operation.as_str() {
        "CREATE" => mutate(&request.object, settings),
        _ => Ok(None),
    };
    let verdict = match outcome {
        Ok(None) => Verdict::Ignored,
        Ok(Some(pod)) => {
            let patch = json_patch::diff(&request.object, &pod);
            if patch.0.is_empty() {
                Verdict::Unchanged
            } else {
                let patch = serde_json::to_vec(&patch).map_err(ReviewError::Body)?;
                response.patch_type = Some("JSONPatch");
                response.patch = Some(STANDARD.encode(patch));
                Verdict::Mutated
            }
        }
        Err(refusal) => {
            response.allowed = false;
            let message = format!("{refusal}; the pod's runtimeClassName makes it a peer pod");
            response.status = Some(Status { code: 422, reason: "Invalid", message });
            Verdict::Denied
        }
    };
    let answer = Answer { api_version: VERSION, kind: "AdmissionReview", response };
    Ok((serde_json::to_vec(&answer).map_err(ReviewError::Body)?, verdict))
}

#[cfg(test)]
mod tests;
