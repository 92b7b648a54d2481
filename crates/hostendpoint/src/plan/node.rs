//! The plan of one node. It looks at the node's own endpoints only, so
//! planning all nodes costs as much as there are endpoints.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Action, ApplyReason, DeleteReason};
use crate::{
    api::{AdoptPolicy, LockoutPolicy},
    endpoint::Endpoint,
    labels::Shared,
    observed::{Kind, Observed},
    problem::{Problem, ProblemKind},
    wanted::Wanted,
};

/// What has to be done for a node, and what cannot be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodePlan {
    /// The steps; applies come before deletions.
    pub actions: Vec<Action>,
    /// What does not work.
    pub problems: Vec<Problem>,
    /// Templates of which the node is about to lose endpoints, now or when
    /// its grace time is over.
    pub losing: BTreeSet<Shared>,
    /// When to look again although nothing happens.
    pub wake: Option<Timestamp>,
    /// What each template that selects the node wants and has.
    pub tallies: BTreeMap<Shared, Tally>,
}

/// Endpoints of a template on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// That it wants.
    pub wanted: usize,
    /// That are there as wanted.
    pub present: usize,
}

impl NodePlan {
    /// Whether every endpoint that is wanted is there and counts.
    pub fn is_protected(&self) -> bool {
        self.tallies.values().any(|tally| tally.wanted > 0)
            && self.tallies.values().all(|tally| tally.present == tally.wanted)
            && !self.problems.iter().any(|problem| problem.kind.leaves_unprotected())
    }

    fn wake_at(&mut self, time: Timestamp) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }
}

/// Plans one node.
pub fn plan_node(observed: &Observed, node: &Shared, now: Timestamp) -> NodePlan {
    let mut plan = NodePlan::default();
    if !observed.can_write() {
        return plan;
    }
    let (set, until) = observed.wanted(node, now);
    plan.problems = set.problems;
    plan.wake = until;
    for template in set.matched {
        plan.tallies.insert(template, Tally::default());
    }
    let mut covered = BTreeSet::new();
    let mut names = BTreeSet::new();
    for wanted in set.endpoints {
        names.insert(wanted.name.clone());
        let (template, interface) = (wanted.template.clone(), wanted.interface.clone());
        let tally = plan.tallies.entry(template.clone()).or_default();
        tally.wanted += 1;
        let shadow = shadow(observed, &wanted);
        match step(observed, node, wanted) {
            Ok(Step { action, warning }) => {
                match action {
                    Some(action) => plan.actions.push(action),
                    None => tally.present += 1,
                }
                covered.insert(interface);
                let kinds = warning.into_iter().chain(shadow);
                plan.problems.extend(kinds.map(|kind| problem(node, &template, kind)));
            }
            Err(Some(kind)) => plan.problems.push(problem(node, &template, kind)),
            Err(None) => {}
        }
    }
    // Without the nodes nothing goes: the guard could not count who loses.
    let removable = observed.is_listed(Kind::Nodes).then(|| observed.endpoints_of(node));
    for endpoint in removable.into_iter().flatten() {
        if names.contains(&*endpoint.name) || observed.claimant(&endpoint.name).is_some() {
            continue;
        }
        remove(observed, node, endpoint, &set.held, &covered, now, &mut plan);
    }
    plan
}

fn problem(node: &Shared, template: &Shared, kind: ProblemKind) -> Problem {
    Problem { node: node.clone(), template: template.clone(), kind }
}

struct Step {
    action: Option<Action>,
    warning: Option<ProblemKind>,
}

/// What to do about a wanted endpoint; `Err(None)` is to wait.
fn step(observed: &Observed, node: &Shared, wanted: Wanted) -> Result<Step, Option<ProblemKind>> {
    if let Some(other) = observed.claimant(&wanted.name).filter(|other| *other != node) {
        return Err(Some(ProblemKind::Collision { name: wanted.name, other: other.clone() }));
    }
    let existing = observed.endpoint(&wanted.name);
    let reason = match existing {
        None => Some(ApplyReason::Create),
        // Its finalizers have to be done first; the watch tells when.
        Some(endpoint) if endpoint.deleting => return Err(None),
        Some(endpoint) => {
            let drift = endpoint.drift(&wanted);
            if !endpoint.is_managed() {
                may_adopt(endpoint, &wanted).map_err(|hint| {
                    Some(ProblemKind::NotAdopted { name: wanted.name.clone(), hint })
                })?;
                Some(ApplyReason::Adopt(drift))
            } else {
                (!drift.is_empty()).then_some(ApplyReason::Repair(drift))
            }
        }
    };
    let warning = lockout(observed, &wanted, existing);
    if let Some(ProblemKind::Lockout { refused: true, .. }) = warning {
        return Err(warning);
    }
    Ok(Step {
        action: reason.map(|reason| Action::Apply { wanted: Box::new(wanted), reason }),
        warning,
    })
}

fn may_adopt(endpoint: &Endpoint, wanted: &Wanted) -> Result<(), &'static str> {
    if endpoint.is_calicos() {
        return Err("Calico's own controller made it, disable its autoCreate first");
    }
    let same = endpoint.node == wanted.node && *endpoint.interface == *wanted.interface;
    match wanted.adopt {
        AdoptPolicy::Always => Ok(()),
        AdoptPolicy::Matching if same => Ok(()),
        AdoptPolicy::Matching => {
            Err("it is for another node or interface; adopt: Always takes it over")
        }
        AdoptPolicy::Never => Err("adopt: Matching in the template takes it over, or delete it"),
    }
}

/// The preflight. Refusing keeps an endpoint from being made dangerous; one
/// that is dangerous already is only reported, leaving it alone helps nobody.
fn lockout(
    observed: &Observed,
    wanted: &Wanted,
    existing: Option<&Endpoint>,
) -> Option<ProblemKind> {
    if wanted.lockout == LockoutPolicy::Ignore {
        return None;
    }
    let findings = observed.preflight.check(&wanted.node, &*wanted.labels, &wanted.profiles);
    if findings.is_empty() {
        return None;
    }
    let safe_so_far = existing.is_none_or(|endpoint| {
        let profiles: Vec<_> =
            endpoint.profiles.iter().map(|profile| profile.to_string()).collect();
        observed.preflight.check(&wanted.node, &endpoint.labels, &profiles).is_empty()
    });
    Some(ProblemKind::Lockout {
        name: wanted.name.clone(),
        refused: wanted.lockout == LockoutPolicy::Refuse && safe_so_far,
        findings,
    })
}

/// A foreign endpoint for the same interface that comes first.
fn shadow(observed: &Observed, wanted: &Wanted) -> Option<ProblemKind> {
    let by = observed
        .endpoints_of(&wanted.node)
        .take_while(|other| *other.name < *wanted.name)
        .find(|other| !other.is_managed() && *other.interface == *wanted.interface)?;
    (!wanted.interface.is_empty()).then(|| ProblemKind::Shadowed {
        name: wanted.name.clone(),
        by: by.name.clone(),
        interface: wanted.interface.clone(),
    })
}

/// Plans the removal of an endpoint that nobody wants, if it is ours and all
/// that speaks for it is known to be gone.
fn remove(
    observed: &Observed,
    node: &Shared,
    endpoint: &Endpoint,
    held: &BTreeSet<Shared>,
    covered: &BTreeSet<String>,
    now: Timestamp,
    plan: &mut NodePlan,
) {
    let Some(template) = endpoint.template().filter(|_| !endpoint.deleting) else {
        return;
    };
    let known = observed.templates().get_key_value(template);
    let registered = observed.node(node).is_some();
    let reason = match (known, registered) {
        (None, _) => DeleteReason::TemplateGone,
        (Some(_), false) => DeleteReason::NodeGone,
        (Some((name, _)), true) if held.contains(name) => return,
        (Some(_), true) => DeleteReason::NotWanted,
    };
    let template: Shared = known.map_or_else(|| template.into(), |(name, _)| name.clone());
    let loses = endpoint.interface.is_empty() || !covered.contains(&*endpoint.interface);
    if reason == DeleteReason::NodeGone {
        // A template that cannot be read may be waiting for the node.
        let unsure = held.contains(&template) && observed.is_announced(node, Some(&template));
        let Some(missing) = observed.missing(node).filter(|_| !unsure) else {
            return;
        };
        if loses {
            plan.losing.insert(template.clone());
        }
        let due = missing.since.saturating_add(observed.limits.grace).unwrap_or(Timestamp::MAX);
        if now < due {
            plan.wake_at(due);
            return;
        }
        if !missing.confirmed {
            let ask = Action::ConfirmAbsence { node: node.clone() };
            if !plan.actions.contains(&ask) {
                plan.actions.push(ask);
            }
            return;
        }
    } else if loses {
        plan.losing.insert(template.clone());
    }
    plan.actions.push(Action::Delete {
        name: endpoint.name.clone(),
        uid: endpoint.uid.clone(),
        node: node.clone(),
        template,
        loses,
        reason,
    });
}
