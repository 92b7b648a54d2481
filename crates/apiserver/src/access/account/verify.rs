//! Whether a token is good now.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::ISSUER;
use super::claims::{Claims, Reference};
use super::key::{Key, Parts};
use super::legacy::{self, Legacy};
use crate::access::identity::{Identity, service_account_name};
use crate::access::rbac::cover::quoted;
use crate::store::{ObjectKey, ResourceKey, Store};

/// Seconds by which clocks may differ, and which a deleted object has left.
const LEEWAY: i64 = 60;

/// A good token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) identity: Identity,
    /// Those of the audiences asked for that the token is meant for.
    pub(crate) audiences: Vec<String>,
}

/// Why a token of ours is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

fn refuse<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

/// Checks a token for some audiences. `None` when it is none of ours.
pub(crate) fn authenticate(
    key: &Key,
    store: &Store,
    token: &str,
    audiences: &[String],
    now: Timestamp,
) -> Option<Result<Accepted, Refused>> {
    let parts = Parts::of(token)?;
    let bound = parts.claims["iss"] == ISSUER;
    if !bound && parts.claims["iss"] != legacy::ISSUER {
        return None;
    }
    let check = || {
        if !key.has_signed(&parts) {
            return refuse("the signature of the token is not valid");
        }
        let objects = Objects { store, now: now.as_second() };
        if bound {
            objects.bound(&parts.claims, audiences)
        } else {
            objects.legacy(&parts.claims, token, audiences)
        }
    };
    Some(check())
}

/// The audiences on both sides.
fn agreed(token: &[String], wanted: &[String]) -> Result<Vec<String>, Refused> {
    let common: Vec<String> = token.iter().filter(|one| wanted.contains(one)).cloned().collect();
    if common.is_empty() {
        return refuse(format!(
            "token audiences {} is invalid for the target audiences {}",
            quoted(token),
            quoted(wanted)
        ));
    }
    Ok(common)
}

struct Objects<'a> {
    store: &'a Store,
    now: i64,
}

impl Objects<'_> {
    fn bound(&self, claims: &Value, audiences: &[String]) -> Result<Accepted, Refused> {
        let Ok(claims) = serde_json::from_value::<Claims>(claims.clone()) else {
            return refuse("the claims of the token cannot be read");
        };
        let own = [ISSUER.to_owned()];
        let meant = if claims.aud.is_empty() { &own[..] } else { &claims.aud };
        let audiences = agreed(meant, audiences)?;
        if claims.exp < self.now.saturating_sub(LEEWAY) {
            return refuse("service account token has expired");
        }
        let latest = self.now.saturating_add(LEEWAY);
        if claims.nbf > latest {
            return refuse("service account token is not valid yet");
        }
        if claims.iat > latest {
            return refuse("service account token is issued in the future");
        }
        let bound = &claims.kubernetes;
        let namespace = &bound.namespace;
        let account = &bound.serviceaccount;
        if claims.sub != service_account_name(namespace, &account.name) {
            return refuse("sub claim is invalid");
        }
        self.account(namespace, account)?;
        if let Some(secret) = &bound.secret {
            let uid = self.uid("secrets", namespace, &secret.name, "service account token")?;
            if uid != secret.uid {
                return refuse(format!(
                    "secret UID ({uid}) does not match service account secret ref claim ({})",
                    secret.uid
                ));
            }
        }
        let mut identity = Identity::service_account(namespace, &account.name);
        identity.uid = account.uid.clone();
        if let Some(pod) = &bound.pod {
            let uid = self.uid("pods", namespace, &pod.name, "service account token")?;
            if uid != pod.uid {
                return refuse(format!(
                    "pod UID ({uid}) does not match service account pod ref claim ({})",
                    pod.uid
                ));
            }
            for (name, value) in [("pod-name", &pod.name), ("pod-uid", &pod.uid)] {
                let name = format!("authentication.kubernetes.io/{name}");
                identity.extra.insert(name, vec![value.clone()]);
            }
        }
        Ok(Accepted { identity, audiences })
    }

    fn legacy(
        &self,
        claims: &Value,
        token: &str,
        audiences: &[String],
    ) -> Result<Accepted, Refused> {
        let Ok(claims) = serde_json::from_value::<Legacy>(claims.clone()) else {
            return refuse("the claims of the token cannot be read");
        };
        let audiences = agreed(&[ISSUER.to_owned()], audiences)?;
        if claims.sub != service_account_name(&claims.namespace, &claims.account) {
            return refuse("sub claim is invalid");
        }
        let secret = self.object("secrets", &claims.namespace, &claims.secret);
        let Some(secret) = secret.filter(|secret| !crate::meta::is_terminating(secret)) else {
            return refuse("Token has been invalidated");
        };
        let copy = secret["data"]["token"].as_str().unwrap_or_default();
        if STANDARD.decode(copy).unwrap_or_default() != token.as_bytes() {
            return refuse("Token does not match server's copy");
        }
        let account = Reference { name: claims.account, uid: claims.uid };
        self.account(&claims.namespace, &account)?;
        let mut identity = Identity::service_account(&claims.namespace, &account.name);
        identity.uid = account.uid;
        Ok(Accepted { identity, audiences })
    }

    fn account(&self, namespace: &str, account: &Reference) -> Result<(), Refused> {
        let uid = self.uid("serviceaccounts", namespace, &account.name, "service account")?;
        if uid == account.uid {
            return Ok(());
        }
        refuse(format!("service account UID ({uid}) does not match claim ({})", account.uid))
    }

    fn object(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = ObjectKey::new(namespace, name);
        self.store.get(&ResourceKey::new("", plural), &key).map(|stored| stored.value())
    }

    /// The uid of an object that is there, or was until just now.
    fn uid(
        &self,
        plural: &str,
        namespace: &str,
        name: &str,
        what: &str,
    ) -> Result<String, Refused> {
        let Some(object) = self.object(plural, namespace, name) else {
            let kind = plural.trim_end_matches('s');
            return refuse(format!("{kind} {name:?} not found"));
        };
        let deleted = object["metadata"]["deletionTimestamp"].as_str();
        let deleted = deleted.and_then(|text| text.parse::<Timestamp>().ok());
        if deleted.is_some_and(|at| at.as_second() < self.now.saturating_sub(LEEWAY)) {
            let how = if what == "service account" { "deleted" } else { "invalidated" };
            return refuse(format!("{what} has been {how}"));
        }
        Ok(crate::meta::uid(&object).to_owned())
    }
}
