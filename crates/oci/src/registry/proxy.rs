//! The way to a registry: straight, or through the proxy that the environment names.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

/// How long a proxy may take to reach the other side.
const TUNNEL: Duration = Duration::from_secs(30);

/// Proxies, and what is reached without them, as other programs of the field understand
/// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`. This machine is always reached without.
#[derive(Clone, Debug)]
pub struct Proxies(Arc<Matcher>);

impl Proxies {
    /// Those of the environment.
    #[must_use]
    pub fn of_environment() -> Self {
        Self(Arc::new(Matcher::from_env()))
    }

    /// One for everything but what `no_proxy` lists.
    #[must_use]
    pub fn one(proxy: &str, no_proxy: &str) -> Self {
        Self(Arc::new(Matcher::builder().all(proxy.to_owned()).no(no_proxy.to_owned()).build()))
    }
}

type Connection = TokioIo<TcpStream>;
type ConnectError = Box<dyn Error + Send + Sync>;

/// A proxy that does not do what it is there for.
#[derive(Debug, thiserror::Error)]
enum ProxyError {
    #[error("the proxy {proxy} does not lead to {to}")]
    Tunnel { proxy: Uri, to: String, source: ConnectError },
    #[error("the proxy {0} is not spoken to by plain HTTP, and no other way is known here")]
    Scheme(Uri),
    #[error("the proxy {0} did not lead to {1} in time")]
    Timeout(Uri, String),
}

/// Makes connections.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    direct: HttpConnector,
    proxies: Proxies,
}

impl Connector {
    pub(super) fn new(direct: HttpConnector, proxies: Proxies) -> Self {
        Self { direct, proxies }
    }
}

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Connection, ConnectError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let near = is_this_machine(to.host().unwrap_or_default());
        let Some(proxy) = self.proxies.0.intercept(&to).filter(|_| !near) else {
            let connection = self.direct.call(to);
            return Box::pin(async move { Ok(connection.await?) });
        };
        if proxy.uri().scheme_str() != Some("http") {
            let error = ProxyError::Scheme(proxy.uri().clone());
            return Box::pin(async move { Err(error.into()) });
        }
        // Also without TLS: what goes through a tunnel is for the registry alone.
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.direct.clone());
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let (proxy, shown) = (proxy.uri().clone(), to.authority().map(ToString::to_string));
        let shown = shown.unwrap_or_default();
        Box::pin(async move {
            match tokio::time::timeout(TUNNEL, tunnel.call(to)).await {
                Ok(Ok(connection)) => Ok(connection),
                Ok(Err(error)) => {
                    Err(ProxyError::Tunnel { proxy, to: shown, source: error.into() }.into())
                }
                Err(_) => Err(ProxyError::Timeout(proxy, shown).into()),
            }
        })
    }
}

/// Whether a host, with or without its port, is this machine.
pub(super) fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
