//! Where Kubernetes objects have images: in all that is a pod's template, wherever it is (a CronJob,
//! a List, a custom resource), in volumes that are images, and under the key `image` of custom
//! resources.

use std::collections::{BTreeMap, HashSet};

use super::RewriteError;
use super::node::{Id, Node, Nodes, Scalar};

/// Lists whose members have an `image`.
const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];
/// Mappings of free texts: a key in them is a name that someone gave.
const DATA: [&str; 5] = ["data", "stringData", "labels", "annotations", "matchLabels"];

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Role {
    Any,
    Data,
    Containers,
    Container,
    Volumes,
    Volume,
}

/// The images of a text by the place where they stand, each with its line.
pub(super) fn images<'a>(
    nodes: &'a Nodes,
    known: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<usize, (usize, &'a Scalar)>, RewriteError> {
    let mut found = Found { nodes, images: BTreeMap::new() };
    let mut seen = HashSet::new();
    let mut left: Vec<(Id, Role)> = nodes.documents.iter().map(|id| (*id, Role::Any)).collect();
    // By hand: a text may nest deeper than a stack.
    while let Some((id, role)) = left.pop() {
        // An alias makes several ways to a node, and circles.
        if !seen.insert((id, role)) {
            continue;
        }
        match (nodes.get(id), role) {
            (Node::Scalar(_), _) => {}
            (Node::Sequence(items), _) => {
                let role = match role {
                    Role::Containers => Role::Container,
                    Role::Volumes => Role::Volume,
                    _ => Role::Any,
                };
                left.extend(items.iter().map(|item| (*item, role)));
            }
            (Node::Mapping(pairs), _) => {
                found.look(id, role, known)?;
                left.extend(pairs.iter().map(|(key, value)| (*value, under(nodes.text(*key)))));
            }
        }
    }
    Ok(found.images)
}

/// What stands under a key.
fn under(key: Option<&str>) -> Role {
    match key {
        Some(key) if LISTS.contains(&key) => Role::Containers,
        Some("volumes") => Role::Volumes,
        Some(key) if DATA.contains(&key) => Role::Data,
        _ => Role::Any,
    }
}

struct Found<'a> {
    nodes: &'a Nodes,
    images: BTreeMap<usize, (usize, &'a Scalar)>,
}

impl Found<'_> {
    /// Takes the images of one mapping.
    fn look(
        &mut self,
        mapping: Id,
        role: Role,
        known: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), RewriteError> {
        let nodes = self.nodes;
        match role {
            Role::Container => {
                nodes.values(mapping, "image").into_iter().try_for_each(|image| self.take(image))
            }
            // <https://kubernetes.io/docs/concepts/storage/volumes/#image>
            Role::Volume => {
                let sources = nodes.values(mapping, "image").into_iter();
                let mut references = sources.flat_map(|image| nodes.values(image, "reference"));
                references.try_for_each(|image| self.take(image))
            }
            Role::Any => self.look_elsewhere(mapping, known),
            Role::Data | Role::Containers | Role::Volumes => Ok(()),
        }
    }

    /// Custom resources have images where they like. A text under `image` that can be nothing else
    /// is one; a bare word may be the name of a disk.
    fn look_elsewhere(
        &mut self,
        mapping: Id,
        known: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), RewriteError> {
        let nodes = self.nodes;
        let Node::Mapping(pairs) = nodes.get(mapping) else { return Ok(()) };
        for (key, value) in pairs {
            let named = |key: &str| key == "image" || key.ends_with("Image");
            if !nodes.text(*key).is_some_and(named) {
                continue;
            }
            match nodes.text(*value) {
                Some(text)
                    if is_explicit(text) || (text.contains('/') && known(text).is_some()) =>
                {
                    self.take(*value)?;
                }
                Some(_) => {}
                None => self.refuse_parts(*value, known)?,
            }
        }
        Ok(())
    }

    /// An image of ours whose name and tag stand apart would keep its tag.
    fn refuse_parts(
        &self,
        image: Id,
        known: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), RewriteError> {
        for name in self.nodes.values(image, "repository") {
            let ours = self.nodes.text(name).filter(|text| text.contains('/'));
            if ours.is_some_and(|text| known(text).is_some_and(|to| to != text)) {
                return Err(RewriteError::Form {
                    line: self.nodes.line(name),
                    problem: "an image in parts cannot be replaced: write it as one text, or name its repository in [manifests] external",
                });
            }
        }
        Ok(())
    }

    fn take(&mut self, id: Id) -> Result<(), RewriteError> {
        let line = self.nodes.line(id);
        match self.nodes.get(id) {
            Node::Scalar(scalar) => {
                self.images.insert(scalar.range.start, (line, scalar));
                Ok(())
            }
            _ => Err(RewriteError::Form { line, problem: "an image is a text" }),
        }
    }
}

/// Whether a text says so much that it is an image and nothing else: a tag, a digest or a registry.
fn is_explicit(text: &str) -> bool {
    let Ok(reference) = text.parse::<kubewright_oci::Reference>() else { return false };
    let registry = text.split_once('/').is_some_and(|(host, _)| host == reference.registry());
    reference.tag().is_some() || reference.digest().is_some() || registry
}
