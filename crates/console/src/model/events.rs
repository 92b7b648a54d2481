//! What happened lately.

use jiff::Timestamp;
use serde::Serialize;

use super::{Badge, Filter, Notice, Rows, Tone, words};
use crate::world::event::Event;
use crate::world::{Source, World};

/// An Event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct EventRow {
    pub(crate) age: String,
    pub(crate) badge: Badge,
    pub(crate) kind: String,
    pub(crate) object: String,
    pub(crate) note: String,
    pub(crate) reporter: String,
    /// How often it happened.
    pub(crate) count: i64,
}

/// The Events that a filter takes, the latest first.
pub(crate) fn events(world: &World, filter: &Filter, now: Timestamp) -> Rows<EventRow> {
    let mut events: Vec<_> = world.events.iter().collect();
    events.retain(|(_, event)| {
        filter.takes([event.reason.as_str(), &event.note, &event.object, &event.kind])
    });
    events.sort_by(|(a_name, a), (b_name, b)| b.at.cmp(&a.at).then_with(|| a_name.cmp(b_name)));
    let rows = events.into_iter().map(|(_, event)| row(event, now));
    let notice = Notice::of(world, Source::Events, None).or_else(|| {
        (world.events.is_empty()).then(|| {
            Notice::empty("Quiet", "Nothing has happened within the last hour or so.", None)
        })
    });
    Rows::of(rows.collect(), notice)
}

/// What kubewright's own controllers and agents warn of, the latest first.
pub(crate) fn warnings(world: &World, now: Timestamp) -> Rows<EventRow> {
    let mut events: Vec<_> = world.events.iter().map(|(_, event)| event).collect();
    events.retain(|event| event.warning && event.reporter.starts_with("kubewright"));
    events.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.object.cmp(&b.object)));
    let rows: Vec<_> = events.into_iter().map(|event| row(event, now)).collect();
    let notice = Notice::of(world, Source::Events, None).or_else(|| {
        rows.is_empty().then(|| Notice::empty("None", "No controller warns of anything.", None))
    });
    Rows::of(rows, notice)
}

fn row(event: &Event, now: Timestamp) -> EventRow {
    EventRow {
        age: words::age_of(now, event.at),
        badge: Badge::new(
            if event.warning { Tone::Warn } else { Tone::Idle },
            words::clip(&event.reason, 40),
        ),
        kind: words::clip(&event.kind, 60),
        object: words::clip(&event.object, 160),
        note: words::clip(&event.note, 500),
        reporter: words::clip(&event.reporter, 80),
        count: event.count,
    }
}

#[cfg(test)]
mod tests;
