//! Which nodes want which endpoint names.
//!
//! Names are made of a node's and an interface's, so that `a-b` with `c` and
//! `a` with `b-c` can want the same one.

use std::collections::HashMap;

use crate::labels::Shared;

/// Names by node and nodes by name.
#[derive(Debug, Default)]
pub(super) struct Claims {
    by_name: HashMap<Shared, Vec<Shared>>,
    by_node: HashMap<Shared, Box<[Shared]>>,
}

impl Claims {
    /// The nodes that want the name, in the order of their names.
    pub(super) fn of(&self, name: &str) -> &[Shared] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// Replaces what a node wants. Returns the other nodes that are concerned:
    /// those that wanted, or now want, one of the names that changed.
    pub(super) fn replace(&mut self, node: &Shared, mut names: Vec<Shared>) -> Vec<Shared> {
        names.sort();
        let old = self.by_node.get(node).cloned().unwrap_or_default();
        if *old == *names {
            return Vec::new();
        }
        let mut concerned = Vec::new();
        for name in old.iter().filter(|name| names.binary_search(name).is_err()) {
            if let Some(nodes) = self.by_name.get_mut(name) {
                nodes.retain(|other| other != node);
                concerned.extend(nodes.iter().cloned());
                if nodes.is_empty() {
                    self.by_name.remove(name);
                }
            }
        }
        for name in names.iter().filter(|name| old.binary_search(name).is_err()) {
            let nodes = self.by_name.entry(name.clone()).or_default();
            concerned.extend(nodes.iter().cloned());
            if let Err(at) = nodes.binary_search(node) {
                nodes.insert(at, node.clone());
            }
        }
        if names.is_empty() {
            self.by_node.remove(node);
        } else {
            self.by_node.insert(node.clone(), names.into_boxed_slice());
        }
        concerned
    }
}
