//! The Grafana dashboard: what an operator looks at first.
//!
//! A test asks running programs for their metrics and compares: no panel asks for a metric or a
//! label that nothing exposes.

use anyhow::Result;
use serde_json::{Value, json};

use crate::output;

/// One panel: a title, its unit as Grafana calls it, and what it shows.
struct Panel {
    title: &'static str,
    unit: &'static str,
    /// PromQL, and the name of its lines.
    lines: &'static [(&'static str, &'static str)],
}

const fn panel(
    title: &'static str,
    unit: &'static str,
    lines: &'static [(&'static str, &'static str)],
) -> Panel {
    Panel { title, unit, lines }
}

/// Rows, each with its panels.
const ROWS: &[(&str, &[Panel])] = &[
    (
        "Controllers",
        &[
            panel("Leaders", "short", &[("sum by (lease) (kubewright_leader)", "{{lease}}")]),
            panel(
                "Queues",
                "short",
                &[("sum by (controller) (kubewright_queue_depth)", "{{controller}}")],
            ),
            panel(
                "Longest wait",
                "s",
                &[("max by (controller) (kubewright_queue_oldest_age_seconds)", "{{controller}}")],
            ),
            panel(
                "Time of a reconcile, 99th percentile",
                "s",
                &[(
                    "histogram_quantile(0.99, sum by (le, controller) \
                     (rate(kubewright_reconcile_duration_seconds_bucket[5m])))",
                    "{{controller}}",
                )],
            ),
            panel(
                "Reconciles by result",
                "ops",
                &[(
                    "sum by (controller, result) \
                     (rate(kubewright_reconcile_duration_seconds_count[5m]))",
                    "{{controller}} {{result}}",
                )],
            ),
            panel(
                "Writes to the API server",
                "ops",
                &[(
                    "sum by (controller, resource, verb, result) \
                     (rate(kubewright_writes_total[5m]))",
                    "{{controller}} {{verb}} {{resource}} {{result}}",
                )],
            ),
            panel(
                "Controllers that failed and started again",
                "short",
                &[(
                    "sum by (controller) (increase(kubewright_controller_restarts_total[1h]))",
                    "{{controller}}",
                )],
            ),
            panel(
                "Memory",
                "bytes",
                &[(
                    "process_resident_memory_bytes and on (instance) kubewright_build_info",
                    "{{instance}}",
                )],
            ),
        ],
    ),
    (
        "HostEndpoints",
        &[
            panel(
                "Nodes without protection",
                "short",
                &[
                    ("sum(kubewright_hostendpoint_unprotected_nodes)", "unprotected"),
                    ("sum(kubewright_hostendpoint_mass_deletion_nodes)", "deletions held back"),
                ],
            ),
            panel(
                "Time until a node is protected, 99th percentile",
                "s",
                &[(
                    "histogram_quantile(0.99, sum by (le) \
                     (rate(kubewright_hostendpoint_protection_delay_seconds_bucket[15m])))",
                    "delay",
                )],
            ),
            panel(
                "Repairs and removals",
                "short",
                &[
                    ("sum(increase(kubewright_hostendpoint_drift_repairs_total[1h]))", "repaired"),
                    ("sum(increase(kubewright_hostendpoint_orphans_removed_total[1h]))", "removed"),
                ],
            ),
            panel(
                "Writes of endpoints",
                "ops",
                &[(
                    "sum by (verb, result) (rate(kubewright_hostendpoint_writes_total[5m]))",
                    "{{verb}} {{result}}",
                )],
            ),
        ],
    ),
    (
        "Pod networks",
        &[
            panel(
                "Pods whose networks are not what they ask for",
                "short",
                &[("sum by (instance) (kubewright_podnet_failing_pods) > 0", "{{instance}}")],
            ),
            panel(
                "Time from a change to its end, 99th percentile",
                "s",
                &[(
                    "histogram_quantile(0.99, sum by (le) \
                     (rate(kubewright_podnet_reaction_seconds_bucket[15m])))",
                    "reaction",
                )],
            ),
            panel(
                "Interfaces attached and detached",
                "ops",
                &[("sum by (kind) (rate(kubewright_podnet_changes_total[5m]))", "{{kind}}")],
            ),
            panel(
                "Failures by reason",
                "ops",
                &[("sum by (reason) (rate(kubewright_podnet_failures_total[5m]))", "{{reason}}")],
            ),
        ],
    ),
    (
        "Peer pods",
        &[
            panel(
                "Seats",
                "short",
                &[
                    ("sum by (config) (kubewright_peerpod_limit)", "{{config}} limit"),
                    ("sum by (config) (kubewright_peerpod_advertised)", "{{config}} advertised"),
                    ("sum by (config) (kubewright_peerpod_held)", "{{config}} held"),
                ],
            ),
            panel(
                "Nodes that take no new peer pods",
                "short",
                &[("sum by (obstacle) (kubewright_peerpod_obstructed_nodes)", "{{obstacle}}")],
            ),
            panel(
                "VMs that nobody cleans up",
                "short",
                &[("sum(kubewright_peerpod_orphaned_peer_pod_objects)", "orphaned")],
            ),
            panel(
                "Answers of the webhook",
                "ops",
                &[(
                    "sum by (verdict) (rate(kubewright_peerpod_webhook_reviews_total[5m]))",
                    "{{verdict}}",
                )],
            ),
        ],
    ),
    (
        "Nodes",
        &[
            panel(
                "Nodes that wait to be let in",
                "short",
                &[("sum(kubewright_node_requests_waiting)", "waiting")],
            ),
            panel(
                "Requests answered",
                "short",
                &[(
                    "sum by (kind, answer) \
                     (increase(kubewright_node_requests_answered_total[1h]))",
                    "{{kind}} {{answer}}",
                )],
            ),
            panel(
                "Acceptance policy is wrong",
                "short",
                &[("max(kubewright_node_policy_faults)", "faults")],
            ),
        ],
    ),
];

/// Panels side by side.
const COLUMNS: usize = 4;
/// Width of Grafana's grid.
const WIDTH: usize = 24;
/// Height of a panel on Grafana's grid.
const HEIGHT: usize = 7;

/// The dashboard as Grafana imports it.
pub(crate) fn dashboard() -> Result<String> {
    let mut panels = Vec::new();
    let mut y = 0;
    for (title, row) in ROWS {
        panels.push(json!({
            "id": panels.len() + 1,
            "type": "row",
            "title": title,
            "collapsed": false,
            "gridPos": { "x": 0, "y": y, "w": WIDTH, "h": 1 },
            "panels": [],
        }));
        y += 1;
        for (at, panel) in row.iter().enumerate() {
            let (x, line) = (at % COLUMNS * WIDTH / COLUMNS, at / COLUMNS * HEIGHT);
            let place = json!({ "x": x, "y": y + line, "w": WIDTH / COLUMNS, "h": HEIGHT });
            panels.push(graph(panels.len() + 1, panel, &place));
        }
        y += row.len().div_ceil(COLUMNS) * HEIGHT;
    }
    output::json(&json!({
        "uid": "kubewright",
        "title": "kubewright",
        "tags": ["kubernetes", "kubewright"],
        "schemaVersion": 39,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": { "from": "now-6h", "to": "now" },
        "templating": { "list": [{
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
        }] },
        "panels": panels,
    }))
}

fn graph(id: usize, panel: &Panel, place: &Value) -> Value {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let targets: Vec<Value> = panel
        .lines
        .iter()
        .zip('A'..)
        .map(|((query, legend), name)| {
            json!({ "refId": name, "expr": query, "legendFormat": legend, "datasource": source })
        })
        .collect();
    json!({
        "id": id,
        "type": "timeseries",
        "title": panel.title,
        "datasource": source,
        "gridPos": place,
        "fieldConfig": { "defaults": { "unit": panel.unit, "min": 0 }, "overrides": [] },
        "options": { "legend": { "displayMode": "list", "placement": "bottom" } },
        "targets": targets,
    })
}
