//! Tokens of service accounts: signed by the server, and good as long as what they are bound
//! to is there.

mod claims;
mod key;
mod legacy;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use claims::{Claims, Kubernetes, Reference};
pub(crate) use key::Key;
pub use key::KeyError;
pub(crate) use legacy::{ACCOUNT_NAME, ACCOUNT_UID, SECRET_TYPE, legacy_claims};
pub(crate) use verify::{Accepted, Refused, authenticate};

/// Who issues the tokens, and the audience that the server itself is.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc";
