//! What a caller wants to do, as authorizers see it.

use http::StatusCode;

use super::Identity;
use crate::error::{Details, Error, GroupName};
use crate::http::path::{ResourcePath, Verb};

/// What a caller wants to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attributes<'a> {
    pub(crate) identity: &'a Identity,
    /// `get`, `list`, …; for paths the method in lower case.
    pub(crate) verb: &'a str,
    pub(crate) on: On<'a>,
}

/// What it is done to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum On<'a> {
    /// A resource, or one object.
    Resource(Place<'a>),
    /// A path that is no resource.
    Path(&'a str),
}

/// A resource; empty texts stand for "none" or "all".
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place<'a> {
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) subresource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

impl<'a> Attributes<'a> {
    /// Those of a request. A list or watch that selects a single name is about that object.
    pub(crate) fn of(
        identity: &'a Identity,
        verb: Verb,
        path: &'a ResourcePath,
        selected: Option<&'a str>,
    ) -> Self {
        let reads = matches!(verb, Verb::List | Verb::Watch);
        let name = path.name.as_deref().or(selected.filter(|_| reads));
        let place = Place {
            group: &path.group,
            resource: &path.plural,
            subresource: path.subresource.as_deref().unwrap_or_default(),
            namespace: path.namespace.as_deref().unwrap_or_default(),
            name: name.unwrap_or_default(),
        };
        Self { identity, verb: verb.as_str(), on: On::Resource(place) }
    }

    /// The 403 for a caller who may not, in the words of kube-apiserver. `reason` is the
    /// authorizer's, if it has any.
    pub(crate) fn forbidden(&self, reason: &str) -> Error {
        let (user, verb) = (&self.identity.user, self.verb);
        match self.on {
            On::Path(path) => Error {
                code: StatusCode::FORBIDDEN,
                reason: "Forbidden",
                message: because(
                    escape(&format!("forbidden: User {user:?} cannot {verb} path {path:?}")),
                    reason,
                ),
                details: Some(Details::default()),
            },
            On::Resource(place) => {
                let Place { group, resource, subresource, namespace, name } = place;
                let what = match subresource {
                    "" => resource.to_owned(),
                    sub => format!("{resource}/{sub}"),
                };
                let scope = match namespace {
                    "" => "at the cluster scope".to_owned(),
                    namespace => format!("in the namespace {namespace:?}"),
                };
                let why = format!(
                    "User {user:?} cannot {verb} resource {what:?} in API group {group:?} {scope}"
                );
                let why = because(escape(&why), reason);
                Error::forbidden(&GroupName::new(group, resource), name, why)
            }
        }
    }
}

fn because(message: String, reason: &str) -> String {
    if reason.is_empty() { message } else { format!("{message}: {reason}") }
}

/// What a browser might take for markup is spelled out.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
