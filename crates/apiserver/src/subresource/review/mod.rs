//! Questions about callers and what they may do: `authentication.k8s.io` and
//! `authorization.k8s.io`. Nothing is stored.

mod access;
mod rules;
mod token;

pub(super) use access::{local, own, somebody};
pub(super) use rules::rules;
pub(super) use token::token;

use http::StatusCode;
use serde_json::{Value, json};

use super::Request;
use crate::rest::Target;

type Answer = (StatusCode, Value);

/// `SelfSubjectReview`: who the caller is.
pub(super) fn who_am_i(target: &Target<'_>, request: &Request<'_>) -> Answer {
    let review = json!({
        "kind": "SelfSubjectReview",
        "apiVersion": target.resource.api_version(),
        "metadata": { "creationTimestamp": target.core.now() },
        "status": { "userInfo": request.identity.to_user_info() },
    });
    (StatusCode::CREATED, review)
}

/// A review with its answer, as Go writes an object that was never stored.
fn answered(mut review: Value, status: Value) -> Answer {
    let metadata = crate::meta::metadata_mut(&mut review);
    metadata.entry("creationTimestamp").or_insert(Value::Null);
    if review["spec"].is_null() {
        review["spec"] = json!({});
    }
    review["status"] = status;
    (StatusCode::CREATED, review)
}
