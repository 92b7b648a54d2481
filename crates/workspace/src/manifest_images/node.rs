//! YAML as nodes that know where they stand in the text. An alias is the very node it stands for.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle};

use super::RewriteError;

/// Which node, in [`Nodes`].
pub(super) type Id = usize;

/// The key that takes over another mapping's pairs. <https://yaml.org/type/merge.html>
const MERGE: &str = "<<";

/// A node.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Scalar(Scalar),
    Sequence(Vec<Id>),
    /// Keys and values, in order; a key may be any node.
    Mapping(Vec<(Id, Id)>),
}

/// A text, a number, nothing: whatever is no collection.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) value: String,
    pub(super) style: ScalarStyle,
    /// Its bytes in the text, with quotes.
    pub(super) range: Range<usize>,
}

/// All nodes of a text, of all its documents.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// With the line where each begins, from 1.
    all: Vec<(Node, usize)>,
    pub(super) documents: Vec<Id>,
}

impl Nodes {
    pub(super) fn of(text: &str) -> Result<Self, RewriteError> {
        let mut nodes = Self::default();
        let mut anchors: HashMap<usize, Id> = HashMap::new();
        let mut open: Vec<Id> = Vec::new();
        let mut keys: HashMap<Id, Id> = HashMap::new();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| RewriteError::Syntax {
                line: error.marker().line(),
                problem: error.to_string(),
            })?;
            let (node, anchor) = match event {
                Event::Alias(anchor) => {
                    // The parser knows all anchors.
                    if let Some(id) = anchors.get(&anchor) {
                        nodes.put(*id, &open, &mut keys);
                    }
                    continue;
                }
                Event::Scalar(value, style, anchor, _) => {
                    let range = span.byte_range().unwrap_or_default();
                    (Node::Scalar(Scalar { value: value.into_owned(), style, range }), anchor)
                }
                Event::SequenceStart(_, anchor, _) => (Node::Sequence(Vec::new()), anchor),
                Event::MappingStart(_, anchor, _) => (Node::Mapping(Vec::new()), anchor),
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                    continue;
                }
                _ => continue,
            };
            let id = nodes.all.len();
            let collection = !matches!(node, Node::Scalar(_));
            nodes.all.push((node, span.start.line()));
            nodes.put(id, &open, &mut keys);
            if anchor != 0 {
                anchors.insert(anchor, id);
            }
            if collection {
                open.push(id);
            }
        }
        Ok(nodes)
    }

    /// Puts a node into the innermost open collection; `keys` has those whose value is to come.
    fn put(&mut self, id: Id, open: &[Id], keys: &mut HashMap<Id, Id>) {
        let Some(outer) = open.last() else {
            self.documents.push(id);
            return;
        };
        match &mut self.all[*outer].0 {
            Node::Sequence(items) => items.push(id),
            Node::Mapping(pairs) => match keys.remove(outer) {
                Some(key) => pairs.push((key, id)),
                None => {
                    keys.insert(*outer, id);
                }
            },
            Node::Scalar(_) => {}
        }
    }

    pub(super) fn get(&self, id: Id) -> &Node {
        &self.all[id].0
    }

    pub(super) fn line(&self, id: Id) -> usize {
        self.all[id].1
    }

    /// All texts, and whatever else is no collection; each once, however often it is referred to.
    pub(super) fn scalars(&self) -> impl Iterator<Item = &Scalar> {
        self.all.iter().filter_map(|(node, _)| match node {
            Node::Scalar(scalar) => Some(scalar),
            _ => None,
        })
    }

    /// The text of a node that is one.
    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Node::Scalar(scalar) => Some(&scalar.value),
            _ => None,
        }
    }

    /// What a mapping has under a key: its own, else what it takes over from others, the first
    /// first. More than one only where the key is written more than once.
    pub(super) fn values(&self, mapping: Id, key: &str) -> Vec<Id> {
        let mut left = vec![mapping];
        let mut seen = std::collections::HashSet::new();
        while let Some(id) = left.pop() {
            if !seen.insert(id) {
                continue;
            }
            match self.get(id) {
                Node::Mapping(pairs) => {
                    let under = |key: &str| {
                        let pairs = pairs.iter().filter(|(own, _)| self.text(*own) == Some(key));
                        pairs.map(|(_, value)| *value).collect::<Vec<_>>()
                    };
                    let own = under(key);
                    if !own.is_empty() {
                        return own;
                    }
                    left.extend(under(MERGE).into_iter().rev());
                }
                Node::Sequence(items) => left.extend(items.iter().rev()),
                Node::Scalar(_) => {}
            }
        }
        Vec::new()
    }
}
