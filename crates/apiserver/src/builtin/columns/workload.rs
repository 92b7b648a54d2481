//! Controllers of pods, jobs, autoscalers and disruption budgets.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    AGE, Column, NAME, Printer, age, containers, human_duration, labels, name, number, or_none,
    selector, shown, since_creation, typed, wide,
};
use crate::builtin::part::{at, list, text};
use crate::meta;

const REPLICAS: &[Column] = &[
    NAME,
    typed("Desired", "integer"),
    typed("Current", "integer"),
    typed("Ready", "integer"),
    AGE,
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
];

pub(super) fn printer(group: &str, resource: &str) -> Option<Printer> {
    Some(match (group, resource) {
        ("apps", "deployments") => Printer {
            columns: const {
                &[
                    NAME,
                    shown("Ready"),
                    shown("Up-to-date"),
                    shown("Available"),
                    AGE,
                    wide("Containers"),
                    wide("Images"),
                    wide("Selector"),
                ]
            },
            row: deployment,
        },
        ("apps", "replicasets") => Printer { columns: REPLICAS, row: replica_set },
        ("", "replicationcontrollers") => Printer { columns: REPLICAS, row: replica_set },
        ("apps", "statefulsets") => Printer {
            columns: const { &[NAME, shown("Ready"), AGE, wide("Containers"), wide("Images")] },
            row: stateful_set,
        },
        ("apps", "daemonsets") => Printer {
            columns: const {
                &[
                    NAME,
                    typed("Desired", "integer"),
                    typed("Current", "integer"),
                    typed("Ready", "integer"),
                    typed("Up-to-date", "integer"),
                    typed("Available", "integer"),
                    shown("Node Selector"),
                    AGE,
                    wide("Containers"),
                    wide("Images"),
                    wide("Selector"),
                ]
            },
            row: daemon_set,
        },
        ("apps", "controllerrevisions") => Printer {
            columns: const { &[NAME, shown("Controller"), shown("Revision"), AGE] },
            row: revision,
        },
        ("", "podtemplates") => Printer {
            columns: const { &[NAME, shown("Containers"), shown("Images"), shown("Pod Labels")] },
            row: |object, _| {
                let [containers, images] = containers(&object["template"]["spec"]);
                let labels = json!(labels(&object["template"]["metadata"]["labels"]));
                vec![name(object), containers, images, labels]
            },
        },
        ("batch", "jobs") => Printer {
            columns: const {
                &[
                    NAME,
                    shown("Completions"),
                    shown("Duration"),
                    AGE,
                    wide("Containers"),
                    wide("Images"),
                    wide("Selector"),
                ]
            },
            row: job,
        },
        ("batch", "cronjobs") => Printer {
            columns: const {
                &[
                    NAME,
                    shown("Schedule"),
                    typed("Suspend", "boolean"),
                    typed("Active", "integer"),
                    shown("Last Schedule"),
                    AGE,
                    wide("Containers"),
                    wide("Images"),
                    wide("Selector"),
                ]
            },
            row: cron_job,
        },
        ("policy", "poddisruptionbudgets") => Printer {
            columns: const {
                &[
                    NAME,
                    shown("Min Available"),
                    shown("Max Unavailable"),
                    typed("Allowed Disruptions", "integer"),
                    AGE,
                ]
            },
            row: budget,
        },
        ("autoscaling", "scales") => Printer {
            columns: const { &[NAME, typed("Desired", "integer"), typed("Available", "integer"), AGE] },
            row: scale,
        },
        ("autoscaling", "horizontalpodautoscalers") => Printer {
            columns: const {
                &[
                    NAME,
                    shown("Reference"),
                    shown("Targets"),
                    shown("MinPods"),
                    shown("MaxPods"),
                    shown("Replicas"),
                    AGE,
                ]
            },
            row: autoscaler,
        },
        _ => return None,
    })
}

fn scale(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        json!(number(object, "/spec/replicas")),
        json!(number(object, "/status/replicas")),
        since_creation(object, now),
    ]
}

fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
    let ready = number(object, "/status/readyReplicas");
    let [containers, images] = containers(&object["spec"]["template"]["spec"]);
    vec![
        name(object),
        json!(format!("{ready}/{}", number(object, "/spec/replicas"))),
        json!(number(object, "/status/updatedReplicas")),
        json!(number(object, "/status/availableReplicas")),
        since_creation(object, now),
        containers,
        images,
        json!(selector(&object["spec"]["selector"])),
    ]
}

fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let [containers, images] = containers(&object["spec"]["template"]["spec"]);
    // A replication controller has a plain map as selector.
    let chosen = &object["spec"]["selector"];
    let structured = chosen["matchLabels"].is_object() || chosen["matchExpressions"].is_array();
    let chosen = if structured { selector(chosen) } else { labels(chosen) };
    vec![
        name(object),
        json!(number(object, "/spec/replicas")),
        json!(number(object, "/status/replicas")),
        json!(number(object, "/status/readyReplicas")),
        since_creation(object, now),
        containers,
        images,
        json!(chosen),
    ]
}

fn stateful_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let ready = number(object, "/status/readyReplicas");
    let [containers, images] = containers(&object["spec"]["template"]["spec"]);
    vec![
        name(object),
        json!(format!("{ready}/{}", number(object, "/spec/replicas"))),
        since_creation(object, now),
        containers,
        images,
    ]
}

fn daemon_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let pods = &object["spec"]["template"]["spec"];
    let [containers, images] = containers(pods);
    let status = |field: &str| json!(object["status"][field].as_i64().unwrap_or_default());
    vec![
        name(object),
        status("desiredNumberScheduled"),
        status("currentNumberScheduled"),
        status("numberReady"),
        status("updatedNumberScheduled"),
        status("numberAvailable"),
        json!(labels(&pods["nodeSelector"])),
        since_creation(object, now),
        containers,
        images,
        json!(selector(&object["spec"]["selector"])),
    ]
}

fn revision(object: &Value, now: Timestamp) -> Vec<Value> {
    let controller = meta::controller(object).map(|owner| {
        let group = text(owner, "/apiVersion").split_once('/').map(|(group, _)| group);
        let kind = text(owner, "/kind").to_lowercase();
        let kind = group.map_or(kind.clone(), |group| format!("{kind}.{group}"));
        format!("{kind}/{}", text(owner, "/name"))
    });
    vec![
        name(object),
        or_none(&controller.unwrap_or_default()),
        json!(number(object, "/revision")),
        since_creation(object, now),
    ]
}

fn job(object: &Value, now: Timestamp) -> Vec<Value> {
    let succeeded = number(object, "/status/succeeded");
    let completions = at(object, "/spec/completions").and_then(Value::as_i64);
    let parallelism = number(object, "/spec/parallelism");
    let completions = match completions {
        Some(completions) => format!("{succeeded}/{completions}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    };
    let start = text(object, "/status/startTime").parse::<Timestamp>().ok();
    let end = text(object, "/status/completionTime").parse::<Timestamp>().ok();
    let duration = start.map(|start| end.unwrap_or(now).as_second() - start.as_second());
    let [containers, images] = containers(&object["spec"]["template"]["spec"]);
    vec![
        name(object),
        json!(completions),
        json!(duration.map(human_duration).unwrap_or_default()),
        since_creation(object, now),
        containers,
        images,
        json!(selector(&object["spec"]["selector"])),
    ]
}

fn cron_job(object: &Value, now: Timestamp) -> Vec<Value> {
    let last = match text(object, "/status/lastScheduleTime") {
        "" => "<none>".to_owned(),
        time => age(time, now),
    };
    let spec = &object["spec"]["jobTemplate"]["spec"];
    let [containers, images] = containers(&spec["template"]["spec"]);
    vec![
        name(object),
        json!(text(object, "/spec/schedule")),
        // The column is a boolean, but the cell has always been a word.
        json!(match object["spec"]["suspend"].as_bool() {
            Some(true) => "True",
            Some(false) => "False",
            None => "<unset>",
        }),
        json!(list(object, "/status/active").len()),
        json!(last),
        since_creation(object, now),
        containers,
        images,
        json!(selector(&spec["selector"])),
    ]
}

fn budget(object: &Value, now: Timestamp) -> Vec<Value> {
    let amount = |field: &str| match &object["spec"][field] {
        Value::Null => json!("N/A"),
        Value::String(text) => json!(text),
        other => json!(other.to_string()),
    };
    vec![
        name(object),
        amount("minAvailable"),
        amount("maxUnavailable"),
        json!(number(object, "/status/disruptionsAllowed")),
        since_creation(object, now),
    ]
}

/// `40%/80%` for each metric that is a share of requests; others are only counted.
fn targets(object: &Value) -> String {
    let metrics = list(object, "/spec/metrics");
    let current = list(object, "/status/currentMetrics");
    let mut words: Vec<String> = metrics
        .iter()
        .take(2)
        .map(|metric| {
            let wanted = at(metric, "/resource/target/averageUtilization").and_then(Value::as_i64);
            let name = text(metric, "/resource/name");
            let now = current
                .iter()
                .find(|found| text(found, "/resource/name") == name)
                .and_then(|found| at(found, "/resource/current/averageUtilization"))
                .and_then(Value::as_i64);
            let now = now.map_or_else(|| "<unknown>".to_owned(), |now| format!("{now}%"));
            match wanted {
                Some(wanted) => format!("{now}/{wanted}%"),
                None => format!("{now}/<auto>"),
            }
        })
        .collect();
    if let Some(wanted) = at(object, "/spec/targetCPUUtilizationPercentage") {
        let now = at(object, "/status/currentCPUUtilizationPercentage");
        let now = now.map_or_else(|| "<unknown>".to_owned(), |now| format!("{now}%"));
        words.push(format!("{now}/{wanted}%"));
    }
    if words.is_empty() {
        return "<none>".to_owned();
    }
    let more = metrics.len().saturating_sub(2);
    let words = words.join(", ");
    if more > 0 { format!("{words} + {more} more...") } else { words }
}

fn autoscaler(object: &Value, now: Timestamp) -> Vec<Value> {
    let target = &object["spec"]["scaleTargetRef"];
    let reference = format!("{}/{}", text(target, "/kind"), text(target, "/name"));
    let least = at(object, "/spec/minReplicas").and_then(Value::as_i64);
    vec![
        name(object),
        json!(reference),
        json!(targets(object)),
        least.map_or_else(|| json!("<unset>"), |least| json!(least.to_string())),
        json!(number(object, "/spec/maxReplicas")),
        json!(number(object, "/status/currentReplicas")),
        since_creation(object, now),
    ]
}
