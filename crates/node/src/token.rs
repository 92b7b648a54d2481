//! Bootstrap tokens: what a machine shows that does not belong to the cluster yet.
//!
//! A token is `ID.SECRET`. The id is public: it names the Secret, the user and the signature in
//! `cluster-info`. The secret is made here from the system's random numbers, stands in one Secret
//! of `kube-system`, and is shown once.
//!
//! Semantics: <https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>.

mod grant;
mod store;

pub use grant::{DEFAULT_GROUP, Grant, GrantError, TokenInfo, Usage, secret_name};
pub use store::{StoreError, create, delete, list, show};

use std::fmt;
use std::str::FromStr;

use ring::rand::{SecureRandom, SystemRandom};

/// Letters of a token, of which each is as likely as any other.
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Random bytes from here on would make some letters likelier.
const FAIR: u8 = 252;

const ID: usize = 6;
const SECRET: usize = 16;

/// Why something is no token. What was given is not repeated: it may be half of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not have the form.
    #[error(
        "this is no bootstrap token: one is six and sixteen lower-case letters or digits with a dot between, as `kubewright node token create` prints it"
    )]
    Malformed,
    /// It is not the id of one.
    #[error(
        "this is no id of a bootstrap token: one is six lower-case letters or digits, the part before the dot"
    )]
    MalformedId,
    /// The system has no random numbers.
    #[error("the system has no random numbers to make a token from")]
    Random,
}

/// A bootstrap token. It has no `Display`, so that none gets into a log by mistake.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    id: String,
    secret: String,
}

impl Token {
    /// A new one, from the system's random numbers.
    ///
    /// # Errors
    /// [`TokenError::Random`].
    pub fn generate() -> Result<Self, TokenError> {
        Ok(Self { id: letters(ID)?, secret: letters(SECRET)? })
    }

    /// The public part.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The part that only who may join knows.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// `ID.SECRET`, to be shown to who made it and to nobody else.
    pub fn reveal(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let (id, secret) = text.split_once('.').ok_or(TokenError::Malformed)?;
        if !plain(id, ID) || !plain(secret, SECRET) {
            return Err(TokenError::Malformed);
        }
        Ok(Self { id: id.to_owned(), secret: secret.to_owned() })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}.<secret>)", self.id)
    }
}

/// The id of a token, from an id or a whole token.
///
/// # Errors
/// [`TokenError::MalformedId`].
pub fn id_of(text: &str) -> Result<String, TokenError> {
    if plain(text, ID) {
        return Ok(text.to_owned());
    }
    text.parse::<Token>().map(|token| token.id).map_err(|_| TokenError::MalformedId)
}

fn plain(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| LETTERS.contains(&byte))
}

fn letters(count: usize) -> Result<String, TokenError> {
    let random = SystemRandom::new();
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let mut bytes = [0_u8; 2 * SECRET];
        random.fill(&mut bytes).map_err(|_| TokenError::Random)?;
        let fair = bytes.iter().filter(|byte| **byte < FAIR);
        let letters = fair.map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]));
        text.extend(letters.take(count - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
