//! Image references in YAML, replaced where they stand.

use std::collections::BTreeMap;
use std::ops::Range;

use granit_parser::ScalarStyle;
use serde::Serialize;

use super::mention::mentions;
use super::node::{Nodes, Scalar};
use super::place::images;

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

/// Replaces the images that Kubernetes would run, wherever YAML has put them, and those that other
/// texts mention; `replace` tells by what, or that nobody knows.
///
/// # Errors
/// When the text is no YAML, an image that would run is unknown, or one cannot be replaced.
pub fn rewrite(
    text: &str,
    replace: impl Fn(&str) -> Option<String>,
) -> Result<Rewritten, RewriteError> {
    let nodes = Nodes::of(text)?;
    let images = images(&nodes, &replace)?;
    let mut edits: BTreeMap<usize, Edit> = BTreeMap::new();
    for (line, scalar) in images.values() {
        let (line, from) = (*line, scalar.value.clone());
        let to = match replace(&from) {
            Some(to) if !scalar.range.is_empty() => to,
            _ => return Err(RewriteError::Unmapped { line, reference: from }),
        };
        let written = written(scalar, &to)
            .ok_or(RewriteError::Form { line, problem: "an image is written in one line" })?;
        let range = scalar.range.clone();
        edits.insert(range.start, Edit { range, written, place: Place { line, from, to } });
    }
    for scalar in nodes.scalars().filter(|scalar| !images.contains_key(&scalar.range.start)) {
        for range in mentions(text, scalar.range.clone()) {
            let from = text[range.clone()].to_owned();
            if let Some(to) = replace(&from).filter(|to| *to != from) {
                let line = 1 + text[..range.start].matches('\n').count();
                let place = Place { line, from, to: to.clone() };
                edits.insert(range.start, Edit { range, written: to, place });
            }
        }
    }
    let mut result = Rewritten { text: text.to_owned(), images: Vec::new() };
    // From the end, so that what is before stays where it is.
    for edit in edits.into_values().rev() {
        result.text.replace_range(edit.range, &edit.written);
        result.images.push(edit.place);
    }
    result.images.reverse();
    Ok(result)
}

struct Edit {
    range: Range<usize>,
    written: String,
    place: Place,
}

/// A text in the style of another.
fn written(scalar: &Scalar, to: &str) -> Option<String> {
    match scalar.style {
        ScalarStyle::Plain => Some(to.to_owned()),
        ScalarStyle::SingleQuoted => Some(format!("'{to}'")),
        ScalarStyle::DoubleQuoted => Some(format!("\"{to}\"")),
        _ => None,
    }
}
