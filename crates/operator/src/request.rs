//! What a request to the API server does, read off its method and path.
//!
//! The same reading as the server's RequestInfo
//! (<https://kubernetes.io/docs/reference/access-authn-authz/authorization/#request-verb-resource>),
//! for requests that a client is about to send.

use http::{Method, Uri};

/// Verb and resource of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestInfo {
    /// `create`, `update`, `patch`, `delete`, `deletecollection`, `get`, `list`, `watch`, `connect`.
    pub verb: &'static str,
    /// API group; empty for the core group and for paths that are not of a resource.
    pub group: String,
    /// Plural name, with the subresource behind a slash; empty for paths that are not of a resource.
    pub resource: String,
}

/// Subresources whose use acts on the world, whatever the method.
const CONNECTS: [&str; 4] = ["attach", "exec", "portforward", "proxy"];

impl RequestInfo {
    /// Reads a request with this method and target.
    pub fn of(method: &Method, uri: &Uri) -> Self {
        let mut segments = uri.path().split('/').filter(|s| !s.is_empty());
        let group = match segments.next() {
            Some("api") => segments.next().map(|_version| String::new()),
            Some("apis") => {
                let group = segments.next().map(str::to_owned);
                segments.next().and(group)
            }
            _ => None,
        };
        let rest: Vec<&str> = segments.collect();
        let (resource, name, subresource) = match rest[..] {
            // `namespaces/NAME` itself, its `status` and `finalize`, or what lives in it.
            ["namespaces", name] => ("namespaces", Some(name), None),
            ["namespaces", name, sub @ ("status" | "finalize")] => {
                ("namespaces", Some(name), Some(sub))
            }
            ["namespaces", _, resource] => (resource, None, None),
            ["namespaces", _, resource, name] => (resource, Some(name), None),
            ["namespaces", _, resource, name, sub, ..] => (resource, Some(name), Some(sub)),
            [resource] => (resource, None, None),
            [resource, name] => (resource, Some(name), None),
            [resource, name, sub, ..] => (resource, Some(name), Some(sub)),
            [] => ("", None, None),
        };
        let Some(group) = group.filter(|_| !resource.is_empty()) else {
            let verb = verb_of(method, uri, true);
            return Self { verb, group: String::new(), resource: String::new() };
        };
        match subresource {
            Some(sub) if CONNECTS.contains(&sub) => {
                Self { verb: "connect", group, resource: format!("{resource}/{sub}") }
            }
            Some(sub) => Self {
                verb: verb_of(method, uri, true),
                group,
                resource: format!("{resource}/{sub}"),
            },
            None => Self {
                verb: verb_of(method, uri, name.is_some()),
                group,
                resource: resource.to_owned(),
            },
        }
    }

    /// Whether the request may change something.
    pub fn mutates(&self) -> bool {
        !matches!(self.verb, "get" | "list" | "watch")
    }
}

/// Whether a request with this method and target may change something.
///
/// Every method but the safe ones of HTTP does, including a dry run and the reviews that change
/// nothing: a rule without exceptions is one that cannot be got around.
pub fn mutates(method: &Method, uri: &Uri) -> bool {
    RequestInfo::of(method, uri).mutates()
}

fn verb_of(method: &Method, uri: &Uri, named: bool) -> &'static str {
    let query = uri.query().unwrap_or("");
    let watches = query.split('&').any(|p| matches!(p, "watch=true" | "watch=1" | "watch"));
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS if watches => "watch",
        Method::GET | Method::HEAD | Method::OPTIONS if named => "get",
        Method::GET | Method::HEAD | Method::OPTIONS => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::DELETE if named => "delete",
        Method::DELETE => "deletecollection",
        _ => "patch",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, uri: &str) -> (&'static str, String, String, bool) {
        let info = RequestInfo::of(&method.parse().expect("method"), &uri.parse().expect("uri"));
        let mutates = info.mutates();
        (info.verb, info.group, info.resource, mutates)
    }

    #[test]
    fn requests_are_read_as_the_server_reads_them() {
        for (method, uri, verb, group, resource, mutates) in [
            ("GET", "/api/v1/nodes", "list", "", "nodes", false),
            ("GET", "/api/v1/nodes?watch=true&resourceVersion=3", "watch", "", "nodes", false),
            ("GET", "/api/v1/nodes/a", "get", "", "nodes", false),
            ("PATCH", "/api/v1/nodes/a/status?fieldManager=x", "patch", "", "nodes/status", true),
            ("GET", "/api/v1/namespaces", "list", "", "namespaces", false),
            ("DELETE", "/api/v1/namespaces/a", "delete", "", "namespaces", true),
            ("PUT", "/api/v1/namespaces/a/finalize", "update", "", "namespaces/finalize", true),
            ("POST", "/api/v1/namespaces/a/pods", "create", "", "pods", true),
            ("DELETE", "/api/v1/namespaces/a/pods", "deletecollection", "", "pods", true),
            ("POST", "/api/v1/namespaces/a/pods/p/eviction", "create", "", "pods/eviction", true),
            (
                "GET",
                "/api/v1/namespaces/a/pods/p/exec?command=rm",
                "connect",
                "",
                "pods/exec",
                true,
            ),
            (
                "GET",
                "/api/v1/namespaces/a/services/s/proxy/x/y",
                "connect",
                "",
                "services/proxy",
                true,
            ),
            ("GET", "/api/v1/namespaces/a/pods/p/log", "get", "", "pods/log", false),
            (
                "PUT",
                "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l",
                "update",
                "coordination.k8s.io",
                "leases",
                true,
            ),
            (
                "PATCH",
                "/apis/crd.projectcalico.org/v1/hostendpoints/node-eth0",
                "patch",
                "crd.projectcalico.org",
                "hostendpoints",
                true,
            ),
            ("GET", "/apis/apps/v1", "get", "", "", false),
            ("GET", "/version", "get", "", "", false),
            ("POST", "/", "create", "", "", true),
        ] {
            assert_eq!(
                read(method, uri),
                (verb, group.to_owned(), resource.to_owned(), mutates),
                "{method} {uri}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_path_hides_a_write(path in "(/[a-z0-9.]{0,12}){0,9}/?", method in 0..4usize) {
            let method = ["POST", "PUT", "PATCH", "DELETE"][method];
            let uri = if path.is_empty() { "/".to_owned() } else { path };
            if let Ok(uri) = uri.parse::<Uri>() {
                proptest::prop_assert!(mutates(&method.parse().expect("method"), &uri), "{method} {uri}");
            }
        }
    }
}
