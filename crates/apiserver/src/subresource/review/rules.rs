//! `SelfSubjectRulesReview`: what may I do in a namespace?

use http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, answered};
use crate::builtin::text;
use crate::error::{Error, Result};
use crate::rest::Target;
use crate::subresource::Request;

pub(in crate::subresource) fn rules(
    target: &Target<'_>,
    request: &Request<'_>,
    review: &Value,
) -> Result<Answer> {
    let namespace = text(review, "/spec/namespace");
    if namespace.is_empty() {
        return Err(Error::bad_request("no namespace on request"));
    }
    let (grants, incomplete) = target.core.authorizer.grants(request.identity, namespace);
    let (mut resources, mut paths) = (Vec::new(), Vec::new());
    for rule in &grants.rules {
        if !rule.resources.is_empty() {
            let mut shown = json!({ "verbs": rule.verbs, "apiGroups": rule.api_groups,
                "resources": rule.resources });
            if !rule.resource_names.is_empty() {
                shown["resourceNames"] = json!(rule.resource_names);
            }
            resources.push(shown);
        }
        if !rule.urls.is_empty() {
            paths.push(json!({ "verbs": rule.verbs, "nonResourceURLs": rule.urls }));
        }
    }
    let mut status = json!({ "resourceRules": resources, "nonResourceRules": paths,
        "incomplete": incomplete });
    if !grants.problems.is_empty() {
        status["evaluationError"] = json!(crate::access::rbac::aggregate(&grants.problems));
    }
    let answer = json!({ "kind": review["kind"], "apiVersion": review["apiVersion"] });
    let (_, answer): (StatusCode, Value) = answered(answer, status);
    Ok((StatusCode::CREATED, answer))
}
