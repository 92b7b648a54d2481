//! The tokens of a cluster.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client};

use super::grant::{NAMESPACE, SECRET_TYPE};
use super::{Grant, GrantError, Token, TokenError, TokenInfo, secret_name};

/// Ids are of six letters: that a new one is taken does not happen twice in a row by chance.
const ATTEMPTS: usize = 3;

/// Why the tokens of a cluster cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// API servers would not take it.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// There is another one with its id.
    #[error(
        "there is a bootstrap token {id} already; delete it first, or leave the choice to `kubewright node token create`"
    )]
    Taken {
        /// The id.
        id: String,
    },
    /// There is none with this id.
    #[error("there is no bootstrap token {id}; `kubewright node token list` shows those there are")]
    Unknown {
        /// The id.
        id: String,
    },
    /// The API server refuses or does not answer.
    #[error("cannot {verb} bootstrap tokens in {NAMESPACE}")]
    Api {
        /// What was tried.
        verb: &'static str,
        /// The answer.
        #[source]
        source: Box<kube::Error>,
    },
}

fn failed(verb: &'static str) -> impl FnOnce(kube::Error) -> StoreError {
    move |source| StoreError::Api { verb, source: Box::new(source) }
}

fn secrets(client: &Client) -> Api<Secret> {
    Api::namespaced(client.clone(), NAMESPACE)
}

/// Puts a token into the cluster: this one, or a new one.
///
/// # Errors
/// [`StoreError::Taken`] when the cluster has one with the id of this one; or when the API server
/// refuses.
pub async fn create(
    client: &Client,
    given: Option<Token>,
    grant: &Grant,
) -> Result<Token, StoreError> {
    grant.check()?;
    let generated = given.is_none();
    let mut token = given.map_or_else(Token::generate, Ok)?;
    for attempt in 1.. {
        let created = secrets(client).create(&PostParams::default(), &grant.secret(&token)).await;
        match created {
            Ok(_) => break,
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                if !generated || attempt == ATTEMPTS {
                    return Err(StoreError::Taken { id: token.id().to_owned() });
                }
                token = Token::generate()?;
            }
            Err(error) => return Err(failed("create")(error)),
        }
    }
    Ok(token)
}

/// The tokens of a cluster by id, the ended ones too.
///
/// # Errors
/// When the API server refuses.
pub async fn list(client: &Client, now: Timestamp) -> Result<Vec<TokenInfo>, StoreError> {
    let of_tokens = ListParams::default().fields(&format!("type={SECRET_TYPE}"));
    let found = secrets(client).list(&of_tokens).await.map_err(failed("list"))?;
    let mut tokens: Vec<_> =
        found.items.iter().filter_map(|secret| TokenInfo::of(secret, now)).collect();
    tokens.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(tokens)
}

/// The token with this id.
///
/// # Errors
/// [`StoreError::Unknown`] when there is none; or when the API server refuses.
pub async fn show(client: &Client, id: &str, now: Timestamp) -> Result<TokenInfo, StoreError> {
    let found = secrets(client).get_opt(&secret_name(id)).await.map_err(failed("read"))?;
    let info = found.and_then(|secret| TokenInfo::of(&secret, now));
    info.ok_or_else(|| StoreError::Unknown { id: id.to_owned() })
}

/// Takes the token with this id out of the cluster: nobody can join with it from now on.
///
/// # Errors
/// [`StoreError::Unknown`] when there is none; or when the API server refuses.
pub async fn delete(client: &Client, id: &str) -> Result<(), StoreError> {
    match secrets(client).delete(&secret_name(id), &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => {
            Err(StoreError::Unknown { id: id.to_owned() })
        }
        Err(error) => Err(failed("delete")(error)),
    }
}
