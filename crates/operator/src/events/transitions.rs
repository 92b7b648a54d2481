//! What was said last about what: the pure part of publishing on transitions only.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use k8s_openapi::api::core::v1::ObjectReference;

use super::Event;

/// More than any cluster has nodes; beyond it, what was said longest ago is forgotten, and at worst
/// said once more.
const CAPACITY: usize = 20_000;

/// An object, and what of it an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    object: ObjectKey,
    action: String,
    aspect: String,
}

/// An object with its UID, where known: one that is made anew has a new story.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct ObjectKey {
    api_version: String,
    kind: String,
    namespace: String,
    name: String,
    uid: String,
}

impl ObjectKey {
    fn of(object: &ObjectReference) -> Self {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        Self {
            api_version: text(&object.api_version),
            kind: text(&object.kind),
            namespace: text(&object.namespace),
            name: text(&object.name),
            uid: text(&object.uid),
        }
    }
}

impl Subject {
    /// What of `object` an event with this action and aspect is about.
    pub fn new(object: &ObjectReference, action: &str, aspect: &str) -> Self {
        let object = ObjectKey::of(object);
        Self { object, action: action.to_owned(), aspect: aspect.to_owned() }
    }
}

/// The last event of each subject.
#[derive(Debug)]
pub struct Transitions {
    last: HashMap<Subject, (u64, Event)>,
    clock: u64,
    capacity: usize,
}

impl Default for Transitions {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Transitions {
    /// Remembers about this many subjects.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { last: HashMap::new(), clock: 0, capacity: capacity.max(1) }
    }

    /// Whether `event` differs from what was said last about `subject`; from now on it was.
    pub fn changed(&mut self, subject: &Subject, event: &Event) -> bool {
        self.clock += 1;
        match self.last.get_mut(subject) {
            Some((said, last)) => {
                *said = self.clock;
                let changed = last != event;
                if changed {
                    *last = event.clone();
                }
                changed
            }
            None => {
                self.make_room();
                self.last.insert(subject.clone(), (self.clock, event.clone()));
                true
            }
        }
    }

    /// `event` could not be said after all.
    pub fn retract(&mut self, subject: &Subject, event: &Event) {
        if self.last.get(subject).is_some_and(|(_, last)| last == event) {
            self.last.remove(subject);
        }
    }

    /// Whatever is said next about `subject` is new.
    pub fn settle(&mut self, subject: &Subject) {
        self.last.remove(subject);
    }

    /// Whatever is said next about `object` is new.
    pub fn forget(&mut self, object: &ObjectReference) {
        let object = ObjectKey::of(object);
        self.last.retain(|subject, _| subject.object != object);
    }

    /// Forgets the older half when full, so that the cost is spread over many additions.
    fn make_room(&mut self) {
        if self.last.len() < self.capacity {
            return;
        }
        let mut ages: Vec<u64> = self.last.values().map(|(said, _)| *said).collect();
        ages.sort_unstable();
        let keep: HashSet<u64> = ages.split_off(ages.len().div_ceil(2)).into_iter().collect();
        self.last.retain(|_, (said, _)| keep.contains(said));
    }
}
