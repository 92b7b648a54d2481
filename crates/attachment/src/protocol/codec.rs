//! Messages to lines and back.

use std::io::{self, BufRead, Read as _, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{InvalidWord, MAX_LINE, PROTOCOL, Reply, Request, words};

/// Why a message was not understood. No message quotes the line: it may hold secrets.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The connection failed or a timeout passed.
    #[error("the connection broke")]
    Io(#[from] io::Error),
    /// The peer closed before the line feed.
    #[error("the peer closed the connection after {0} bytes, before the message ended")]
    Closed(usize),
    /// The line is longer than [`MAX_LINE`].
    #[error("the message is longer than {MAX_LINE} bytes")]
    TooLong,
    /// The peer speaks another version.
    #[error(
        "the peer speaks protocol {theirs}, this program {PROTOCOL}: run `kubewright podnet install` \
         with the version of the agent"
    )]
    Version {
        /// What the peer wrote.
        theirs: u32,
    },
    /// Not JSON, or JSON of another shape.
    #[error("the message is not a {what} (column {column})")]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// Where reading stopped, counted from 1; 0 where the whole is of the wrong shape.
        column: usize,
    },
    /// A word that must not become a path or an argument.
    #[error(transparent)]
    Invalid(#[from] InvalidWord),
}

/// The version beside the fields of the message.
#[derive(Serialize, Deserialize)]
struct Numbered<T> {
    protocol: u32,
    #[serde(flatten)]
    message: T,
}

/// Reads the version only, whatever else is there.
#[derive(Deserialize)]
struct Number {
    protocol: u32,
}

impl Request {
    /// Reads a line, with or without its line feed, and checks its words.
    ///
    /// # Errors
    /// When it is not a request of this protocol, or names something that could do harm.
    pub fn from_line(line: &[u8]) -> Result<Self, ProtocolError> {
        let request: Self = decode(line, "request")?;
        words::check(&request)?;
        Ok(request)
    }

    /// The line to write, with its line feed.
    ///
    /// # Errors
    /// When it would be longer than [`MAX_LINE`], or a word of it would be refused by the reader.
    pub fn to_line(&self) -> Result<Vec<u8>, ProtocolError> {
        words::check(self)?;
        encode(self, "request")
    }
}

impl Reply {
    /// Reads a line, with or without its line feed.
    ///
    /// # Errors
    /// When it is not a reply of this protocol.
    pub fn from_line(line: &[u8]) -> Result<Self, ProtocolError> {
        decode(line, "reply")
    }

    /// The line to write, with its line feed.
    ///
    /// # Errors
    /// When it would be longer than [`MAX_LINE`].
    pub fn to_line(&self) -> Result<Vec<u8>, ProtocolError> {
        encode(self, "reply")
    }
}

/// Reads one request, for a server.
///
/// # Errors
/// As [`Request::from_line`], and when the connection breaks or ends early.
pub fn read_request(reader: &mut impl BufRead) -> Result<Request, ProtocolError> {
    Request::from_line(&read_line(reader)?)
}

/// Reads one reply, for a client.
///
/// # Errors
/// As [`Reply::from_line`], and when the connection breaks or ends early.
pub fn read_reply(reader: &mut impl BufRead) -> Result<Reply, ProtocolError> {
    Reply::from_line(&read_line(reader)?)
}

/// Writes one reply in one piece, for a server.
///
/// # Errors
/// As [`Reply::to_line`], and when the connection breaks.
pub fn write_reply(writer: &mut impl Write, reply: &Reply) -> Result<(), ProtocolError> {
    Ok(writer.write_all(&reply.to_line()?)?)
}

/// Reads up to the line feed, never more than [`MAX_LINE`].
fn read_line(reader: &mut impl BufRead) -> Result<Vec<u8>, ProtocolError> {
    let mut line = Vec::new();
    let read = reader.take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
    match line.last() {
        Some(b'\n') => Ok(line),
        _ if read >= MAX_LINE => Err(ProtocolError::TooLong),
        _ => Err(ProtocolError::Closed(read)),
    }
}

fn decode<T: DeserializeOwned>(line: &[u8], what: &'static str) -> Result<T, ProtocolError> {
    if line.len() > MAX_LINE {
        return Err(ProtocolError::TooLong);
    }
    // serde's own message quotes values, which may be secret; the column is enough to find it.
    let malformed =
        |error: serde_json::Error| ProtocolError::Malformed { what, column: error.column() };
    let number: Number = serde_json::from_slice(line).map_err(malformed)?;
    if number.protocol != PROTOCOL {
        return Err(ProtocolError::Version { theirs: number.protocol });
    }
    let numbered: Numbered<T> = serde_json::from_slice(line).map_err(malformed)?;
    Ok(numbered.message)
}

fn encode<T: Serialize>(message: &T, what: &'static str) -> Result<Vec<u8>, ProtocolError> {
    let mut line = serde_json::to_vec(&Numbered { protocol: PROTOCOL, message })
        .map_err(|error| ProtocolError::Malformed { what, column: error.column() })?;
    line.push(b'\n');
    if line.len() > MAX_LINE { Err(ProtocolError::TooLong) } else { Ok(line) }
}
