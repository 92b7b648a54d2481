//! Whether an API server is reached through a proxy, decided as kubectl does: the `proxy-url` of
//! the cluster first, then `HTTPS_PROXY` except for what `NO_PROXY` names. kube asks `NO_PROXY`
//! about the proxy and not about the server, which would leave out either all servers or none.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use kube::config::Kubeconfig;

/// Whether the kubeconfig itself names a proxy for this context.
pub(super) fn is_named(kubeconfig: &Kubeconfig, context: &str) -> bool {
    let context = kubeconfig.contexts.iter().find(|named| named.name == context);
    let Some(context) = context.and_then(|named| named.context.as_ref()) else {
        return false;
    };
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == context.cluster);
    let proxy = cluster.and_then(|named| named.cluster.as_ref()?.proxy_url.as_ref());
    proxy.is_some_and(|proxy| !proxy.is_empty())
}

/// Whether the environment's proxy stands before this server. Never before this machine itself, as
/// in Go.
pub(super) fn of_environment(environment: &Matcher, server: &Uri) -> bool {
    !is_loopback(server.host().unwrap_or_default()) && environment.intercept(server).is_some()
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn servers_that_no_proxy_names_and_this_machine_are_reached_directly() {
        let environment = Matcher::builder()
            .https("http://proxy.example:3128")
            .no("10.0.0.0/8,.internal.example")
            .build();
        let cases = [
            ("https://api.example:6443", true),
            ("https://192.0.2.7:6443", true),
            ("https://10.1.2.3:6443", false),
            ("https://api.internal.example:6443", false),
            ("https://127.0.0.1:6443", false),
            ("https://[::1]:6443", false),
            ("https://localhost:6443", false),
        ];
        for (server, wanted) in cases {
            assert_eq!(of_environment(&environment, &server.parse().unwrap()), wanted, "{server}");
        }
        assert!(!of_environment(&Matcher::builder().build(), &cases[0].0.parse().unwrap()));
    }

    #[test]
    fn a_cluster_may_name_its_proxy() {
        let with = |proxy: &str| {
            let text = format!(
                "{{apiVersion: v1, kind: Config, contexts: [{{name: a, context: {{cluster: b, user: c}}}}], clusters: [{{name: b, cluster: {{server: 'https://127.0.0.1:1', proxy-url: '{proxy}'}}}}]}}"
            );
            is_named(&Kubeconfig::from_yaml(&text).unwrap(), "a")
        };
        assert!(with("socks5://127.0.0.1:1080"));
        assert!(!with(""));
    }
}
