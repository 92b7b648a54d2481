//! What belongs to the cluster: nodes, leases, access, certificates, admission.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    AGE, NAME, Printer, human_duration, name, number, or, or_none, shown, since_creation, typed,
    wide,
};
use crate::builtin::part::{at, list, text};
use crate::meta;

pub(super) fn printer(group: &str, resource: &str) -> Option<Printer> {
    Some(match (group, resource) {
        ("", "nodes") => Printer {
            columns: const {
                &[
                    NAME,
                    shown("Status"),
                    shown("Roles"),
                    AGE,
                    shown("Version"),
                    wide("Internal-IP"),
                    wide("External-IP"),
                    wide("OS-Image"),
                    wide("Kernel-Version"),
                    wide("Container-Runtime"),
                ]
            },
            row: node,
        },
        ("coordination.k8s.io", "leases") => Printer {
            columns: const { &[NAME, shown("Holder"), AGE] },
            row: |object, now| {
                let holder = json!(text(object, "/spec/holderIdentity"));
                vec![name(object), holder, since_creation(object, now)]
            },
        },
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => Printer {
            columns: const {
                &[NAME, shown("Role"), AGE, wide("Users"), wide("Groups"), wide("ServiceAccounts")]
            },
            row: binding,
        },
        ("certificates.k8s.io", "certificatesigningrequests") => Printer {
            columns: const {
                &[
                    NAME,
                    AGE,
                    shown("SignerName"),
                    shown("Requestor"),
                    shown("RequestedDuration"),
                    shown("Condition"),
                ]
            },
            row: signing_request,
        },
        (
            "admissionregistration.k8s.io",
            "mutatingwebhookconfigurations" | "validatingwebhookconfigurations",
        ) => Printer {
            columns: const { &[NAME, typed("Webhooks", "integer"), AGE] },
            row: |object, now| {
                let webhooks = json!(list(object, "/webhooks").len());
                vec![name(object), webhooks, since_creation(object, now)]
            },
        },
        ("apiregistration.k8s.io", "apiservices") => Printer {
            columns: const { &[NAME, shown("Service"), shown("Available"), AGE] },
            row: api_service,
        },
        ("scheduling.k8s.io", "priorityclasses") => Printer {
            columns: const {
                &[NAME, typed("Value", "integer"), typed("Global-Default", "boolean"), AGE]
            },
            row: |object, now| {
                let default = json!(object["globalDefault"] == json!(true));
                vec![
                    name(object),
                    json!(number(object, "/value")),
                    default,
                    since_creation(object, now),
                ]
            },
        },
        ("node.k8s.io", "runtimeclasses") => Printer {
            columns: const { &[NAME, shown("Handler"), AGE] },
            row: |object, now| {
                let handler = json!(text(object, "/handler"));
                vec![name(object), handler, since_creation(object, now)]
            },
        },
        ("flowcontrol.apiserver.k8s.io", "flowschemas") => Printer {
            columns: const {
                &[
                    NAME,
                    shown("PriorityLevel"),
                    typed("MatchingPrecedence", "integer"),
                    shown("DistinguisherMethod"),
                    AGE,
                    shown("MissingPL"),
                ]
            },
            row: flow_schema,
        },
        ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations") => Printer {
            columns: const {
                &[
                    NAME,
                    shown("Type"),
                    shown("NominalConcurrencyShares"),
                    shown("Queues"),
                    shown("HandSize"),
                    shown("QueueLengthLimit"),
                    AGE,
                ]
            },
            row: priority_level,
        },
        _ => return None,
    })
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions").iter().find(|condition| condition["type"] == kind)
}

fn node(node: &Value, now: Timestamp) -> Vec<Value> {
    let mut status = match condition(node, "Ready").map(|ready| text(ready, "/status")) {
        None => "Unknown",
        Some("True") => "Ready",
        Some(_) => "NotReady",
    }
    .to_owned();
    if node["spec"]["unschedulable"] == json!(true) {
        status.push_str(",SchedulingDisabled");
    }
    let roles: BTreeSet<&str> = meta::labels(node)
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None => (key == "kubernetes.io/role").then_some(value),
        })
        .filter(|role| !role.is_empty())
        .collect();
    let roles = roles.into_iter().collect::<Vec<_>>().join(",");
    let address = |kind: &str| {
        let found = list(node, "/status/addresses").iter().find(|address| address["type"] == kind);
        or_none(found.map(|address| text(address, "/address")).unwrap_or_default())
    };
    let info = |field: &str| text(node, &format!("/status/nodeInfo/{field}")).to_owned();
    vec![
        name(node),
        json!(status),
        or_none(&roles),
        since_creation(node, now),
        json!(info("kubeletVersion")),
        address("InternalIP"),
        address("ExternalIP"),
        or(&info("osImage"), "<unknown>"),
        or(&info("kernelVersion"), "<unknown>"),
        or(&info("containerRuntimeVersion"), "<unknown>"),
    ]
}

fn binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let role = format!("{}/{}", text(object, "/roleRef/kind"), text(object, "/roleRef/name"));
    let subjects = |kind: &str| {
        let names: Vec<_> = list(object, "/subjects")
            .iter()
            .filter(|subject| subject["kind"] == kind)
            .map(|subject| match (kind, text(subject, "/namespace")) {
                ("ServiceAccount", namespace) => format!("{namespace}/{}", text(subject, "/name")),
                _ => text(subject, "/name").to_owned(),
            })
            .collect();
        json!(names.join(", "))
    };
    vec![
        name(object),
        json!(role),
        since_creation(object, now),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

fn signing_request(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut status = if condition(object, "Denied").is_some() {
        "Denied"
    } else if condition(object, "Approved").is_some() {
        "Approved"
    } else {
        "Pending"
    }
    .to_owned();
    if condition(object, "Failed").is_some() {
        status.push_str(",Failed");
    }
    if !text(object, "/status/certificate").is_empty() {
        status.push_str(",Issued");
    }
    let duration = at(object, "/spec/expirationSeconds").and_then(Value::as_i64);
    vec![
        name(object),
        since_creation(object, now),
        or_none(text(object, "/spec/signerName")),
        json!(text(object, "/spec/username")),
        json!(duration.map_or_else(|| "<none>".to_owned(), human_duration)),
        json!(status),
    ]
}

fn api_service(object: &Value, now: Timestamp) -> Vec<Value> {
    let service = match at(object, "/spec/service") {
        Some(service) => format!("{}/{}", text(service, "/namespace"), text(service, "/name")),
        None => "Local".to_owned(),
    };
    let available = match condition(object, "Available") {
        Some(found) if found["status"] == "True" => "True".to_owned(),
        Some(found) => format!("{} ({})", text(found, "/status"), text(found, "/reason")),
        None => "Unknown".to_owned(),
    };
    vec![name(object), json!(service), json!(available), since_creation(object, now)]
}

fn flow_schema(object: &Value, now: Timestamp) -> Vec<Value> {
    let missing = condition(object, "Dangling").map_or("?", |found| text(found, "/status"));
    vec![
        name(object),
        json!(text(object, "/spec/priorityLevelConfiguration/name")),
        json!(number(object, "/spec/matchingPrecedence")),
        or_none(text(object, "/spec/distinguisherMethod/type")),
        since_creation(object, now),
        json!(missing),
    ]
}

fn priority_level(object: &Value, now: Timestamp) -> Vec<Value> {
    let limited = &object["spec"]["limited"];
    let queuing = &limited["limitResponse"]["queuing"];
    let cell = |value: &Value| match value {
        Value::Null => json!("<none>"),
        value => value.clone(),
    };
    vec![
        name(object),
        json!(text(object, "/spec/type")),
        cell(&limited["nominalConcurrencyShares"]),
        cell(&queuing["queues"]),
        cell(&queuing["handSize"]),
        cell(&queuing["queueLengthLimit"]),
        since_creation(object, now),
    ]
}
