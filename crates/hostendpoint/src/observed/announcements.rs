//! Nodes that are expected to register.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::{
    labels::{Labels, Shared},
    templates::Template,
};

/// An object that announces a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Announcement {
    /// The node's name.
    pub node: Shared,
    /// What kind of object says so.
    pub kind: AnnouncementKind,
}

/// Kinds of announcements.
#[derive(Clone, Debug, PartialEq)]
pub enum AnnouncementKind {
    /// An approved kubelet client certificate.
    Certificate {
        /// When it was approved.
        approved: Timestamp,
    },
    /// A Cluster API Machine.
    Machine {
        /// Its labels.
        labels: Labels,
    },
}

/// Announcements by object and by node.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    by_object: HashMap<Shared, Announcement>,
    by_node: HashMap<Shared, BTreeSet<Shared>>,
}

impl Announcements {
    /// Sets or removes what an object announces; returns the nodes concerned.
    pub(super) fn set(
        &mut self,
        object: &Shared,
        announcement: Option<Announcement>,
    ) -> Vec<Shared> {
        if self.by_object.get(object) == announcement.as_ref() {
            return Vec::new();
        }
        let mut concerned = Vec::new();
        if let Some(old) = self.by_object.remove(object) {
            if let Some(objects) = self.by_node.get_mut(&old.node) {
                objects.remove(object);
                if objects.is_empty() {
                    self.by_node.remove(&old.node);
                }
            }
            concerned.push(old.node);
        }
        if let Some(new) = announcement {
            concerned.push(new.node.clone());
            self.by_node.entry(new.node.clone()).or_default().insert(object.clone());
            self.by_object.insert(object.clone(), new);
        }
        concerned
    }

    /// Objects that announce something.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Shared> {
        self.by_object.keys()
    }

    /// Nodes that are announced.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Shared> {
        self.by_node.keys()
    }

    /// Whether any object announces the node.
    pub(super) fn speak_of(&self, node: &str) -> bool {
        self.by_node.contains_key(node)
    }

    /// The templates that want to be early for a node, and when the next of
    /// them stops waiting.
    pub(super) fn expecting(
        &self,
        node: &Shared,
        templates: &BTreeMap<Shared, Template>,
        now: Timestamp,
    ) -> (BTreeSet<Shared>, Option<Timestamp>) {
        let mut early = BTreeSet::new();
        let mut until: Option<Timestamp> = None;
        for template in templates.values() {
            let Ok(blueprint) = &template.compiled else {
                continue;
            };
            if template.static_nodes.contains(&**node) {
                early.insert(template.name.clone());
            }
            let objects = self.by_node.get(node).into_iter().flatten();
            for announcement in objects.filter_map(|object| self.by_object.get(object)) {
                match &announcement.kind {
                    AnnouncementKind::Certificate { approved } => {
                        let patience =
                            SignedDuration::from_secs(blueprint.expire_after_seconds.into());
                        let end = approved.saturating_add(patience).unwrap_or(Timestamp::MAX);
                        let meant = blueprint
                            .expected_certificates
                            .as_ref()
                            .is_some_and(|pattern| pattern.is_match(node));
                        if meant && end > now {
                            early.insert(template.name.clone());
                            until = Some(until.map_or(end, |until| until.min(end)));
                        }
                    }
                    AnnouncementKind::Machine { labels } => {
                        if blueprint
                            .expected_machines
                            .as_ref()
                            .is_some_and(|machines| machines.matches(labels))
                        {
                            early.insert(template.name.clone());
                        }
                    }
                }
            }
        }
        (early, until)
    }
}
