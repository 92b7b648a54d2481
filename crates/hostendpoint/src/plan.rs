//! What has to be done: a pure function of what was observed and the time.
//!
//! Invariants, each a property in the tests:
//! - Applying a plan and planning again gives nothing to do.
//! - Nothing is deleted while nodes, templates or endpoints are not listed.
//! - Nothing is deleted that does not carry our label.
//! - A template that is wrong, or a node with an odd name, changes nothing
//!   for any other.
//! - What replaces an endpoint comes before the deletion of what it replaces.

mod action;
mod ledger;
mod node;

use jiff::Timestamp;

use crate::observed::Observed;

pub use action::{Action, ApplyReason, DeleteReason};
pub use ledger::{Ledger, Verdict};
pub use node::{NodePlan, Tally, plan_node};

/// Plans everything at once, for `plan` and dry runs: nodes in the order of
/// their names, deletions that the mass-deletion guard stops replaced by one
/// [`Action::HoldDeletions`] at the end.
pub fn plan(observed: &Observed, now: Timestamp) -> Vec<Action> {
    plan_with_problems(observed, now).0
}

/// As [`plan`], with the plan of each node for what it says besides.
pub fn plan_with_problems(observed: &Observed, now: Timestamp) -> (Vec<Action>, Vec<NodePlan>) {
    let mut ledger = Ledger::default();
    let mut plans = Vec::new();
    for node in observed.all_nodes() {
        let plan = plan_node(observed, &node, now);
        ledger.record(&node, &plan.losing);
        plans.push(plan);
    }
    let verdict = ledger.verdict(observed);
    let (mut actions, mut held) = (Vec::new(), 0);
    for plan in &plans {
        for action in &plan.actions {
            if verdict.stops(action) {
                held += 1;
            } else {
                actions.push(action.clone());
            }
        }
    }
    if held > 0 {
        actions.push(Action::HoldDeletions {
            endpoints: held,
            nodes: verdict.nodes,
            total: verdict.total,
        });
    }
    (actions, plans)
}

#[cfg(test)]
mod tests;
