//! Interfaces as they come and go in pods, told by the kernel and not asked for.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::clock;

/// Multicast group of the kernel for links, RTNLGRP_LINK.
const LINKS: u32 = 1;

/// How long any interface may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// An interface that came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Which pod, by the number it was watched under.
    pub(crate) pod: usize,
    /// Its name.
    pub(crate) interface: String,
    /// RTM_NEWLINK, or RTM_DELLINK.
    pub(crate) there: bool,
    /// When, of [`clock::now`].
    pub(crate) at: u64,
}

/// What all watched pods tell.
pub(crate) struct Links {
    sender: Sender<Event>,
    receiver: Receiver<Event>,
}

impl Links {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = channel();
        Self { sender, receiver }
    }

    /// Watches a pod from now on, on a thread that lives as long as this process.
    pub(crate) fn watch(&self, pod: usize, netns: &Path) -> Result<()> {
        let file = File::open(netns).with_context(|| format!("opening {}", netns.display()))?;
        let events = self.sender.clone();
        let (ready, is_ready) = channel();
        thread::Builder::new().stack_size(64 << 10).spawn(move || {
            let opened = open(&file);
            let socket = match opened {
                Ok(socket) => {
                    let _ = ready.send(Ok(()));
                    socket
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                    return;
                }
            };
            while let Ok((bytes, _)) = socket.recv_from_full() {
                let at = clock::now();
                if let Some((there, interface)) = link(&bytes)
                    && events.send(Event { pod, interface, there, at }).is_err()
                {
                    return;
                }
            }
        })?;
        is_ready.recv().context("the watching thread")?
    }

    /// Waits until the interface has come to, or gone from, each of so many pods, and says when it
    /// first did in each.
    pub(crate) fn await_all(&self, pods: usize, interface: &str, there: bool) -> Result<Vec<u64>> {
        let deadline = Instant::now() + PATIENCE;
        let mut at = vec![None; pods];
        let mut missing = pods;
        while missing > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = match self.receiver.recv_timeout(left) {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{interface} did not come to, or go from, {missing} of {pods} pods")
                }
                Err(RecvTimeoutError::Disconnected) => bail!("nobody watches"),
            };
            if event.interface == interface
                && event.there == there
                && let Some(slot @ None) = at.get_mut(event.pod)
            {
                *slot = Some(event.at);
                missing -= 1;
            }
        }
        Ok(at.into_iter().flatten().collect())
    }

    /// The same for one pod.
    pub(crate) fn await_one(&self, pod: usize, interface: &str, there: bool) -> Result<u64> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = self.receiver.recv_timeout(left).context("waiting for an interface")?;
            if event.pod == pod && event.interface == interface && event.there == there {
                return Ok(event.at);
            }
        }
    }

    /// Forgets what was told until now.
    pub(crate) fn drain(&self) {
        while self.receiver.try_recv().is_ok() {}
    }
}

/// Enters the namespace with this thread, for good, and asks for its links.
fn open(netns: &File) -> Result<Socket> {
    move_into_link_name_space(netns.as_fd(), Some(LinkNameSpaceType::Network))?;
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind(&SocketAddr::new(0, 0))?;
    socket.add_membership(LINKS)?;
    Ok(socket)
}

/// What a message says: whether a link is there, and its name.
fn link(bytes: &[u8]) -> Option<(bool, String)> {
    let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).ok()?;
    let NetlinkPayload::InnerMessage(inner) = message.payload else { return None };
    match inner {
        RouteNetlinkMessage::NewLink(link) => Some((true, name(link)?)),
        RouteNetlinkMessage::DelLink(link) => Some((false, name(link)?)),
        _ => None,
    }
}

fn name(link: LinkMessage) -> Option<String> {
    link.attributes.into_iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name),
        _ => None,
    })
}
