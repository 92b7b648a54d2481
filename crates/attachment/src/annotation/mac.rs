//! Hardware addresses, in one spelling.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An Ethernet address of one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac([u8; 6]);

/// A text that is no address of one interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MacError {
    /// Not six bytes.
    #[error("{0:?} is not a hardware address: write six bytes as in 02:00:00:00:00:01")]
    Syntax(String),
    /// An address of no single interface.
    #[error("{0} is not the address of an interface: it is a group address, or zero")]
    Group(Mac),
}

impl Mac {
    /// From its bytes, as the kernel has them; none for another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let syntax = || MacError::Syntax(text.to_owned());
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut bytes = Vec::with_capacity(6);
        for part in text.split(separator) {
            let two_digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            let byte = u8::from_str_radix(part, 16).ok().filter(|_| two_digits);
            bytes.push(byte.ok_or_else(syntax)?);
        }
        let mac = Self::from_bytes(&bytes).ok_or_else(syntax)?;
        match mac.0[0] & 1 == 1 || mac.0 == [0; 6] {
            true => Err(MacError::Group(mac)),
            false => Ok(mac),
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl TryFrom<String> for Mac {
    type Error = MacError;

    fn try_from(text: String) -> Result<Self, MacError> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}
