//! Labels as they are kept in memory: sorted pairs of shared strings.
//!
//! A cluster of 5,000 nodes with four endpoints each repeats the same few
//! keys and values a hundred thousand times; a map of owned strings per
//! object would alone exceed the memory the controller may use.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// A string that equal strings share.
pub type Shared = Arc<str>;

/// Hands out one allocation for equal strings.
#[derive(Debug, Default)]
pub struct Interner {
    known: HashSet<Shared>,
    sweep_at: usize,
}

impl Interner {
    /// The shared copy of `text`.
    pub fn share(&mut self, text: &str) -> Shared {
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        // Strings nobody uses any more go whenever the table has doubled.
        if self.known.len() >= self.sweep_at.max(1024) {
            self.known.retain(|text| Arc::strong_count(text) > 1);
            self.sweep_at = self.known.len() * 2;
        }
        let shared: Shared = Arc::from(text);
        self.known.insert(shared.clone());
        shared
    }

    /// Labels (or annotations) in compact form.
    pub fn labels<'a>(
        &mut self,
        pairs: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Labels {
        let mut pairs: Vec<_> =
            pairs.into_iter().map(|(key, value)| (self.share(key), self.share(value))).collect();
        pairs.sort();
        Labels(pairs.into_boxed_slice())
    }
}

/// Anything labels can be looked up in.
pub trait LabelSource {
    /// Value of the label `key`.
    fn label(&self, key: &str) -> Option<&str>;
}

/// Immutable labels, sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels(Box<[(Shared, Shared)]>);

impl Labels {
    /// Pairs in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl LabelSource for Labels {
    fn label(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        Some(&self.0[at].1)
    }
}

impl LabelSource for BTreeMap<String, String> {
    fn label(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn equal_strings_are_shared_and_found() {
        let mut interner = Interner::default();
        let map = BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".into(), "1".into())]);
        let labels = interner.labels(&map);
        let again = interner.labels(&map);
        assert_eq!(labels, again);
        assert!(Arc::ptr_eq(&labels.0[0].0, &again.0[0].0));
        assert_eq!(labels.label("b"), Some("2"));
        assert_eq!(labels.label("c"), None);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
    }

    #[test]
    fn unused_strings_are_forgotten() {
        let mut interner = Interner::default();
        for n in 0..5000 {
            interner.share(&n.to_string());
        }
        assert!(interner.known.len() <= 2048, "{}", interner.known.len());
    }
}
