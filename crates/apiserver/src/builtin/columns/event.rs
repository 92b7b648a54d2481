//! Events.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Column, Printer, age, name, number, shown, wide};
use crate::builtin::event;
use crate::builtin::part::{at, text};

const COLUMNS: &[Column] = &[
    shown("Last Seen"),
    shown("Type"),
    shown("Reason"),
    shown("Object"),
    wide("Subobject"),
    wide("Source"),
    shown("Message"),
    wide("First Seen"),
    wide("Count"),
    Column { format: "name", ..wide("Name") },
];

pub(super) fn printer(resource: &str) -> Option<Printer> {
    (resource == "events").then_some(Printer { columns: COLUMNS, row })
}

fn row(event: &Value, now: Timestamp) -> Vec<Value> {
    let core;
    let event = if event.get("regarding").is_some() {
        core = event::to_core(event);
        &core
    } else {
        event
    };
    let first = match text(event, "/firstTimestamp") {
        "" => age(text(event, "/eventTime"), now),
        time => age(time, now),
    };
    let mut last = match text(event, "/lastTimestamp") {
        "" => first.clone(),
        time => age(time, now),
    };
    let mut count = number(event, "/count").max(1);
    if at(event, "/series").is_some() {
        last = age(text(event, "/series/lastObservedTime"), now);
        count = number(event, "/series/count");
    }
    let mut object = text(event, "/involvedObject/kind").to_lowercase();
    let involved = text(event, "/involvedObject/name");
    if !involved.is_empty() {
        object = format!("{object}/{involved}");
    }
    let (mut source, mut instance) =
        (text(event, "/source/component"), text(event, "/source/host"));
    if source.is_empty() {
        source = text(event, "/reportingComponent");
        instance = text(event, "/reportingInstance");
    }
    let source =
        if instance.is_empty() { source.to_owned() } else { format!("{source}, {instance}") };
    vec![
        json!(last),
        json!(text(event, "/type")),
        json!(text(event, "/reason")),
        json!(object),
        json!(text(event, "/involvedObject/fieldPath")),
        json!(source),
        json!(text(event, "/message").trim()),
        json!(first),
        json!(count),
        name(event),
    ]
}
