//! Who we are to one registry: the challenge it made, the tokens it gave.

mod token;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell};

use super::challenge::{self, Challenge};
use super::credentials::{self, Credentials};
use super::payload::Payload;
use super::proxy::is_this_machine;
use super::transport::{self, Transport};
use super::{Options, RegistryError, protocol, retry, shown};

use token::Token;

/// Docker Hub's registry is not where its name says.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
/// The most of an answer that is read to learn why, or for a token, in bytes.
const MAX_ANSWER: u64 = 256 << 10;
/// How often one request may be led elsewhere.
const MAX_REDIRECTS: usize = 5;
/// How often a request is tried that may be repeated.
const TRIES: u32 = 4;

/// What a request is for: a repository, and whether to write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) repository: String,
    pub(super) write: bool,
    /// A repository to mount from.
    pub(super) from: Option<String>,
}

impl Scope {
    fn texts(&self) -> Vec<String> {
        let actions = if self.write { "pull,push" } else { "pull" };
        let mut texts = vec![format!("repository:{}:{actions}", self.repository)];
        texts.extend(self.from.iter().map(|from| format!("repository:{from}:pull")));
        texts
    }

    fn deed(&self) -> String {
        format!("{} {}", if self.write { "push to" } else { "pull from" }, self.repository)
    }
}

/// A request to a registry.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) payload: Payload,
}

impl Call {
    pub(super) fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Vec::new(), payload: Payload::Empty }
    }

    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Result<Self, RegistryError> {
        let value = HeaderValue::from_str(value)
            .map_err(|_| protocol(&self.method, &self.uri, "it leads to a header that is none"))?;
        self.headers.push((name, value));
        Ok(self)
    }

    pub(super) fn sending(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }
}

#[derive(Debug)]
struct Entrance {
    scheme: &'static str,
    challenge: Option<Challenge>,
}

/// A conversation with one registry.
pub(super) struct Session {
    host: String,
    authority: String,
    may_be_plain: bool,
    files: Vec<PathBuf>,
    transport: Transport,
    entrance: OnceCell<Entrance>,
    /// What was found where.
    credentials: Mutex<Vec<(credentials::Place, Option<Credentials>)>>,
    tokens: Mutex<HashMap<Scope, Token>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(host: &str, options: &Options) -> Result<Self, RegistryError> {
        let authority = if host == DOCKER_HUB.0 { DOCKER_HUB.1 } else { host };
        Ok(Self {
            host: host.to_owned(),
            authority: authority.to_owned(),
            may_be_plain: is_this_machine(host) || options.plain_http.iter().any(|one| one == host),
            files: options.credentials.clone(),
            transport: Transport::new(host, &options.certificates, &options.proxies)?,
            entrance: OnceCell::new(),
            credentials: Mutex::new(Vec::new()),
            tokens: Mutex::new(HashMap::new()),
        })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The address of something in the registry.
    pub(super) async fn uri(&self, path: &str) -> Result<Uri, RegistryError> {
        let entrance = self.entrance().await?;
        self.address(entrance.scheme, path)
    }

    fn address(&self, scheme: &str, path: &str) -> Result<Uri, RegistryError> {
        let text = format!("{scheme}://{}{path}", self.authority);
        text.parse().map_err(|_| RegistryError::Protocol {
            method: Method::GET,
            url: self.authority.clone(),
            why: format!("{path:?} is no path"),
        })
    }

    /// Where the registry sends us. It may be another machine, but never in the clear when we
    /// came by TLS.
    pub(super) fn follow(
        &self,
        method: &Method,
        from: &Uri,
        to: &HeaderValue,
    ) -> Result<Uri, RegistryError> {
        let wrong = |why: &str| protocol(method, from, format!("it leads {why}"));
        let text = to.to_str().map_err(|_| wrong("to no address"))?;
        let absolute = match text.starts_with('/') {
            true => {
                let scheme = from.scheme_str().unwrap_or("https");
                let authority = from.authority().ok_or_else(|| wrong("nowhere"))?;
                format!("{scheme}://{authority}{text}")
            }
            false => text.to_owned(),
        };
        let to: Uri = absolute.parse().map_err(|_| wrong("to no address"))?;
        match (from.scheme_str(), to.scheme_str()) {
            (_, Some("https")) => Ok(to),
            (Some("http"), Some("http")) => Ok(to),
            _ => Err(wrong("away from TLS")),
        }
    }

    /// Sends a request that may be sent again, until it is answered or it has failed often
    /// enough.
    pub(super) async fn call(
        &self,
        call: &Call,
        scope: &Scope,
    ) -> Result<Response<Incoming>, RegistryError> {
        let mut tries = 1;
        loop {
            let answer = self.once(call, scope).await;
            let again = match &answer {
                Ok(response) => {
                    let status = response.status();
                    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
                }
                Err(RegistryError::Connection { .. } | RegistryError::Timeout { .. }) => true,
                Err(_) => false,
            };
            if !again || tries == TRIES {
                return answer;
            }
            let asked = answer.as_ref().ok().and_then(|response| retry::after(response.headers()));
            tokio::time::sleep(retry::pause(asked, tries)).await;
            tries += 1;
        }
    }

    /// The same, following where the registry leads: some lead to an object store, some to a
    /// registry nearby.
    pub(super) async fn find(
        &self,
        mut call: Call,
        scope: &Scope,
    ) -> Result<(Call, Response<Incoming>), RegistryError> {
        for _ in 0..=MAX_REDIRECTS {
            let response = self.call(&call, scope).await?;
            match response.headers().get(LOCATION) {
                Some(location) if response.status().is_redirection() => {
                    call.uri = self.follow(&call.method, &call.uri, location)?;
                }
                _ => return Ok((call, response)),
            }
        }
        Err(protocol(&call.method, &call.uri, "it leads elsewhere without end"))
    }

    /// Sends a request once; again only to say who we are.
    pub(super) async fn once(
        &self,
        call: &Call,
        scope: &Scope,
    ) -> Result<Response<Incoming>, RegistryError> {
        let challenge = self.entrance().await?.challenge.clone();
        let response = self.send(call, self.authorization(challenge.as_ref(), scope, false).await?);
        let response = response.await?;
        if response.status() != StatusCode::UNAUTHORIZED || !self.is_ours(&call.uri) {
            return Ok(response);
        }
        // A token that ended early, or a registry that lets some requests in.
        let challenge = challenged(&response).or(challenge);
        let authorization = self.authorization(challenge.as_ref(), scope, true).await?;
        let response = self.send(call, authorization).await?;
        match response.status() {
            StatusCode::UNAUTHORIZED => Err(self.unauthorized(scope).await?),
            _ => Ok(response),
        }
    }

    async fn unauthorized(&self, scope: &Scope) -> Result<RegistryError, RegistryError> {
        let known = self.credentials(&scope.repository).await?.is_some();
        let registry = self.host.clone();
        Ok(RegistryError::Unauthorized { registry, what: scope.deed(), known })
    }

    async fn send(
        &self,
        call: &Call,
        authorization: Option<HeaderValue>,
    ) -> Result<Response<Incoming>, RegistryError> {
        let Call { method, uri, headers, payload } = call;
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| RegistryError::Connection {
            method: method.clone(),
            url: shown(uri),
            source,
        };
        let body = payload.body().await.map_err(|error| failed(error.into()))?;
        let mut request = Request::builder().method(method).uri(uri);
        request = request.header(USER_AGENT, concat!("kubewright/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if payload.size() > 0 || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
            request = request.header(CONTENT_LENGTH, payload.size());
        }
        // Other machines to which the registry sends us have their secrets in the address.
        if let Some(authorization) = authorization.filter(|_| self.is_ours(uri)) {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(body).map_err(|error| failed(error.into()))?;
        self.transport.send(request).await
    }

    /// Whether an address is of the registry itself; `host` and `host:443` are the same.
    fn is_ours(&self, uri: &Uri) -> bool {
        let port = if uri.scheme_str() == Some("http") { "80" } else { "443" };
        let own = &self.authority;
        let usual = |long: &str, short: &str| {
            long.strip_prefix(short).and_then(|rest| rest.strip_prefix(':')) == Some(port)
        };
        uri.authority().map(|authority| authority.as_str()).is_some_and(|authority| {
            authority == own || usual(authority, own) || usual(own, authority)
        })
    }

    async fn entrance(&self) -> Result<&Entrance, RegistryError> {
        self.entrance.get_or_try_init(|| self.enter()).await
    }

    /// By which scheme the registry is spoken to, and what it wants to know.
    async fn enter(&self) -> Result<Entrance, RegistryError> {
        let mut scheme = "https";
        let mut answer = self.knock(scheme).await;
        if self.may_be_plain && answer.as_ref().is_err_and(transport::is_no_tls) {
            scheme = "http";
            answer = self.knock(scheme).await;
        }
        let response = answer?;
        let challenge = match response.status() {
            StatusCode::UNAUTHORIZED => challenged(&response),
            _ => None,
        };
        Ok(Entrance { scheme, challenge })
    }

    async fn knock(&self, scheme: &str) -> Result<Response<Incoming>, RegistryError> {
        let call = Call::new(Method::GET, self.address(scheme, "/v2/")?);
        self.send(&call, None).await
    }

    async fn credentials(&self, repository: &str) -> Result<Option<Credentials>, RegistryError> {
        let mut known = self.credentials.lock().await;
        for place in credentials::find(&self.files, &self.host, repository)? {
            let found = match known.iter().find(|(other, _)| *other == place) {
                Some((_, found)) => found.clone(),
                None => {
                    // A helper is a program, and may take its time.
                    let asked = place.clone();
                    let found = tokio::task::spawn_blocking(move || asked.read()).await;
                    let found = found.unwrap_or(Ok(None))?;
                    known.push((place, found.clone()));
                    found
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn authorization(
        &self,
        challenge: Option<&Challenge>,
        scope: &Scope,
        fresh: bool,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        match challenge {
            None => Ok(None),
            Some(Challenge::Basic) => {
                let found = self.credentials(&scope.repository).await?;
                let basic = found.as_ref().and_then(Credentials::basic);
                Ok(basic.and_then(|basic| secret(&basic)))
            }
            Some(Challenge::Bearer { realm, service, .. }) => {
                // One at a time: a hundred blobs need one token.
                let mut tokens = self.tokens.lock().await;
                if let Some(token) = tokens.get(scope)
                    && !fresh
                    && Instant::now() < token.until
                {
                    return Ok(Some(token.text.clone()));
                }
                let token = self.fetch_token(realm, service.as_deref(), scope).await?;
                let text = token.text.clone();
                tokens.insert(scope.clone(), token);
                Ok(Some(text))
            }
        }
    }
}

/// A header that logs do not show.
fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn challenged(response: &Response<Incoming>) -> Option<Challenge> {
    let all = response.headers().get_all(WWW_AUTHENTICATE);
    let found: Vec<Challenge> =
        all.iter().filter_map(|header| challenge::parse(header.to_str().ok()?)).collect();
    let bearer = found.iter().find(|one| matches!(one, Challenge::Bearer { .. }));
    bearer.or(found.first()).cloned()
}

/// Why a registry refuses.
pub(super) async fn refusal(
    method: &Method,
    uri: &Uri,
    response: Response<Incoming>,
) -> RegistryError {
    #[derive(Deserialize)]
    struct Answer {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        code: String,
        #[serde(default)]
        message: String,
    }
    let status = response.status();
    let retry_after = retry::after(response.headers());
    let text = transport::whole(response.into_body(), MAX_ANSWER, method, uri).await;
    let answer = text.ok().and_then(|text| serde_json::from_slice::<Answer>(&text).ok());
    let first = answer.and_then(|answer| answer.errors.into_iter().next());
    let message = first.map_or_else(String::new, |one| format!("{} {}", one.code, one.message));
    // It goes to a terminal.
    let message = message.chars().filter(|letter| !letter.is_control()).take(300).collect();
    RegistryError::Status { method: method.clone(), url: shown(uri), status, message, retry_after }
}
