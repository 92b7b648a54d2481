//! What a locked node lets through, and what not.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddrV6, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use kubewright_hostendpoint::guard::lock;
use kubewright_testkit::require::{programs, root};
use kubewright_testkit::{Netns, require};
use rustix::net::sockopt::set_ipv6_multicast_hops;
use rustix::net::{AddressFamily, SendFlags, SocketType, bind, ipproto, sendto, socket};

use crate::lab::{
    ADMIN, ELSEWHERE, Lab, NODE, OTHER_NODE, POD, PROGRAMS, assert_dropped, at, connect, listen,
    on, udp,
};

/// Receives until something comes, for a time that no machine needs.
fn received(socket: &UdpSocket) -> bool {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut buffer = [0; 64];
    while Instant::now() < deadline {
        match socket.recv(&mut buffer) {
            Ok(_) => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
    false
}

#[test]
fn ssh_passes_from_the_ranges_given_and_from_nowhere_else() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    let _listeners = listen(&lab.node, &[22]);
    lab.lock();
    on(&lab.peer, async {
        for family in 0..2 {
            let ssh = at(NODE[family], 22);
            connect(ADMIN[family], ssh).await.unwrap();
            for from in [OTHER_NODE, ELSEWHERE] {
                assert_dropped(from[family], ssh, connect(ADMIN[family], ssh)).await;
            }
        }
    });
}

#[test]
fn the_clusters_services_pass_from_nodes_and_from_nowhere_else() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    let ports = [179, 2379, 2380, 5473, 6443, 10250];
    let _listeners = listen(&lab.node, &ports);
    lab.lock();
    on(&lab.peer, async {
        for family in 0..2 {
            for port in ports {
                let service = at(NODE[family], port);
                connect(OTHER_NODE[family], service).await.unwrap();
                for from in [ADMIN, ELSEWHERE] {
                    assert_dropped(from[family], service, connect(OTHER_NODE[family], service))
                        .await;
                }
            }
        }
    });
}

#[test]
fn a_port_that_nobody_named_is_closed_to_everyone() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    let _listeners = listen(&lab.node, &[6443, 8080]);
    // Open before: what is seen later is the guard's doing.
    on(&lab.peer, async {
        for family in 0..2 {
            connect(ELSEWHERE[family], at(NODE[family], 8080)).await.unwrap();
        }
    });
    lab.lock();
    on(&lab.peer, async {
        for family in 0..2 {
            for from in [OTHER_NODE, ADMIN, ELSEWHERE] {
                let witness = connect(OTHER_NODE[family], at(NODE[family], 6443));
                assert_dropped(from[family], at(NODE[family], 8080), witness).await;
            }
        }
    });
}

#[test]
fn datagrams_pass_for_vxlan_and_wireguard_from_nodes_only() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    lab.lock();
    for family in 0..2 {
        let node = udp(&lab.peer, OTHER_NODE[family], 40_000);
        let stranger = udp(&lab.peer, ELSEWHERE[family], 40_000);
        for port in [4789, 51820, 51821] {
            let here = udp(&lab.node, NODE[family], port);
            // Sent first: had it passed, it would be read first.
            stranger.send_to(b"stranger", at(NODE[family], port)).unwrap();
            node.send_to(b"node", at(NODE[family], port)).unwrap();
            here.set_nonblocking(false).unwrap();
            here.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            let mut buffer = [0; 64];
            let length = here.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"node", "{} on {port}", NODE[family]);
        }
    }
}

#[test]
fn nothing_is_forwarded_in_either_direction() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    let _node = listen(&lab.node, &[6443]);
    let _pod = listen(&lab.pod, &[80]);
    let _peer = listen(&lab.peer, &[80]);
    on(&lab.peer, async {
        for family in 0..2 {
            connect(OTHER_NODE[family], at(POD[family], 80)).await.unwrap();
        }
    });
    let args = lab.lock_args(&["--nodes-from", "172.16.0.0/24,fd16::/64"]);
    lab.on_node(async { lock::run(&args).await.unwrap() });
    let pods_gateway = ["172.16.0.1", "fd16::1"];
    for family in 0..2 {
        on(&lab.peer, async {
            let witness = connect(OTHER_NODE[family], at(NODE[family], 6443));
            assert_dropped(OTHER_NODE[family], at(POD[family], 80), witness).await;
        });
        on(&lab.pod, async {
            let witness = connect(POD[family], at(pods_gateway[family], 6443));
            assert_dropped(POD[family], at(OTHER_NODE[family], 80), witness).await;
        });
    }
}

#[test]
fn the_node_reaches_itself() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    let _listeners = listen(&lab.node, &[8080]);
    lab.lock();
    lab.on_node(async {
        for (from, to) in
            [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), (NODE[0], NODE[0]), (NODE[1], NODE[1])]
        {
            connect(from, at(to, 8080)).await.unwrap();
        }
    });
}

#[test]
fn what_the_node_begins_is_answered() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    lab.lock();
    for peer in OTHER_NODE {
        let [server] = &listen(&lab.peer, &[8443])[..] else { unreachable!() };
        let mut outgoing = lab.node.run_in(|| TcpStream::connect(at(peer, 8443)).unwrap());
        let (mut accepted, _) = server.accept().unwrap();
        accepted.write_all(b"answer").unwrap();
        let mut answer = [0; 6];
        outgoing.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"answer");
    }
}

#[test]
fn a_connection_from_before_the_lock_goes_on() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    // Tracked from its first packet, as on a node that was locked before.
    lab.lock();
    let [server] = &listen(&lab.node, &[22])[..] else { unreachable!() };
    let mut session = on(&lab.peer, async {
        connect(ADMIN[0], at(NODE[0], 22)).await.unwrap().into_std().unwrap()
    });
    session.set_nonblocking(false).unwrap();
    let (mut accepted, _) = server.accept().unwrap();
    let without_ssh = lab.lock_args(&["--ssh-port", ""]);
    lab.on_node(async { lock::run(&without_ssh).await.unwrap() });
    session.write_all(b"still here").unwrap();
    let mut heard = [0; 10];
    accepted.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"still here");
}

#[test]
fn icmp_errors_reach_the_node() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    lab.lock();
    for family in 0..2 {
        // Nobody listens there, so the peer answers with "port unreachable".
        let socket = udp(&lab.node, NODE[family], 41_000);
        socket.connect(at(OTHER_NODE[family], 41_001)).unwrap();
        socket.send(b"anyone?").unwrap();
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let error = socket.recv(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "over {}", NODE[family]);
    }
}

#[test]
fn neighbours_find_the_node_and_the_node_finds_them() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    let _here = listen(&lab.node, &[6443]);
    let _there = listen(&lab.peer, &[8443]);
    lab.lock();
    let forget = || {
        for netns in [&lab.node, &lab.peer] {
            netns.exec("ip", &["neigh", "flush", "all"]).unwrap();
        }
    };
    for family in 0..2 {
        forget();
        on(&lab.peer, async { connect(OTHER_NODE[family], at(NODE[family], 6443)).await.unwrap() });
        forget();
        lab.on_node(async { connect(NODE[family], at(OTHER_NODE[family], 8443)).await.unwrap() });
    }
}

/// The link-local address of eth0 and the interface's index, once the kernel has made
/// sure that nobody else uses it.
fn link_local(netns: &Netns) -> (Ipv6Addr, u32) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let json =
            netns.exec("ip", &["-json", "-6", "address", "show", "dev", "eth0", "scope", "link"]);
        let links: serde_json::Value = serde_json::from_str(&json.unwrap()).unwrap();
        // Addresses that were filtered out are left as empty objects.
        let addresses = links[0]["addr_info"].as_array().unwrap();
        let address = addresses
            .iter()
            .find(|address| address["scope"] == "link")
            .unwrap_or(&serde_json::Value::Null);
        if let (Some(local), None) = (address["local"].as_str(), address.get("tentative")) {
            let index = links[0]["ifindex"].as_u64().unwrap();
            return (local.parse().unwrap(), u32::try_from(index).unwrap());
        }
        assert!(Instant::now() < deadline, "eth0 has no link-local address: {links}");
        std::thread::yield_now();
    }
}

#[test]
fn offers_of_dhcp_servers_reach_the_client() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    lab.lock();
    let client = udp(&lab.node, "0.0.0.0", 68);
    udp(&lab.peer, ELSEWHERE[0], 67).send_to(b"offer", at(NODE[0], 68)).unwrap();
    assert!(received(&client), "DHCPv4");

    let bind = |netns: &Netns, port| {
        let (address, scope) = link_local(netns);
        netns.run_in(|| UdpSocket::bind(SocketAddrV6::new(address, port, 0, scope)).unwrap())
    };
    let (client, server) = (bind(&lab.node, 546), bind(&lab.peer, 547));
    client.set_nonblocking(true).unwrap();
    let to = SocketAddrV6::new(link_local(&lab.node).0, 546, 0, link_local(&lab.peer).1);
    server.send_to(b"advertise", to).unwrap();
    assert!(received(&client), "DHCPv6");
}

#[test]
fn routers_announce_themselves() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    lab.node.run_in(|| {
        // A node that forwards listens to routers only with 2.
        std::fs::write("/proc/sys/net/ipv6/conf/eth0/accept_ra", "2").unwrap();
    });
    let (router, scope) = link_local(&lab.peer);
    link_local(&lab.node);
    lab.lock();
    lab.peer.run_in(|| {
        let socket = socket(AddressFamily::INET6, SocketType::RAW, Some(ipproto::ICMPV6)).unwrap();
        bind(&socket, &SocketAddrV6::new(router, 0, 0, scope)).unwrap();
        set_ipv6_multicast_hops(&socket, 255).unwrap();
        // RFC 4861, 4.2: type 134, hop limit 64, lifetime 600 s; the kernel fills in the checksum.
        let advertisement = [134, 0, 0, 0, 64, 0, 2, 88, 0, 0, 0, 0, 0, 0, 0, 0];
        let all_nodes = SocketAddrV6::new("ff02::1".parse().unwrap(), 0, 0, scope);
        sendto(&socket, &advertisement, SendFlags::empty(), &all_nodes).unwrap();
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    let learned = || lab.node.exec("ip", &["-6", "route", "show", "default"]).unwrap();
    while !learned().contains(&format!("via {router} dev eth0 proto ra")) {
        assert!(Instant::now() < deadline, "no default route through {router}: {}", learned());
        std::thread::yield_now();
    }
}

#[test]
fn nft_takes_every_configuration() {
    require!(root(), programs(&PROGRAMS));
    let lab = Lab::new();
    // More than a pipe holds at once.
    let many: Vec<String> = (0..8000).map(|n| format!("10.{}.{}.0/25", n / 200, n % 200)).collect();
    let many = many.join(",");
    for arguments in [
        &["--nodes-from", "0.0.0.0/0,::/0", "--ssh-from", "0.0.0.0/0,::/0"][..],
        &["--nodes-from", many.as_str()],
        &["--service", "tcp/1-65535,udp/1-65535,sctp/1-65535,ip/0,ip/255"],
        &["--echo-rate", "0"],
        &["--echo-rate", "4294967295"],
        &["--ssh-port", "22,2222,22"],
    ] {
        let args = lab.lock_args(arguments);
        let locked = lab.on_node(async { lock::run(&args).await.unwrap() });
        assert!(locked.loaded, "{arguments:?}");
        assert_eq!(lab.table().unwrap().matches("policy drop;").count(), 2, "{arguments:?}");
    }
}
