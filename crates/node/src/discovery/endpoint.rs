//! Where an API server is.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Port of an API server for which none is given.
const PORT: u16 = 6443;

/// Why a text says nothing about where an API server is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no address of an API server: give a name or an address, and perhaps a port, as in 10.0.0.1 or seeder.example.org:6443"
)]
pub struct EndpointError {
    /// What was given.
    pub text: String,
}

/// Host and port of an API server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// At an address.
    pub fn at(address: IpAddr, port: u16) -> Self {
        Self { host: address.to_string(), port }
    }

    /// Name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `https://HOST:PORT`.
    pub fn url(&self) -> String {
        format!("https://{self}")
    }

    /// From a URL of an API server, which has no path.
    ///
    /// # Errors
    /// When it is none.
    pub fn of_url(url: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError { text: url.to_owned() };
        let rest = url.strip_prefix("https://").ok_or_else(wrong)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        // Without a port it is that of HTTPS there.
        parse(authority, 443).ok_or_else(wrong)
    }
}

fn parse(text: &str, default: u16) -> Option<Endpoint> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        (address, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
    } else if text.parse::<Ipv6Addr>().is_ok() {
        (text, None)
    } else {
        text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
    };
    let port = match port {
        None => default,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok()?,
        Some(_) => return None,
    };
    let known = host.parse::<IpAddr>().is_ok() || is_name(host);
    (known && port != 0).then(|| Endpoint { host: host.to_owned(), port })
}

/// A name of the domain name system (RFC 1123).
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // All digits and dots would be an address, and is none.
    host.len() <= 253
        && host.split('.').all(label)
        && !host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let authority = text.strip_prefix("https://").unwrap_or(text);
        parse(authority, PORT).ok_or_else(|| EndpointError { text: text.to_owned() })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_addresses_and_ports() {
        for (text, shown) in [
            ("10.0.0.1", "10.0.0.1:6443"),
            ("10.0.0.1:443", "10.0.0.1:443"),
            ("seeder", "seeder:6443"),
            ("seeder.example.org:7443", "seeder.example.org:7443"),
            ("fd00::1", "[fd00::1]:6443"),
            ("[fd00::1]:443", "[fd00::1]:443"),
            ("[fd00::1]", "[fd00::1]:6443"),
            ("https://seeder:6443", "seeder:6443"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), shown);
            assert_eq!(Endpoint::of_url(&endpoint.url()), Ok(endpoint));
        }
        assert_eq!(Endpoint::of_url("https://a").unwrap().port(), 443);
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            ":",
            ":6443",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a b",
            "-a",
            "a/b",
            "http://a",
            "user@a",
            "1.2.3",
            "256.0.0.1",
            "[::1",
            "[10.0.0.1]",
            "a\n",
            "--kubeconfig",
            "a:1:2",
            "a?b",
            "a#b",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text:?}");
        }
        for url in ["http://a:1", "a:1", "https://a/b", "https://"] {
            assert!(Endpoint::of_url(url).is_err(), "{url:?}");
        }
    }
}
