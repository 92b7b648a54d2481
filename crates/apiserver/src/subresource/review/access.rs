//! May somebody do something?

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Answer, answered};
use crate::access::{Attributes, Identity, On, Place};
use crate::builtin::text;
use crate::error::{Error, GroupName, Result};
use crate::field;
use crate::meta;
use crate::rest::Target;
use crate::subresource::Request;

const GROUP: &str = "authorization.k8s.io";

/// `SelfSubjectAccessReview`: may I?
pub(in crate::subresource) fn own(
    target: &Target<'_>,
    request: &Request<'_>,
    review: Value,
) -> Result<Answer> {
    let errors = one_question(&review);
    check(&errors, "")?;
    Ok(decide(target, request.identity, review))
}

/// `SubjectAccessReview`: may they?
pub(in crate::subresource) fn somebody(target: &Target<'_>, review: Value) -> Result<Answer> {
    let mut errors = one_question(&review);
    errors.extend(has_subject(&review));
    errors.extend(no_metadata(&review, &[], "must be empty"));
    check(&errors, "")?;
    let subject = subject(&review);
    Ok(decide(target, &subject, review))
}

/// `LocalSubjectAccessReview`: may they, in this namespace?
pub(in crate::subresource) fn local(target: &Target<'_>, mut review: Value) -> Result<Answer> {
    let given = meta::namespace(&review);
    if !given.is_empty() && given != target.namespace {
        return Err(Error::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    meta::set_namespace(&mut review, target.namespace);
    let mut errors = one_question(&review);
    errors.extend(has_subject(&review));
    errors.extend(no_metadata(&review, &["namespace"], "must be empty except for namespace"));
    let asked = &review["spec"]["resourceAttributes"];
    if asked.is_object() && text(asked, "/namespace") != target.namespace {
        let path = "spec.resourceAttributes.namespace";
        let value = text(asked, "/namespace").into();
        errors.push(field::Error::invalid(path, &value, "must match metadata.namespace"));
    }
    if review["spec"]["nonResourceAttributes"].is_object() {
        let shown = shown(&review["spec"]["nonResourceAttributes"]);
        let detail = "disallowed on this kind of request";
        errors.push(field::Error::invalid_go("spec.nonResourceAttributes", shown, detail));
    }
    check(&errors, "")?;
    let subject = subject(&review);
    Ok(decide(target, &subject, review))
}

fn check(errors: &[field::Error], kind: &str) -> Result<()> {
    // kube-apiserver leaves the kind out of this message.
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::invalid(&GroupName::new(GROUP, kind), "", errors))
    }
}

/// A question is about a resource or about a path.
fn one_question(review: &Value) -> field::Errors {
    let spec = &review["spec"];
    let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    match (resource.is_object(), path.is_object()) {
        (true, true) => vec![field::Error::invalid_go(
            "spec.nonResourceAttributes",
            shown(path),
            "cannot be specified in combination with resourceAttributes",
        )],
        (false, false) => vec![field::Error::invalid_go(
            "spec.resourceAttributes",
            "\"null\"",
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )],
        _ => Vec::new(),
    }
}

/// A path question as Go prints it.
fn shown(path: &Value) -> String {
    format!(
        "authorization.NonResourceAttributes{{Path:{:?}, Verb:{:?}}}",
        text(path, "/path"),
        text(path, "/verb")
    )
}

fn has_subject(review: &Value) -> field::Errors {
    let spec = &review["spec"];
    let groups = spec["groups"].as_array().is_some_and(|groups| !groups.is_empty());
    if groups || !text(spec, "/user").is_empty() {
        return Vec::new();
    }
    let detail = "at least one of user or group must be specified";
    vec![field::Error::invalid("spec.user", &"".into(), detail)]
}

fn no_metadata(review: &Value, except: &[&str], detail: &str) -> field::Errors {
    let mut metadata = review["metadata"].as_object().cloned().unwrap_or_else(Map::new);
    metadata.retain(|name, value| {
        !value.is_null() && name != "managedFields" && !except.contains(&name.as_str())
    });
    if metadata.is_empty() {
        return Vec::new();
    }
    vec![field::Error::invalid("metadata", &Value::Object(metadata), detail)]
}

fn words(list: &Value) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whom the question is about, taken at its word: no group is added.
fn subject(review: &Value) -> Identity {
    let spec = &review["spec"];
    let extra = spec["extra"].as_object().into_iter().flatten();
    Identity {
        user: text(spec, "/user").to_owned(),
        uid: text(spec, "/uid").to_owned(),
        groups: words(&spec["groups"]),
        // Keys of extra facts are in lower case, as headers bring them.
        extra: extra
            .map(|(key, values)| (key.to_lowercase(), words(values)))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn decide(target: &Target<'_>, identity: &Identity, review: Value) -> Answer {
    let spec = &review["spec"];
    let (resource, path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    let asked = if resource.is_object() {
        let place = Place {
            group: text(resource, "/group"),
            resource: text(resource, "/resource"),
            subresource: text(resource, "/subresource"),
            namespace: text(resource, "/namespace"),
            name: text(resource, "/name"),
        };
        Attributes { identity, verb: text(resource, "/verb"), on: On::Resource(place) }
    } else {
        let on = On::Path(text(path, "/path"));
        Attributes { identity, verb: text(path, "/verb"), on }
    };
    let decision = target.core.authorizer.decide(&asked);
    let mut status = json!({ "allowed": decision.allowed });
    if !decision.reason.is_empty() {
        status["reason"] = json!(decision.reason);
    }
    answered(review, status)
}
