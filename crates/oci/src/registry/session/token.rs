//! Tokens, asked for where the registry says.
//! <https://distribution.github.io/distribution/spec/auth/token/>

use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use serde::Deserialize;

use super::super::credentials::Credentials;
use super::super::payload::Payload;
use super::super::{RegistryError, protocol, shown, transport};
use super::{Call, MAX_ANSWER, Scope, Session, refusal, secret};

/// What a token lives when its server does not say: by the specification.
const LIFE: u64 = 60;
/// Tokens are replaced so long before they end.
const MARGIN: Duration = Duration::from_secs(10);

/// A token, and how long it serves.
pub(super) struct Token {
    pub(super) text: HeaderValue,
    pub(super) until: Instant,
}

impl Session {
    pub(super) async fn fetch_token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &Scope,
    ) -> Result<Token, RegistryError> {
        let (method, place) = (Method::GET, self.address("https", "/v2/")?);
        let place: Uri = realm.parse().map_err(|_| {
            protocol(&method, &place, "it asks for a token of a server whose address is none")
        })?;
        let plain = place.scheme_str() != Some("https");
        if plain && !(self.may_be_plain && place.scheme_str() == Some("http")) {
            return Err(protocol(&method, &place, "tokens are not asked for in the clear"));
        }
        let credentials = self.credentials(&scope.repository).await?;
        let call = token_call(credentials.as_ref(), &place, service, scope)?;
        let body = call.payload.body().await;
        let failed = |source| RegistryError::Connection {
            method: call.method.clone(),
            url: shown(&call.uri),
            source,
        };
        let mut request = Request::builder().method(&call.method).uri(&call.uri);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let body = body.map_err(|error| failed(error.into()))?;
        let request = request.body(body).map_err(|error| failed(error.into()))?;
        let asked = Instant::now();
        let response = self.transport.send(request).await?;
        match response.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(self.unauthorized(scope).await?);
            }
            _ => return Err(refusal(&call.method, &call.uri, response).await),
        }
        let text =
            transport::whole(response.into_body(), MAX_ANSWER, &call.method, &call.uri).await?;
        let answer: TokenAnswer = serde_json::from_slice(&text)
            .map_err(|_| protocol(&call.method, &call.uri, "it has no token"))?;
        let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
        let text = token.and_then(|token| secret(&format!("Bearer {token}")));
        let text = text.ok_or_else(|| protocol(&call.method, &call.uri, "it has no token"))?;
        let life = Duration::from_secs(answer.expires_in.unwrap_or(LIFE).min(86_400));
        Ok(Token { text, until: asked + life.saturating_sub(MARGIN) })
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

fn token_call(
    credentials: Option<&Credentials>,
    realm: &Uri,
    service: Option<&str>,
    scope: &Scope,
) -> Result<Call, RegistryError> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(service.map(|service| ("service", service)));
    if let Some(Credentials::IdentityToken(token)) = credentials {
        form.append_pair("grant_type", "refresh_token").append_pair("client_id", "kubewright");
        form.append_pair("refresh_token", token).append_pair("scope", &scope.texts().join(" "));
        let call = Call::new(Method::POST, realm.clone());
        let call = call.with(CONTENT_TYPE, "application/x-www-form-urlencoded")?;
        return Ok(call.sending(Payload::Bytes(form.finish().into())));
    }
    form.extend_pairs(scope.texts().iter().map(|scope| ("scope", scope)));
    let joint = if realm.query().is_some() { '&' } else { '?' };
    let uri = format!("{realm}{joint}{}", form.finish());
    let uri = uri.parse().map_err(|_| protocol(&Method::GET, realm, "it is too long"))?;
    let mut call = Call::new(Method::GET, uri);
    let basic = credentials.and_then(Credentials::basic).and_then(|basic| secret(&basic));
    call.headers.extend(basic.map(|basic| (AUTHORIZATION, basic)));
    Ok(call)
}
