//! The console as a web server.
//!
//! ```text
//!  connection ─▶ listen (limits, TLS) ─▶ guard (Host, Origin, headers) ─▶ routes
//!                                                                      │  │
//!                       sessions: whose client, whose world ◀──────────┘  ├─▶ page (HTML)
//!                                                                         ├─▶ live (events)
//!                                                                         └─▶ acceptance (writes)
//! ```

mod form;
mod guard;
mod listen;
mod live;
mod peer;
mod routes;
mod scraper;
mod session;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use kube::{Client, Config};
use kubewright_operator::Shutdown;
use tokio::net::TcpListener;

use crate::acceptance::Acceptance;
use crate::metrics::MetricsSource;

pub(crate) use self::guard::Hosts;
use self::routes::State;
use self::scraper::Scraper;
use self::session::Sessions;
pub use self::tls::{Certificate, CertificateError};

/// Whose rights the console has.
#[derive(Clone)]
pub enum Access {
    /// Those of this process; only its own user, over loopback, gets to it.
    Own(Client),
    /// Those of each user, who signs in with a bearer token. The credentials of this configuration
    /// are not used.
    Users(Box<Config>),
}

/// How a console is set up.
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whose rights it has.
    pub access: Access,
    /// Serves HTTPS with this certificate.
    pub certificate: Option<Certificate>,
    /// Serves HTTP where others than this machine can listen in.
    pub allow_plain_http: bool,
    /// Names under which it is reached, besides `localhost` and addresses.
    pub hosts: Vec<String>,
    /// The cluster, in a word.
    pub cluster: String,
    /// Extended resource of peer pods.
    pub resource: String,
    /// Where controllers serve their metrics.
    pub metrics: Vec<MetricsSource>,
    /// How nodes are accepted.
    pub acceptance: Arc<dyn Acceptance>,
}

/// Why there is no console.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The address cannot be listened on.
    #[error(
        "cannot serve the console on {address}; choose another --listen address, port 0 for any free one"
    )]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Others than this machine's users could act with the rights of this process.
    #[error(
        "the console does not lend its own credentials to whoever reaches {address}: listen on 127.0.0.1, or let users sign in with --sign-in"
    )]
    Exposed {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Tokens and sessions would cross a network in the clear.
    #[error(
        "the console does not take tokens in the clear on {address}: give --tls-cert-file and --tls-key-file, or, behind a proxy that does TLS, --allow-plain-http"
    )]
    Plain {
        /// The address asked for.
        address: SocketAddr,
    },
    /// A name is none.
    #[error(
        "{host:?} is no host name; give it as it stands in the address, without scheme and port"
    )]
    Host {
        /// What was given.
        host: String,
    },
    /// This machine has no randomness to give.
    #[error("cannot make keys for sessions")]
    Keys,
}

/// A console that is bound to its address. Browsers can connect from now on; they are answered
/// by [`Console::run`].
pub struct Console {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<tokio_rustls::TlsAcceptor>,
    state: Arc<State>,
}

impl Console {
    /// Binds the address.
    ///
    /// # Errors
    /// [`ConsoleError`], also for settings that would expose more than they should.
    pub async fn bind(settings: Settings) -> Result<Self, ConsoleError> {
        let address = settings.listen;
        let secure = settings.certificate.is_some();
        let loopback = address.ip().is_loopback();
        match settings.access {
            Access::Own(_) if !loopback => return Err(ConsoleError::Exposed { address }),
            Access::Users(_) if !loopback && !secure && !settings.allow_plain_http => {
                return Err(ConsoleError::Plain { address });
            }
            _ => {}
        }
        let hosts = Hosts::new(&settings.hosts)?;
        let tls = settings.certificate.map(Certificate::acceptor);
        let bind = |source| ConsoleError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let sessions = Sessions::new(settings.access, &settings.resource)?;
        let scraper = Scraper::start(settings.metrics);
        let state = State {
            address,
            secure,
            hosts,
            sessions,
            scraper,
            cluster: settings.cluster,
            acceptance: settings.acceptance,
            shutdown: Shutdown::new(),
            streams: live::streams(),
        };
        Ok(Self { listener, address, tls, state: Arc::new(state) })
    }

    /// The address, with the port that was chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where to point a browser.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match self.address.ip().is_unspecified() {
            // No browser goes there: it is told the name that it is to ask for.
            true => format!("{scheme}://{}:{}/", self.state.hosts.first(), self.address.port()),
            false => format!("{scheme}://{}/", self.address),
        }
    }

    /// Serves until shutdown.
    pub async fn run(self, shutdown: Shutdown) {
        let Self { listener, tls, state, .. } = self;
        listen::serve(listener, tls, state, shutdown).await;
    }
}

#[cfg(test)]
mod tests;
