//! Containers for which ADD is at work: another ADD for one of them comes from a plugin that was
//! called for it, and to wait for the first would be to wait for ever.
//!
//! Most such plugins are known before, by their configuration or by their environment; Multus'
//! daemon, for one, calls plugins with neither.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether another ADD came, by container.
type Containers = HashMap<String, bool>;

/// The containers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Adding(Arc<Mutex<Containers>>);

/// An ADD at work.
#[derive(Debug)]
pub(crate) struct Begun {
    all: Adding,
    container: String,
}

impl Adding {
    /// ADD begins; none when it is at work for the container already.
    pub(crate) fn begin(&self, container: &str) -> Option<Begun> {
        let mut containers = self.lock();
        if let Some(nested) = containers.get_mut(container) {
            *nested = true;
            return None;
        }
        containers.insert(container.to_owned(), false);
        Some(Begun { all: self.clone(), container: container.to_owned() })
    }

    /// Whether ADD is at work for the container and has led to another one.
    pub(crate) fn is_nested(&self, container: &str) -> bool {
        self.lock().get(container).copied().unwrap_or(false)
    }

    fn lock(&self) -> MutexGuard<'_, Containers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.all.lock().remove(&self.container);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_second_add_of_a_container_is_told_from_the_first() {
        let all = Adding::default();
        let first = all.begin("a").unwrap();
        assert!(all.begin("b").is_some() && !all.is_nested("a"));
        assert!(all.begin("a").is_none() && all.is_nested("a"));
        drop(first);
        assert!(!all.is_nested("a") && all.begin("a").is_some());
    }
}
