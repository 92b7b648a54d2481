//! A node between the world and a pod.
//!
//! ```text
//!  peer (eth0)  10.0.0.2  another node      ┐            ┌ node ┐
//!               10.10.0.2 administrator     ├─ eth0 ─────┤      ├── pod0 ───── eth0 172.16.0.2  pod
//!               10.99.0.2 somewhere else    ┘   10.0.0.1 └──────┘ 172.16.0.1
//! ```
//!
//! and the same over IPv6 with fd00::, fd10::, fd99:: and fd16::.

use std::future::Future;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use clap::Parser;
use futures::FutureExt as _;
use kubewright_hostendpoint::guard::{LockArgs, ReleaseArgs, StatusArgs, lock};
use kubewright_testkit::Netns;
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};

/// What every test here needs.
pub(crate) const PROGRAMS: [&str; 2] = ["ip", "nft"];

/// The node's addresses.
pub(crate) const NODE: [&str; 2] = ["10.0.0.1", "fd00::1"];
/// Another node's.
pub(crate) const OTHER_NODE: [&str; 2] = ["10.0.0.2", "fd00::2"];
/// An administrator's.
pub(crate) const ADMIN: [&str; 2] = ["10.10.0.2", "fd10::2"];
/// Somebody's.
pub(crate) const ELSEWHERE: [&str; 2] = ["10.99.0.2", "fd99::2"];
/// The pod's.
pub(crate) const POD: [&str; 2] = ["172.16.0.2", "fd16::2"];

pub(crate) struct Lab {
    pub(crate) peer: Netns,
    pub(crate) node: Netns,
    pub(crate) pod: Netns,
    pub(crate) state: TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let (peer, node, pod) =
            (Netns::new().unwrap(), Netns::new().unwrap(), Netns::new().unwrap());
        node.connect(("eth0", "10.0.0.1/24"), &peer, ("eth0", "10.0.0.2/24")).unwrap();
        node.connect(("pod0", "172.16.0.1/24"), &pod, ("eth0", "172.16.0.2/24")).unwrap();
        let set_up: [(&Netns, &str); 16] = [
            (&node, "address add fd00::1/64 dev eth0 nodad"),
            (&peer, "address add fd00::2/64 dev eth0 nodad"),
            (&node, "address add fd16::1/64 dev pod0 nodad"),
            (&pod, "address add fd16::2/64 dev eth0 nodad"),
            (&peer, "address add 10.10.0.2/32 dev eth0"),
            (&peer, "address add 10.99.0.2/32 dev eth0"),
            (&peer, "address add fd10::2/128 dev eth0 nodad"),
            (&peer, "address add fd99::2/128 dev eth0 nodad"),
            (&node, "route add 10.10.0.0/16 dev eth0"),
            (&node, "route add 10.99.0.0/16 dev eth0"),
            (&node, "route add fd10::/64 dev eth0"),
            (&node, "route add fd99::/64 dev eth0"),
            (&peer, "route add 172.16.0.0/24 via 10.0.0.1"),
            (&peer, "route add fd16::/64 via fd00::1"),
            (&pod, "route add default via 172.16.0.1"),
            (&pod, "route add default via fd16::1"),
        ];
        for (netns, command) in set_up {
            netns.exec("ip", &command.split(' ').collect::<Vec<_>>()).unwrap();
        }
        node.run_in(|| {
            std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
            std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
        });
        Self { peer, node, pod, state: tempfile::tempdir().unwrap() }
    }

    /// The arguments of a lock of this node.
    pub(crate) fn lock_args(&self, more: &[&str]) -> LockArgs {
        self.parse::<LockArgs>(
            &[
                &["--ssh-from", "10.10.0.0/16,fd10::/16", "--nodes-from", "10.0.0.0/24,fd00::/64"],
                more,
            ]
            .concat(),
        )
    }

    /// The arguments of a release that does not wait long.
    pub(crate) fn release_args(&self, more: &[&str]) -> ReleaseArgs {
        self.parse(&[&["--poll-interval", "10ms", "--stable-for", "0s"], more].concat())
    }

    pub(crate) fn status_args(&self, more: &[&str]) -> StatusArgs {
        self.parse(more)
    }

    pub(crate) fn parse<T: clap::Args>(&self, arguments: &[&str]) -> T {
        let place = ["guard", "--state-dir", self.state.path().to_str().unwrap()];
        Command::<T>::try_parse_from(place.iter().chain(arguments)).unwrap().args
    }

    /// Locks the node.
    pub(crate) fn lock(&self) {
        let args = self.lock_args(&[]);
        self.on_node(async { lock::run(&args).await.unwrap() });
    }

    /// The guard's table without counters; nothing if there is none.
    pub(crate) fn table(&self) -> Option<String> {
        self.node.exec("nft", &["-s", "list", "table", "inet", "kubewright_boot"]).ok()
    }

    pub(crate) fn on_node<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        on(&self.node, work)
    }
}

#[derive(Parser)]
struct Command<T: clap::Args> {
    #[command(flatten)]
    args: T,
}

/// Runs a future in a namespace.
pub(crate) fn on<T: Send>(netns: &Netns, work: impl Future<Output = T> + Send) -> T {
    netns.run_in(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    })
}

/// Listens on TCP ports of both families; the kernel alone answers.
pub(crate) fn listen(netns: &Netns, ports: &[u16]) -> Vec<TcpListener> {
    netns.run_in(|| ports.iter().map(|port| TcpListener::bind(("::", *port)).unwrap()).collect())
}

/// A UDP socket that does not wait.
pub(crate) fn udp(netns: &Netns, address: &str, port: u16) -> UdpSocket {
    let socket = netns.run_in(|| UdpSocket::bind(at(address, port)).unwrap());
    socket.set_nonblocking(true).unwrap();
    socket
}

pub(crate) fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

/// Connects from one address to another.
pub(crate) async fn connect(from: &str, to: SocketAddr) -> std::io::Result<TcpStream> {
    let from: IpAddr = from.parse().unwrap();
    let socket = if from.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

/// Asserts that no connection comes about. No time is waited for: `witness`, begun
/// later over the same wire, gets through, so the answer would be here by now.
pub(crate) async fn assert_dropped(
    from: &str,
    to: SocketAddr,
    witness: impl Future<Output = std::io::Result<TcpStream>>,
) {
    let mut attempt = Box::pin(connect(from, to));
    assert!((&mut attempt).now_or_never().is_none(), "{from} -> {to} was decided at once");
    witness.await.unwrap();
    let outcome = attempt.now_or_never();
    assert!(outcome.is_none(), "{from} -> {to} was answered: {outcome:?}");
}
