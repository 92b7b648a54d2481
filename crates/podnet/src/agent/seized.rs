//! A pod that a call has for itself.

use std::sync::Arc;

use super::core::Message;
use super::node::Node;
use super::publish::Notice;

/// A pod that nobody else works on, until this is dropped: also when whoever waited for it has given
/// up at the moment when it was granted.
pub(crate) struct Seized {
    node: Arc<Node>,
    pub(crate) uid: String,
    /// What the pod is to be told.
    pub(crate) notice: Option<Notice>,
    /// Whether the pod has to be worked on next.
    pub(crate) look: bool,
}

impl Seized {
    pub(crate) fn new(node: Arc<Node>, uid: &str) -> Self {
        Self { node, uid: uid.to_owned(), notice: None, look: false }
    }
}

impl Drop for Seized {
    fn drop(&mut self) {
        let (uid, notice) = (std::mem::take(&mut self.uid), self.notice.take());
        self.node.tell(Message::Released { uid, notice, look: self.look });
    }
}
