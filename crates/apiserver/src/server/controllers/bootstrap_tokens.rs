//! Bootstrap tokens: those that may sign vouch for `kube-public/cluster-info`, and those
//! that have expired are deleted.
//!
//! Semantics: `pkg/controller/bootstrap` of 1.28.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::timed::{self, Look, SOON};
use crate::access::Identity;
use crate::error::Result;
use crate::meta;
use crate::rest::{DeleteOptions, Target, delete, internal_update};
use crate::server::Core;
use crate::store::{ObjectKey, ResourceKey};

const KIND: &str = "bootstrap.kubernetes.io/token";
const SECRETS: &str = "kube-system";
const PUBLIC: &str = "kube-public";
const INFO: &str = "cluster-info";
const CONFIG: &str = "kubeconfig";
const SIGNATURE: &str = "jws-kubeconfig-";

/// Who signs, for webhooks.
static SIGNER: LazyLock<Identity> = LazyLock::new(|| Identity::controller("bootstrap-signer"));
/// Who deletes.
static CLEANER: LazyLock<Identity> = LazyLock::new(|| Identity::controller("token-cleaner"));

struct BootstrapTokens;

/// Starts the signer and the cleaner.
pub(super) fn spawn(core: &Arc<Core>, tasks: &TaskTracker) {
    timed::spawn(core, tasks, BootstrapTokens);
}

impl Look for BootstrapTokens {
    fn resources(&self) -> Vec<ResourceKey> {
        vec![ResourceKey::new("", "secrets"), ResourceKey::new("", "configmaps")]
    }

    async fn look(&mut self, core: &Core, now: Timestamp) -> Duration {
        let secrets = core.store.list(&ResourceKey::new("", "secrets"), Some(SECRETS)).objects;
        let named = secrets.iter().filter(|it| it.key.name.starts_with("bootstrap-token-"));
        let tokens: Vec<Value> = named.map(|secret| secret.value()).collect();
        let mut again = Duration::MAX;
        for token in tokens.iter().filter(|token| token["type"] == KIND) {
            again = again.min(match expiration(token) {
                Expiration::Never => Duration::MAX,
                Expiration::At(then) if then > now => timed::until(then, now),
                _ => {
                    clean(core, token).await.map_or_else(|error| later(&error), |()| Duration::MAX)
                }
            });
        }
        let signatures = signatures(&tokens, now);
        let signed = sign(core, &signatures).await;
        again.min(signed.map_or_else(|error| later(&error), |()| Duration::MAX))
    }
}

fn later(error: &crate::Error) -> Duration {
    tracing::warn!(%error, "cannot deal with bootstrap tokens");
    SOON
}

async fn clean(core: &Core, token: &Value) -> Result<()> {
    let catalog = core.catalog();
    let Some(resource) = catalog.find("", "v1", "secrets") else {
        return Ok(());
    };
    let (name, identity) = (meta::name(token), Some(&*CLEANER));
    let target = Target { core, resource, namespace: SECRETS, name, subresource: "", identity };
    let uid = Some(meta::uid(token).to_owned());
    match delete(&target, &DeleteOptions { uid, ..DeleteOptions::default() }).await {
        Err(error) if !matches!(error.reason, "NotFound" | "Conflict") => Err(error),
        _ => Ok(()),
    }
}

/// Puts the signatures into `cluster-info`, and takes out those of tokens that are gone.
async fn sign(core: &Core, tokens: &BTreeMap<String, String>) -> Result<()> {
    let catalog = core.catalog();
    let key = ObjectKey::new(PUBLIC, INFO);
    let (Some(resource), Some(stored)) = (
        catalog.find("", "v1", "configmaps"),
        core.store.latest(&ResourceKey::new("", "configmaps"), &key),
    ) else {
        return Ok(());
    };
    let mut wanted = stored.value();
    if !put_signatures(&mut wanted, tokens) {
        return Ok(());
    }
    let identity = Some(&*SIGNER);
    let target =
        Target { core, resource, namespace: PUBLIC, name: INFO, subresource: "", identity };
    let put = |object: &mut Value| {
        put_signatures(object, tokens);
    };
    match internal_update(&target, put).await {
        Err(error) if error.reason != "NotFound" => Err(error),
        _ => Ok(()),
    }
}

/// Whether anything had to be changed.
fn put_signatures(object: &mut Value, tokens: &BTreeMap<String, String>) -> bool {
    let Some(config) = object["data"][CONFIG].as_str().map(str::to_owned) else {
        return false;
    };
    let Some(data) = object["data"].as_object_mut() else {
        return false;
    };
    let before = data.clone();
    data.retain(|name, _| !name.starts_with(SIGNATURE));
    for (id, secret) in tokens {
        data.insert(format!("{SIGNATURE}{id}"), json!(detached(&config, id, secret)));
    }
    *data != before
}

/// A JWS (HS256) without its payload: `header..signature`.
fn detached(payload: &str, id: &str, secret: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","kid":"{id}"}}"#));
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let signature = ring::hmac::sign(&key, signed.as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Secrets of the tokens that may sign now, by id.
fn signatures(tokens: &[Value], now: Timestamp) -> BTreeMap<String, String> {
    let good = tokens.iter().filter(|token| {
        let fresh = match expiration(token) {
            Expiration::Never => true,
            Expiration::At(then) => then > now,
            Expiration::Unreadable => false,
        };
        let name = format!("bootstrap-token-{}", data(token, "token-id"));
        token["type"] == KIND
            && fresh
            && !meta::is_terminating(token)
            && meta::name(token) == name
            && data(token, "usage-bootstrap-signing") == "true"
    });
    let pairs = good.map(|token| (data(token, "token-id"), data(token, "token-secret")));
    // The id becomes part of a header and a key: what is no id vouches for nothing.
    let plain = |text: &str| text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    pairs.filter(|(id, secret)| id.len() == 6 && plain(id) && !secret.is_empty()).collect()
}

fn data(secret: &Value, field: &str) -> String {
    let bytes = STANDARD.decode(secret["data"][field].as_str().unwrap_or_default());
    String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
}

enum Expiration {
    Never,
    At(Timestamp),
    /// Counts as past.
    Unreadable,
}

fn expiration(secret: &Value) -> Expiration {
    match data(secret, "expiration").as_str() {
        "" => Expiration::Never,
        text => text.parse().map_or(Expiration::Unreadable, Expiration::At),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn token(id: &str, fields: &[(&str, &str)]) -> Value {
        let mut secret = json!({ "type": KIND,
            "metadata": { "name": format!("bootstrap-token-{id}") }, "data": {} });
        let own = [("token-id", id), ("token-secret", "0123456789abcdef")];
        for (name, value) in own.iter().chain(fields) {
            secret["data"][*name] = json!(STANDARD.encode(value));
        }
        secret
    }

    #[test]
    fn only_tokens_that_may_sign_do() {
        let now = "2024-01-01T00:00:00Z".parse().unwrap();
        let signs = ("usage-bootstrap-signing", "true");
        let tokens = [
            token("abcdef", &[signs]),
            token("ghijkl", &[signs, ("expiration", "2024-01-01T00:00:01Z")]),
            token("mnopqr", &[signs, ("expiration", "2023-12-31T23:59:59Z")]),
            token("stuvwx", &[signs, ("expiration", "soon")]),
            token("yz0123", &[]),
            token("\"quot\"", &[signs]),
        ];
        let ids: Vec<_> = signatures(&tokens, now).into_keys().collect();
        assert_eq!(ids, ["abcdef", "ghijkl"]);
    }

    #[test]
    fn signatures_follow_the_tokens() {
        let mut info =
            json!({ "data": { CONFIG: "apiVersion: v1\n", "jws-kubeconfig-gone": "x" } });
        let tokens = BTreeMap::from([("abcdef".to_owned(), "0123456789abcdef".to_owned())]);
        assert!(put_signatures(&mut info, &tokens));
        assert!(!put_signatures(&mut info, &tokens), "once is enough");
        assert_eq!(info["data"]["jws-kubeconfig-gone"], Value::Null);
        let signature = info["data"]["jws-kubeconfig-abcdef"].as_str().unwrap();
        // Computed with `openssl dgst -sha256 -hmac`.
        let (header, mac) = signature.split_once("..").unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(header).unwrap(), br#"{"alg":"HS256","kid":"abcdef"}"#);
        assert_eq!(mac, "K1chermAQEq0rdqy-ehj0VDfmA_ytv8Wzh9g26FldrE");
    }
}
