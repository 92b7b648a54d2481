//! What a pod should have: its requests, joined with the definitions of their networks.

use std::path::{Path, PathBuf};

use crate::annotation::{AnnotationError, Dialect, Request, Requests};
use crate::attachment::Attachment;
use crate::definition::{self, Definition};
use crate::meta_plugin::MetaPlugin;
use crate::name::InterfaceName;
use crate::network::{Candidates, NetworkKey};
use crate::pod::Pod;
use crate::problem::{Problem, Reason};

/// One attachment a pod should have.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// How it was asked for.
    pub dialect: Dialect,
    /// Position of the element in its annotation.
    pub element: usize,
    /// The network; while it is not found, the place where it is looked for first.
    pub network: NetworkKey,
    /// All places where it may be defined.
    pub candidates: Candidates,
    /// The interface asked for by name.
    pub interface: Option<InterfaceName>,
    /// The attachment, or why there can be none for now. What is attached already stays then:
    /// the pod still asks for it.
    pub attachment: Result<Attachment, Problem>,
}

/// What a pod should have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// The attachments, in the order of their networks in the status.
    pub wanted: Vec<Wanted>,
    /// Annotations that cannot be followed. What is attached by them stays as it is.
    pub void: Vec<AnnotationError>,
}

/// The node's part in what a request means.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// Configurations of the node, for networks without one of their own.
    pub conf_dir: PathBuf,
    /// Whether pods may use networks of their own namespace and `default` only.
    pub isolate_namespaces: bool,
    /// Whoever attaches Kaloom's networks in place of their own plugins.
    pub meta_plugin: Option<MetaPlugin>,
}

/// Where objects and devices are looked up while requests are resolved.
pub trait Lookup {
    /// The spec of the object that defines a network, if there is one.
    fn definition(&self, network: &NetworkKey) -> Option<Definition>;

    /// Id of a device that the kubelet allocated to the pod for a network. Asked once for each
    /// request, in order; two requests for one network are two devices.
    fn device(&mut self, network: &NetworkKey) -> Option<String>;
}

impl Resolution {
    /// Without isolation or meta-plugin.
    pub fn new(conf_dir: impl AsRef<Path>) -> Self {
        let conf_dir = conf_dir.as_ref().to_owned();
        Self { conf_dir, isolate_namespaces: false, meta_plugin: None }
    }

    /// Joins the requests of a pod with their networks.
    pub fn resolve(&self, requests: &Requests, pod: &Pod, lookup: &mut dyn Lookup) -> Desired {
        let mut wanted: Vec<Wanted> = Vec::with_capacity(requests.list.len());
        for request in &requests.list {
            let mut one = self.wanted(request, pod, lookup);
            let first = wanted.iter().find(|earlier| is_duplicate(earlier, &one));
            if let Some(first) = first {
                let message = format!(
                    "annotation {}: [{}].name: network {} is in [{}] already, and this dialect attaches a network once",
                    one.dialect, one.element, one.network, first.element
                );
                one.attachment = Err(Problem::new(Reason::DuplicateNetwork, message));
            }
            wanted.push(one);
        }
        Desired { wanted, void: requests.void.clone() }
    }

    fn wanted(&self, request: &Request, pod: &Pod, lookup: &mut dyn Lookup) -> Wanted {
        let candidates = Candidates::new(request, pod);
        let (network, attachment) = match candidates.check_isolation(pod) {
            Err(error) if self.isolate_namespaces => {
                let problem = Problem::from_error(Reason::NamespaceIsolated, &error);
                (candidates.first.clone(), Err(problem))
            }
            _ => self.attachment(request, &candidates, lookup),
        };
        Wanted {
            dialect: request.dialect,
            element: request.element,
            network,
            candidates,
            interface: request.interface.clone(),
            attachment,
        }
    }

    fn attachment(
        &self,
        request: &Request,
        candidates: &Candidates,
        lookup: &mut dyn Lookup,
    ) -> (NetworkKey, Result<Attachment, Problem>) {
        let first = candidates.first.clone();
        if let (Some(meta), Dialect::Kaloom) = (&self.meta_plugin, request.dialect) {
            let attachment = Attachment::by_meta_plugin(request, first.clone(), meta.network());
            return (first, Ok(attachment));
        }
        let found = candidates.iter().find_map(|key| Some((key.clone(), lookup.definition(key)?)));
        let Some((key, definition)) = found else {
            let places: Vec<_> = candidates.iter().map(ToString::to_string).collect();
            let message = format!("network {} is not defined", places.join(" or "));
            return (first, Err(Problem::new(Reason::NetworkNotFound, message)));
        };
        let attachment = match definition::read(&key, &definition, &self.conf_dir) {
            Err(error) => Err(Problem::from_error(Reason::InvalidNetwork, &error)),
            Ok(config) => {
                let device = lookup.device(&key);
                Attachment::new(request, key.clone(), &config, device.as_deref())
                    .map_err(|error| Problem::from_error(Reason::CapabilityMissing, &error))
            }
        };
        (key, attachment)
    }
}

/// Kaloom's dialect identifies an attachment by its network.
fn is_duplicate(earlier: &Wanted, later: &Wanted) -> bool {
    later.dialect == Dialect::Kaloom
        && earlier.dialect == Dialect::Kaloom
        && earlier.network == later.network
}

#[cfg(test)]
mod tests;
