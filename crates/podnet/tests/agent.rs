//! The agent on a node: real network namespaces, real plugins, an API server, and a container
//! runtime of the test.
#![allow(clippy::unwrap_used)]

mod agent {
    pub(crate) mod containers;
    pub(crate) mod creation;
    pub(crate) mod devices;
    pub(crate) mod faults;
    pub(crate) mod lab;
    pub(crate) mod networks;
    pub(crate) mod runtime;
}

pub(crate) use agent::{lab, runtime};
