//! The shim's side: ask the agent, and know apart "nobody there" from "no answer".

use std::io::{self, BufReader, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::{ProtocolError, Reply, Request, read_reply};

#[cfg(test)]
mod tests;

/// How long the agent may take to accept; a healthy one takes microseconds.
const CONNECT: Duration = Duration::from_secs(2);

/// How long an answer may take. The kubelet gives a sandbox four minutes and containerd passes
/// that on; an answer after that reaches nobody.
const ANSWER: Duration = Duration::from_secs(220);

/// A blocking client of the agent.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    connect: Duration,
    answer: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody serves the socket, so nothing was asked and nothing was done.
    #[error("the kubewright agent is not serving {}", socket.display())]
    Away {
        /// Where the agent should listen.
        socket: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The request cannot be sent as it is; nothing was done.
    #[error("the request cannot be sent")]
    Refused(#[source] ProtocolError),
    /// The agent got the request, or part of it, and there is no answer: it may or may not have
    /// been carried out.
    #[error("the kubewright agent at {} did not answer", socket.display())]
    Lost {
        /// Where the agent listens.
        socket: PathBuf,
        /// What broke.
        source: ProtocolError,
    },
}

impl Client {
    /// A client of the agent at this socket.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), connect: CONNECT, answer: ANSWER }
    }

    /// Other limits: for the connection and for the answer.
    #[must_use]
    pub fn with_timeouts(self, connect: Duration, answer: Duration) -> Self {
        Self { connect, answer, ..self }
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// See [`CallError`]; only [`CallError::Lost`] leaves open whether something was done.
    pub fn call(&self, request: &Request) -> Result<Reply, CallError> {
        // Checked and encoded first: a request that cannot be sent must not look like a lost one.
        let line = request.to_line().map_err(CallError::Refused)?;
        let mut stream = self
            .connection()
            .map_err(|source| CallError::Away { socket: self.socket.clone(), source })?;
        let lost = |source| CallError::Lost { socket: self.socket.clone(), source };
        stream.write_all(&line).map_err(|error| lost(error.into()))?;
        let until = Deadline { stream, end: Instant::now() + self.answer };
        read_reply(&mut BufReader::new(until)).map_err(lost)
    }

    /// Connects within the limit. A Unix socket whose queue is full blocks `connect` for as long as
    /// the send timeout, so that is set before.
    fn connection(&self) -> io::Result<UnixStream> {
        let address = SocketAddrUnix::new(&self.socket)?;
        let socket =
            socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&socket, Timeout::Send, Some(self.connect))?;
        connect(&socket, &address)?;
        Ok(UnixStream::from(socket))
    }
}

/// Reads until a point in time, however many pieces the answer comes in.
struct Deadline {
    stream: UnixStream,
    end: Instant,
}

impl Read for Deadline {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}
