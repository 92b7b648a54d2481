//! Address ranges, as the guard's configuration names them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IPv4 or IPv6 range in canonical form: the bits behind the prefix are zero.
///
/// A bare address is the range of that one address. Host bits are cleared
/// rather than refused: `10.0.0.5/24` can only mean one range, and a guard that
/// fails to load over it would leave the node open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not an address range.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CidrError {
    /// The part before the slash is no IP address.
    #[error(
        "\"{text}\" does not begin with an IPv4 or IPv6 address; write a range like 10.0.0.0/8 or fd00::/64"
    )]
    Address {
        /// What was given.
        text: String,
    },
    /// The part behind the slash is no prefix length of that family.
    #[error("\"{text}\" has no prefix length between 0 and {max} behind the slash")]
    Prefix {
        /// What was given.
        text: String,
        /// The longest prefix of the address family.
        max: u8,
    },
}

impl Cidr {
    /// The network address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The prefix length in bits.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether this is an IPv4 range.
    pub fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether every address of `other` lies in this range.
    pub fn contains(&self, other: &Self) -> bool {
        self.is_ipv4() == other.is_ipv4()
            && self.prefix <= other.prefix
            && masked(other.address, self.prefix) == self.address
    }
}

/// Sorts ranges and drops those that lie within another. What is left does not
/// overlap, which is what nftables asks of the elements of one set.
pub(crate) fn disjoint(mut ranges: Vec<Cidr>) -> Vec<Cidr> {
    ranges.sort();
    let mut kept: Vec<Cidr> = Vec::with_capacity(ranges.len());
    for range in ranges {
        if !kept.iter().any(|wider| wider.contains(&range)) {
            kept.push(range);
        }
    }
    kept
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| CidrError::Address { text: text.to_owned() })?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => max,
            // `u8::from_str` alone would also take "+8".
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits
                    .parse()
                    .ok()
                    .filter(|bits| *bits <= max)
                    .ok_or_else(|| CidrError::Prefix { text: text.to_owned(), max })?
            }
            Some(_) => {
                return Err(CidrError::Prefix { text: text.to_owned(), max });
            }
        };
        Ok(Self { address: masked(address, prefix), prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests;
