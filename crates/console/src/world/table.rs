//! Facts by name.

use std::collections::{BTreeMap, BTreeSet};

/// Facts of one kind, by `name` or `namespace/name`.
#[derive(Debug)]
pub(crate) struct Table<T> {
    facts: BTreeMap<String, T>,
    /// Names seen since a list began.
    seen: Option<BTreeSet<String>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { facts: BTreeMap::new(), seen: None }
    }
}

impl<T: PartialEq> Table<T> {
    /// A list begins: what it does not contain will be gone.
    pub(crate) fn list_begins(&mut self) {
        self.seen = Some(BTreeSet::new());
    }

    /// The list is complete; whether something is gone.
    pub(crate) fn list_ends(&mut self) -> bool {
        let Some(seen) = self.seen.take() else { return false };
        let before = self.facts.len();
        self.facts.retain(|name, _| seen.contains(name));
        self.facts.len() != before
    }

    /// It is so; whether it was otherwise.
    pub(crate) fn put(&mut self, name: String, fact: T) -> bool {
        if let Some(seen) = &mut self.seen {
            seen.insert(name.clone());
        }
        if self.facts.get(&name) == Some(&fact) {
            return false;
        }
        self.facts.insert(name, fact);
        true
    }

    /// It is gone; whether it was there.
    pub(crate) fn take(&mut self, name: &str) -> bool {
        self.facts.remove(name).is_some()
    }

    /// One of them.
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.facts.get(name)
    }

    /// All, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.facts.iter().map(|(name, fact)| (name.as_str(), fact))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }
}
