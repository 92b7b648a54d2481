//! What may become of a call.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use tonic::{Code, Status};

use crate::endpoint::Endpoint;
use crate::method::Method;

/// A call and what it is about: `PodSandboxStatus of sandbox 0b1c…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    method: &'static str,
    object: Option<String>,
}

impl Call {
    pub(super) fn new(method: Method) -> Self {
        Self { method: method.name, object: None }
    }

    pub(super) fn of(method: Method, object: impl fmt::Display) -> Self {
        Self { method: method.name, object: Some(object.to_string()) }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method)?;
        match &self.object {
            None => Ok(()),
            Some(object) => write!(f, " of {object}"),
        }
    }
}

/// What became of a call that was not answered as hoped.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens, or the connection broke: what was asked may or may not have been done.
    #[error("cannot reach the container runtime at {endpoint} for {call}")]
    Unreachable {
        /// Where.
        endpoint: Endpoint,
        /// What for.
        call: Call,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The runtime does not have the object.
    #[error("the container runtime at {endpoint} does not find what {call} is about: {message}")]
    NotFound {
        /// Where.
        endpoint: Endpoint,
        /// What was asked.
        call: Call,
        /// Its words.
        message: String,
    },
    /// No answer in time: what was asked may still be done.
    #[error("the container runtime at {endpoint} has not answered {call} within {timeout:?}")]
    Timeout {
        /// Where.
        endpoint: Endpoint,
        /// What was asked.
        call: Call,
        /// How long it had.
        timeout: Duration,
    },
    /// It speaks something else.
    #[error(
        "the container runtime at {endpoint} does not know {call}: CRI v1 is needed, as of containerd 1.6 with its cri plugin, or cri-o 1.20 ({message})"
    )]
    Unimplemented {
        /// Where.
        endpoint: Endpoint,
        /// What was asked.
        call: Call,
        /// Its words.
        message: String,
    },
    /// It could not, or would not.
    #[error("the container runtime at {endpoint} failed {call}: {message}")]
    Failed {
        /// Where.
        endpoint: Endpoint,
        /// What was asked.
        call: Call,
        /// How gRPC classes it.
        code: Code,
        /// Its words.
        message: String,
    },
    /// An answer without what the interface demands.
    #[error("the container runtime at {endpoint} answered {call} without {missing}")]
    Incomplete {
        /// Where.
        endpoint: Endpoint,
        /// What was asked.
        call: Call,
        /// What the answer lacks.
        missing: &'static str,
    },
}

impl CallError {
    pub(super) fn from_status(
        endpoint: &Endpoint,
        call: Call,
        timeout: Duration,
        status: &Status,
    ) -> Self {
        let (endpoint, code) = (endpoint.clone(), status.code());
        let message = status.message().trim().to_owned();
        match code {
            Code::NotFound => Self::NotFound { endpoint, call, message },
            Code::Unimplemented => Self::Unimplemented { endpoint, call, message },
            _ if timed_out(status) => Self::Timeout { endpoint, call, timeout },
            code => match (broken(status), code) {
                (Some(source), _) => Self::Unreachable { endpoint, call, source },
                (None, Code::Unavailable) => {
                    Self::Unreachable { endpoint, call, source: io::Error::other(message) }
                }
                (None, code) => Self::Failed { endpoint, call, code, message },
            },
        }
    }

    /// The runtime does not have the object: there is nothing to wait for.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

/// What a status was made of on this side; nothing when it is the runtime's own.
fn causes(status: &Status) -> Vec<&(dyn Error + 'static)> {
    let mut causes = Vec::new();
    let mut cause = status.source();
    while let Some(error) = cause {
        causes.push(error);
        cause = error.source();
    }
    causes
}

/// Whether the runtime gave up in time, or the channel did just before this side's own clock.
fn timed_out(status: &Status) -> bool {
    status.code() == Code::DeadlineExceeded
        || causes(status).iter().any(|cause| cause.is::<tonic::TimeoutExpired>())
}

/// What the system said, deep below the words of the HTTP/2 library, when the connection was not
/// made or broke.
fn broken(status: &Status) -> Option<io::Error> {
    let causes = causes(status);
    let by_system = causes.iter().find_map(|cause| cause.downcast_ref::<io::Error>());
    let by_channel = causes.iter().any(|cause| cause.is::<tonic::transport::Error>());
    match (by_system, causes.last()) {
        (Some(error), _) => Some(io::Error::new(error.kind(), error.to_string())),
        (None, Some(last)) if by_channel => Some(io::Error::other(last.to_string())),
        _ => None,
    }
}
