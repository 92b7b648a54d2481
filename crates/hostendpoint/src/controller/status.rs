//! What is reported about templates: counts kept up to date node by node, and
//! conditions made of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{execute::Failure, sighting::Trouble};
use crate::{
    api::{ConditionType, HostEndpointTemplateStatus},
    labels::Shared,
    observed::Observed,
    plan::{NodePlan, Tally, Verdict, plan_node},
    problem::ProblemKind,
};

/// Counts of a template.
#[derive(Debug, Default)]
struct Counts {
    matched: usize,
    wanted: usize,
    present: usize,
    /// Nodes with problems, by reason. The texts are made when they are
    /// needed: kept for each node of a large cluster they would fill memory.
    problems: BTreeMap<&'static str, BTreeSet<Shared>>,
}

/// What a node contributed.
#[derive(Debug, Default, PartialEq)]
struct Contribution {
    tallies: Box<[(Shared, Tally)]>,
    problems: Box<[(Shared, &'static str)]>,
}

/// The board on which nodes report.
#[derive(Debug, Default)]
pub(super) struct Board {
    nodes: HashMap<Shared, Contribution>,
    templates: BTreeMap<Shared, Counts>,
    /// Failed requests by node.
    failures: BTreeMap<Shared, Vec<Failure>>,
    /// Templates to report about.
    dirty: BTreeSet<Shared>,
}

impl Board {
    /// A node was planned. Returns problems that it did not have before.
    pub(super) fn record(&mut self, node: &Shared, plan: &NodePlan) -> Vec<(Shared, &'static str)> {
        let mut problems: Vec<_> = plan
            .problems
            .iter()
            .map(|problem| (problem.template.clone(), problem.kind.reason()))
            .collect();
        problems.sort();
        problems.dedup();
        let new = Contribution {
            tallies: plan.tallies.iter().map(|(name, tally)| (name.clone(), *tally)).collect(),
            problems: problems.into_boxed_slice(),
        };
        let old = self.nodes.remove(node).unwrap_or_default();
        if old != new {
            self.add(node, &old, false);
            self.add(node, &new, true);
        }
        let fresh = new
            .problems
            .iter()
            .filter(|problem| !old.problems.contains(problem))
            .cloned()
            .collect();
        if new != Contribution::default() {
            self.nodes.insert(node.clone(), new);
        }
        fresh
    }

    fn add(&mut self, node: &Shared, contribution: &Contribution, sign: bool) {
        let shift = |count: &mut usize, by: usize| {
            *count = if sign { *count + by } else { count.saturating_sub(by) }
        };
        for (template, tally) in &contribution.tallies {
            let counts = self.templates.entry(template.clone()).or_default();
            shift(&mut counts.matched, 1);
            shift(&mut counts.wanted, tally.wanted);
            shift(&mut counts.present, tally.present);
            self.dirty.insert(template.clone());
        }
        for (template, reason) in &contribution.problems {
            let counts = self.templates.entry(template.clone()).or_default();
            let nodes = counts.problems.entry(reason).or_default();
            if sign {
                nodes.insert(node.clone());
            } else {
                nodes.remove(node);
            }
            if nodes.is_empty() {
                counts.problems.remove(reason);
            }
            self.dirty.insert(template.clone());
        }
    }

    /// How many nodes have this problem of a template.
    pub(super) fn having(&self, template: &Shared, reason: &str) -> usize {
        let counts = self.templates.get(template);
        counts.and_then(|counts| counts.problems.get(reason)).map_or(0, BTreeSet::len)
    }

    /// Requests for a node have failed; none clears the record.
    pub(super) fn fail(&mut self, node: &Shared, failures: Vec<Failure>) {
        let old = if failures.is_empty() {
            self.failures.remove(node)
        } else {
            self.failures.insert(node.clone(), failures.clone())
        };
        let concerned = old.into_iter().flatten().chain(failures);
        self.dirty.extend(concerned.filter_map(|failure| failure.template));
    }

    /// A template has to be reported about.
    pub(super) fn touch(&mut self, template: Shared) {
        self.dirty.insert(template);
    }

    /// Whether any template has to be reported about.
    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// The templates to report about.
    pub(super) fn take_dirty(&mut self) -> BTreeSet<Shared> {
        std::mem::take(&mut self.dirty)
    }

    /// The status of a template, its transition times taken from the old one.
    pub(super) fn status(
        &self,
        name: &Shared,
        observed: &Observed,
        verdict: &Verdict,
        trouble: Option<&Trouble>,
        old: Option<&HostEndpointTemplateStatus>,
        now: jiff::Timestamp,
    ) -> Option<HostEndpointTemplateStatus> {
        let template = observed.templates().get(name)?;
        let none = Counts::default();
        let counts = self.templates.get(name).unwrap_or(&none);
        let (valid, ready) = match &template.compiled {
            Err(errors) => {
                let message = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                (Line::no("InvalidTemplate", message.clone()), Line::no("InvalidTemplate", message))
            }
            Ok(_) => (
                Line::yes("Valid", "the template can be used".to_owned()),
                self.readiness(name, counts, observed, trouble, now),
            ),
        };
        let blocked = if verdict.stopped.contains(name) {
            let message = format!(
                "{} of {} nodes would lose protection; annotate the template with {}={} (or true) to confirm, or start the controller with --confirm-mass-delete",
                verdict.nodes,
                verdict.total,
                crate::api::CONFIRM_MASS_DELETE_ANNOTATION,
                verdict.nodes,
            );
            Line::yes("MassDeletion", message)
        } else {
            Line::no("NothingHeld", "no deletion is held back".to_owned())
        };
        let risk = match self.sample(name, counts, ProblemKind::LOCKOUT_RISK, observed, now) {
            Some(message) => Line::yes(ProblemKind::LOCKOUT_RISK, message),
            None => Line::no("NoRisk", "no endpoint of the template cuts its node off".to_owned()),
        };
        let conditions = [
            (ConditionType::Valid, valid),
            (ConditionType::Ready, ready),
            (ConditionType::DeletionBlocked, blocked),
            (ConditionType::LockoutRisk, risk),
        ];
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        Some(HostEndpointTemplateStatus {
            observed_generation: template.generation,
            matched_nodes: number(counts.matched),
            endpoints: number(counts.present),
            conditions: conditions
                .into_iter()
                .map(|(kind, line)| line.condition(kind, template.generation, old, now))
                .collect(),
        })
    }

    fn readiness(
        &self,
        name: &Shared,
        counts: &Counts,
        observed: &Observed,
        trouble: Option<&Trouble>,
        now: jiff::Timestamp,
    ) -> Line {
        if let Some(trouble) = trouble {
            return Line::no(&format!("HostEndpoints{}", trouble.reason), trouble.message.clone());
        }
        let failed = self
            .failures
            .values()
            .flatten()
            .filter(|failure| failure.template.as_ref() == Some(name));
        let count = failed.clone().count();
        if let Some(first) = failed.clone().next() {
            let message = format!(
                "cannot {} {}: {}{}",
                first.verb,
                first.object,
                first.message,
                and_others(count, "requests")
            );
            return Line::no(&first.reason, message);
        }
        for reason in counts.problems.keys().filter(|reason| **reason != ProblemKind::LOCKOUT_RISK)
        {
            if let Some(message) = self.sample(name, counts, reason, observed, now) {
                return Line::no(reason, message);
            }
        }
        if counts.present < counts.wanted {
            return Line::no(
                "Progressing",
                format!("{} of {} endpoints are there", counts.present, counts.wanted),
            );
        }
        Line::yes("AllEndpointsPresent", "every endpoint the template asks for is there".to_owned())
    }

    /// The problem of the first node that has one of this kind, and how many
    /// others do.
    fn sample(
        &self,
        template: &Shared,
        counts: &Counts,
        reason: &str,
        observed: &Observed,
        now: jiff::Timestamp,
    ) -> Option<String> {
        let nodes = counts.problems.get(reason)?;
        let node = nodes.first()?;
        let problem = plan_node(observed, node, now)
            .problems
            .into_iter()
            .find(|problem| problem.template == *template && problem.kind.reason() == reason)?;
        Some(format!("node {node}: {}{}", problem.kind, and_others(nodes.len(), "nodes")))
    }
}

fn and_others(count: usize, what: &str) -> String {
    match count {
        0 | 1 => String::new(),
        many => format!(" (and {} other {what})", many - 1),
    }
}

/// A condition without its times.
struct Line {
    holds: bool,
    reason: String,
    message: String,
}

/// Longest message of a condition, in bytes; the API allows 32 KiB.
const LONGEST_MESSAGE: usize = 4096;

impl Line {
    fn yes(reason: &str, message: String) -> Self {
        Self { holds: true, reason: reason.to_owned(), message }
    }

    fn no(reason: &str, message: String) -> Self {
        Self { holds: false, ..Self::yes(reason, message) }
    }

    fn condition(
        self,
        kind: ConditionType,
        generation: Option<i64>,
        old: Option<&HostEndpointTemplateStatus>,
        now: jiff::Timestamp,
    ) -> Condition {
        let status = if self.holds { "True" } else { "False" };
        let since = old
            .into_iter()
            .flat_map(|old| &old.conditions)
            .find(|condition| condition.type_ == kind.as_str() && condition.status == status)
            .map(|condition| condition.last_transition_time.clone());
        let mut message = self.message;
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
        // Times in the API have seconds only.
        let seconds = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
        Condition {
            type_: kind.as_str().to_owned(),
            status: status.to_owned(),
            reason: self.reason,
            message,
            observed_generation: generation,
            last_transition_time: since.unwrap_or(Time(seconds)),
        }
    }
}
