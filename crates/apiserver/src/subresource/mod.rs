//! Requests that do not store what they carry: reviews, and subresources with a body of
//! their own kind.

mod binding;
mod container;
mod eviction;
mod review;
mod scale;
mod token_request;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::access::Identity;
use crate::decode::{self, Kind};
use crate::error::{Error, Result};
use crate::http::path::Verb;
use crate::http::{Encoding, Query};
use crate::resource::Resource;
use crate::rest::{Target, WriteOptions, parse};
use crate::webhook::{self, Attributes, Operation};

/// Everything of a request that a special resource may need.
pub(crate) struct Request<'a> {
    pub(crate) verb: Verb,
    pub(crate) encoding: Encoding,
    pub(crate) media: &'a str,
    pub(crate) body: &'a Bytes,
    pub(crate) identity: &'a Identity,
    pub(crate) options: &'a WriteOptions,
    pub(crate) query: &'a Query,
}

/// A resource or subresource that is answered, not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    /// Who am I?
    SelfSubjectReview,
    /// May I?
    SelfSubjectAccessReview,
    /// May they?
    SubjectAccessReview,
    /// May they, in this namespace?
    LocalSubjectAccessReview,
    /// What may I do?
    SelfSubjectRulesReview,
    /// Whose token is this?
    TokenReview,
    /// A token for a service account.
    TokenRequest,
    /// How many replicas?
    Scale,
    /// Puts a pod on a node.
    Binding,
    /// Deletes a pod if disruption budgets allow it.
    Eviction,
    /// What a pod's containers said.
    Log,
    /// A stream into a pod, a service or a node.
    Connect,
    /// Needs a part of Kubernetes that this server does not have.
    NotServed,
}

/// What is special about a resource, if anything is.
pub(crate) fn find(resource: &Resource, subresource: &str) -> Option<Special> {
    if !resource.is_builtin() {
        return (subresource == "scale").then_some(Special::Scale);
    }
    match (&*resource.group, &*resource.plural, subresource) {
        ("authentication.k8s.io", "selfsubjectreviews", _) => Some(Special::SelfSubjectReview),
        ("authorization.k8s.io", "selfsubjectaccessreviews", _) => {
            Some(Special::SelfSubjectAccessReview)
        }
        ("authorization.k8s.io", "subjectaccessreviews", _) => Some(Special::SubjectAccessReview),
        ("authorization.k8s.io", "localsubjectaccessreviews", _) => {
            Some(Special::LocalSubjectAccessReview)
        }
        ("authorization.k8s.io", "selfsubjectrulesreviews", _) => {
            Some(Special::SelfSubjectRulesReview)
        }
        ("authentication.k8s.io", "tokenreviews", _) => Some(Special::TokenReview),
        ("", "serviceaccounts", "token") => Some(Special::TokenRequest),
        ("authentication.k8s.io" | "authorization.k8s.io", ..) => Some(Special::NotServed),
        (_, _, "scale") => Some(Special::Scale),
        ("", "pods", "binding") => Some(Special::Binding),
        ("", "pods", "eviction") => Some(Special::Eviction),
        ("", "pods", "log") => Some(Special::Log),
        ("", "pods", "exec" | "attach" | "portforward") | ("", _, "proxy") => {
            Some(Special::Connect)
        }
        (_, "bindings" | "componentstatuses", _) => Some(Special::NotServed),
        (_, _, "" | "status" | "finalize" | "approval" | "ephemeralcontainers") => None,
        _ => Some(Special::NotServed),
    }
}

impl Special {
    pub(crate) async fn handle(
        self,
        target: &Target<'_>,
        request: &Request<'_>,
    ) -> Result<(StatusCode, Value)> {
        match self {
            Self::SelfSubjectReview
            | Self::SelfSubjectAccessReview
            | Self::SubjectAccessReview
            | Self::LocalSubjectAccessReview
            | Self::SelfSubjectRulesReview
            | Self::TokenReview => {
                let mut review = decode_any(request, target)?;
                admit(target, request, Operation::Create, &mut review, &Value::Null).await?;
                match self {
                    Self::SelfSubjectAccessReview => review::own(target, request, review),
                    Self::SubjectAccessReview => review::somebody(target, review),
                    Self::LocalSubjectAccessReview => review::local(target, review),
                    Self::SelfSubjectRulesReview => review::rules(target, request, &review),
                    Self::TokenReview => review::token(target, review),
                    _ => Ok(review::who_am_i(target, request)),
                }
            }
            Self::TokenRequest => token_request::handle(target, request).await,
            Self::Scale => scale::handle(target, request).await,
            Self::Binding => binding::handle(target, request).await,
            Self::Eviction => eviction::handle(target, request).await,
            Self::Log => container::log(target, request.query),
            Self::Connect => container::connect(target, request).await,
            Self::NotServed => Err(not_served(target)),
        }
    }
}

fn not_served(target: &Target<'_>) -> Error {
    let what = if target.subresource.is_empty() {
        target.resource.plural.clone()
    } else {
        format!("{}/{}", target.resource.plural, target.subresource)
    };
    Error {
        code: StatusCode::NOT_IMPLEMENTED,
        reason: "NotImplemented",
        message: format!("the embedded control plane does not serve {what}"),
        details: None,
    }
}

/// The body of a request, as an object of the kind of its resource.
fn decode_any(request: &Request<'_>, target: &Target<'_>) -> Result<Value> {
    let resource = target.resource;
    decode_kind(request, &Kind::new(&resource.group, &resource.version, &resource.kind))
}

/// The body of a request about an object, as a kind that has a built-in type.
fn decode(request: &Request<'_>, target: &Target<'_>, wanted: &Kind) -> Result<Value> {
    let object = decode_kind(request, wanted)?;
    let name = crate::meta::name(&object);
    if !name.is_empty() && name != target.name {
        return Err(Error::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            target.name
        )));
    }
    Ok(object)
}

/// The body of a request, as a kind that has a built-in type.
fn decode_kind(request: &Request<'_>, wanted: &Kind) -> Result<Value> {
    let refuse = |error: decode::DecodeError, object: &Value| {
        error.into_status(&decode::effective_kind(wanted, object), &wanted.kind, request.body)
    };
    let parsed = parse(request.encoding, request.body);
    let (mut object, _) = parsed.map_err(|error| refuse(error, &Value::Null))?;
    decode::check_kind(wanted, &object).map_err(|error| refuse(error, &object))?;
    let schema = decode::schema_of(&wanted.group, &wanted.version, &wanted.kind);
    let schema = schema.ok_or_else(Error::unknown_path)?;
    decode::canonicalize(&schema, &mut object).map_err(|error| refuse(error, &object))?;
    object["kind"] = json!(wanted.kind);
    object["apiVersion"] = json!(crate::resource::group_version(&wanted.group, &wanted.version));
    Ok(object)
}

/// Shows what a request carries to webhooks, and takes what they make of it. `old` is what
/// there is now, of the same kind; null for none.
async fn admit(
    target: &Target<'_>,
    request: &Request<'_>,
    operation: Operation,
    object: &mut Value,
    old: &Value,
) -> Result<()> {
    let Some(attributes) = Attributes::of(target, operation, target.name) else {
        return Ok(());
    };
    let kind = match operation {
        Operation::Update => "UpdateOptions",
        _ => "CreateOptions",
    };
    let (options, dry_run) = (request.options.review(kind), request.options.dry_run);
    let attributes = Attributes { options, dry_run, ..attributes };
    webhook::mutate(target.core, &attributes, object, old, |_| Ok(())).await?;
    webhook::validate(target.core, &attributes, object, old).await
}

/// What a request that leaves nothing to show is answered with.
fn created() -> (StatusCode, Value) {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {},
        "status": "Success", "code": 201 });
    (StatusCode::CREATED, status)
}
