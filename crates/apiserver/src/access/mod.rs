//! Who calls, and whether they may.
//!
//! Callers are known by client certificate (common name and organisations), by bearer
//! token, or not at all (anonymous). Members of `system:masters` may do everything;
//! everyone may see health, version and discovery as Kubernetes' default roles say.

mod credentials;
mod impersonate;

use std::collections::BTreeMap;

use axum::extract::Request;
use http::header::AUTHORIZATION;

pub(crate) use credentials::Credentials;
pub use credentials::TokenError;
pub(crate) use impersonate::{Refusal, impersonate};

use crate::error::{Error, GroupName, Result};
use crate::http::path::{ResourcePath, Verb};

/// A caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User name.
    pub user: String,
    /// Groups, `system:authenticated` or `system:unauthenticated` among them.
    pub groups: Vec<String>,
    /// Further facts about the user, by name.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The group that may do everything.
pub const MASTERS: &str = "system:masters";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";

impl Identity {
    /// An authenticated user; `system:authenticated` is added to the groups.
    pub fn new(user: impl Into<String>, groups: impl IntoIterator<Item = String>) -> Self {
        let mut groups: Vec<_> = groups.into_iter().collect();
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_owned());
        }
        Self { user: user.into(), groups, extra: BTreeMap::new() }
    }

    /// The administrator.
    pub fn admin() -> Self {
        Self::new("kubernetes-admin", [MASTERS.to_owned()])
    }

    fn anonymous() -> Self {
        Self {
            user: "system:anonymous".to_owned(),
            groups: vec![UNAUTHENTICATED.to_owned()],
            extra: BTreeMap::new(),
        }
    }

    fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|known| known == group)
    }
}

/// The caller of a request. An [`Identity`] among the request's extensions comes from the
/// transport (in process, or a verified client certificate) and is believed.
pub(crate) fn authenticate(credentials: &Credentials, request: &Request) -> Result<Identity> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(token) = header.and_then(bearer) {
        return credentials.token(token).ok_or_else(Error::unauthorized);
    }
    let transport = request.extensions().get::<Identity>();
    Ok(transport.cloned().unwrap_or_else(Identity::anonymous))
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whether a caller may use a resource.
pub(crate) fn may(identity: &Identity, verb: Verb, path: &ResourcePath) -> bool {
    // Everyone who is authenticated may ask who they are and what they may do.
    let own_review = verb == Verb::Create
        && matches!(
            (&*path.group, &*path.plural),
            ("authentication.k8s.io", "selfsubjectreviews")
                | ("authorization.k8s.io", "selfsubjectaccessreviews" | "selfsubjectrulesreviews")
        );
    identity.is_in(MASTERS) || own_review && identity.is_in(AUTHENTICATED)
}

/// Fails with 403 when a caller may not use a resource.
pub(crate) fn authorize(identity: &Identity, verb: Verb, path: &ResourcePath) -> Result<()> {
    if may(identity, verb, path) {
        return Ok(());
    }
    let resource = match &path.subresource {
        Some(sub) => format!("{}/{sub}", path.plural),
        None => path.plural.clone(),
    };
    let place = match &path.namespace {
        Some(namespace) => format!("in the namespace {namespace:?}"),
        None => "at the cluster scope".to_owned(),
    };
    Err(Error::forbidden(
        &GroupName::new(&*path.group, &*path.plural),
        path.name.as_deref().unwrap_or_default(),
        format!(
            "User {:?} cannot {} resource {resource:?} in API group {:?} {place}",
            identity.user,
            verb.as_str(),
            path.group
        ),
    ))
}

/// Paths that anonymous callers may read (`system:public-info-viewer`).
const PUBLIC: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];

/// Paths that every authenticated caller may read (`system:discovery`).
const DISCOVERY: [&str; 3] = ["/api", "/apis", "/openapi"];

/// Fails with 403 when a caller may not read a path that is no resource.
pub(crate) fn authorize_path(identity: &Identity, verb: &str, path: &str) -> Result<()> {
    let trimmed = path.trim_end_matches('/');
    let below = |root: &&str| {
        trimmed == *root || trimmed.strip_prefix(*root).is_some_and(|rest| rest.starts_with('/'))
    };
    let public = PUBLIC.contains(&trimmed);
    let discovery = identity.is_in(AUTHENTICATED) && DISCOVERY.iter().any(below);
    if identity.is_in(MASTERS) || verb == "get" && (public || discovery) {
        return Ok(());
    }
    let message = format!("forbidden: User {:?} cannot {verb} path {path:?}", identity.user);
    Err(Error {
        code: http::StatusCode::FORBIDDEN,
        reason: "Forbidden",
        message,
        details: Some(crate::error::Details::default()),
    })
}
