//! Two network namespaces with a cable between them: a node, and somebody who knocks.
//!
//! Nothing of it reaches the network of this machine, and all of it goes with the value.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;
use std::{io, thread};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Address of the node.
pub(super) const NODE: [u8; 4] = [10, 99, 0, 1];
/// Address of the one who knocks.
pub(super) const PEER: [u8; 4] = [10, 99, 0, 2];

/// Why there are no such namespaces.
#[derive(Debug, thiserror::Error)]
pub(super) enum NamespaceError {
    /// A program cannot be started.
    #[error("cannot start ip")]
    Start(#[source] io::Error),
    /// It failed.
    #[error("`ip {arguments}` failed: {stderr}")]
    Ip { arguments: String, stderr: String },
}

/// A namespace; gone on drop.
struct Namespace(String);

impl Namespace {
    fn new(role: &str) -> Result<Self, NamespaceError> {
        let name = format!("kwup-{}-{role}", std::process::id());
        ip(&["netns", "add", &name])?;
        let namespace = Self(name);
        ip(&["-n", &namespace.0, "link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Runs `work` in the namespace, on a thread that ends with it.
    fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        let file = File::open(PathBuf::from("/run/netns").join(&self.0))?;
        thread::scope(|scope| {
            let thread = scope.spawn(move || {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok(work())
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = ip(&["netns", "delete", &self.0]) {
            tracing::warn!(%error, namespace = self.0, "a network namespace is left over");
        }
    }
}

/// A node and a peer on one network.
pub(super) struct Pair {
    node: Namespace,
    peer: Namespace,
}

impl Pair {
    pub(super) fn new() -> Result<Self, NamespaceError> {
        let pair = Self { node: Namespace::new("node")?, peer: Namespace::new("peer")? };
        let (node, peer) = (pair.node.0.as_str(), pair.peer.0.as_str());
        let ends = ["type", "veth", "peer", "name", "eth0", "netns", peer];
        ip(&[["link", "add", "eth0", "netns", node].as_slice(), &ends].concat())?;
        for (namespace, [a, b, c, d]) in [(node, NODE), (peer, PEER)] {
            let address = format!("{a}.{b}.{c}.{d}/24");
            ip(&["-n", namespace, "address", "add", &address, "dev", "eth0"])?;
            ip(&["-n", namespace, "link", "set", "eth0", "up"])?;
        }
        Ok(pair)
    }

    /// Runs `work` on the node.
    pub(super) fn on_node<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        self.node.run(work)
    }

    /// Runs `work` at the peer.
    pub(super) fn at_peer<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        self.peer.run(work)
    }
}

fn ip(arguments: &[&str]) -> Result<(), NamespaceError> {
    let output = Command::new("ip").args(arguments).output().map_err(NamespaceError::Start)?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(NamespaceError::Ip { arguments: arguments.join(" "), stderr })
}
