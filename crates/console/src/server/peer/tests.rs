#![allow(clippy::unwrap_used)]
use std::net::{TcpListener, TcpStream};

use super::*;

#[test]
fn the_kernel_tells_whose_socket_is_at_the_other_end() {
    for any in ["127.0.0.1:0", "[::1]:0"] {
        // Without IPv6 there is nothing to connect to.
        let Ok(listener) = TcpListener::bind(any) else { continue };
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().unwrap();
        let local = server.local_addr().unwrap();
        assert_eq!(client.local_addr().unwrap(), peer);
        let own = rustix::process::geteuid().as_raw();
        assert!(Owners(vec![own]).own(peer, local), "{any}");
        assert!(!Owners(vec![own + 1]).own(peer, local), "{any}");
        assert!(!Owners(vec![own]).own(peer, "127.0.0.1:1".parse().unwrap()), "another connection");
    }
}

#[test]
fn lines_are_read_as_the_kernel_writes_them() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n\
        garbage\n\
        0: 0100007F:1F98 00000000:0000 0A 00000000:00000000 00:00000000 00000000     7        0 1\n\
        1: 0100007F:C350 0100007F:1F98 06 00000000:00000000 00:00000000 00000000     8        0 2\n\
        2: 0100007F:C350 0100007F:1F98 01 00000000:00000000 00:00000000 00000000  1000        0 3\n";
    let (end, other) = ("127.0.0.1:50000".parse().unwrap(), "127.0.0.1:8088".parse().unwrap());
    if cfg!(target_endian = "little") {
        assert_eq!(owner(table, end, other), Some(1000));
    }
    assert_eq!(owner(table, other, end), None);
    assert_eq!(owner("", end, other), None);
}
