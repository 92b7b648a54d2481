//! Services that stay reachable for the cluster's nodes while the guard is locked.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A transport protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Transport {
    /// The name, as nftables and the command line write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// What is let through: ports of a transport protocol, or a whole IP protocol.
///
/// Written `tcp/6443`, `tcp/2379-2380`, `udp/4789` or `ip/4`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Destination ports of a transport protocol.
    Ports(Transport, RangeInclusive<u16>),
    /// An IP protocol by its number, such as 4 for IP in IP.
    Protocol(u8),
}

/// Why a text names no service.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{text}\" names no service: {reason}; write tcp/6443, tcp/2379-2380, udp/4789 or ip/4")]
pub struct ServiceError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// What the nodes of a Calico cluster need of each other before policy is in force.
///
/// | service | who listens |
/// |---|---|
/// | `tcp/6443` | kube-apiserver |
/// | `tcp/2379-2380` | etcd, clients and peers |
/// | `tcp/10250` | kubelet |
/// | `tcp/179` | BGP |
/// | `tcp/5473` | Typha |
/// | `udp/4789` | VXLAN |
/// | `udp/51820-51821` | WireGuard over IPv4 and over IPv6 |
/// | `ip/4` | IP in IP |
///
/// The first four with Typha are Calico's own inbound failsafe ports for a
/// cluster; the kubelet is not among those, but without it the API server
/// reaches neither logs nor exec on a node that is still locked.
pub const CLUSTER_SERVICES: &str =
    "tcp/6443,tcp/2379-2380,tcp/10250,tcp/179,tcp/5473,udp/4789,udp/51820-51821,ip/4";

impl FromStr for Service {
    type Err = ServiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason| ServiceError { text: text.to_owned(), reason };
        let (protocol, rest) = text.split_once('/').ok_or_else(|| wrong("there is no slash"))?;
        let transport = match protocol {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            "sctp" => Transport::Sctp,
            "ip" => {
                return number(rest)
                    .and_then(|n| u8::try_from(n).ok())
                    .map(Self::Protocol)
                    .ok_or_else(|| wrong("an IP protocol is a number from 0 to 255"));
            }
            _ => return Err(wrong("the protocol is neither tcp, udp, sctp nor ip")),
        };
        let (first, last) = rest.split_once('-').unwrap_or((rest, rest));
        let port = |digits| {
            number(digits)
                .filter(|n| *n > 0)
                .ok_or_else(|| wrong("a port is a number from 1 to 65535"))
        };
        let (first, last) = (port(first)?, port(last)?);
        if first > last {
            return Err(wrong("the first port of the range is above the last"));
        }
        Ok(Self::Ports(transport, first..=last))
    }
}

/// Decimal digits only: no sign, no blank.
fn number(digits: &str) -> Option<u16> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ports(transport, ports) if ports.start() == ports.end() => {
                write!(f, "{}/{}", transport.name(), ports.start())
            }
            Self::Ports(transport, ports) => {
                write!(f, "{}/{}-{}", transport.name(), ports.start(), ports.end())
            }
            Self::Protocol(number) => write!(f, "ip/{number}"),
        }
    }
}

#[cfg(test)]
mod tests;
