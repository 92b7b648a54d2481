//! The server under test: the embedded one, or any other named by the environment.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use kubewright_apiserver::Server;

/// Environment variable: base URL of another server, such as `https://127.0.0.1:6443`.
const URL: &str = "KUBEWRIGHT_ORACLE_URL";
/// Environment variable: token of a member of `system:masters` on that server.
const TOKEN: &str = "KUBEWRIGHT_ORACLE_TOKEN";
/// Environment variables: PEM files of an administrator's certificate and key, instead of a token.
const CERTIFICATE: &str = "KUBEWRIGHT_ORACLE_CERT";
const KEY: &str = "KUBEWRIGHT_ORACLE_KEY";

/// Where a server is and who the administrator is.
pub(crate) struct Target {
    pub(crate) base_url: String,
    pub(crate) identity: Identity,
    /// Stops when it is dropped.
    pub(crate) _server: Option<Server>,
}

/// Proof that we belong to `system:masters`.
pub(crate) enum Identity {
    Token(String),
    /// PEM.
    Certificate {
        chain: Vec<u8>,
        key: Vec<u8>,
    },
}

impl Target {
    /// The server named by the environment, else an embedded one that lives as long as the process.
    ///
    /// # Errors
    /// When the environment names a server but no identity, or the embedded one does not start.
    pub(crate) async fn start() -> Result<Self> {
        match std::env::var(URL) {
            Ok(base_url) => {
                Ok(Self { base_url, identity: Identity::from_environment()?, _server: None })
            }
            Err(_) => embedded().await,
        }
    }
}

impl Identity {
    fn from_environment() -> Result<Self> {
        let file = |name| -> Result<Vec<u8>> {
            let path = std::env::var(name).with_context(|| {
                format!("{URL} is set; set {TOKEN}, or {CERTIFICATE} and {KEY}")
            })?;
            std::fs::read(&path).with_context(|| format!("reading {path}"))
        };
        match std::env::var(TOKEN) {
            Ok(token) => Ok(Self::Token(token)),
            Err(_) => Ok(Self::Certificate { chain: file(CERTIFICATE)?, key: file(KEY)? }),
        }
    }
}

async fn embedded() -> Result<Target> {
    let token = uuid::Uuid::new_v4().to_string();
    let server =
        Server::builder().token(&token, kubewright_apiserver::Identity::admin()).start().await?;
    let address = server.serve((Ipv4Addr::LOCALHOST, 0).into()).await?;
    Ok(Target {
        base_url: format!("https://{address}"),
        identity: Identity::Token(token),
        _server: Some(server),
    })
}
