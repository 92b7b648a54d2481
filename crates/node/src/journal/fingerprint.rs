//! Which configuration a journal belongs to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What decides what a machine becomes, in digests, so that secrets among it stay unknown: of all of
/// it, by which it is known again, and of each value, so that what differs can be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// One digest or several, separated by `+`, any of which it is known by.
    pub(super) whole: String,
    /// The digest of each value, by its key as in `network.bind.port`.
    pub(super) values: BTreeMap<String, String>,
    /// The keys that somebody gave.
    asked: BTreeSet<String>,
}

impl Fingerprint {
    /// Of everything that decides what is to be done, all of it asked for. What is null is not
    /// there.
    #[must_use]
    pub fn of(wanted: &Value) -> Self {
        let mut values = BTreeMap::new();
        leaves(wanted, "", &mut |key, value| drop(values.insert(key, short(value))));
        Self { whole: digest(wanted), asked: values.keys().cloned().collect(), values }
    }

    /// The same configuration, described in another way.
    #[must_use]
    pub fn or(mut self, wanted: &Value) -> Self {
        self.whole = format!("{}+{}", self.whole, digest(wanted));
        self
    }

    /// Only what these keys stand for was asked for. The rest is how it happens to be now, and says
    /// nothing against a machine that was made with something else.
    #[must_use]
    pub fn asking(mut self, asks: impl Fn(&str) -> bool) -> Self {
        self.asked.retain(|key| asks(key));
        self
    }

    /// The digests of what somebody gave.
    pub(super) fn asked(&self) -> BTreeMap<String, String> {
        let values = self.values.iter().filter(|(key, _)| self.asked.contains(*key));
        values.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Whether it is the configuration with these digests.
    pub(super) fn is(&self, whole: &str) -> bool {
        self.whole.split('+').any(|digest| whole.split('+').any(|known| known == digest))
    }

    /// The keys that differ from what a machine was made with: those that are asked for, and those
    /// that are not.
    pub(super) fn against(&self, made: &BTreeMap<String, String>) -> (Vec<String>, Vec<String>) {
        let differing = self.values.iter().filter(|(key, value)| made.get(*key) != Some(value));
        differing.map(|(key, _)| key.clone()).partition(|key| self.asked.contains(key))
    }
}

fn digest(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Enough to tell the values of one key from each other.
fn short(value: &Value) -> String {
    digest(value).chars().take(16).collect()
}

/// The keys of a tree that are no groups of keys, as in `network.bind.port`.
pub(crate) fn keys(tree: &Value) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    leaves(tree, "", &mut |key, _| keys.extend([key]));
    keys
}

fn leaves(value: &Value, key: &str, hear: &mut impl FnMut(String, &Value)) {
    match value {
        Value::Null => {}
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                leaves(value, &key, hear);
            }
        }
        _ => hear(key.to_owned(), value),
    }
}
