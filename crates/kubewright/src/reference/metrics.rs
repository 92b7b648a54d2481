//! Every metric, read from what `/metrics` serves once each was moved.

use std::collections::{BTreeMap, BTreeSet};

use kubewright_node::approver::ApproverMetrics;
use kubewright_operator::Metrics;
use kubewright_peerpod::metrics::PeerPodMetrics;

use super::{code, table};

/// A metric as it is served.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Metric {
    pub(super) kind: String,
    help: String,
    pub(super) labels: BTreeMap<String, BTreeSet<String>>,
}

pub(super) fn page() -> String {
    let rows = read(&everything()).into_iter().map(|(name, metric)| {
        let labels: Vec<String> = metric.labels.iter().map(label).collect();
        let name = match metric.kind.as_str() {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name,
        };
        [code(&name), metric.kind, labels.join("; "), metric.help]
    });
    let rows = table(["metric", "type", "labels", "what it says"], rows);
    format!(
        "# Metrics\nServed at `/metrics` of `--health-address` by the controllers, the agent of pod \
         networks and, where it is given one, `kubewright peerpod webhook`, in the OpenMetrics text format. A process has \
         those of what runs in it; a metric with labels appears when it is first moved. Of a \
         histogram there are `_bucket`, `_sum` and `_count`; times are in seconds. Values in \
         capitals stand for what is in your cluster.\n\n{rows}\n\
         The embedded control plane serves `apiserver_storage_objects` (gauge, by `resource`) at \
         `/metrics` of its own address, to those who may read it.\n"
    )
}

/// A process that has every area, with each metric moved once.
fn everything() -> String {
    let process = Metrics::new();
    process.exemplify();
    kubewright_hostendpoint::controller::exemplify_metrics(&process);
    kubewright_podnet::agent::exemplify_metrics(&process);
    PeerPodMetrics::of_process(&process).exemplify();
    ApproverMetrics::of_process(&process).exemplify();
    process.render()
}

/// The metrics of a text, by the names of their families.
pub(super) fn read(text: &str) -> BTreeMap<String, Metric> {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    let mut family = String::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|it| it.split_once(' ')) {
            family = name.to_owned();
            help.trim_end_matches('.')
                .clone_into(&mut metrics.entry(family.clone()).or_default().help);
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|it| it.split_once(' '))
        {
            kind.clone_into(&mut metrics.entry(name.to_owned()).or_default().kind);
        } else if let Some((_, labels)) =
            line.split_once('{').and_then(|(name, rest)| Some((name, rest.rsplit_once('}')?.0)))
            && let Some(metric) = metrics.get_mut(&family)
        {
            for pair in labels.split("\",") {
                if let Some((label, value)) = pair.split_once("=\"")
                    && label != "le"
                {
                    let values = metric.labels.entry(label.to_owned()).or_default();
                    values.insert(value.trim_end_matches('"').to_owned());
                }
            }
        }
    }
    metrics
}

/// A label with the values it is known to have.
fn label((name, values): (&String, &BTreeSet<String>)) -> String {
    let values: Vec<String> = values.iter().map(|value| code(value)).collect();
    format!("{} ({})", code(name), values.join(", "))
}
