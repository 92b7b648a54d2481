//! Joining: from a token and a pin to a Node that says it is alive.
//!
//! ```text
//!  discover ─▶ key ─▶ request ─▶ certificate ─▶ kubeconfig ─▶ Node, Lease ─▶ heartbeats
//!  (discovery)  kept   named by    waited for     kept         as the node
//!               0600   the key     by a watch     0600         itself
//! ```
//!
//! Each step can be done again without harm, and leaves on disk what the next one needs: that is
//! what makes it safe to be killed between any two. It works against any API server: nothing here
//! knows of the embedded one.

mod answer;
mod credentials;
mod enrol;
mod heartbeat;
mod name;
mod place;
mod registration;
mod request;

use std::net::{IpAddr, UdpSocket};

pub use answer::{Answer, answer, legible};
pub use credentials::{
    Certificate, CredentialsError, from_kubeconfig, kubeconfig, node_of_kubeconfig,
    with_certificate, with_nothing, with_token,
};
pub use enrol::{EnrolError, Enrolment, Waiting};
pub use heartbeat::{Ended, RENEWAL, beat};
pub use name::{GROUP, NameError, NodeName, USER_PREFIX};
pub use place::Place;
pub use registration::{LEASES, Registration, RegistrationError};
pub use request::{
    ADDRESS, Key, LEAST_EXPIRATION, RequestError, SIGNER, Wish, certificate_request,
};

use crate::discovery::Endpoint;

/// The address from which this host reaches an API server; nothing is sent to find out.
pub fn address_towards(server: &Endpoint) -> Option<IpAddr> {
    let any = if server.host().contains(':') { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect((server.host(), server.port())).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}
