//! What a token may do and for how long, and the Secret that says so. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ObjectMeta;
use serde::Serialize;

use super::Token;

/// Namespace of the Secrets.
pub(super) const NAMESPACE: &str = "kube-system";

/// Type of the Secrets.
pub(super) const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";

/// The group that kubeadm gives its tokens, to which the rights of joining nodes are bound.
pub const DEFAULT_GROUP: &str = "system:bootstrappers:kubeadm:default-node-token";

/// All groups of tokens begin so.
const GROUPS: &str = "system:bootstrappers:";

/// Name of the Secret of a token.
pub fn secret_name(id: &str) -> String {
    format!("bootstrap-token-{id}")
}

/// Something that a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Usage {
    /// To vouch for `cluster-info`.
    Signing,
    /// To ask the API server for a certificate.
    Authentication,
}

impl Usage {
    const ALL: [Self; 2] = [Self::Signing, Self::Authentication];

    fn key(self) -> String {
        format!("usage-bootstrap-{self}")
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signing => "signing",
            Self::Authentication => "authentication",
        })
    }
}

impl FromStr for Usage {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let usage = Self::ALL.into_iter().find(|usage| usage.to_string() == text);
        usage.ok_or_else(|| GrantError::Usage { usage: text.to_owned() })
    }
}

/// Why a token cannot be granted something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// There is no such usage.
    #[error("a token has no usage {usage:?}; there are `signing` and `authentication`")]
    Usage {
        /// What was asked for.
        usage: String,
    },
    /// It is good for nothing.
    #[error(
        "a token without a usage is good for nothing; give it `signing`, `authentication` or both"
    )]
    NoUsage,
    /// A terminal would do what it says.
    #[error("a token cannot have a description with line breaks or other control characters")]
    Description,
    /// API servers refuse tokens of such groups.
    #[error(
        "a token cannot be of group {group:?}: its groups begin with `system:bootstrappers:` and go on with lower-case letters, digits, `-` and `:`"
    )]
    Group {
        /// The group.
        group: String,
    },
}

/// What a token may do, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// For people.
    pub description: Option<String>,
    /// When it ends; never, if nothing is said.
    pub expiration: Option<Timestamp>,
    /// What it is good for.
    pub usages: Vec<Usage>,
    /// Groups of those who show it, besides `system:bootstrappers`.
    pub groups: Vec<String>,
}

impl Grant {
    /// For nodes that join, until then.
    pub fn for_nodes(expiration: Option<Timestamp>) -> Self {
        Self {
            description: None,
            expiration,
            usages: Usage::ALL.to_vec(),
            groups: vec![DEFAULT_GROUP.to_owned()],
        }
    }

    /// Whether API servers will take it, and people can read it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), GrantError> {
        if self.usages.is_empty() {
            return Err(GrantError::NoUsage);
        }
        if self.description.iter().any(|text| text.chars().any(char::is_control)) {
            return Err(GrantError::Description);
        }
        match self.groups.iter().find(|group| !is_group(group)) {
            Some(group) => Err(GrantError::Group { group: group.clone() }),
            None => Ok(()),
        }
    }

    /// The Secret of a token with this grant.
    pub(super) fn secret(&self, token: &Token) -> Secret {
        let mut data = BTreeMap::from([
            ("token-id".to_owned(), token.id().to_owned()),
            ("token-secret".to_owned(), token.secret().to_owned()),
        ]);
        let expiration = self.expiration.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        data.extend(expiration.map(|at| ("expiration".to_owned(), at)));
        data.extend(self.description.clone().map(|text| ("description".to_owned(), text)));
        data.extend(self.usages.iter().map(|usage| (usage.key(), "true".to_owned())));
        if !self.groups.is_empty() {
            data.insert("auth-extra-groups".to_owned(), self.groups.join(","));
        }
        let bytes = |(key, text): (String, String)| (key, ByteString(text.into_bytes()));
        Secret {
            metadata: ObjectMeta {
                name: Some(secret_name(token.id())),
                namespace: Some(NAMESPACE.to_owned()),
                ..ObjectMeta::default()
            },
            type_: Some(SECRET_TYPE.to_owned()),
            data: Some(data.into_iter().map(bytes).collect()),
            ..Secret::default()
        }
    }
}

/// As API servers check it.
fn is_group(group: &str) -> bool {
    let Some(rest) = group.strip_prefix(GROUPS) else { return false };
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    rest.len() <= 256
        && rest.bytes().all(|byte| letter(byte) || byte == b':' || byte == b'-')
        && rest.bytes().last().is_some_and(letter)
}

/// What is told of a token: everything but its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenInfo {
    /// The public part.
    pub id: String,
    /// When it ends; never, if nothing is said.
    pub expires: Option<Timestamp>,
    /// Whether it has ended, or its end cannot be read, which API servers take for the same.
    pub expired: bool,
    /// What it is good for.
    pub usages: Vec<Usage>,
    /// Groups of those who show it.
    pub groups: Vec<String>,
    /// For people.
    pub description: Option<String>,
}

impl TokenInfo {
    /// What a Secret tells; nothing, if it is of no token.
    pub fn of(secret: &Secret, now: Timestamp) -> Option<Self> {
        let field = |name: &str| -> Option<String> {
            let bytes = secret.data.as_ref()?.get(name)?;
            String::from_utf8(bytes.0.clone()).ok().filter(|text| !text.is_empty())
        };
        let id = super::id_of(&field("token-id")?).ok()?;
        let ours = secret.type_.as_deref() == Some(SECRET_TYPE)
            && secret.metadata.name.as_deref() == Some(secret_name(&id).as_str());
        if !ours {
            return None;
        }
        let end = field("expiration").map(|text| text.parse::<Timestamp>());
        let granted = |usage: &Usage| field(&usage.key()).as_deref() == Some("true");
        let groups = field("auth-extra-groups").unwrap_or_default();
        Some(Self {
            id,
            expired: end.as_ref().is_some_and(|end| end.as_ref().map_or(true, |at| *at <= now)),
            expires: end.and_then(Result::ok),
            usages: Usage::ALL.into_iter().filter(granted).collect(),
            groups: groups.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect(),
            description: field("description"),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_secret_tells_what_was_granted_and_no_more() {
        let token: Token = "abcdef.0123456789abcdef".parse().unwrap();
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let end: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let grant = Grant { description: Some("lab".to_owned()), ..Grant::for_nodes(Some(end)) };
        grant.check().unwrap();
        let secret = grant.secret(&token);
        assert_eq!(secret.metadata.name.as_deref(), Some("bootstrap-token-abcdef"));
        assert_eq!(secret.data.as_ref().unwrap()["expiration"].0, b"2026-01-02T00:00:00Z");
        let info = TokenInfo::of(&secret, now).unwrap();
        assert_eq!(
            serde_json::to_value(&info).unwrap(),
            serde_json::json!({ "id": "abcdef", "expires": "2026-01-02T00:00:00Z",
                "expired": false, "usages": ["signing", "authentication"],
                "groups": [DEFAULT_GROUP], "description": "lab" })
        );
        assert!(TokenInfo::of(&secret, end).unwrap().expired);
    }

    #[test]
    fn secrets_of_something_else_are_no_tokens() {
        let token: Token = "abcdef.0123456789abcdef".parse().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let good = Grant::for_nodes(None).secret(&token);
        assert!(TokenInfo::of(&good, now).is_some());
        let mut other = good.clone();
        other.type_ = Some("Opaque".to_owned());
        assert_eq!(TokenInfo::of(&other, now), None);
        let mut other = good.clone();
        other.metadata.name = Some("bootstrap-token-ghijkl".to_owned());
        assert_eq!(TokenInfo::of(&other, now), None);
        let mut odd = good;
        let soon = ByteString(b"soon".to_vec());
        odd.data.as_mut().unwrap().insert("expiration".to_owned(), soon);
        assert!(TokenInfo::of(&odd, now).unwrap().expired, "what cannot be read has passed");
    }

    #[test]
    fn groups_and_usages_are_those_that_api_servers_take() {
        for group in ["system:bootstrappers:a", DEFAULT_GROUP] {
            assert!(is_group(group), "{group}");
        }
        for group in [
            "",
            "system:masters",
            "system:bootstrappers:",
            "system:bootstrappers:a-",
            "system:bootstrappers:A",
        ] {
            let grant = Grant { groups: vec![group.to_owned()], ..Grant::for_nodes(None) };
            assert!(matches!(grant.check(), Err(GrantError::Group { .. })), "{group}");
        }
        assert_eq!("signing".parse(), Ok(Usage::Signing));
        assert!("sign".parse::<Usage>().is_err());
    }
}
