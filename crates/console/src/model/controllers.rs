//! Controllers: who leads, how much waits, what fails.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Badge, Notice, Rows, Tone, words};
use crate::metrics::{Sample, Scrape};
use crate::world::{Source, World};

/// A lease that controllers compete for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct LeaseRow {
    /// `namespace/name`.
    pub(crate) name: String,
    pub(crate) state: Badge,
    pub(crate) holder: String,
    /// For how long it leads.
    pub(crate) held: String,
    /// How long ago it was renewed.
    pub(crate) renewed: String,
    pub(crate) transitions: i64,
}

/// A controller as the metrics of its process tell of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Work {
    pub(crate) controller: String,
    /// Where the metrics come from.
    pub(crate) origin: String,
    /// Objects that wait.
    pub(crate) queue: u64,
    /// Seconds that the first of them waits.
    pub(crate) oldest: f64,
    pub(crate) reconciles: u64,
    pub(crate) errors: u64,
    pub(crate) writes: u64,
    /// Writes that the API server did not take.
    pub(crate) refused: u64,
    /// Times it failed and was started again.
    pub(crate) restarts: u64,
}

/// A process whose metrics cannot be had.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Unreachable {
    pub(crate) origin: String,
    pub(crate) problem: String,
}

/// The leases.
pub(crate) fn leases(world: &World, now: Timestamp) -> Rows<LeaseRow> {
    let rows = world.leases.iter().map(|(name, lease)| {
        let lapsed = lease
            .renewed
            .is_none_or(|renewed| now.duration_since(renewed).as_secs() > lease.duration);
        let state = match (lease.holder.is_empty(), lapsed) {
            (true, _) => Badge::new(Tone::Warn, "Nobody leads"),
            (false, true) => Badge::new(Tone::Bad, "Lapsed"),
            (false, false) => Badge::new(Tone::Ok, "Leading"),
        };
        LeaseRow {
            name: name.to_owned(),
            state,
            holder: words::clip(&lease.holder, 120),
            held: lease.acquired.map(|since| words::age(now, since)).unwrap_or_default(),
            renewed: lease.renewed.map(|at| words::age(now, at)).unwrap_or_default(),
            transitions: lease.transitions,
        }
    });
    let rows: Vec<_> = rows.collect();
    let notice = Notice::of(world, Source::Leases, None).or_else(|| {
        rows.is_empty().then(|| {
            let text = "No lease of a kubewright controller is in this cluster.";
            Notice::empty("No controllers", text, Some("kubewright manifests | kubectl apply -f -"))
        })
    });
    Rows::of(rows, notice)
}

/// What the metrics tell, by process and controller.
pub(crate) fn work(scrapes: &[Scrape]) -> (Vec<Work>, Vec<Unreachable>) {
    let (mut all, mut unreachable) = (Vec::new(), Vec::new());
    for scrape in scrapes {
        match &scrape.outcome {
            Ok(samples) => all.extend(of_process(&scrape.origin, samples)),
            Err(problem) => unreachable.push(Unreachable {
                origin: scrape.origin.clone(),
                problem: words::clip(problem, 200),
            }),
        }
    }
    (all, unreachable)
}

fn of_process(origin: &str, samples: &[Sample]) -> Vec<Work> {
    let mut found: BTreeMap<&str, Work> = BTreeMap::new();
    for sample in samples {
        let Some(name) = sample.label("controller") else { continue };
        let work = found.entry(name).or_default();
        let whole = sample.value.max(0.0) as u64;
        match (sample.name.as_str(), sample.label("result")) {
            ("kubewright_queue_depth", _) => work.queue = whole,
            ("kubewright_queue_oldest_age_seconds", _) => work.oldest = sample.value.round(),
            ("kubewright_controller_restarts_total", _) => work.restarts = whole,
            ("kubewright_reconcile_duration_seconds_count", result) => {
                work.reconciles += whole;
                work.errors += if result == Some("error") { whole } else { 0 };
            }
            ("kubewright_writes_total", result) => {
                work.writes += whole;
                work.refused += if result == Some("ok") { 0 } else { whole };
            }
            _ => {}
        }
    }
    let named = found.into_iter().map(|(name, work)| Work {
        controller: words::clip(name, 60),
        origin: origin.to_owned(),
        ..work
    });
    named.collect()
}

#[cfg(test)]
mod tests;
