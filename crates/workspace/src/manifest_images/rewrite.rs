//! Image references in YAML, replaced where they stand.

use std::collections::BTreeMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle};
use serde::Serialize;

/// Lists whose members have an `image`.
const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Why images cannot be replaced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// It is no YAML.
    #[error("line {line}: {problem}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// Nobody makes an image.
    #[error(
        "line {line}: no component makes the image {reference}: name it in `image` of one, or in [manifests] external"
    )]
    Unmapped {
        /// The line, from 1.
        line: usize,
        /// The image.
        reference: String,
    },
    /// An image is written so that it cannot be replaced.
    #[error("line {line}: {problem}")]
    Form {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: &'static str,
    },
}

/// A text with other images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The text.
    pub text: String,
    /// The images in it.
    pub images: Vec<Place>,
}

/// An image in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// What stood there.
    pub from: String,
    /// What stands there now.
    pub to: String,
}

/// Replaces the images of all containers; `replace` tells by what, or that nobody knows.
///
/// # Errors
/// When the text is no YAML, or an image is unknown.
pub fn rewrite(
    text: &str,
    replace: impl Fn(&str) -> Option<String>,
) -> Result<Rewritten, RewriteError> {
    let mut found: BTreeMap<usize, Found> = BTreeMap::new();
    let mut walk = Walk::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| RewriteError::Syntax {
            line: error.marker().line(),
            problem: error.to_string(),
        })?;
        let line = span.start.line();
        let here = walk.take(&event);
        match event {
            Event::Scalar(value, style, anchor, _) => {
                let range = span.byte_range().unwrap_or_default();
                let scalar = Found { line, value: value.into_owned(), style, range };
                if anchor != 0 {
                    walk.anchors.insert(anchor, scalar.clone());
                }
                if here == Here::Image {
                    found.insert(scalar.range.start, scalar);
                }
            }
            Event::Alias(anchor) => match (here, walk.anchors.get(&anchor)) {
                (Here::Image, Some(scalar)) => {
                    found.insert(scalar.range.start, scalar.clone());
                }
                (Here::Image | Here::Container, _) => {
                    let problem = "an alias stands for a container here: write it out";
                    return Err(RewriteError::Form { line, problem });
                }
                (Here::Elsewhere, _) => {}
            },
            _ if here == Here::Image => {
                let problem = "an image is a text";
                return Err(RewriteError::Form { line, problem });
            }
            _ => {}
        }
    }
    let mut result = Rewritten { text: text.to_owned(), images: Vec::new() };
    // From the end, so that what is before stays where it is.
    for found in found.into_values().rev() {
        let Found { line, value: from, style, range } = found;
        let Some(to) = replace(&from) else {
            return Err(RewriteError::Unmapped { line, reference: from });
        };
        let written = match style {
            ScalarStyle::Plain if range.is_empty() => {
                return Err(RewriteError::Unmapped { line, reference: from });
            }
            ScalarStyle::Plain => to.clone(),
            ScalarStyle::SingleQuoted => format!("'{to}'"),
            ScalarStyle::DoubleQuoted => format!("\"{to}\""),
            _ => {
                let problem = "an image is written in one line";
                return Err(RewriteError::Form { line, problem });
            }
        };
        result.text.replace_range(range, &written);
        result.images.push(Place { line, from, to });
    }
    result.images.reverse();
    Ok(result)
}

#[derive(Clone, Debug)]
struct Found {
    line: usize,
    value: String,
    style: ScalarStyle,
    range: Range<usize>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Here {
    Image,
    Container,
    Elsewhere,
}

/// Where we are in the document.
#[derive(Debug, Default)]
struct Walk {
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Found>,
}

#[derive(Debug)]
enum Frame {
    /// A mapping; the key whose value comes next.
    Mapping(Option<String>),
    Sequence,
}

impl Walk {
    /// Takes the next event, and tells what it begins.
    fn take(&mut self, event: &Event<'_>) -> Here {
        let is_node = matches!(
            event,
            Event::Scalar(..)
                | Event::Alias(_)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
        );
        let here = if is_node { self.here() } else { Here::Elsewhere };
        let is_key = is_node && matches!(self.frames.last(), Some(Frame::Mapping(None)));
        match event {
            Event::SequenceEnd | Event::MappingEnd => {
                self.frames.pop();
                self.after_value();
                return here;
            }
            Event::SequenceStart(..) => {
                self.mark_key(is_key, None);
                self.frames.push(Frame::Sequence);
            }
            Event::MappingStart(..) => {
                self.mark_key(is_key, None);
                self.frames.push(Frame::Mapping(None));
            }
            Event::Scalar(value, ..) => match is_key {
                true => self.mark_key(true, Some(value)),
                false => self.after_value(),
            },
            Event::Alias(_) => match is_key {
                true => self.mark_key(true, None),
                false => self.after_value(),
            },
            Event::DocumentStart(..) => self.frames.clear(),
            _ => {}
        }
        here
    }

    /// A key that is no text gets a name that no key has.
    fn mark_key(&mut self, is_key: bool, key: Option<&str>) {
        if let (true, Some(Frame::Mapping(slot))) = (is_key, self.frames.last_mut()) {
            *slot = Some(key.unwrap_or("\0").to_owned());
        }
    }

    fn after_value(&mut self) {
        if let Some(Frame::Mapping(slot)) = self.frames.last_mut() {
            // A key that is a collection ends here too, and its value is still to come.
            *slot = match slot.take() {
                Some(key) if key == "\0" => Some("\0\0".to_owned()),
                _ => None,
            };
        }
    }

    /// What a node that begins now is, by the frames around it.
    fn here(&self) -> Here {
        let in_list = |frames: &[Frame]| match frames {
            [.., Frame::Mapping(Some(list)), Frame::Sequence] => LISTS.contains(&&list[..]),
            _ => false,
        };
        match &self.frames[..] {
            [rest @ .., Frame::Mapping(Some(key))] if key == "image" && in_list(rest) => {
                Here::Image
            }
            frames if in_list(frames) => Here::Container,
            _ => Here::Elsewhere,
        }
    }
}
