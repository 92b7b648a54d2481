//! From a request to its caller: client certificate, static token, service-account token,
//! bootstrap token, or nobody.

use axum::extract::Request;
use http::header::AUTHORIZATION;
use jiff::Timestamp;

use super::account::{self, Accepted, Refused};
use super::bootstrap_token;
use super::identity::Identity;
use crate::error::{Error, Result};
use crate::server::Core;

/// The caller of a request. An [`Identity`] among the request's extensions comes from the
/// transport (in process, or a verified client certificate) and is believed before any token,
/// as on a real server.
pub(crate) fn authenticate(core: &Core, request: &Request) -> Result<Identity> {
    if let Some(identity) = request.extensions().get::<Identity>() {
        return Ok(identity.clone());
    }
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = header.and_then(bearer) else {
        return Ok(Identity::anonymous());
    };
    match by_token(core, token, &own_audience()) {
        Ok(accepted) => Ok(accepted.identity),
        Err(error) => {
            tracing::debug!(%error, "a bearer token is not accepted");
            Err(Error::unauthorized())
        }
    }
}

/// The audience that the server itself is.
pub(crate) fn own_audience() -> [String; 1] {
    [account::ISSUER.to_owned()]
}

/// Who has a token that is meant for one of these audiences. The words of a refusal are
/// those that a TokenReview shows.
pub(crate) fn by_token(
    core: &Core,
    token: &str,
    audiences: &[String],
) -> Result<Accepted, Refused> {
    let now = Timestamp::now();
    match account::authenticate(&core.account_key, &core.store, token, audiences, now) {
        Some(Ok(accepted)) => return Ok(accepted),
        Some(Err(Refused(why))) => return Err(Refused(format!("[invalid bearer token, {why}]"))),
        None => {}
    }
    let known = core.credentials.token(token);
    let known = known.or_else(|| bootstrap_token::authenticate(&core.store, token, now));
    // These tokens are meant for the server and nobody else.
    let [own] = own_audience();
    match known {
        Some(identity) if audiences.contains(&own) => {
            Ok(Accepted { identity, audiences: vec![own] })
        }
        _ => Err(Refused("invalid bearer token".to_owned())),
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
