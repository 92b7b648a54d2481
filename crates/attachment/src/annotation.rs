//! What a pod asks for, in either of two dialects.
//!
//! - [`KALOOM`]: a JSON array, as podagent and kactus read it. Entries that are the pod's primary
//!   network, or that ask to be skipped, are not ours.
//! - [`STANDARD`]: the multi-network standard, version 1.3: a list of names, or a JSON array.
//!
//! Both may be there at once; their requests follow each other, Kaloom's first. One invalid
//! element makes the whole of its annotation void, as the standard rules: half of what was asked
//! for is not what was asked for. So does the 65th: what a pod's author writes must not cost the node
//! more than a pod is worth.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::name::InterfaceName;

mod element;
mod kaloom;
mod mac;
mod short;
mod standard;

pub use mac::{Mac, MacError};

/// Annotation of Kaloom's dialect.
pub const KALOOM: &str = "networks";
/// Annotation of the multi-network standard.
pub const STANDARD: &str = "k8s.v1.cni.cncf.io/networks";

/// Elements of one annotation. Pods with many networks have a dozen.
pub const MOST_ELEMENTS: usize = 64;

/// One of the two ways to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// [`KALOOM`]
    Kaloom,
    /// [`STANDARD`]
    Standard,
}

impl Dialect {
    /// Key of its annotation.
    #[must_use]
    pub fn annotation(self) -> &'static str {
        match self {
            Self::Kaloom => KALOOM,
            Self::Standard => STANDARD,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.annotation())
    }
}

/// One attachment that a pod asks for. Every name and address in it is checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// How it was asked for.
    pub dialect: Dialect,
    /// Position of the element in its annotation, from 0.
    pub element: usize,
    /// Name of the network.
    pub network: String,
    /// Namespace of the network, where given.
    pub namespace: Option<String>,
    /// Name of the interface, where given.
    pub interface: Option<InterfaceName>,
    /// Hardware address.
    pub mac: Option<Mac>,
    /// Addresses, each with or without a prefix length, as given.
    pub ips: Vec<String>,
    /// Gateways of the default route. `Some` of none: this interface's own default route counts.
    pub default_route: Option<Vec<IpAddr>>,
    /// Arguments that reach every plugin as `args.cni`.
    pub cni_args: Map<String, Value>,
    /// Ports to map; objects as the capability `portMappings` takes them.
    pub port_mappings: Vec<Value>,
    /// Limits; an object as the capability `bandwidth` takes it.
    pub bandwidth: Option<Value>,
    /// GUID of an InfiniBand interface.
    pub infiniband_guid: Option<String>,
    /// Name of the claim that persistent addresses come from.
    pub ipam_claim: Option<String>,
    /// Id of the device that becomes the interface.
    pub device_id: Option<String>,
}

impl Request {
    /// A request for a network and nothing else.
    pub(crate) fn plain(dialect: Dialect, element: usize, network: String) -> Self {
        Self {
            dialect,
            element,
            network,
            namespace: None,
            interface: None,
            mac: None,
            ips: Vec::new(),
            default_route: None,
            cni_args: Map::new(),
            port_mappings: Vec::new(),
            bandwidth: None,
            infiniband_guid: None,
            ipam_claim: None,
            device_id: None,
        }
    }
}

/// Why an annotation is void.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("annotation {dialect} is void: {}{fault}", place(*.element, .field.as_deref()))]
pub struct AnnotationError {
    /// Which annotation.
    pub dialect: Dialect,
    /// Position of the element, from 0; none when the annotation as a whole cannot be read.
    pub element: Option<usize>,
    /// The field of the element.
    pub field: Option<String>,
    /// What is wrong.
    pub fault: String,
}

fn place(element: Option<usize>, field: Option<&str>) -> String {
    match (element, field) {
        (Some(element), Some(field)) => format!("[{element}].{field}: "),
        (Some(element), None) => format!("[{element}]: "),
        (None, _) => String::new(),
    }
}

/// What a pod's annotations ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requests {
    /// The attachments, in order.
    pub list: Vec<Request>,
    /// Annotations that cannot be followed.
    pub void: Vec<AnnotationError>,
}

impl Requests {
    /// What is asked for in other dialects.
    #[must_use]
    pub fn without(mut self, dialect: Dialect) -> Self {
        self.list.retain(|request| request.dialect != dialect);
        self.void.retain(|error| error.dialect != dialect);
        self
    }
}

/// Refuses what has more elements than anyone needs.
fn check_count(dialect: Dialect, count: usize) -> Result<(), AnnotationError> {
    if count <= MOST_ELEMENTS {
        return Ok(());
    }
    let fault = format!("it has {count} elements, and at most {MOST_ELEMENTS} are attached");
    Err(AnnotationError { dialect, element: None, field: None, fault })
}

/// Reads both annotations; pass the values of [`KALOOM`] and [`STANDARD`] where the pod has them.
#[must_use]
pub fn parse(kaloom: Option<&str>, standard: Option<&str>) -> Requests {
    let mut requests = Requests::default();
    let parsed = [kaloom.map(kaloom::parse), standard.map(standard::parse)];
    for result in parsed.into_iter().flatten() {
        match result {
            Ok(list) => requests.list.extend(list),
            Err(error) => requests.void.push(error),
        }
    }
    requests
}

#[cfg(test)]
mod tests;
