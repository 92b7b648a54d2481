//! Tokens that live in Secrets and never expire.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::meta;

/// Type of the Secrets that hold such tokens.
pub(crate) const SECRET_TYPE: &str = "kubernetes.io/service-account-token";

/// Annotation: the service account of the token.
pub(crate) const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";

/// Annotation: its uid.
pub(crate) const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";

pub(super) const ISSUER: &str = "kubernetes/serviceaccount";

/// Claims of a token in a Secret.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Legacy {
    pub(super) iss: String,
    #[serde(rename = "kubernetes.io/serviceaccount/namespace")]
    pub(super) namespace: String,
    #[serde(rename = "kubernetes.io/serviceaccount/secret.name")]
    pub(super) secret: String,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.name")]
    pub(super) account: String,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.uid")]
    pub(super) uid: String,
    pub(super) sub: String,
}

/// What a token for an account says, kept in a secret of this name.
pub(crate) fn legacy_claims(account: &Value, secret: &str) -> Legacy {
    let (namespace, name) = (meta::namespace(account), meta::name(account));
    Legacy {
        iss: ISSUER.to_owned(),
        namespace: namespace.to_owned(),
        secret: secret.to_owned(),
        account: name.to_owned(),
        uid: meta::uid(account).to_owned(),
        sub: crate::access::identity::service_account_name(namespace, name),
    }
}
