//! The commands, one file each.

pub(crate) mod completions;
pub(crate) mod console;
pub(crate) mod controllers;
pub(crate) mod crds;
pub(crate) mod hostendpoint;
pub(crate) mod local;
pub(crate) mod man;
pub(crate) mod manifests;
pub(crate) mod node;
pub(crate) mod peerpod;
pub(crate) mod podnet;
pub(crate) mod up;
pub(crate) mod version;
pub(crate) mod workspace;
