//! From method and path to what is asked, as kube-apiserver's `RequestInfo` does.

use http::Method;

/// A request for a resource; nothing says yet that it exists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ResourcePath {
    /// API group; empty for the core group.
    pub(crate) group: String,
    /// API version.
    pub(crate) version: String,
    /// Namespace in the path. For a namespace itself: its own name.
    pub(crate) namespace: Option<String>,
    /// Plural name.
    pub(crate) plural: String,
    /// Object name.
    pub(crate) name: Option<String>,
    /// What follows the name: `status`, `scale`, …
    pub(crate) subresource: Option<String>,
    /// The deprecated `/watch/` prefix.
    pub(crate) watch: bool,
}

/// What a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// Discovery, health, version: anything that is not a resource.
    Other,
    /// A resource.
    Resource(ResourcePath),
}

/// What is to be done with a resource; the words are those of RBAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }
}

impl Route {
    pub(crate) fn parse(path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Self::Other,
        };
        let (watch, rest) = match rest {
            ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
            rest => (false, rest),
        };
        let text = |text: &str| Some(decode(text));
        let mut found = ResourcePath {
            group: decode(group),
            version: decode(version),
            watch,
            ..ResourcePath::default()
        };
        let rest = match rest {
            [] => return Self::Other,
            // A namespace is a resource and a prefix at once.
            ["namespaces", namespace, rest @ ..] => {
                found.namespace = text(namespace);
                match rest {
                    [] | ["status" | "finalize", ..] => {
                        found.plural = "namespaces".to_owned();
                        found.name = text(namespace);
                        found.subresource = (!rest.is_empty()).then(|| rest.join("/"));
                        return Self::Resource(found);
                    }
                    rest => rest,
                }
            }
            rest => rest,
        };
        match rest {
            [] => return Self::Other,
            [plural] => found.plural = decode(plural),
            [plural, name] => {
                found.plural = decode(plural);
                found.name = text(name);
            }
            [plural, name, sub @ ..] => {
                found.plural = decode(plural);
                found.name = text(name);
                found.subresource = Some(sub.join("/"));
            }
        }
        Self::Resource(found)
    }
}

impl ResourcePath {
    /// The verb of a request; `None` for a method that no resource knows.
    pub(crate) fn verb(&self, method: &Method, watch: bool) -> Option<Verb> {
        let named = self.name.is_some();
        Some(match *method {
            Method::GET | Method::HEAD if self.watch => Verb::Watch,
            Method::GET | Method::HEAD if named => Verb::Get,
            Method::GET | Method::HEAD if watch => Verb::Watch,
            Method::GET | Method::HEAD => Verb::List,
            Method::POST => Verb::Create,
            Method::PUT => Verb::Update,
            Method::PATCH => Verb::Patch,
            Method::DELETE if named => Verb::Delete,
            Method::DELETE => Verb::DeleteCollection,
            _ => return None,
        })
    }
}

fn decode(text: &str) -> String {
    super::query::percent_decode(text, false)
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]

    use super::*;

    fn resource(path: &str) -> ResourcePath {
        match Route::parse(path) {
            Route::Resource(found) => found,
            Route::Other => panic!("{path} is a resource"),
        }
    }

    #[test]
    fn namespaced_and_cluster_scoped_paths() {
        let pod = resource("/api/v1/namespaces/ns/pods/p/status");
        assert_eq!((pod.namespace.as_deref(), pod.name.as_deref()), (Some("ns"), Some("p")));
        assert_eq!((&*pod.plural, pod.subresource.as_deref()), ("pods", Some("status")));
        let node = resource("/api/v1/nodes/n");
        assert_eq!((node.namespace, node.name.as_deref()), (None, Some("n")));
        assert_eq!(resource("/apis/apps/v1/deployments").group, "apps");
    }

    #[test]
    fn a_namespace_is_its_own_namespace() {
        let namespace = resource("/api/v1/namespaces/ns/finalize");
        assert_eq!(namespace.plural, "namespaces");
        assert_eq!(namespace.namespace, namespace.name);
        assert_eq!(namespace.subresource.as_deref(), Some("finalize"));
        assert_eq!(resource("/api/v1/namespaces").name, None);
    }

    #[test]
    fn the_watch_prefix_is_seen() {
        assert!(resource("/api/v1/watch/namespaces/ns/configmaps").watch);
        assert_eq!(Route::parse("/apis/apps/v1"), Route::Other);
        assert_eq!(Route::parse("/healthz"), Route::Other);
    }
}
