//! Static bearer tokens.

use std::collections::HashMap;

use super::Identity;

/// Tokens that the server accepts.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    tokens: HashMap<String, Identity>,
}

/// A token that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Too short to be a secret.
    #[error("a bearer token for {user:?} has only {length} characters; use at least 16")]
    Short {
        /// Whose token.
        user: String,
        /// Its length.
        length: usize,
    },
}

impl Credentials {
    /// Accepts a token for a user.
    pub(crate) fn add(
        &mut self,
        token: impl Into<String>,
        identity: Identity,
    ) -> Result<(), TokenError> {
        let token = token.into();
        if token.len() < 16 {
            return Err(TokenError::Short { user: identity.user, length: token.len() });
        }
        self.tokens.insert(token, identity);
        Ok(())
    }

    pub(super) fn token(&self, token: &str) -> Option<Identity> {
        self.tokens.get(token).cloned()
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({} tokens)", self.tokens.len())
    }
}
