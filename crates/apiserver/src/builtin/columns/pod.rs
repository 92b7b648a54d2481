//! Pods: what a pod is doing, in one word.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{AGE, Column, NAME, Printer, age, name, number, or_none, shown, since_creation, wide};
use crate::builtin::part::{at, list, text};
use crate::meta;

const COLUMNS: &[Column] = &[
    NAME,
    shown("Ready"),
    shown("Status"),
    shown("Restarts"),
    AGE,
    wide("IP"),
    wide("Node"),
    wide("Nominated Node"),
    wide("Readiness Gates"),
];

pub(super) fn printer(resource: &str) -> Option<Printer> {
    (resource == "pods").then_some(Printer { columns: COLUMNS, row })
}

/// Restarts and the time of the last one.
#[derive(Default)]
struct Restarts {
    count: i64,
    last: String,
}

impl Restarts {
    fn add(&mut self, container: &Value) {
        self.count += number(container, "/restartCount");
        let finished = text(container, "/lastState/terminated/finishedAt");
        // RFC 3339 in UTC sorts as text.
        if finished > self.last.as_str() {
            self.last = finished.to_owned();
        }
    }

    fn words(&self, now: Timestamp) -> String {
        if self.count == 0 || self.last.is_empty() {
            return self.count.to_string();
        }
        format!("{} ({} ago)", self.count, age(&self.last, now))
    }
}

/// Why a container ended.
fn ending(terminated: &Value) -> String {
    let reason = text(terminated, "/reason");
    match (reason, number(terminated, "/signal")) {
        ("", 0) => format!("ExitCode:{}", number(terminated, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn is_sidecar(pod: &Value, container: &Value) -> bool {
    list(pod, "/spec/initContainers")
        .iter()
        .any(|init| init["name"] == container["name"] && init["restartPolicy"] == "Always")
}

/// What the first unfinished init container says; counts sidecars that are ready.
fn initializing(pod: &Value, restarts: &mut Restarts, ready: &mut usize) -> Option<String> {
    let total = list(pod, "/spec/initContainers").len();
    for (done, container) in list(pod, "/status/initContainerStatuses").iter().enumerate() {
        restarts.add(container);
        if let Some(terminated) = at(container, "/state/terminated") {
            if number(terminated, "/exitCode") == 0 {
                continue;
            }
            return Some(format!("Init:{}", ending(terminated)));
        }
        if is_sidecar(pod, container) && container["started"] == json!(true) {
            *ready += usize::from(container["ready"] == json!(true));
            continue;
        }
        return Some(match text(container, "/state/waiting/reason") {
            "" | "PodInitializing" => format!("Init:{done}/{total}"),
            reason => format!("Init:{reason}"),
        });
    }
    None
}

fn has_condition(pod: &Value, kind: &str) -> bool {
    list(pod, "/status/conditions")
        .iter()
        .any(|condition| condition["type"] == kind && condition["status"] == "True")
}

fn status(pod: &Value, restarts: &mut Restarts, ready: &mut usize) -> String {
    let mut reason = match text(pod, "/status/reason") {
        "" => text(pod, "/status/phase").to_owned(),
        reason => reason.to_owned(),
    };
    let gated = |condition: &Value| {
        condition["type"] == "PodScheduled" && condition["reason"] == "SchedulingGated"
    };
    if list(pod, "/status/conditions").iter().any(gated) {
        reason = "SchedulingGated".to_owned();
    }
    let starting = initializing(pod, restarts, ready);
    let initialized = starting.is_none() || has_condition(pod, "Initialized");
    if let Some(words) = starting {
        reason = words;
    }
    if initialized {
        *restarts = Restarts::default();
        let mut running = false;
        for container in list(pod, "/status/containerStatuses").iter().rev() {
            restarts.add(container);
            let waiting = text(container, "/state/waiting/reason");
            if !waiting.is_empty() {
                reason = waiting.to_owned();
            } else if let Some(terminated) = at(container, "/state/terminated") {
                reason = ending(terminated);
            } else if container["ready"] == json!(true) && at(container, "/state/running").is_some()
            {
                running = true;
                *ready += 1;
            }
        }
        // One container may be done while another one still runs.
        if reason == "Completed" && running {
            let word = if has_condition(pod, "Ready") { "Running" } else { "NotReady" };
            reason = word.to_owned();
        }
    }
    match (meta::is_terminating(pod), reason.as_str()) {
        (true, "NodeLost") => "Unknown".to_owned(),
        (true, _) => "Terminating".to_owned(),
        _ => reason,
    }
}

fn row(pod: &Value, now: Timestamp) -> Vec<Value> {
    let mut restarts = Restarts::default();
    let mut ready = 0;
    let status = status(pod, &mut restarts, &mut ready);
    let sidecars = list(pod, "/spec/initContainers")
        .iter()
        .filter(|init| init["restartPolicy"] == "Always")
        .count();
    let total = list(pod, "/spec/containers").len() + sidecars;
    let ip = match list(pod, "/status/podIPs").first() {
        Some(first) => text(first, "/ip"),
        None => text(pod, "/status/podIP"),
    };
    let gates = list(pod, "/spec/readinessGates");
    let open = gates.iter().filter(|gate| has_condition(pod, text(gate, "/conditionType")));
    let gates = match gates.len() {
        0 => String::new(),
        all => format!("{}/{all}", open.count()),
    };
    vec![
        name(pod),
        json!(format!("{ready}/{total}")),
        json!(status),
        json!(restarts.words(now)),
        since_creation(pod, now),
        or_none(ip),
        or_none(text(pod, "/spec/nodeName")),
        or_none(text(pod, "/status/nominatedNodeName")),
        or_none(&gates),
    ]
}
