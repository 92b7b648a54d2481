//! Namespaced and cluster-wide configuration of the core group.

use serde_json::{Value, json};

use super::{AGE, NAME, Printer, name, shown, since_creation};
use crate::builtin::part::{list, text};
use crate::meta;

fn count(object: &Value, fields: &[&str]) -> Value {
    let sizes = fields.iter().map(|field| match &object[*field] {
        Value::Object(map) => map.len(),
        Value::Array(list) => list.len(),
        _ => 0,
    });
    json!(sizes.sum::<usize>())
}

/// `cpu: 1/2, pods: 3/10` for what a quota limits.
fn usage(object: &Value, limits: bool) -> Value {
    let hard = object["status"]["hard"].as_object();
    let parts: Vec<_> = hard
        .into_iter()
        .flatten()
        .filter(|(resource, _)| resource.starts_with("limits") == limits)
        .map(|(resource, hard)| {
            let used = object["status"]["used"].get(resource).and_then(Value::as_str);
            let hard = hard.as_str().unwrap_or_default();
            format!("{resource}: {}/{hard}", used.unwrap_or("0"))
        })
        .collect();
    json!(parts.join(", "))
}

pub(super) fn printer(resource: &str) -> Option<Printer> {
    Some(match resource {
        "configmaps" => Printer {
            columns: const { &[NAME, shown("Data"), AGE] },
            row: |object, now| {
                let data = count(object, &["data", "binaryData"]);
                vec![name(object), data, since_creation(object, now)]
            },
        },
        "secrets" => Printer {
            columns: const { &[NAME, shown("Type"), shown("Data"), AGE] },
            row: |object, now| {
                let kind = json!(text(object, "/type"));
                vec![name(object), kind, count(object, &["data"]), since_creation(object, now)]
            },
        },
        "serviceaccounts" => Printer {
            columns: const { &[NAME, shown("Secrets"), AGE] },
            row: |object, now| {
                let secrets = count(object, &["secrets"]);
                vec![name(object), secrets, since_creation(object, now)]
            },
        },
        "namespaces" => Printer {
            columns: const { &[NAME, shown("Status"), AGE] },
            row: |object, now| {
                let phase = json!(text(object, "/status/phase"));
                vec![name(object), phase, since_creation(object, now)]
            },
        },
        "resourcequotas" => Printer {
            columns: const { &[NAME, AGE, shown("Request"), shown("Limit")] },
            row: |object, now| {
                let age = since_creation(object, now);
                vec![name(object), age, usage(object, false), usage(object, true)]
            },
        },
        "componentstatuses" => Printer {
            columns: const { &[NAME, shown("Status"), shown("Message"), shown("Error")] },
            row: |object, _| {
                let healthy = list(object, "/conditions")
                    .iter()
                    .find(|condition| condition["type"] == "Healthy");
                let part = |field: &str| {
                    healthy.and_then(|found| found[field].as_str()).unwrap_or_default()
                };
                let status = match part("status") {
                    "True" => "Healthy",
                    "False" => "Unhealthy",
                    _ => "Unknown",
                };
                vec![
                    json!(meta::name(object)),
                    json!(status),
                    json!(part("message")),
                    json!(part("error")),
                ]
            },
        },
        _ => return None,
    })
}
