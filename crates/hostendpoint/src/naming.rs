//! Names of endpoints: the template's pattern, filled in and made valid.
//!
//! Kubernetes wants a DNS-1123 subdomain; interfaces may be called `Eth_0`.
//! What is not allowed is replaced by `-`, and a short hash of the original
//! is added so that `eth_0` and `eth-0` stay apart. The result depends on the
//! names alone, so it is the same after every restart. A name that is too
//! long is an error: cutting it could give two nodes the same one.

use std::fmt::Write;

/// The longest name Kubernetes allows.
pub const MAX_NAME: usize = 253;

/// A name template, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Node,
    Interface,
    Template,
}

/// What is wrong with a name or a name template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// `{something}` that is not known.
    #[error(
        "endpointName has unknown placeholder {{{placeholder}}}, known are {{node}}, {{interface}} and {{template}}"
    )]
    UnknownPlaceholder {
        /// What stands between the braces.
        placeholder: String,
    },
    /// A brace is not closed, or closed and not opened.
    #[error("endpointName has an unbalanced brace")]
    UnbalancedBrace,
    /// Without the node's name all nodes would share a name.
    #[error("endpointName must contain {{node}}")]
    NoNode,
    /// Several interfaces would share a name.
    #[error("endpointName must contain {{interface}} where more than one interface can match")]
    NoInterface,
    /// More than [`MAX_NAME`] characters.
    #[error(
        "endpoint name would be {length} characters long, at most {MAX_NAME} are allowed: {start}…"
    )]
    TooLong {
        /// Length of the name.
        length: usize,
        /// Its first characters.
        start: String,
    },
    /// Not valid, and not for the interface's sake.
    #[error("endpoint name {name:?} is not a DNS-1123 subdomain")]
    Invalid {
        /// The name.
        name: String,
    },
    /// The node's name is none that Kubernetes allows.
    #[error("node name {name:?} is not a DNS-1123 subdomain of at most {MAX_NAME} characters")]
    InvalidNode {
        /// The node's name.
        name: String,
    },
}

impl NameTemplate {
    /// Checks a template. `many` says whether one node can have more than one
    /// interface.
    pub fn compile(text: &str, many: bool) -> Result<Self, NameError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            if rest.as_bytes()[at] == b'}' {
                return Err(NameError::UnbalancedBrace);
            }
            if at > 0 {
                parts.push(Part::Text(rest[..at].to_owned()));
            }
            let end = rest[at..].find('}').ok_or(NameError::UnbalancedBrace)? + at;
            parts.push(match &rest[at + 1..end] {
                "node" => Part::Node,
                "interface" => Part::Interface,
                "template" => Part::Template,
                placeholder => {
                    return Err(NameError::UnknownPlaceholder {
                        placeholder: placeholder.to_owned(),
                    });
                }
            });
            rest = &rest[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if !parts.contains(&Part::Node) {
            return Err(NameError::NoNode);
        }
        if many && !parts.contains(&Part::Interface) {
            return Err(NameError::NoInterface);
        }
        Ok(Self(parts))
    }

    /// The name of the endpoint for an interface of a node.
    pub fn render(&self, node: &str, interface: &str, template: &str) -> Result<String, NameError> {
        if !is_subdomain(node) {
            return Err(NameError::InvalidNode { name: node.to_owned() });
        }
        let mut name = self.fill(node, interface, template);
        if !is_subdomain_of_any_length(&name) {
            name = self.fill(node, &safe(interface), template);
        }
        if name.len() > MAX_NAME {
            return Err(NameError::TooLong {
                length: name.len(),
                start: name.chars().take(40).collect(),
            });
        }
        if is_subdomain(&name) { Ok(name) } else { Err(NameError::Invalid { name }) }
    }

    fn fill(&self, node: &str, interface: &str, template: &str) -> String {
        let mut name = String::new();
        for part in &self.0 {
            name.push_str(match part {
                Part::Text(text) => text,
                Part::Node => node,
                Part::Interface => interface,
                Part::Template => template,
            });
        }
        name
    }
}

/// Whether `name` is a DNS-1123 subdomain of at most [`MAX_NAME`] characters,
/// which the names of nodes and HostEndpoints must be.
pub fn is_subdomain(name: &str) -> bool {
    name.len() <= MAX_NAME && is_subdomain_of_any_length(name)
}

fn is_subdomain_of_any_length(name: &str) -> bool {
    name.split('.').all(|label| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = label.as_bytes();
        matches!((bytes.first(), bytes.last()), (Some(first), Some(last)) if inner(*first) && inner(*last))
            && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
    })
}

/// The interface's name in characters that a DNS-1123 label may have, with a
/// hash of the original.
fn safe(interface: &str) -> String {
    let mut name: String = interface
        .chars()
        .map(|character| match character.to_ascii_lowercase() {
            character @ ('a'..='z' | '0'..='9') => character,
            _ => '-',
        })
        .collect();
    name = name.trim_matches('-').to_owned();
    if !name.is_empty() {
        name.push('-');
    }
    // Writing to a string cannot fail.
    let _ = write!(name, "{:08x}", fnv1a(interface));
    name
}

/// FNV-1a, 32 bit: fixed for ever, unlike the standard library's hasher.
fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests;
