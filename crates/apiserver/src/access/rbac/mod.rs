//! RBAC: what roles and their bindings allow.

pub(crate) mod cover;
mod index;
mod rule;
#[cfg(test)]
mod tests;

use std::sync::{PoisonError, RwLock};

use super::attributes::{Attributes, On};
use super::authorize::Decision;
use super::follow::{Follower, News};
use super::identity::Identity;
use crate::store::{Store, Stored};
pub(crate) use index::{Index, RoleRef, aggregate};
pub(crate) use rule::Rule;

/// The API group of roles and bindings.
pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";

/// Roles and bindings of a store, ready to decide.
pub(crate) struct Rbac {
    store: Store,
    state: RwLock<State>,
}

struct State {
    index: Index,
    roles: [Follower; 2],
    bindings: [Follower; 2],
}

/// Everything that a caller may do in a namespace, and what could not be found out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    pub(crate) rules: Vec<Rule>,
    pub(crate) problems: Vec<String>,
}

impl Rbac {
    pub(crate) fn new(store: Store) -> Self {
        let follow = |plural: &str| Follower::new(&store, GROUP, plural);
        let state = State {
            index: Index::default(),
            roles: [follow("clusterroles"), follow("roles")],
            bindings: [follow("clusterrolebindings"), follow("rolebindings")],
        };
        Self { store, state: RwLock::new(state) }
    }

    /// Asks the index, after it has seen every write that is visible.
    fn with<T>(&self, ask: impl FnOnce(&Index) -> T) -> T {
        {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if !state.is_behind() {
                return ask(&state.index);
            }
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.catch_up(&self.store);
        ask(&state.index)
    }

    pub(crate) fn decide(&self, asked: &Attributes<'_>) -> Decision {
        let namespace = match asked.on {
            On::Resource(place) => place.namespace,
            On::Path(_) => "",
        };
        self.with(|index| index.decide(asked, namespace))
    }

    /// The rules that apply to somebody in a namespace ("" for the cluster scope alone).
    pub(crate) fn grants(&self, identity: &Identity, namespace: &str) -> Grants {
        self.with(|index| index.grants(identity, namespace))
    }

    /// The rules of a role, as a binding in `namespace` refers to it.
    pub(crate) fn rules_of(&self, role: &RoleRef, namespace: &str) -> Option<Vec<Rule>> {
        self.with(|index| index.rules_of(role, namespace).map(<[Rule]>::to_vec))
    }
}

impl State {
    fn is_behind(&self) -> bool {
        self.roles.iter().chain(&self.bindings).any(Follower::is_behind)
    }

    fn catch_up(&mut self, store: &Store) {
        let index = &mut self.index;
        for (cluster, follower) in [true, false].into_iter().zip(&mut self.roles) {
            follower.catch_up(store, |news| match news {
                News::Reset => index.forget_roles(cluster),
                News::Is(object) => index.set_role(&object.key, parsed(object)),
                News::Gone(object) => index.remove_role(&object.key),
            });
        }
        for (cluster, follower) in [true, false].into_iter().zip(&mut self.bindings) {
            follower.catch_up(store, |news| match news {
                News::Reset => index.forget_bindings(cluster),
                News::Is(object) => index.set_binding(&object.key, parsed(object)),
                News::Gone(object) => index.remove_binding(&object.key),
            });
        }
    }
}

/// An object as far as it can be read. What cannot be read grants nothing; it was checked
/// before it was stored.
fn parsed<T: serde::de::DeserializeOwned + Default>(object: &Stored) -> T {
    serde_json::from_slice(&object.json).unwrap_or_else(|error| {
        tracing::warn!(name = %object.key.name, %error, "cannot read a role or binding");
        T::default()
    })
}
