//! What the agent keeps of a network's definition.

use std::collections::HashMap;

use kubewright_attachment::annotation::Dialect;
use kubewright_attachment::definition::Definition as Spec;
use kubewright_attachment::network::NetworkKey;

/// Both kinds of objects that define networks, by the form of annotation that they are of.
pub(crate) const KINDS: [Dialect; 2] = [Dialect::Standard, Dialect::Kaloom];

/// Name of the resource of a kind, for messages.
pub(crate) fn resource(kind: Dialect) -> &'static str {
    match kind {
        Dialect::Standard => "network-attachment-definitions",
        Dialect::Kaloom => "networks.networks.kaloom.com",
    }
}

/// A definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    /// What the object says.
    pub(crate) spec: Spec,
    /// The extended resource whose devices its interfaces use.
    pub(crate) resource: Option<String>,
}

/// All definitions, and of which kinds they are known.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    known: HashMap<NetworkKey, Definition>,
    /// Kinds whose list was seen whole, or that are not served.
    complete: Vec<Dialect>,
    /// What a list that goes on has named so far.
    listing: HashMap<Dialect, Vec<NetworkKey>>,
}

impl Definitions {
    /// A list begins.
    pub(crate) fn begin(&mut self, kind: Dialect) {
        self.listing.insert(kind, Vec::new());
    }

    /// A definition was seen; whether that is news.
    pub(crate) fn seen(&mut self, key: NetworkKey, definition: Definition) -> bool {
        if let Some(listed) = self.listing.get_mut(&key.dialect()) {
            listed.push(key.clone());
        }
        let news = self.known.get(&key) != Some(&definition);
        if news {
            self.known.insert(key, definition);
        }
        news
    }

    /// A definition is gone; whether it was known.
    pub(crate) fn gone(&mut self, key: &NetworkKey) -> bool {
        self.known.remove(key).is_some()
    }

    /// A list ends, of what is served or, with nothing in it, of what is not; whether that is
    /// news.
    pub(crate) fn end(&mut self, kind: Dialect) -> bool {
        let listed = self.listing.remove(&kind).unwrap_or_default();
        let before = self.known.len();
        self.known.retain(|key, _| key.dialect() != kind || listed.contains(key));
        let first = !self.complete.contains(&kind);
        if first {
            self.complete.push(kind);
        }
        first || self.known.len() != before
    }

    /// The kind is not served; whether that is news.
    pub(crate) fn not_served(&mut self, kind: Dialect) -> bool {
        self.begin(kind);
        self.end(kind)
    }

    /// Whether a definition of this kind that is not known does not exist.
    pub(crate) fn complete(&self, kind: Dialect) -> bool {
        self.complete.contains(&kind)
    }

    /// A definition.
    pub(crate) fn get(&self, key: &NetworkKey) -> Option<&Definition> {
        self.known.get(key)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key(kind: Dialect, name: &str) -> NetworkKey {
        NetworkKey::new(kind, "default", name).unwrap()
    }

    fn config(text: &str) -> Definition {
        Definition { spec: Spec::Standard { config: text.to_owned() }, resource: None }
    }

    #[test]
    fn a_list_says_what_is_gone_and_only_of_its_kind() {
        use Dialect::{Kaloom, Standard};
        let mut all = Definitions::default();
        assert!(all.seen(key(Kaloom, "red"), config("1")));
        all.begin(Standard);
        assert!(all.seen(key(Standard, "red"), config("1")));
        assert!(!all.seen(key(Standard, "red"), config("1")), "no news");
        assert!(all.end(Standard));
        assert!(all.complete(Standard) && !all.complete(Kaloom));
        assert!(all.not_served(Kaloom));
        assert!(all.complete(Kaloom));
        assert_eq!(all.get(&key(Kaloom, "red")), None);
        assert!(all.get(&key(Standard, "red")).is_some());
        all.begin(Standard);
        assert!(all.end(Standard), "what is not listed is gone");
        assert_eq!(all.get(&key(Standard, "red")), None);
        assert!(!all.gone(&key(Standard, "red")));
    }
}
