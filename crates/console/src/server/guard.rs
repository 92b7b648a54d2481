//! What holds for every request: which names it may be for, where a write may come from, and what
//! a browser may do with the answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State as FromState};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::ConsoleError;
use super::routes::State;

/// Names under which the console answers.
///
/// A page of an attacker can have its own name resolve to this server (DNS rebinding), and would
/// then be of the same origin. Its requests carry its name. Addresses cannot be rebound.
#[derive(Clone, Debug)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    /// The name that is given out.
    pub(crate) fn first(&self) -> &str {
        self.0.first().map_or("localhost", String::as_str)
    }

    /// `localhost`, addresses, and these.
    pub(crate) fn new(names: &[String]) -> Result<Self, ConsoleError> {
        let is_name = |name: &str| {
            let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
            !name.is_empty() && name.len() <= 253 && name.chars().all(part)
        };
        if let Some(odd) = names.iter().find(|name| !is_name(name)) {
            return Err(ConsoleError::Host { host: odd.clone() });
        }
        let names = names.iter().map(|name| name.to_ascii_lowercase());
        Ok(Self(names.chain(["localhost".to_owned()]).collect()))
    }

    /// Whether a `Host`, which may have a port, is one of them.
    pub(super) fn contain(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map(|(name, _)| name),
            None => Some(host.split_once(':').map_or(host, |(name, _)| name)),
        };
        name.is_some_and(|name| {
            name.parse::<IpAddr>().is_ok() || self.0.contains(&name.to_ascii_lowercase())
        })
    }
}

/// What a browser may do with every page: show it, run and style it by our files alone, and send
/// its forms back to us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // `no-referrer` would make the origin of our own forms `null`.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Refuses what must not be answered, and puts the headers on what is.
pub(super) async fn guard(
    FromState(state): FromState<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match check(&state, &request) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => (status, why).into_response(),
    };
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

type Refusal = (StatusCode, &'static str);

fn check(state: &State, request: &Request) -> Result<(), Refusal> {
    let host = request
        .uri()
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| text(request.headers(), &header::HOST))
        .filter(|host| state.hosts.contain(host))
        .ok_or((
            StatusCode::MISDIRECTED_REQUEST,
            "The console does not answer under this name; start it with --host NAME.\n",
        ))?;
    match *request.method() {
        Method::GET | Method::HEAD => Ok(()),
        Method::POST if from_here(request.headers(), host, state.secure) => Ok(()),
        Method::POST => Err((StatusCode::FORBIDDEN, "This form was sent by another site.\n")),
        _ => Err((StatusCode::METHOD_NOT_ALLOWED, "Only GET and POST.\n")),
    }
}

/// Whether a write comes from a page of ours. Every browser of today sends at least one of the
/// two headers with a form; behind a proxy that does TLS the scheme is the proxy's.
fn from_here(headers: &HeaderMap, host: &str, secure: bool) -> bool {
    match text(headers, &header::ORIGIN) {
        Some(origin) => {
            let https = origin.strip_prefix("https://");
            let http = origin.strip_prefix("http://").filter(|_| !secure);
            https.or(http).is_some_and(|origin| origin.eq_ignore_ascii_case(host))
        }
        None => text(headers, &HeaderName::from_static("sec-fetch-site")) == Some("same-origin"),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    // Two of them are somebody's attempt to be understood in two ways.
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests;
