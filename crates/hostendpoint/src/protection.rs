//! Whether a node is protected, and what is said about it on the Node.
//!
//! Three parties are involved, and none needs rights it should not have:
//!
//! - the **boot guard** on the node reports by the annotation
//!   `kubewright.io/host-guard` (`locked/<boot id>`, `released/<boot id>`),
//!   which a kubelet's credentials may write on their own Node;
//! - the **controller** sees the annotation and the endpoints, and writes the
//!   condition `HostProtected`;
//! - the **startup taint** `kubewright.io/host-unprotected`, which the kubelet
//!   registers with, is removed by the controller (a kubelet may not) once the
//!   condition holds. It is never put back: a kubelet registers with it again
//!   when the Node object is made anew.
//!
//! A guard's report names the boot it is from. After a reboot the old report
//! counts for nothing, and the node is unprotected until the new one comes.
//! Where no guard runs, calico-node's `NetworkUnavailable=False` with reason
//! `CalicoIsUp` stands in for it, unless guards are required.

use crate::{
    node::{GuardReport, Protection},
    options::NodeCondition,
    plan::NodePlan,
};

/// What has to be written on a Node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The condition, if it changes.
    pub condition: Option<Condition>,
    /// Whether the startup taint goes.
    pub remove_taint: bool,
}

/// The condition `HostProtected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `True` or `False`.
    pub protected: bool,
    /// A word.
    pub reason: &'static str,
    /// A sentence.
    pub message: &'static str,
}

impl Condition {
    fn new(protected: bool, reason: &'static str, message: &'static str) -> Self {
        Self { protected, reason, message }
    }

    /// The `status` field.
    pub fn status(&self) -> &'static str {
        if self.protected { "True" } else { "False" }
    }
}

/// How protected a node is.
pub fn assess(node: &Protection, plan: &NodePlan, require_guard: bool) -> Condition {
    if plan.tallies.is_empty() {
        return Condition::new(false, "NoTemplate", "no HostEndpointTemplate selects the node");
    }
    if !plan.is_protected() {
        return Condition::new(
            false,
            "EndpointsMissing",
            "HostEndpoints of the node are missing or without effect",
        );
    }
    match node.guard {
        Some(GuardReport::Locked) => {
            Condition::new(false, "GuardLocked", "the boot guard has not handed over to Felix yet")
        }
        Some(GuardReport::Released) => Condition::new(
            true,
            "GuardReleased",
            "the HostEndpoints stand and the boot guard has handed over to Felix",
        ),
        None if require_guard => Condition::new(
            false,
            "GuardSilent",
            "the boot guard has not reported since the node started",
        ),
        None if node.calico_up => {
            Condition::new(true, "CalicoIsUp", "the HostEndpoints stand and calico-node is up")
        }
        None => Condition::new(
            false,
            "CalicoNotUp",
            "the HostEndpoints stand, calico-node is not up yet",
        ),
    }
}

/// What has to be written on the Node; `None` is nothing.
pub fn decide(
    node: &Protection,
    plan: &NodePlan,
    mode: NodeCondition,
    require_guard: bool,
) -> Option<Change> {
    let concerned = match mode {
        NodeCondition::Never => false,
        NodeCondition::Always => {
            !plan.tallies.is_empty() || node.tainted || node.condition.is_some()
        }
        NodeCondition::Auto => node.tainted || node.guard.is_some() || node.condition.is_some(),
    };
    if !concerned {
        return None;
    }
    let condition = assess(node, plan, require_guard);
    let same = node
        .condition
        .as_ref()
        .is_some_and(|(status, reason)| status == condition.status() && reason == condition.reason);
    let change = Change {
        condition: (!same).then_some(condition),
        remove_taint: node.tainted && condition.protected,
    };
    (change.condition.is_some() || change.remove_taint).then_some(change)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::Tally;

    fn plan(wanted: usize, present: usize) -> NodePlan {
        let mut plan = NodePlan::default();
        plan.tallies.insert("t".into(), Tally { wanted, present });
        plan
    }

    fn tainted() -> Protection {
        Protection { tainted: true, ..Protection::default() }
    }

    fn auto(node: &Protection, plan: &NodePlan) -> Option<Change> {
        decide(node, plan, NodeCondition::Auto, false)
    }

    #[test]
    fn the_taint_stays_until_endpoints_and_guard_are_there() {
        let guard = |guard| Protection { guard, ..tainted() };
        for (node, plan, reason, removed) in [
            (tainted(), NodePlan::default(), "NoTemplate", false),
            (tainted(), plan(2, 1), "EndpointsMissing", false),
            (tainted(), plan(2, 2), "CalicoNotUp", false),
            (guard(Some(GuardReport::Locked)), plan(2, 2), "GuardLocked", false),
            (guard(Some(GuardReport::Released)), plan(2, 1), "EndpointsMissing", false),
            (guard(Some(GuardReport::Released)), plan(2, 2), "GuardReleased", true),
            (Protection { calico_up: true, ..tainted() }, plan(2, 2), "CalicoIsUp", true),
        ] {
            let change = auto(&node, &plan).unwrap();
            assert_eq!(change.condition.unwrap().reason, reason);
            assert_eq!(change.remove_taint, removed, "{reason}");
        }
    }

    #[test]
    fn a_required_guard_is_not_replaced_by_calico() {
        let node = Protection { calico_up: true, ..tainted() };
        let change = decide(&node, &plan(1, 1), NodeCondition::Auto, true).unwrap();
        assert_eq!(change.condition.unwrap().reason, "GuardSilent");
        assert!(!change.remove_taint);
    }

    #[test]
    fn nothing_is_written_at_rest_or_where_nobody_asked() {
        assert_eq!(auto(&Protection::default(), &plan(1, 1)), None);
        let settled = Protection {
            condition: Some(("True".into(), "CalicoIsUp".into())),
            calico_up: true,
            ..Protection::default()
        };
        assert_eq!(auto(&settled, &plan(1, 1)), None);
        assert!(
            decide(&Protection::default(), &plan(1, 1), NodeCondition::Always, false).is_some()
        );
        assert_eq!(decide(&tainted(), &plan(1, 1), NodeCondition::Never, false), None);
    }
}
