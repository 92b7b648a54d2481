//! `serviceaccounts/token`: a token for a service account, bound to it and perhaps to a pod
//! or a secret as well.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Request, admit, decode_kind};
use crate::access::account::{Claims, ISSUER, Kubernetes, Reference};
use crate::access::node::restriction::{self, Write};
use crate::builtin::text;
use crate::decode::Kind;
use crate::error::{Error, GroupName, Result};
use crate::field;
use crate::meta;
use crate::rest::Target;
use crate::store::{ObjectKey, ResourceKey};
use crate::webhook::Operation;

/// Seconds that a token lasts when nothing is said.
const DEFAULT: i64 = 3600;

/// What kubelets ask for in the volumes that every pod has; such a token lasts longer, for
/// clients that do not read it again.
const PROJECTED: i64 = 3607;

/// How long that one lasts: a year.
const EXTENDED: i64 = 365 * 24 * 60 * 60;

/// The shortest that can be asked for.
const SHORTEST: i64 = 600;

/// The longest.
const LONGEST: i64 = 1 << 32;

pub(super) async fn handle(
    target: &Target<'_>,
    request: &Request<'_>,
) -> Result<(StatusCode, Value)> {
    let kind = Kind::new("authentication.k8s.io", "v1", "TokenRequest");
    let mut asked = decode_kind(request, &kind)?;
    check_place(target, &asked)?;
    admit(target, request, Operation::Create, &mut asked, &Value::Null).await?;
    restriction::check(target, Write::Create(&asked))?;
    let account = find(target, "serviceaccounts", target.name)?;

    let now = Timestamp::now();
    complete(target, &mut asked, now);
    let seconds = asked["spec"]["expirationSeconds"].as_i64().unwrap_or(DEFAULT);
    check_duration(seconds)?;
    let bound = bound(target, &asked)?;
    let audiences = asked["spec"]["audiences"].as_array().into_iter().flatten();
    let audiences: Vec<String> = audiences.filter_map(Value::as_str).map(str::to_owned).collect();

    let issued = now.as_second();
    let extended = matches!(bound, Some(Bound::Pod(_)))
        && seconds == PROJECTED
        && audiences == [ISSUER.to_owned()];
    let lasts = if extended { EXTENDED } else { seconds };
    let (pod, secret) = match bound {
        Some(Bound::Pod(pod)) => (Some(pod), None),
        Some(Bound::Secret(secret)) => (None, Some(secret)),
        None => (None, None),
    };
    let claims = Claims {
        aud: audiences,
        exp: issued + lasts,
        iat: issued,
        nbf: issued,
        iss: ISSUER.to_owned(),
        sub: crate::access::Identity::service_account(target.namespace, target.name).user,
        kubernetes: Kubernetes {
            namespace: target.namespace.to_owned(),
            pod,
            secret,
            serviceaccount: reference(&account),
            warnafter: extended.then(|| issued + seconds),
        },
    };
    let token = target.core.account_key.sign(&claims);
    let token = token.ok_or_else(|| Error::internal("the token cannot be signed"))?;
    let expires = now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
    asked["status"] = json!({ "token": token, "expirationTimestamp": time(expires) });
    Ok((StatusCode::CREATED, asked))
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What a request says of its place must be where it was sent.
fn check_place(target: &Target<'_>, asked: &Value) -> Result<()> {
    let places = [
        ("name", meta::name(asked), target.name),
        ("namespace", meta::namespace(asked), target.namespace),
    ];
    for (what, given, wanted) in places {
        if !given.is_empty() && given != wanted {
            let path = field::child("metadata", what);
            let detail = format!("must match the service account {what} if specified");
            let error = field::Error::invalid(path, &given.into(), detail);
            let kind = GroupName::new("", "TokenRequest");
            return Err(Error::invalid(&kind, target.name, &[error]));
        }
    }
    Ok(())
}

/// Fills in what was left out.
fn complete(target: &Target<'_>, asked: &mut Value, now: Timestamp) {
    let spec = &mut asked["spec"];
    if spec["audiences"].as_array().is_none_or(Vec::is_empty) {
        spec["audiences"] = json!([ISSUER]);
    }
    if spec["expirationSeconds"].is_null() {
        spec["expirationSeconds"] = json!(DEFAULT);
    }
    if spec["boundObjectRef"].is_null() {
        spec["boundObjectRef"] = Value::Null;
    }
    meta::set_name(asked, target.name);
    meta::set_namespace(asked, target.namespace);
    meta::set(asked, "creationTimestamp", time(now));
}

fn check_duration(seconds: i64) -> Result<()> {
    let detail = if seconds < SHORTEST {
        "may not specify a duration less than 10 minutes"
    } else if seconds > LONGEST {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let error = field::Error::invalid("spec.expirationSeconds", &seconds.into(), detail);
    Err(Error::invalid(&GroupName::new("authentication.k8s.io", "TokenRequest"), "", &[error]))
}

enum Bound {
    Pod(Reference),
    Secret(Reference),
}

/// The object that the token dies with.
fn bound(target: &Target<'_>, asked: &Value) -> Result<Option<Bound>> {
    let wanted = &asked["spec"]["boundObjectRef"];
    if !wanted.is_object() {
        return Ok(None);
    }
    let (kind, name) = (text(wanted, "/kind"), text(wanted, "/name"));
    let (group, version) = match text(wanted, "/apiVersion").split_once('/') {
        Some((group, version)) => (group, version),
        None => ("", text(wanted, "/apiVersion")),
    };
    let object = match (group, kind) {
        ("", "Pod") => find(target, "pods", name)?,
        ("", "Secret") => find(target, "secrets", name)?,
        _ => {
            let what = format!("{group}/{version}, Kind={kind}");
            return Err(Error::bad_request(format!("cannot bind token to object of type {what}")));
        }
    };
    if kind == "Pod" && text(&object, "/spec/serviceAccountName") != target.name {
        return Err(Error::bad_request(format!(
            "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
            target.name
        )));
    }
    let uid = text(wanted, "/uid");
    if !uid.is_empty() && uid != meta::uid(&object) {
        return Err(Error::conflict(
            &GroupName::new(group, kind),
            name,
            format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
            ),
        ));
    }
    let found = reference(&object);
    Ok(Some(if kind == "Pod" { Bound::Pod(found) } else { Bound::Secret(found) }))
}

fn reference(object: &Value) -> Reference {
    Reference { name: meta::name(object).to_owned(), uid: meta::uid(object).to_owned() }
}

fn find(target: &Target<'_>, plural: &str, name: &str) -> Result<Value> {
    let key = ObjectKey::new(target.namespace, name);
    let stored = target.core.store.get(&ResourceKey::new("", plural), &key);
    let missing = || Error::not_found(&GroupName::new("", plural), name);
    stored.map(|stored| stored.value()).ok_or_else(missing)
}
