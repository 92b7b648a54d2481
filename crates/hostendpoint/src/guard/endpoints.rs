//! Which interfaces of this node have a HostEndpoint.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// What a HostEndpoint of this node protects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ProtectedEndpoint {
    /// The HostEndpoint's name, for messages.
    pub name: String,
    /// Where it applies.
    pub selects: Selects,
}

/// How a HostEndpoint names the interface it applies to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Selects {
    /// `interfaceName: eth0`.
    Interface(String),
    /// `interfaceName: "*"`: every interface that no other endpoint names.
    AllInterfaces,
    /// No interface name: the interfaces that have one of the `expectedIPs`.
    Addresses(Vec<IpAddr>),
}

impl fmt::Display for Selects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(name) => f.write_str(name),
            Self::AllInterfaces => f.write_str("*"),
            Self::Addresses(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                f.write_str(&addresses.join(","))
            }
        }
    }
}

/// Why the HostEndpoints of this node are unknown.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The list of interfaces cannot be read.
    #[error("cannot read the list of protected interfaces {}", path.display())]
    File {
        /// The list.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A name in the list cannot be an interface's.
    #[error(
        "\"{name}\" in {origin} is no interface name; give \"*\" or 1 to 15 of the characters a-z A-Z 0-9 _ . -"
    )]
    Name {
        /// What was given.
        name: String,
        /// Where.
        origin: String,
    },
    /// The API server did not answer, or refused.
    #[error("cannot list the HostEndpoints of node {node}")]
    Api {
        /// The node.
        node: String,
        /// What the client said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Yields the HostEndpoints of this node. Asked at every poll, so it must be cheap
/// or bounded in time.
pub trait EndpointSource: Send + Sync {
    /// The node's endpoints. An empty list means that it has none, which keeps
    /// the node locked.
    ///
    /// # Errors
    /// [`EndpointError`] when they are unknown, which keeps the node locked too.
    fn endpoints(&self) -> BoxFuture<'_, Result<Vec<ProtectedEndpoint>, EndpointError>>;
}

/// A list given by the administrator instead of asked of the API server: for nodes
/// that may not read HostEndpoints, and for tests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct LocalEndpoints {
    /// Interface names, or `*`.
    pub interfaces: Vec<String>,
    /// A file with one interface name per line; `#` begins a comment. Read again
    /// at every poll: another program may write it later.
    pub file: Option<PathBuf>,
}

impl EndpointSource for LocalEndpoints {
    fn endpoints(&self) -> BoxFuture<'_, Result<Vec<ProtectedEndpoint>, EndpointError>> {
        Box::pin(async move {
            let mut endpoints = Vec::new();
            for name in &self.interfaces {
                endpoints.push(listed(name, "--interface")?);
            }
            if let Some(path) = &self.file {
                let text = tokio::fs::read_to_string(path)
                    .await
                    .map_err(|source| EndpointError::File { path: path.clone(), source })?;
                for line in text.lines() {
                    let name = line.split('#').next().unwrap_or_default().trim();
                    if !name.is_empty() {
                        endpoints.push(listed(name, &path.display().to_string())?);
                    }
                }
            }
            endpoints.sort();
            endpoints.dedup();
            Ok(endpoints)
        })
    }
}

fn listed(name: &str, origin: &str) -> Result<ProtectedEndpoint, EndpointError> {
    let selects = match name {
        "*" => Selects::AllInterfaces,
        _ if is_interface_name(name) => Selects::Interface(name.to_owned()),
        _ => {
            return Err(EndpointError::Name { name: name.to_owned(), origin: origin.to_owned() });
        }
    };
    Ok(ProtectedEndpoint { name: name.to_owned(), selects })
}

/// As Calico's HostEndpoint validates `interfaceName`.
fn is_interface_name(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn names_come_from_the_command_line_and_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("interfaces");
        std::fs::write(&file, "# workers\nbond0\n\ntunl0   # IP in IP\n*\n").unwrap();
        let source =
            LocalEndpoints { interfaces: vec!["bond0".into(), "vti1".into()], file: Some(file) };
        let selected: Vec<String> = source
            .endpoints()
            .await
            .unwrap()
            .iter()
            .map(|endpoint| endpoint.selects.to_string())
            .collect();
        assert_eq!(selected, ["*", "bond0", "tunl0", "vti1"]);
    }

    #[tokio::test]
    async fn what_is_no_interface_name_is_refused() {
        for name in ["", "eth0 eth1", "sixteen-letters-", "eth0/../x", "bönd0"] {
            let source = LocalEndpoints { interfaces: vec![name.into()], file: None };
            let error = source.endpoints().await.unwrap_err().to_string();
            assert!(error.contains("--interface"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_missing_file_is_an_error_and_not_an_empty_list() {
        let source =
            LocalEndpoints { interfaces: Vec::new(), file: Some("/nonexistent/interfaces".into()) };
        assert!(
            source.endpoints().await.unwrap_err().to_string().contains("/nonexistent/interfaces")
        );
    }
}
