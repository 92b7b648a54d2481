//! Questions about the caller itself.

use http::StatusCode;
use serde_json::{Value, json};

use super::Request;
use crate::access::{self, Identity};
use crate::error::{Error, Result};
use crate::http::path::{ResourcePath, Verb};
use crate::rest::parse;

pub(super) fn who_am_i(identity: &Identity, now: &str) -> Value {
    let mut user = json!({ "username": identity.user, "groups": identity.groups });
    if !identity.extra.is_empty() {
        user["extra"] = json!(identity.extra);
    }
    json!({ "kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1",
        "metadata": { "creationTimestamp": now },
        "status": { "userInfo": user } })
}

pub(super) fn may_i(request: &Request<'_>) -> Result<(StatusCode, Value)> {
    let parsed = parse(request.encoding, request.body);
    let (mut review, _) = parsed.map_err(|error| Error::bad_request(error.to_string()))?;
    let allowed = match review["spec"]["resourceAttributes"].as_object() {
        Some(attributes) => {
            let text = |name: &str| {
                attributes.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let path = ResourcePath {
                group: text("group"),
                plural: text("resource"),
                ..ResourcePath::default()
            };
            access::may(request.identity, Verb::Get, &path)
        }
        None => {
            let path = review["spec"]["nonResourceAttributes"]["path"].as_str().unwrap_or("/");
            access::authorize_path(request.identity, "get", path).is_ok()
        }
    };
    review["status"] = json!({ "allowed": allowed });
    Ok((StatusCode::CREATED, review))
}
