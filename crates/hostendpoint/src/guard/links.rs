//! The node's network interfaces and their addresses.

use std::net::IpAddr;

use futures::future::BoxFuture;
use serde::Deserialize;

use super::process::{ProcessError, run};

/// An interface of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its addresses and whether each is of global scope.
    pub addresses: Vec<LinkAddress>,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkAddress {
    /// The address.
    pub ip: IpAddr,
    /// Whether others than the link's own hosts can use it.
    pub global: bool,
}

/// Why the interfaces are unknown.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// `ip` gave no answer.
    #[error("cannot list the node's interfaces")]
    Process(#[source] ProcessError),
    /// `ip` gave an answer that is not its JSON.
    #[error(
        "cannot read the interfaces that \"ip -json address show\" printed; the guard needs iproute2 4.14 or newer"
    )]
    Format(#[source] serde_json::Error),
}

/// Lists the node's interfaces. A trait for tests; [`IpCommand`] is the real one.
pub trait Links: Send + Sync {
    /// All interfaces of this network namespace.
    ///
    /// # Errors
    /// [`LinksError`] when they cannot be listed.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Link>, LinksError>>;
}

/// Runs iproute2's `ip`.
#[derive(Clone, Debug, Default)]
pub struct IpCommand;

impl Links for IpCommand {
    fn list(&self) -> BoxFuture<'_, Result<Vec<Link>, LinksError>> {
        Box::pin(async {
            let json = run("ip", "iproute2", &["-json", "address", "show"], "")
                .await
                .map_err(LinksError::Process)?;
            parse(&json)
        })
    }
}

#[derive(Deserialize)]
struct IpLink {
    // Interfaces that ip has no permission to name come as empty objects.
    ifname: Option<String>,
    #[serde(default)]
    addr_info: Vec<IpAddress>,
}

#[derive(Deserialize)]
struct IpAddress {
    local: Option<IpAddr>,
    scope: Option<String>,
}

/// Reads the output of `ip -json address show`.
///
/// # Errors
/// [`LinksError::Format`] when it is no such output.
pub(crate) fn parse(json: &str) -> Result<Vec<Link>, LinksError> {
    let links: Vec<IpLink> = serde_json::from_str(json).map_err(LinksError::Format)?;
    let address = |address: IpAddress| {
        Some(LinkAddress { ip: address.local?, global: address.scope.as_deref() == Some("global") })
    };
    Ok(links
        .into_iter()
        .filter_map(|link| {
            Some(Link {
                name: link.ifname?,
                addresses: link.addr_info.into_iter().filter_map(address).collect(),
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn interfaces_and_scopes_are_read() {
        let json = r#"[{"ifindex":2,"ifname":"eth0","addr_info":[
            {"family":"inet","local":"192.0.2.7","prefixlen":24,"scope":"global"},
            {"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link"}]},
            {},{"ifname":"tunl0"}]"#;
        let links = parse(json).unwrap();
        assert_eq!(links.len(), 2);
        assert_eq!(links[0].addresses.iter().map(|a| a.global).collect::<Vec<_>>(), [true, false]);
        assert_eq!(links[1], Link { name: "tunl0".into(), addresses: Vec::new() });
    }

    #[test]
    fn an_old_ip_program_is_named_as_the_cause() {
        let error = parse("1: lo: <LOOPBACK>").unwrap_err();
        assert!(error.to_string().contains("iproute2 4.14"), "{error}");
    }
}
