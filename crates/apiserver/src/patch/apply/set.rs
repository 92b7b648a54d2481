//! Sets of field paths: what a manager owns, what a write changed.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::element::Element;

/// A set of field paths, kept as a tree.
///
/// A path may be a member without its descendants and the other way round:
/// `{"f:data": {".": {}, "f:x": {}}}` holds `data` and `data.x`,
/// `{"f:data": {"f:x": {}}}` only `data.x`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set {
    nodes: BTreeMap<Element, Node>,
}

/// One element of the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// The path that ends here is in the set.
    pub(super) member: bool,
    /// What is in the set below this path.
    pub(super) below: Set,
}

impl Node {
    pub(super) fn leaf() -> Self {
        Self { member: true, below: Set::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }
}

impl Set {
    /// The set of these paths of field names.
    pub fn of_fields(paths: &[&[&str]]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let path: Vec<_> = path.iter().map(|name| Element::Field((*name).to_owned())).collect();
            set.insert(&path);
        }
        set
    }

    /// Whether no path is in the set.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds one path; the empty path is not representable and ignored.
    pub fn insert(&mut self, path: &[Element]) {
        if let [first, rest @ ..] = path {
            let node = self.nodes.entry(first.clone()).or_default();
            if rest.is_empty() {
                node.member = true;
            } else {
                node.below.insert(rest);
            }
        }
    }

    /// Whether exactly this path is in the set.
    pub fn contains(&self, path: &[Element]) -> bool {
        match path {
            [] => false,
            [last] => self.nodes.get(last).is_some_and(|node| node.member),
            [first, rest @ ..] => {
                self.nodes.get(first).is_some_and(|node| node.below.contains(rest))
            }
        }
    }

    /// Attaches what was found at one element, unless it is nothing.
    pub(super) fn attach(&mut self, element: Element, node: Node) {
        if !node.is_empty() {
            self.nodes.insert(element, node);
        }
    }

    pub(super) fn get(&self, element: &Element) -> Option<&Node> {
        self.nodes.get(element)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Element, &mut Node)> {
        self.nodes.iter_mut()
    }

    /// Adds the paths of another set.
    pub fn extend(&mut self, other: &Set) {
        for (element, theirs) in &other.nodes {
            match self.nodes.get_mut(element) {
                Some(ours) => {
                    ours.member |= theirs.member;
                    ours.below.extend(&theirs.below);
                }
                None => {
                    self.nodes.insert(element.clone(), theirs.clone());
                }
            }
        }
    }

    /// Removes the paths of another set; descendants of a removed path stay.
    pub fn subtract(&mut self, other: &Set) {
        if other.is_empty() {
            return;
        }
        self.nodes.retain(|element, ours| {
            if let Some(theirs) = other.nodes.get(element) {
                ours.member &= !theirs.member;
                ours.below.subtract(&theirs.below);
            }
            !ours.is_empty()
        });
    }

    /// Removes the paths of another set together with everything below them.
    pub fn subtract_trees(&mut self, other: &Set) {
        if other.is_empty() {
            return;
        }
        self.nodes.retain(|element, ours| {
            if let Some(theirs) = other.nodes.get(element) {
                if theirs.member {
                    return false;
                }
                ours.below.subtract_trees(&theirs.below);
            }
            !ours.is_empty()
        });
    }

    /// The paths that are in both sets.
    pub fn intersection(&self, other: &Set) -> Set {
        let mut out = Set::default();
        for (element, ours) in &self.nodes {
            if let Some(theirs) = other.nodes.get(element) {
                let node = Node {
                    member: ours.member && theirs.member,
                    below: ours.below.intersection(&theirs.below),
                };
                out.attach(element.clone(), node);
            }
        }
        out
    }

    /// Every path, members of an element before what is deeper.
    pub fn paths(&self) -> Vec<Vec<Element>> {
        let mut out = Vec::new();
        self.collect(&mut Vec::new(), &mut out);
        out
    }

    fn collect(&self, prefix: &mut Vec<Element>, out: &mut Vec<Vec<Element>>) {
        for (element, node) in &self.nodes {
            if node.member {
                out.push(prefix.iter().chain([element]).cloned().collect());
            }
        }
        for (element, node) in &self.nodes {
            prefix.push(element.clone());
            node.below.collect(prefix, out);
            prefix.pop();
        }
    }

    /// Reads the `fieldsV1` of a managed-fields entry.
    ///
    /// # Errors
    /// A sentence that names the element that cannot be read.
    pub fn from_fields_v1(fields: &Value) -> Result<Self, String> {
        let object = fields.as_object().ok_or_else(|| "fieldsV1 is not an object".to_owned())?;
        let mut set = Set::default();
        for (text, below) in object {
            // The own membership of this level is read by its parent.
            if text == "." {
                continue;
            }
            let element = Element::parse(text)?;
            let deeper = Set::from_fields_v1(below)?;
            let member =
                deeper.is_empty() || below.as_object().is_some_and(|map| map.contains_key("."));
            set.nodes.insert(element, Node { member, below: deeper });
        }
        Ok(set)
    }

    /// The canonical `fieldsV1`.
    pub fn to_fields_v1(&self) -> Value {
        Value::Object(self.to_object(false))
    }

    fn to_object(&self, member: bool) -> Map<String, Value> {
        let mut out = Map::new();
        // A member without anything below is `{}`; the dot is only needed beside others.
        if member && !self.is_empty() {
            out.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (element, node) in &self.nodes {
            let below = node.below.to_object(node.member);
            out.insert(element.to_text(), Value::Object(below));
        }
        out
    }
}
