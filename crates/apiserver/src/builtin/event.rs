//! Event, which two groups serve: the same stored object in two forms.
//!
//! The store holds the form of the core group; [`to_core`] and [`from_core`] convert.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::part::{at, text};
use super::{Part, Strategy};
use crate::decode;
use crate::field::{self, Error};
use crate::{meta, names};

/// Field names of `events.k8s.io` and of the core group for the same thing.
const RENAMED: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

fn rename(
    object: &Value,
    version: &str,
    names: impl Iterator<Item = (&'static str, &'static str)>,
) -> Value {
    let names: Vec<_> = names.collect();
    let mut out = Map::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        let new = names.iter().find(|(from, _)| from == key);
        out.insert(new.map_or(key.as_str(), |(_, to)| to).to_owned(), value.clone());
    }
    out.insert("apiVersion".to_owned(), json!(version));
    out.insert("kind".to_owned(), json!("Event"));
    Value::Object(out)
}

fn canonical(group: &str, mut object: Value) -> Value {
    if let Some(schema) = decode::schema_of(group, "v1", "Event") {
        // Both forms have the same types, so that there is nothing to refuse.
        let _ = decode::canonicalize(&schema, &mut object);
    }
    object
}

/// An event of `events.k8s.io/v1` as an event of the core group.
pub fn to_core(object: &Value) -> Value {
    canonical("", rename(object, "v1", RENAMED.into_iter()))
}

/// An event of the core group as an event of `events.k8s.io/v1`.
pub fn from_core(object: &Value) -> Value {
    let names = RENAMED.into_iter().map(|(new, core)| (core, new));
    canonical("events.k8s.io", rename(object, "events.k8s.io/v1", names))
}

/// An event in the form of the core group, whichever form it comes in.
fn core_form(object: &Value) -> Cow<'_, Value> {
    if object.get("regarding").is_some() {
        Cow::Owned(to_core(object))
    } else {
        Cow::Borrowed(object)
    }
}

/// Rules of Events in either form.
pub struct Event {
    /// The request came through `events.k8s.io`, which wants the new fields.
    pub strict: bool,
}

impl Event {
    /// What both groups check.
    fn validate(&self, object: &Value) -> field::Errors {
        let mut errors = Vec::new();
        let namespace = meta::namespace(object);
        let involved = text(object, "/involvedObject/namespace");
        let mut mismatch = || {
            let path = "involvedObject.namespace";
            errors.push(Error::invalid(path, &involved.into(), "does not match event.namespace"));
        };
        let new = at(object, "/eventTime").is_some();
        match (new, involved) {
            (false, "") if !["", "default"].contains(&namespace) => mismatch(),
            (true, "") if !["default", "kube-system"].contains(&namespace) => mismatch(),
            (_, "") => {}
            (false, involved) if involved != namespace => mismatch(),
            _ => {}
        }
        if new {
            let controller = if self.strict { "reportingController" } else { "reportingComponent" };
            let reporting = text(object, "/reportingComponent");
            if reporting.is_empty() {
                errors.push(Error::required(controller, ""));
            }
            for complaint in names::qualified_name(reporting) {
                errors.push(Error::invalid(controller, &reporting.into(), complaint));
            }
            for name in ["reportingInstance", "action", "reason"] {
                let value = object[name].as_str().unwrap_or_default();
                if value.is_empty() {
                    errors.push(Error::required(name, ""));
                }
                if value.len() > 128 {
                    let detail = "can have at most 128 characters";
                    errors.push(Error::invalid(name, &value.into(), detail));
                }
            }
            let message = text(object, "/message");
            if message.len() > 1024 {
                let detail = "can have at most 1024 characters";
                errors.push(Error::invalid("message", &message.into(), detail));
            }
        }
        errors
    }
}

impl Strategy for Event {
    fn validate_create(&self, object: &Value) -> field::Errors {
        let object = &*core_form(object);
        let mut errors = self.validate(object);
        if !self.strict {
            return errors;
        }
        if at(object, "/eventTime").is_none() {
            errors.push(Error::required("eventTime", ""));
        }
        let kind = text(object, "/type");
        if !["Normal", "Warning"].contains(&kind) {
            let detail = format!("has invalid value: {kind}");
            errors.push(Error::invalid("type", &"".into(), detail));
        }
        for (pointer, name) in [
            ("/firstTimestamp", "firstTimestamp"),
            ("/lastTimestamp", "lastTimestamp"),
            ("/count", "count"),
            ("/source/component", "source"),
            ("/source/host", "source"),
        ] {
            if at(object, pointer).is_some() {
                errors.push(Error::invalid(name, &"".into(), "needs to be unset"));
            }
        }
        errors
    }

    fn validate_update(&self, _part: Part<'_>, object: &Value, stored: &Value) -> field::Errors {
        let (object, stored) = (&*core_form(object), &*core_form(stored));
        let mut errors = self.validate(object);
        if !self.strict {
            return errors;
        }
        for name in [
            "involvedObject",
            "reason",
            "message",
            "type",
            "eventTime",
            "action",
            "related",
            "reportingComponent",
            "reportingInstance",
            "firstTimestamp",
            "lastTimestamp",
            "count",
            "source",
        ] {
            if object[name] != stored[name] {
                errors.push(Error::invalid(name, &object[name], "field is immutable"));
            }
        }
        errors
    }

    fn validate_name(&self, name: &str, prefix: bool) -> Vec<String> {
        names::object_subdomain(name, prefix)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn selectable_fields(&self, object: &Value) -> Vec<(&'static str, String)> {
        let object = &*core_form(object);
        let read = |pointer: &str| text(object, pointer).to_owned();
        let source = match text(object, "/source/component") {
            "" => read("/reportingComponent"),
            source => source.to_owned(),
        };
        vec![
            ("involvedObject.kind", read("/involvedObject/kind")),
            ("involvedObject.namespace", read("/involvedObject/namespace")),
            ("involvedObject.name", read("/involvedObject/name")),
            ("involvedObject.uid", read("/involvedObject/uid")),
            ("involvedObject.apiVersion", read("/involvedObject/apiVersion")),
            ("involvedObject.resourceVersion", read("/involvedObject/resourceVersion")),
            ("involvedObject.fieldPath", read("/involvedObject/fieldPath")),
            ("reason", read("/reason")),
            ("reportingComponent", read("/reportingComponent")),
            ("source", source),
            ("type", read("/type")),
        ]
    }
}
