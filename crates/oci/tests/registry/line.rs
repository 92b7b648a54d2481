//! A line to a server that counts what goes over it and can be cut.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Listens on this machine and passes everything on.
pub(crate) struct Line {
    address: SocketAddr,
    sent: Arc<AtomicU64>,
    cut_after: Arc<AtomicU64>,
}

impl Line {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::new(AtomicU64::new(0));
        let cut_after = Arc::new(AtomicU64::new(u64::MAX));
        let line = Self { address, sent: sent.clone(), cut_after: cut_after.clone() };
        // Ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let (up, down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (sent, cut_after) = (sent.clone(), cut_after.clone());
                std::thread::spawn(move || pass(up, server, &sent, &cut_after));
                let nothing = Arc::new(AtomicU64::new(0));
                let never = Arc::new(AtomicU64::new(u64::MAX));
                std::thread::spawn(move || pass(down, client, &nothing, &never));
            }
        });
        line
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// Bytes sent to the server until now.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Breaks every connection that goes on after so many more bytes, in all, to the server.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.cut_after.store(self.sent() + bytes, Ordering::SeqCst);
    }

    /// Breaks no connection any more.
    pub(crate) fn mend(&self) {
        self.cut_after.store(u64::MAX, Ordering::SeqCst);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, sent: &AtomicU64, cut_after: &AtomicU64) {
    let mut buffer = [0; 16 << 10];
    let mut step = || -> io::Result<bool> {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(false);
        }
        to.write_all(&buffer[..read])?;
        let sent = sent.fetch_add(read as u64, Ordering::SeqCst) + read as u64;
        Ok(sent < cut_after.load(Ordering::SeqCst))
    };
    while let Ok(true) = step() {}
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
