//! Registries: images pushed to them and pulled from them.
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>
//!
//! ```text
//! Registry (one host) ── Session: who we are, which tokens we have
//!    │                └─ Transport: connections, TLS, retries
//!    ├── push: HEAD ─> mount from another repository ─> upload, resumed where it stopped
//!    │         blobs in parallel, then manifests, then the index
//!    └── pull: manifest ─> blobs in parallel, each checked on its way into a layout
//! ```
//!
//! Invariants:
//! - Credentials go to the registry they are stored for, and to the token server it names; never
//!   over plain HTTP to another machine, never into an error or a log.
//! - A manifest is pushed when all it refers to is there, and never before.
//! - TLS is not optional, except for a registry on this machine, or one that was named as such.

mod challenge;
mod credentials;
mod payload;
mod proxy;
mod pull;
mod push;
mod retry;
mod session;
mod transport;
mod upload;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, StatusCode, Uri};

use crate::digest::{Digest, Mismatch};
use crate::layout::LayoutError;
use crate::reference::ReferenceError;

pub use credentials::{Credentials, CredentialsError, default_files};
pub use proxy::Proxies;
pub use push::Pushed;

use session::Session;

/// Why a registry did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It cannot be reached, or the connection broke.
    #[error("cannot {method} {url}")]
    Connection {
        /// What was tried.
        method: Method,
        /// Where, without query.
        url: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It does not answer.
    #[error("no answer to {method} {url} within {} s", limit.as_secs())]
    Timeout {
        /// What was tried.
        method: Method,
        /// Where, without query.
        url: String,
        /// How long it had.
        limit: Duration,
    },
    /// It refuses.
    #[error("{method} {url} was answered by {status}{}", prefixed(message))]
    Status {
        /// What was tried.
        method: Method,
        /// Where, without query.
        url: String,
        /// Its answer.
        status: StatusCode,
        /// What it said.
        message: String,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// An index with more platforms has the name that is pushed to.
    #[error(
        "{name} is for {} as well, which would be gone: push all platforms together, or say --replace",
        lost.join(", ")
    )]
    Loses {
        /// The name.
        name: String,
        /// The platforms that it is for, and what is pushed is not.
        lost: Vec<String>,
    },
    /// It wants to know who we are, or that someone else asks.
    #[error(
        "{registry} does not let {} {what}; log in with `docker login {registry}` or `skopeo login {registry}`",
        if *known { "the user whose credentials are stored" } else { "anonymous users" }
    )]
    Unauthorized {
        /// The registry.
        registry: String,
        /// For what.
        what: String,
        /// Whether there were credentials.
        known: bool,
    },
    /// The image is not there.
    #[error("{0} is not there")]
    NotFound(String),
    /// What it sends is not what it was asked for.
    #[error("{url} sends other content than asked for")]
    Content {
        /// Where it came from.
        url: String,
        /// How it differs.
        #[source]
        source: Mismatch,
    },
    /// Its answer cannot be used.
    #[error("the answer to {method} {url} cannot be used: {why}")]
    Protocol {
        /// What was tried.
        method: Method,
        /// Where, without query.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The certificates to trust cannot be read.
    #[error("cannot read the certificates in {}", .0.display())]
    Certificates(PathBuf),
    /// Stored credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// No name of an image.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The layout on this side.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

fn prefixed(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

/// What happens to a blob or a manifest on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It begins, of so many bytes.
    Begin(Digest, u64),
    /// So many bytes more have gone over the line.
    Moved(Digest, u64),
    /// It is where it should be.
    Done(Digest),
}

/// Who hears of [`Event`]s: a progress bar, a log, or nobody.
pub type Observer = Arc<dyn Fn(Event) + Send + Sync>;

/// How a registry is spoken to.
#[derive(Clone)]
pub struct Options {
    /// Registries that may be spoken to without TLS, besides those on this machine.
    pub plain_http: Vec<String>,
    /// Files of certificates to trust, besides those of the system.
    pub certificates: Vec<PathBuf>,
    /// Where credentials are stored, first to last.
    pub credentials: Vec<PathBuf>,
    /// How many blobs are moved at a time.
    pub parallel: usize,
    /// How many bytes of a blob are sent at a time. An upload that was interrupted goes on from
    /// the last such piece.
    pub piece: u64,
    /// The way there.
    pub proxies: Proxies,
    /// Whether an index may lose platforms by being replaced.
    pub replace: bool,
    /// Who hears of progress.
    pub observer: Observer,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            plain_http: Vec::new(),
            certificates: Vec::new(),
            credentials: default_files(),
            parallel: 4,
            piece: 64 << 20,
            proxies: Proxies::of_environment(),
            replace: false,
            observer: Arc::new(|_| ()),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("plain_http", &self.plain_http)
            .field("certificates", &self.certificates)
            .field("credentials", &self.credentials)
            .field("parallel", &self.parallel)
            .field("piece", &self.piece)
            .field("proxies", &self.proxies)
            .field("replace", &self.replace)
            .finish_non_exhaustive()
    }
}

/// A registry.
#[derive(Debug)]
pub struct Registry {
    session: Session,
    options: Options,
    /// Repositories of this registry in which blobs were seen: from there they can be mounted.
    seen: Mutex<HashMap<Digest, BTreeSet<String>>>,
}

impl Registry {
    /// That of a host, with its port where it has one; nothing is asked yet.
    ///
    /// # Errors
    /// When the certificates to trust cannot be read.
    pub fn new(host: &str, options: Options) -> Result<Self, RegistryError> {
        let session = Session::new(host, &options)?;
        Ok(Self { session, options, seen: Mutex::new(HashMap::new()) })
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> &str {
        self.session.host()
    }

    fn saw(&self, digest: Digest, repository: &str) {
        // A poisoned map has lost nothing that matters.
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.entry(digest).or_default().insert(repository.to_owned());
    }

    fn other_repository(&self, digest: Digest, than: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.get(&digest)?.iter().find(|repository| *repository != than).cloned()
    }
}

/// An address as errors show it: the query may hold secrets.
fn shown(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("https");
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}{}", uri.path())
}

fn protocol(method: &Method, uri: &Uri, why: impl Into<String>) -> RegistryError {
    RegistryError::Protocol { method: method.clone(), url: shown(uri), why: why.into() }
}
