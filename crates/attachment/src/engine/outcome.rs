//! What became of a pod: for its status, its Events and the next attempt.

use std::net::IpAddr;

use crate::name::InterfaceName;
use crate::plan::Why;
use crate::problem::Problem;
use crate::record::{Corrupt, Record};
use crate::status::{Entry, Failure};

/// Something that was done.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An interface was attached.
    Attached {
        /// The network, as `network-status` names it.
        network: String,
        /// The interface.
        interface: InterfaceName,
        /// Its addresses, each with the length of its prefix.
        addresses: Vec<(IpAddr, u8)>,
    },
    /// An interface that someone else attached was put on record.
    Adopted {
        /// The network, as `network-status` names it.
        network: String,
        /// The interface.
        interface: InterfaceName,
    },
    /// An interface was detached.
    Detached {
        /// The network, as `network-status` names it.
        network: String,
        /// The interface.
        interface: InterfaceName,
        /// Why.
        why: Why,
    },
}

impl Change {
    pub(super) fn attached(record: &Record) -> Self {
        let ips = record.result.iter().flat_map(|result| &result.ips);
        Self::Attached {
            network: record.network_name(),
            interface: record.interface.clone(),
            addresses: ips.map(|ip| (ip.address.address, ip.address.prefix)).collect(),
        }
    }

    pub(super) fn detached(record: &Record, why: Why) -> Self {
        let (network, interface) = (record.network_name(), record.interface.clone());
        Self::Detached { network, interface, why }
    }
}

/// What became of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What was done, in order.
    pub changes: Vec<Change>,
    /// What is not as asked for.
    pub failures: Vec<Failure>,
    /// Records that could not be read, and were set aside.
    pub corrupt: Vec<Corrupt>,
    /// `network-status` as it should be; none when there is no sandbox to tell about.
    pub status: Option<Vec<Entry>>,
}

impl Outcome {
    /// Whether trying again later may help, though nothing that is watched changes.
    #[must_use]
    pub fn needs_retry(&self) -> bool {
        self.failures.iter().any(|failure| failure.problem.reason.is_passing())
    }

    pub(super) fn fail(
        &mut self,
        network: Option<String>,
        interface: Option<&InterfaceName>,
        problem: Problem,
    ) {
        let interface = interface.map(ToString::to_string);
        self.failures.push(Failure { name: network, interface, problem });
    }
}
