//! What long work tells of itself while it goes on.

use crate::name::ComponentName;

/// Someone who is told. Calls come from several threads at once.
pub trait Progress: Sync {
    /// So many pieces of work are to come, all in all.
    fn total(&self, pieces: usize);
    /// Work on a component begins.
    fn begin(&self, component: &ComponentName, what: &str);
    /// Work on a component ended, well or not.
    fn end(&self, component: &ComponentName, what: &str);
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn total(&self, _: usize) {}
    fn begin(&self, _: &ComponentName, _: &str) {}
    fn end(&self, _: &ComponentName, _: &str) {}
}
