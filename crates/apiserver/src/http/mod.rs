//! The HTTP face: routing, authentication, negotiation, answers.

pub(crate) mod budget;
mod discovery;
mod health;
mod issuer;
mod metrics;
mod negotiate;
mod openapi;
pub(crate) mod path;
pub(crate) mod query;
mod resource;
mod respond;
mod stream;
mod view;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::FutureExt;
use http::{Method, StatusCode};

pub(crate) use negotiate::Encoding;
pub(crate) use query::Query;

use crate::access::{self, Attributes, Identity, On, Refusal};
use crate::error::Error;
use crate::server::Core;
use crate::warning;
use path::Route;

/// The API as a router: a transport for tests as it is, and what TLS serves.
pub(crate) fn router(core: Arc<Core>) -> Router {
    Router::new().fallback(handle).with_state(core)
}

async fn handle(State(core): State<Arc<Core>>, request: Request) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    // A bug that one request meets is an answer to that request, and stops nothing else.
    match AssertUnwindSafe(answer(core, request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!(request = %what, "panic while answering");
            respond::error(&Error::internal(format!("the server could not answer {what}")))
        }
    }
}

async fn answer(core: Arc<Core>, request: Request) -> Response {
    let identity = match access::authenticate(&core, &request) {
        Ok(identity) => identity,
        Err(error) => return respond::error(&error),
    };
    let path = request.uri().path().to_owned();
    let other_self = access::impersonate(&core.authorizer, &identity, request.headers(), &path);
    let identity = match other_self {
        Ok(other) => other.unwrap_or(identity),
        Err(Refusal::Forbidden(error)) => return respond::error(&error),
        Err(Refusal::NoUser(text)) => {
            return respond::text(StatusCode::INTERNAL_SERVER_ERROR, text);
        }
    };
    let query = Query::parse(request.uri().query());
    let (result, warnings) = warning::recorded(async {
        match Route::parse(&path) {
            Route::Resource(found) => {
                resource::handle(&core, &identity, found, &query, request).await
            }
            Route::Other => other(&core, &identity, &path, &request),
        }
    })
    .await;
    let mut response = result.unwrap_or_else(|error| respond::error(&error));
    respond::warn(&mut response, &warnings);
    response
}

/// Everything that is not a resource.
fn other(
    core: &Core,
    identity: &Identity,
    path: &str,
    request: &Request<Body>,
) -> Result<Response, Error> {
    // Rules name the method: who may get a path may not ask for its head.
    let verb = &request.method().as_str().to_ascii_lowercase();
    core.authorizer.require(&Attributes { identity, verb, on: On::Path(path) })?;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers();
    let answer = health::answer(core, path)
        .or_else(|| discovery::answer(core, path, headers))
        .or_else(|| openapi::answer(core, path, headers))
        .or_else(|| issuer::answer(core, path))
        .or_else(|| metrics::answer(core, path));
    match answer {
        Some(_) if !reads => Err(Error::method_not_allowed()),
        Some(answer) => Ok(answer),
        None if path.starts_with("/api/") && path.matches('/').count() <= 2 => {
            Ok(respond::page_not_found())
        }
        None => Ok(respond::text(StatusCode::NOT_FOUND, "404 page not found\n")),
    }
}
