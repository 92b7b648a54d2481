//! What ADD answers: interfaces, addresses, routes and DNS, in every version of the form.

mod form;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

pub use form::ResultError;

use crate::version::Version;

/// The result of ADD.
///
/// In memory it has one form, that of 1.1.0. [`CniResult::version`] says in which form it is
/// written; [`CniResult::to_version`] changes that. Fields that are not known here are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct CniResult {
    /// The form it was read in, and is written in.
    pub version: Version,
    /// Interfaces made, in the container and outside.
    pub interfaces: Vec<Interface>,
    /// Addresses given.
    pub ips: Vec<IpConfig>,
    /// Routes made.
    pub routes: Vec<Route>,
    /// How names are resolved.
    pub dns: Dns,
    /// What else it says.
    pub extra: Map<String, Value>,
}

/// An interface of a result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Hardware address, where that means something.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub mac: String,
    /// Since 1.1.0: maximum transmission unit in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Path of the network namespace it is in; empty on the host.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub sandbox: String,
    /// Since 1.1.0: path of its socket, for interfaces that are one.
    #[serde(
        rename = "socketPath",
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub socket_path: String,
    /// Since 1.1.0: id of its device on the PCI bus.
    #[serde(
        rename = "pciID",
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub pci_id: String,
    /// What else is said of it.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An address of a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IpConfig {
    /// The address with its prefix.
    pub address: Cidr,
    /// Default gateway of its subnet.
    #[serde(
        default,
        deserialize_with = "address_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub gateway: Option<IpAddr>,
    /// Position in the interfaces of the one that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<i64>,
    /// What else is said of it.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A route of a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Where it leads.
    pub dst: Cidr,
    /// The next hop; without it, that of the interface.
    #[serde(
        rename = "gw",
        default,
        deserialize_with = "address_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub gateway: Option<IpAddr>,
    /// Since 1.1.0: maximum transmission unit along it, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Since 1.1.0: segment size to advertise to its destinations, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advmss: Option<u32>,
    /// Since 1.1.0: priority; lower goes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// Since 1.1.0: table it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
    /// Since 1.1.0: scope of the destinations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<u32>,
    /// What else is said of it.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// How a container resolves names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dns {
    /// Servers in order of preference.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// Local domain for short names.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Domains to search for short names, in order.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Options of the resolver.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// What else is said of it.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An address with the length of its prefix, `10.1.0.5/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// The address, with the bits of the host.
    pub address: IpAddr,
    /// Bits of the prefix: at most 32 or 128.
    pub prefix: u8,
}

/// A text that is not an address with a prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address with a prefix, as 10.1.0.5/16 is")]
pub struct CidrError(String);

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let wrong = || CidrError(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if !digits || prefix > most { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Absent, null and nothing are the same in what Go programs write.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// As in Go, the empty string is no address.
fn address_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.is_empty() => text
            .parse()
            .map(Some)
            .map_err(|_| serde::de::Error::custom(format!("{text:?} is not an address"))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests;
