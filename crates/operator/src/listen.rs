//! Where to listen, as it is written on a command line.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::str::FromStr;

/// `HOST:PORT`, or `:PORT` for every address of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    ip: Option<IpAddr>,
    port: u16,
}

/// Not such an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not ADDRESS:PORT, [ADDRESS]:PORT or :PORT")]
pub struct ListenError;

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        if let Some(port) = text.strip_prefix(':') {
            return Ok(Self { ip: None, port: port.parse().map_err(|_| ListenError)? });
        }
        let address: SocketAddr = text.parse().map_err(|_| ListenError)?;
        Ok(Self { ip: Some(address.ip()), port: address.port() })
    }
}

impl Listen {
    /// The address. Every address is that of IPv6, which takes IPv4 along, unless this kernel has
    /// no IPv6.
    pub fn address(self) -> SocketAddr {
        let any = || match TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)) {
            Ok(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
            Err(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        };
        SocketAddr::new(self.ip.unwrap_or_else(any), self.port)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_read() {
        for text in ["127.0.0.1:80", "[::1]:80"] {
            assert_eq!(text.parse::<Listen>().unwrap().address(), text.parse().unwrap());
        }
        let any = ":9443".parse::<Listen>().unwrap().address();
        assert!(any.ip().is_unspecified() && any.port() == 9443, "{any}");
        for text in ["", ":", "9443", ":70000", "host:80", "::1:80:"] {
            assert_eq!(text.parse::<Listen>(), Err(ListenError), "{text}");
        }
    }
}
