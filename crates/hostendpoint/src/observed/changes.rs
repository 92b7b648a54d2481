//! How the index learns.

use std::collections::HashSet;

use jiff::Timestamp;
use kube::Resource;
use serde_json::Value;

use super::{Announcement, Missing, Observed};
use crate::{
    api::{CalicoGroup, HostEndpointTemplate},
    endpoint::{self, Endpoint, PrunedEndpoint},
    labels::{Interner, Shared},
    node::{NodeFacts, PrunedNode},
    preflight::Policy,
    templates::{self, Template},
};

/// Kinds of objects that are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Nodes.
    Nodes,
    /// HostEndpointTemplates.
    Templates,
    /// HostEndpoints.
    Endpoints,
    /// CertificateSigningRequests.
    Certificates,
    /// Cluster API Machines.
    Machines,
    /// GlobalNetworkPolicies.
    Policies,
    /// FelixConfigurations.
    Felix,
}

impl Observed {
    /// For reading objects that are handed in later.
    pub fn interner(&mut self) -> &mut Interner {
        &mut self.interner
    }

    /// A complete list of a kind begins; objects are handed in one by one.
    pub fn list_begins(&mut self, kind: Kind) {
        self.relisting.insert(kind, HashSet::new());
    }

    /// The list is complete: what it did not contain is gone. Without a
    /// [`Self::list_begins`] before it nothing is concluded to be gone.
    pub fn list_ends(&mut self, kind: Kind) {
        if self.listed.insert(kind) {
            // What was unknown before may now be concluded from.
            match kind {
                // That a node is gone, and only endpoints ask for that.
                Kind::Nodes => self.dirty.extend(self.by_node.keys().cloned()),
                // Each tells of its node when it is seen.
                Kind::Certificates | Kind::Machines => {}
                _ => self.all_stale = true,
            }
        }
        if kind == Kind::Policies {
            self.preflight.policies.get_or_insert_default();
        }
        let Some(seen) = self.relisting.remove(&kind) else {
            return;
        };
        let known: Vec<Shared> = match kind {
            Kind::Nodes => self.nodes.keys().cloned().collect(),
            Kind::Templates => self.templates.keys().cloned().collect(),
            Kind::Endpoints => self.endpoints.keys().cloned().collect(),
            Kind::Certificates | Kind::Machines => {
                let prefix = object_key(kind, "");
                self.announcements
                    .objects()
                    .filter(|object| object.starts_with(&prefix))
                    .cloned()
                    .collect()
            }
            Kind::Policies => {
                let policies = self.preflight.policies.get_or_insert_default();
                policies.keys().map(|name| name.as_str().into()).collect()
            }
            Kind::Felix => self.preflight.felix.names().map(Shared::from).collect(),
        };
        for name in known.iter().filter(|name| !seen.contains(*name)) {
            self.remove(kind, name);
        }
    }

    /// A kind cannot be seen any more: what was known stays, and nothing is
    /// concluded from it until it has been listed again.
    pub fn unlist(&mut self, kind: Kind) {
        self.listed.remove(&kind);
        self.relisting.remove(&kind);
    }

    /// Endpoints are in this group.
    pub fn set_group(&mut self, group: CalicoGroup) {
        if self.group != group {
            self.group = group;
            self.unlist(Kind::Endpoints);
            let names: Vec<_> = self.endpoints.keys().cloned().collect();
            for name in names {
                self.forget_endpoint(&name);
            }
        }
    }

    fn seen(&mut self, kind: Kind, name: &Shared) {
        if let Some(seen) = self.relisting.get_mut(&kind) {
            seen.insert(name.clone());
        }
    }

    /// A node is there, or has changed. Returns whether anything that matters
    /// has.
    pub fn apply_node(&mut self, node: &PrunedNode) -> bool {
        let facts = NodeFacts::new(node, &mut self.interner);
        let name = facts.name.clone();
        self.seen(Kind::Nodes, &name);
        if self.nodes.get(&name) == Some(&facts) {
            return false;
        }
        self.nodes.insert(name.clone(), facts);
        self.missing.remove(&name);
        self.stale.insert(name);
        true
    }

    /// A template is there, or has changed.
    pub fn apply_template(&mut self, object: &HostEndpointTemplate) {
        let template = templates::compile(object, &mut self.interner);
        self.insert_template(template);
    }

    /// A template is there and cannot be read at all.
    pub fn apply_unreadable_template(
        &mut self,
        name: &str,
        generation: Option<i64>,
        message: String,
    ) {
        let template = Template::unreadable(self.interner.share(name), generation, message);
        self.insert_template(template);
    }

    fn insert_template(&mut self, template: Template) {
        let name = template.name.clone();
        self.seen(Kind::Templates, &name);
        let same = self.templates.get(&name).is_some_and(|known| {
            known.generation.is_some()
                && known.generation == template.generation
                && known.uid == template.uid
                && known.confirmation == template.confirmation
        });
        // Nodes that only the old version spoke of must not be forgotten.
        if !same {
            let old = self.templates.insert(name, template);
            self.stale.extend(
                old.iter().flat_map(|old| &old.static_nodes).map(|node| node.as_str().into()),
            );
            self.all_stale = true;
        }
    }

    /// An endpoint is there, or has changed.
    pub fn apply_endpoint(&mut self, object: &PrunedEndpoint) {
        let name = self.interner.share(object.meta().name.as_deref().unwrap_or_default());
        self.seen(Kind::Endpoints, &name);
        if let Some(known) = self.endpoints.get(&name) {
            // The watch repeats the answer to our own write, and may be behind.
            let version = endpoint::version(object);
            let same = object.meta().uid.as_deref() == Some(&known.uid);
            if same && version.is_some() && version <= known.resource_version {
                return;
            }
        }
        let endpoint = Endpoint::new(object, self.group, &mut self.interner);
        self.forget_endpoint(&name);
        self.by_node.entry(endpoint.node.clone()).or_default().insert(name.clone());
        if endpoint.is_managed() {
            *self.managed.entry(endpoint.node.clone()).or_default() += 1;
        }
        self.endpoints.insert(name, endpoint);
    }

    /// An object is gone. Objects of namespaced kinds are `namespace/name`.
    pub fn remove(&mut self, kind: Kind, name: &str) {
        let name = self.interner.share(name);
        match kind {
            Kind::Nodes => {
                if self.nodes.remove(&name).is_some() {
                    self.stale.insert(name);
                }
            }
            Kind::Templates => {
                if let Some(old) = self.templates.remove(&name) {
                    self.stale.extend(old.static_nodes.iter().map(|node| node.as_str().into()));
                    self.all_stale = true;
                }
            }
            Kind::Endpoints => self.forget_endpoint(&name),
            Kind::Certificates | Kind::Machines => {
                // Keys of listed objects carry the prefix already.
                let prefix = object_key(kind, "");
                let bare = name.strip_prefix(&*prefix).unwrap_or(&name).to_owned();
                self.announce(kind, &bare, None);
            }
            Kind::Policies => {
                let policies = self.preflight.policies.get_or_insert_default();
                self.all_stale |= policies.remove(&*name).is_some();
            }
            Kind::Felix => self.all_stale |= self.preflight.felix.remove(&name),
        }
    }

    fn forget_endpoint(&mut self, name: &Shared) {
        // Whoever wants the name has to look, whatever node it was for.
        self.dirty.extend(self.claims.of(name).iter().cloned());
        let Some(old) = self.endpoints.remove(name) else {
            return;
        };
        if let Some(names) = self.by_node.get_mut(&old.node) {
            names.remove(name);
            if names.is_empty() {
                self.by_node.remove(&old.node);
            }
        }
        if old.is_managed()
            && let Some(count) = self.managed.get_mut(&old.node)
        {
            *count -= 1;
            if *count == 0 {
                self.managed.remove(&old.node);
            }
        }
        self.dirty.insert(old.node);
    }

    /// What a certificate request or a machine announces, if anything.
    pub fn announce(&mut self, kind: Kind, object: &str, announcement: Option<Announcement>) {
        let key = self.interner.share(&object_key(kind, object));
        self.seen(kind, &key);
        self.stale.extend(self.announcements.set(&key, announcement));
    }

    /// A GlobalNetworkPolicy is there, or has changed.
    pub fn apply_policy(&mut self, name: &str, spec: &Value) {
        let shared = self.interner.share(name);
        self.seen(Kind::Policies, &shared);
        let policies = self.preflight.policies.get_or_insert_default();
        policies.insert(name.to_owned(), Policy::new(name, spec));
        self.all_stale = true;
    }

    /// A FelixConfiguration is there, or has changed.
    pub fn apply_felix(&mut self, name: &str, spec: &Value) {
        let shared = self.interner.share(name);
        self.seen(Kind::Felix, &shared);
        self.all_stale |= self.preflight.felix.set(name, spec);
    }

    /// The API server itself says that there is no such node.
    pub fn confirm_absence(&mut self, node: &str) {
        if let Some(missing) = self.missing.get_mut(node) {
            missing.confirmed = true;
            self.dirty.insert(node.into());
        }
    }

    /// The API server itself says that there is such a node: the watch will
    /// tell more, and the time starts again.
    pub fn deny_absence(&mut self, node: &str, now: Timestamp) {
        if let Some(missing) = self.missing.get_mut(node) {
            *missing = Missing { since: now, confirmed: false };
            self.dirty.insert(node.into());
        }
    }

    /// Looks at everything again.
    pub fn look_again(&mut self) {
        self.all_stale = true;
    }

    /// Looks at one node again.
    pub fn look_again_at(&mut self, node: &Shared) {
        // A time limit may have passed that decides about what is wanted.
        self.stale.insert(node.clone());
    }

    /// Brings claims and absences up to date; returns the nodes to plan.
    pub fn settle(&mut self, now: Timestamp) -> Vec<Shared> {
        self.settle_except(now, |_| false)
    }

    /// As [`Self::settle`], without nodes that are `busy` and of which nothing
    /// but the endpoints has changed: they come with the next call after that.
    /// While endpoints are written the watch tells of one after the other, and
    /// what it all comes to is known when the last answer is there.
    pub fn settle_except(&mut self, now: Timestamp, busy: impl Fn(&Shared) -> bool) -> Vec<Shared> {
        if !self.is_listed(Kind::Templates) {
            return Vec::new();
        }
        let mut stale = std::mem::take(&mut self.stale);
        if std::mem::take(&mut self.all_stale) {
            stale.extend(self.all_nodes());
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        self.dirty = dirty.extract_if(.., |node| busy(node) && !stale.contains(node)).collect();
        for node in stale {
            let (set, _) = self.wanted(&node, now);
            let names =
                set.endpoints.iter().map(|wanted| self.interner.share(&wanted.name)).collect();
            dirty.extend(self.claims.replace(&node, names));
            dirty.insert(node);
        }
        for node in &dirty {
            let gone = !self.nodes.contains_key(node) && self.managed.contains_key(node);
            if !gone {
                self.missing.remove(node);
            } else if self.is_listed(Kind::Nodes) {
                self.missing
                    .entry(node.clone())
                    .or_insert(Missing { since: now, confirmed: false });
            }
        }
        dirty.into_iter().collect()
    }
}

fn object_key(kind: Kind, object: &str) -> String {
    match kind {
        Kind::Machines => format!("machine/{object}"),
        _ => format!("certificate/{object}"),
    }
}
