//! Whose process is at the other end of a connection over loopback.
//!
//! Every user of a machine can connect to its loopback address. The kernel tells whose socket the
//! other end is (`/proc/net/tcp`, `tcp6`); a console that acts with the rights of its own user
//! answers that user, root, and who called it by `sudo`, and nobody else.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The users who may use the credentials of this process.
#[derive(Clone, Debug)]
pub(super) struct Owners(Vec<u32>);

impl Owners {
    /// The user of this process, root, and who called it by `sudo`.
    pub(super) fn of_process() -> Self {
        let sudo = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
        let own = rustix::process::geteuid().as_raw();
        // Only root is told by `sudo`; for others the variable is what they want it to be.
        Self([own, 0].into_iter().chain(sudo.filter(|_| own == 0)).collect())
    }

    /// Whether the process at `peer`, connected to `local`, is one of theirs. Where the kernel does
    /// not tell, it is not.
    pub(super) fn own(&self, peer: SocketAddr, local: SocketAddr) -> bool {
        let table = |path| fs::read_to_string(path).unwrap_or_default();
        let tables = [table("/proc/net/tcp"), table("/proc/net/tcp6")];
        let owner = tables.iter().find_map(|table| owner(table, peer, local));
        owner.is_some_and(|owner| self.0.contains(&owner))
    }
}

/// The owner of the socket at `end` that is connected to `other`.
fn owner(table: &str, end: SocketAddr, other: SocketAddr) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let local = address(fields.next()?)?;
        let remote = address(fields.next()?)?;
        let connected = fields.next()? == "01";
        // Queues, timer and retransmissions stand between.
        let uid = fields.nth(3)?.parse().ok()?;
        let same = |a: SocketAddr, b: SocketAddr| {
            a.port() == b.port() && a.ip().to_canonical() == b.ip().to_canonical()
        };
        (connected && same(local, end) && same(remote, other)).then_some(uid)
    })
}

/// An address as the kernel writes it: words in the machine's byte order, in hexadecimal.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests;
