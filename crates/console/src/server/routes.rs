//! What is answered to which request.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, Request, State as FromState};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use kubewright_operator::Shutdown;
use tokio::sync::Semaphore;

use super::form::Form;
use super::guard::{self, Hosts};
use super::listen::Peer;
use super::live::{self, Followed};
use super::scraper::Scraper;
use super::session::{Session, Sessions};
use crate::acceptance::{Acceptance, AcceptanceError, Asked};
use crate::model::{Filter, words};
use crate::page::{self, RenderError, Scene, View, Viewer, assets};

/// What all requests share.
pub(super) struct State {
    pub(super) address: SocketAddr,
    /// Whether it is served over TLS.
    pub(super) secure: bool,
    pub(super) hosts: Hosts,
    pub(super) sessions: Sessions,
    pub(super) scraper: Scraper,
    pub(super) cluster: String,
    pub(super) acceptance: Arc<dyn Acceptance>,
    /// Ends the streams of events.
    pub(super) shutdown: Shutdown,
    pub(super) streams: Arc<Semaphore>,
}

/// Everything that is answered.
pub(super) fn router(state: Arc<State>) -> Router {
    let mut router = Router::new();
    for view in View::ALL {
        router = router.route(view.path(), get(view_page));
    }
    router
        .route("/live", get(live_page))
        .route("/assets/{version}/{name}", get(asset))
        .route("/sign-in", get(sign_in_page).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/nodes/accept", post(accept))
        .route("/nodes/reject", post(reject))
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is no such page.\n") })
        .layer(middleware::from_fn_with_state(Arc::clone(&state), guard::guard))
        .with_state(state)
}

/// Who makes a request.
struct Caller {
    cookie: String,
    /// Whether the cookie is new to the browser.
    new: bool,
    /// Nothing where somebody has to sign in first.
    session: Option<Arc<Session>>,
}

impl State {
    /// Who makes a request, or the answer to those who may make none.
    fn caller(&self, headers: &HeaderMap, peer: Peer) -> Result<Caller, Response> {
        if self.sessions.are_own() && !peer.is_owner {
            let text = "This console acts with the rights of the user who started it, and answers \
                that user only.\n";
            return Err((StatusCode::FORBIDDEN, text).into_response());
        }
        let (cookie, new) = match self.read_cookie(headers) {
            Some(cookie) => (cookie, false),
            None => match self.sessions.cookie() {
                Some(cookie) => (cookie, true),
                None => return Err(StatusCode::SERVICE_UNAVAILABLE.into_response()),
            },
        };
        let session = self.sessions.find(&cookie);
        Ok(Caller { cookie, new, session })
    }

    /// Cookies are not told apart by port: the name is, so that two consoles get along.
    fn cookie_name(&self) -> String {
        let prefix = if self.secure { "__Host-" } else { "" };
        format!("{prefix}kubewright-console-{}", self.address.port())
    }

    fn read_cookie(&self, headers: &HeaderMap) -> Option<String> {
        let name = self.cookie_name();
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|it| it.split_once('='));
        let (_, value) = pairs.find(|(key, _)| key.trim() == name)?;
        let value = value.trim();
        (value.len() == 43).then(|| value.to_owned())
    }

    fn set_cookie(&self, response: &mut Response, cookie: &str) {
        let secure = if self.secure { "; Secure" } else { "" };
        let name = self.cookie_name();
        let text = format!("{name}={cookie}; Path=/; HttpOnly; SameSite=Strict{secure}");
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }

    fn viewer(&self, session: &Session, cookie: &str) -> Viewer {
        Viewer {
            user: session.user.clone(),
            cluster: self.cluster.clone(),
            csrf: self.sessions.form_token(cookie),
        }
    }
}

fn html(rendered: Result<String, RenderError>, status: StatusCode) -> Response {
    match rendered {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "cannot render a page");
            (StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be shown.\n").into_response()
        }
    }
}

fn redirect(to: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

async fn view_page(
    FromState(state): FromState<Arc<State>>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let caller = match state.caller(&headers, peer) {
        Ok(caller) => caller,
        Err(answer) => return answer,
    };
    let Some(session) = &caller.session else { return redirect("/sign-in") };
    let view = View::of_path(uri.path()).unwrap_or(View::Overview);
    let filter = Filter::new(Form::of_query(uri.query()).field("q"));
    let viewer = state.viewer(session, &caller.cookie);
    let scrapes = state.scraper.latest().borrow().clone();
    let scene = Scene {
        view,
        filter: &filter,
        scrapes: &scrapes,
        scraping: state.scraper.asks(),
        now: Timestamp::now(),
        csrf: &viewer.csrf,
    };
    let rendered = page::page(&session.observer.world(), &scene, &viewer);
    let mut response = html(rendered, StatusCode::OK);
    if caller.new {
        state.set_cookie(&mut response, &caller.cookie);
    }
    response
}

async fn live_page(
    FromState(state): FromState<Arc<State>>,
    Extension(peer): Extension<Peer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let caller = match state.caller(&headers, peer) {
        Ok(caller) => caller,
        Err(answer) => return answer,
    };
    let Some(session) = caller.session.filter(|_| !caller.new) else {
        return (StatusCode::UNAUTHORIZED, "Sign in first.\n").into_response();
    };
    let query = Form::of_query(query.as_deref());
    let Some(view) = View::of_path(query.field("path")) else {
        return (StatusCode::NOT_FOUND, "There is no such page.\n").into_response();
    };
    let Ok(room) = Arc::clone(&state.streams).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open.\n").into_response();
    };
    let filter = Filter::new(query.field("q"));
    let followed = Followed { cookie: caller.cookie, session, view, filter };
    live::follow(state, followed, room)
}

async fn asset(Path((version, name)): Path<(String, String)>) -> Response {
    let current = assets::prefix().rsplit('/').next() == Some(&version);
    match assets::find(&name).filter(|_| current) {
        Some(asset) => {
            let forever = "public, max-age=31536000, immutable";
            let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, forever)];
            (headers, asset.content).into_response()
        }
        None => (StatusCode::NOT_FOUND, "There is no such file.\n").into_response(),
    }
}

async fn sign_in_page(
    FromState(state): FromState<Arc<State>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    let caller = match state.caller(&headers, peer) {
        Ok(caller) => caller,
        Err(answer) => return answer,
    };
    if caller.session.is_some() {
        return redirect("/");
    }
    let csrf = state.sessions.form_token(&caller.cookie);
    let mut response = html(page::sign_in(&csrf, None), StatusCode::OK);
    if caller.new {
        state.set_cookie(&mut response, &caller.cookie);
    }
    response
}

/// A write: who makes it, with a form that was made for them.
async fn writer(state: &State, peer: Peer, request: Request) -> Result<(Caller, Form), Response> {
    let (head, body) = request.into_parts();
    let caller = state.caller(&head.headers, peer)?;
    let form = Form::read(body).await;
    let form = form.ok_or_else(|| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
    if caller.new || !state.sessions.is_form_token(&caller.cookie, form.field("csrf")) {
        let text = "This form is too old, or was not made by this console.";
        let advice = Some("Go back, load the page again and repeat what you did.");
        let rendered = page::message("Nothing was done", text, advice, None);
        return Err(html(rendered, StatusCode::FORBIDDEN));
    }
    Ok((caller, form))
}

async fn sign_in(
    FromState(state): FromState<Arc<State>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let (caller, form) = match writer(&state, peer, request).await {
        Ok(writer) => writer,
        Err(answer) => return answer,
    };
    match state.sessions.sign_in(form.field("token")).await {
        Ok((cookie, user)) => {
            tracing::info!(user, "signed in");
            let mut response = redirect("/");
            state.set_cookie(&mut response, &cookie);
            response
        }
        Err(error) => {
            let csrf = state.sessions.form_token(&caller.cookie);
            let rendered = page::sign_in(&csrf, Some(&error.to_string()));
            html(rendered, StatusCode::FORBIDDEN)
        }
    }
}

async fn sign_out(
    FromState(state): FromState<Arc<State>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    match writer(&state, peer, request).await {
        Ok((caller, _)) => {
            state.sessions.sign_out(&caller.cookie);
            redirect("/sign-in")
        }
        Err(answer) => answer,
    }
}

async fn accept(
    FromState(state): FromState<Arc<State>>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    decide(&state, peer, request, true).await
}

async fn reject(
    FromState(state): FromState<Arc<State>>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    decide(&state, peer, request, false).await
}

async fn decide(state: &State, peer: Peer, request: Request<Body>, accept: bool) -> Response {
    let (caller, form) = match writer(state, peer, request).await {
        Ok(writer) => writer,
        Err(answer) => return answer,
    };
    let Some(session) = &caller.session else { return redirect("/sign-in") };
    let asked = Asked { name: form.field("name").to_owned(), uid: form.field("uid").to_owned() };
    let reason = words::clip(form.field("reason").trim(), 300);
    let (name, client) = (asked.name.clone(), session.client.clone());
    let done = match (accept, is_name(&asked.name)) {
        (_, false) => Err(AcceptanceError::Gone { name: String::new() }),
        (true, _) => state.acceptance.accept(client, asked).await,
        (false, _) if reason.is_empty() => Err(AcceptanceError::Refused {
            name: asked.name,
            why: "say for which reason it is rejected".to_owned(),
        }),
        (false, _) => state.acceptance.reject(client, asked, reason).await,
    };
    let user = session.user.as_deref();
    match done {
        Ok(()) => {
            tracing::info!(user, request = name, accept, "decided about a node");
            redirect(View::of_path(form.field("from")).unwrap_or(View::Nodes).path())
        }
        Err(error) => {
            tracing::warn!(user, request = name, accept, %error, "could not decide about a node");
            let (status, text, advice) = told(&error);
            let viewer = state.viewer(session, &caller.cookie);
            let rendered = page::message("Nothing was done", &text, advice, Some(&viewer));
            html(rendered, status)
        }
    }
}

/// A name that may stand in a path of the API server.
fn is_name(name: &str) -> bool {
    let part =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    (1..=253).contains(&name.len()) && name.bytes().all(part) && name.as_bytes()[0] != b'.'
}

/// What a user is told about a decision that was not made.
fn told(error: &AcceptanceError) -> (StatusCode, String, Option<&'static str>) {
    let text = words::sentence(&error.to_string());
    match error {
        AcceptanceError::Gone { .. } => (StatusCode::NOT_FOUND, text, None),
        AcceptanceError::Decided { .. } => (StatusCode::CONFLICT, text, None),
        AcceptanceError::Refused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, text, None),
        AcceptanceError::Api { source, .. } => match &**source {
            kube::Error::Api(status) if status.code == 403 => {
                let advice = "Ask for the permissions of `kubectl certificate approve`: update \
                    certificatesigningrequests/approval, and approve for the signer \
                    kubernetes.io/kube-apiserver-client-kubelet.";
                let text =
                    format!("{text} {}", words::sentence(&words::clip(&status.message, 400)));
                (StatusCode::FORBIDDEN, text, Some(advice))
            }
            kube::Error::Api(status) => {
                let text =
                    format!("{text} {}", words::sentence(&words::clip(&status.message, 400)));
                (StatusCode::BAD_GATEWAY, text, None)
            }
            _ => (StatusCode::BAD_GATEWAY, text, Some("The API server cannot be reached.")),
        },
    }
}
