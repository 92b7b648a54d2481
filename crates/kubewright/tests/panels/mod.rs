//! What the dashboard asks Prometheus for, against what programs expose.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Labels that Prometheus itself gives, or that every histogram has.
const GIVEN: [&str; 2] = ["instance", "le"];

/// Metrics, each with its labels, as one query of the dashboard wants them.
struct Wanted {
    query: String,
    metrics: BTreeSet<String>,
    labels: BTreeSet<String>,
}

/// Checks every query about metrics of these beginnings against what a program exposes: each metric
/// is there, and has the labels by which it is summed or named.
pub fn assert_exposed(beginnings: &[&str], exposed: &str) {
    let exposed = labels_by_metric(exposed);
    let mut checked = 0;
    for wanted in dashboard() {
        for metric in &wanted.metrics {
            if !beginnings.iter().any(|beginning| metric.starts_with(beginning)) {
                continue;
            }
            let labels = exposed.get(metric);
            let labels = labels.unwrap_or_else(|| panic!("nothing exposes {metric}: {exposed:#?}"));
            for label in wanted.labels.iter().filter(|label| !GIVEN.contains(&label.as_str())) {
                assert!(labels.contains(label), "{metric} has no {label}: {}", wanted.query);
            }
            checked += 1;
        }
    }
    assert!(checked > 0, "the dashboard asks for none of {beginnings:?}");
}

/// All metrics that the dashboard asks for.
pub fn metrics() -> BTreeSet<String> {
    dashboard().into_iter().flat_map(|wanted| wanted.metrics).collect()
}

fn dashboard() -> Vec<Wanted> {
    let files = kubewright::generated::files().unwrap();
    let (_, text) =
        files.iter().find(|(path, _)| path.ends_with("grafana/kubewright.json")).unwrap();
    let dashboard: Value = serde_json::from_str(text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets
        .map(|target| {
            let query = target["expr"].as_str().unwrap();
            let legend = target["legendFormat"].as_str().unwrap();
            Wanted {
                query: query.to_owned(),
                metrics: words(query).filter(|word| is_metric(word)).map(str::to_owned).collect(),
                labels: grouped(query).chain(named(legend)).map(str::to_owned).collect(),
            }
        })
        .collect()
}

fn words(query: &str) -> impl Iterator<Item = &str> {
    query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

fn is_metric(word: &str) -> bool {
    word.starts_with("kubewright_") || word.starts_with("process_")
}

/// Labels in `by (…)`.
fn grouped(query: &str) -> impl Iterator<Item = &str> {
    query.split("by (").skip(1).flat_map(|rest| words(rest.split(')').next().unwrap()))
}

/// Labels in `{{…}}`.
fn named(legend: &str) -> impl Iterator<Item = &str> {
    legend.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap().trim())
}

/// Samples of the text format, by the names of their labels.
fn labels_by_metric(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some(end) = line.find(['{', ' ']) else { continue };
        let (name, rest) = line.split_at(end);
        let labels = rest.strip_prefix('{').map_or("", |rest| rest.split('}').next().unwrap());
        let names = labels.split("=\"").map(|part| part.rsplit(['"', ',']).next().unwrap());
        let count = labels.matches("=\"").count();
        all.entry(name.to_owned()).or_default().extend(names.take(count).map(str::to_owned));
    }
    all
}
