//! What others need to check tokens of service accounts: OpenID Connect discovery.

use axum::response::Response;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::respond;
use crate::access::account::ISSUER;
use crate::server::Core;

const CONFIGURATION: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/openid/v1/jwks";

pub(super) fn answer(core: &Core, path: &str) -> Option<Response> {
    let (media, body) = match path.strip_suffix('/').unwrap_or(path) {
        CONFIGURATION => (
            "application/json",
            json!({
                "issuer": ISSUER,
                "jwks_uri": format!("{ISSUER}{KEYS}"),
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }),
        ),
        KEYS => ("application/jwk-set+json", core.account_key.jwks()),
        _ => return None,
    };
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let mut response = respond::bytes(StatusCode::OK, media, body);
    let caching = HeaderValue::from_static("public, max-age=3600");
    response.headers_mut().insert(CACHE_CONTROL, caching);
    Some(response)
}
