//! What each part of a page shows: pure functions of the [`World`](crate::world::World) and the
//! time.

pub(crate) mod attention;
pub(crate) mod capacity;
pub(crate) mod controllers;
pub(crate) mod events;
pub(crate) mod networks;
pub(crate) mod nodes;
pub(crate) mod picture;
pub(crate) mod protection;
pub(crate) mod summary;
pub(crate) mod waiting;
pub(crate) mod words;

use serde::Serialize;

use crate::world::{Sight, Source, World};

/// What a colour says; never the only thing that says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tone {
    /// Somebody has to do something.
    Bad,
    /// Somebody should look at it.
    Warn,
    /// It is under way.
    Busy,
    /// Nothing to say.
    Idle,
    /// As it should be.
    Ok,
}

/// A word with a colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Badge {
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

impl Badge {
    /// A word in a tone.
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// Why a list is empty, or may be incomplete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Notice {
    pub(crate) tone: Tone,
    pub(crate) title: String,
    pub(crate) text: String,
    /// What to run.
    pub(crate) command: Option<&'static str>,
}

impl Notice {
    /// What there is to say about how a kind is seen; nothing when all of it is.
    pub(crate) fn of(world: &World, source: Source, install: Option<&'static str>) -> Option<Self> {
        let what = source.words();
        let (tone, title, text, command) = match world.sight(source) {
            Sight::Whole => return None,
            Sight::Unseen => (Tone::Busy, format!("Reading {what}"), String::new(), None),
            Sight::Absent => (
                Tone::Idle,
                "Not installed".to_owned(),
                format!("This cluster does not know {what}."),
                install,
            ),
            Sight::Forbidden => (
                Tone::Warn,
                "Not permitted".to_owned(),
                format!("Your account may not list {what}."),
                None,
            ),
            Sight::Failed(why) => (
                Tone::Bad,
                format!("Cannot read {what}"),
                format!("What is shown may be old: {}", words::clip(why, 300)),
                None,
            ),
        };
        Some(Self { tone, title, text, command })
    }

    /// Nothing is there, and that is fine.
    pub(crate) fn empty(title: &str, text: &str, command: Option<&'static str>) -> Self {
        Self { tone: Tone::Idle, title: title.to_owned(), text: text.to_owned(), command }
    }
}

/// Rows of a table, and how many of them were left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Rows<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) total: usize,
    pub(crate) notice: Option<Notice>,
}

/// The most rows of a table; what matters most comes first, and a filter finds the others.
pub(crate) const MOST_ROWS: usize = 250;

impl<T> Rows<T> {
    /// The first of these, with what there is to say about them.
    pub(crate) fn of(mut rows: Vec<T>, notice: Option<Notice>) -> Self {
        let total = rows.len();
        rows.truncate(MOST_ROWS);
        Self { rows, total, notice }
    }
}

/// Text that rows are looked through for; everything contains the empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter(String);

impl Filter {
    /// A filter, whatever its case.
    pub(crate) fn new(text: &str) -> Self {
        Self(words::clip(text.trim(), 100).to_lowercase())
    }

    /// Whether one of the texts contains it.
    pub(crate) fn takes<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        self.0.is_empty() || texts.into_iter().any(|text| text.to_lowercase().contains(&self.0))
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests;
