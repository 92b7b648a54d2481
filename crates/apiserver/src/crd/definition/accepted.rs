//! Which names a definition gets among the others of its group, and its conditions.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::crd::schema::{items, text, texts};

/// Holds a deleted definition until its objects are gone.
/// Finalizer of a definition whose objects are still to be deleted.
pub const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// The status of a definition among `others` (its own entry in there does not
/// matter): accepted names, and the conditions NamesAccepted and Established. `now` is
/// RFC 3339 in seconds; conditions that stay as they are keep their time.
pub fn establish(crd: &Value, others: &[Value], now: &str) -> Value {
    let (spec, mut status) = (&crd["spec"], crd["status"].clone());
    let mut resources = HashSet::new();
    let mut kinds = HashSet::new();
    let same_group = |other: &&Value| {
        other["spec"]["group"] == spec["group"]
            && other["metadata"]["name"] != crd["metadata"]["name"]
    };
    for other in others.iter().filter(same_group).chain([crd]) {
        let taken = &other["status"]["acceptedNames"];
        resources.extend(["plural", "singular"].iter().filter_map(|name| text(taken, name)));
        resources.extend(items(taken, "shortNames").filter_map(Value::as_str));
        kinds.extend(["kind", "listKind"].iter().filter_map(|name| text(taken, name)));
    }
    let wanted = &spec["names"];
    let mut accepted = status["acceptedNames"].clone();
    if !accepted.is_object() {
        accepted = json!({"plural": "", "kind": ""});
    }
    let own = accepted.clone();
    let mut conflict = None;
    let checks = [
        ("plural", "PluralConflict", &resources),
        ("singular", "SingularConflict", &resources),
        ("shortNames", "ShortNamesConflict", &resources),
        ("kind", "KindConflict", &kinds),
        ("listKind", "ListKindConflict", &kinds),
    ];
    for (name, reason, taken) in checks {
        let (mine, asked) = (names(&own, name), names(wanted, name));
        let in_use: Vec<_> = asked
            .iter()
            .filter(|it| !mine.contains(it) && taken.contains(it.as_str()))
            .map(|it| format!("{it:?} is already in use"))
            .collect();
        if in_use.is_empty() {
            copy(wanted, &mut accepted, name);
        } else {
            let message = match in_use.as_slice() {
                [one] => one.clone(),
                many => format!("[{}]", many.join(", ")),
            };
            conflict = Some((reason, message));
        }
    }
    copy(wanted, &mut accepted, "categories");
    status["acceptedNames"] = accepted;
    let free = conflict.is_none();
    let (reason, message) = conflict.unwrap_or(("NoConflicts", "no conflicts found".to_owned()));
    set_condition(&mut status, "NamesAccepted", free, reason, &message, now);
    if free && condition(&status, "Established") != Some("True") {
        let message = "the initial names have been accepted";
        set_condition(&mut status, "Established", true, "InitialNamesAccepted", message, now);
    } else if condition(&status, "Established").is_none() {
        let message = "not all names are accepted";
        set_condition(&mut status, "Established", false, "NotAccepted", message, now);
    }
    status
}

fn names(from: &Value, name: &str) -> Vec<String> {
    match from.get(name) {
        Some(Value::String(one)) => vec![one.clone()],
        _ => texts(from, name),
    }
}

fn copy(from: &Value, to: &mut Value, name: &str) {
    if let Some(map) = to.as_object_mut() {
        match from.get(name) {
            Some(value) => map.insert(name.to_owned(), value.clone()),
            None => map.remove(name),
        };
    }
}

fn condition<'a>(status: &'a Value, kind: &str) -> Option<&'a str> {
    let found = items(status, "conditions").find(|it| it["type"] == kind);
    found?.get("status")?.as_str()
}

fn set_condition(
    status: &mut Value,
    kind: &str,
    holds: bool,
    reason: &str,
    message: &str,
    now: &str,
) {
    let state = if holds { "True" } else { "False" };
    let mut condition = json!({
        "type": kind, "status": state, "lastTransitionTime": now, "reason": reason, "message": message,
    });
    let conditions = &mut status["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(list) = conditions.as_array_mut() else {
        return;
    };
    match list.iter_mut().find(|it| it["type"] == kind) {
        Some(known) => {
            if known["status"] == state && known["lastTransitionTime"].is_string() {
                condition["lastTransitionTime"] = known["lastTransitionTime"].clone();
            }
            *known = condition;
        }
        None => list.push(condition),
    }
}

/// Whether the resource of a definition is served.
pub fn is_established(crd: &Value) -> bool {
    condition(&crd["status"], "Established") == Some("True")
}

/// Marks a definition as being deleted: time, cleanup finalizer, condition Terminating.
/// The finalizer is for the caller to remove once the last object is gone.
pub fn terminating(crd: &mut Value, now: &str) {
    let meta = &mut crd["metadata"];
    if meta["deletionTimestamp"].is_null() {
        meta["deletionTimestamp"] = json!(now);
    }
    match meta["finalizers"].as_array_mut() {
        Some(list) if list.iter().any(|it| it == CLEANUP) => {}
        Some(list) => list.push(json!(CLEANUP)),
        None => meta["finalizers"] = json!([CLEANUP]),
    }
    let message =
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    let status = &mut crd["status"];
    set_condition(status, "Terminating", true, "InstanceDeletionPending", message, now);
}
