//! The `eviction` subresource: a pod goes, if the disruption budgets allow it.

use http::StatusCode;
use serde_json::{Value, json};

use super::fields::{self, list, number, text};
use super::selector::Selector;
use crate::error::{Cause, Details, Error, GroupName, Result};

/// Most evictions that a budget remembers until its controller has seen them.
const MOST_UNCONFIRMED: usize = 2000;

/// A budget that is still being worked out by its controller is tried again after this.
const RETRY_SECONDS: u32 = 10;

/// What the eviction of a pod takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Delete the pod.
    Delete,
    /// First store this budget, whose status counts the eviction, under the condition
    /// that it did not change; then delete the pod.
    Spend(Box<Value>),
}

/// Whether this pod may be evicted, given the PodDisruptionBudgets of its namespace.
/// `now` is an RFC 3339 time in seconds.
///
/// # Errors
/// 429 when a budget is spent or not worked out yet, 403 when its status makes no
/// sense, 500 when more than one budget covers the pod.
pub fn judge(pod: &Value, budgets: &[Value], now: &str) -> Result<Verdict> {
    let phase = text(&pod["status"], "phase");
    let gone = fields::present(&pod["metadata"], "deletionTimestamp");
    // A pod that does no work disrupts nothing.
    if gone || matches!(phase, "Succeeded" | "Failed" | "Pending") {
        return Ok(Verdict::Delete);
    }
    let labels = &pod["metadata"]["labels"];
    let mut covering = budgets.iter().filter(|budget| {
        Selector::of(&budget["spec"]["selector"]).is_some_and(|selector| selector.matches(labels))
    });
    let Some(budget) = covering.next() else {
        return Ok(Verdict::Delete);
    };
    if covering.next().is_some() {
        return Err(Error::unclassified(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        ));
    }
    if !is_ready(pod) && may_go_unready(budget) {
        return Ok(Verdict::Delete);
    }
    spend(pod, budget, now).map(|budget| Verdict::Spend(Box::new(budget)))
}

/// Why a pod has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Somebody asked for it.
    Eviction,
    /// It does not tolerate its node.
    Taint,
}

/// Notes on the pod why it goes; it is stored like this before it is deleted.
pub fn mark(pod: &mut Value, why: Reason, now: &str) {
    let (reason, message) = match why {
        Reason::Eviction => ("EvictionByEvictionAPI", "Eviction API: evicting"),
        Reason::Taint => {
            ("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")
        }
    };
    let condition = json!({
        "type": "DisruptionTarget", "status": "True",
        "lastProbeTime": null, "lastTransitionTime": now,
        "reason": reason, "message": message,
    });
    if let Some(status) = fields::object(pod, "status") {
        let mut conditions = list(status, "conditions").to_vec();
        match conditions.iter_mut().find(|old| old["type"] == condition["type"]) {
            Some(old) => *old = condition,
            None => conditions.push(condition),
        }
        fields::set(status, "conditions", conditions.into());
    }
}

fn is_ready(pod: &Value) -> bool {
    list(&pod["status"], "conditions")
        .iter()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// A pod that is not ready does not count, if the budget says so or is healthy.
fn may_go_unready(budget: &Value) -> bool {
    if text(&budget["spec"], "unhealthyPodEvictionPolicy") == "AlwaysAllow" {
        return true;
    }
    let status = &budget["status"];
    let healthy = number(status, "currentHealthy").unwrap_or_default();
    let desired = number(status, "desiredHealthy").unwrap_or_default();
    desired > 0 && healthy >= desired
}

/// The budget with one disruption less.
fn spend(pod: &Value, budget: &Value, now: &str) -> Result<Value> {
    let name = text(&budget["metadata"], "name");
    let status = &budget["status"];
    let count = |name| number(status, name).unwrap_or_default();
    let generation = number(&budget["metadata"], "generation").unwrap_or_default();
    if count("observedGeneration") < generation {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(too_many(why, RETRY_SECONDS));
    }
    let resource = GroupName::new("policy", "poddisruptionbudget");
    let allowed = count("disruptionsAllowed");
    if allowed < 0 {
        return Err(Error::forbidden(&resource, name, "pdb disruptions allowed is negative"));
    }
    if fields::entries(status, "disruptedPods").count() > MOST_UNCONFIRMED {
        let why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
        return Err(Error::forbidden(&resource, name, why));
    }
    if allowed == 0 {
        let why = format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            count("desiredHealthy"),
            count("currentHealthy"),
        );
        return Err(too_many(why, 0));
    }
    let mut budget = budget.clone();
    if let Some(status) = fields::object(&mut budget, "status") {
        fields::set(status, "disruptionsAllowed", (allowed - 1).into());
        if let Some(pods) = fields::object(status, "disruptedPods") {
            fields::set(pods, text(&pod["metadata"], "name"), now.into());
        }
        if allowed == 1 {
            exhausted(status, generation, now);
        }
    }
    Ok(budget)
}

/// The budget's condition says that nothing is left.
fn exhausted(status: &mut Value, generation: i64, now: &str) {
    let mut conditions = list(status, "conditions").to_vec();
    let condition = json!({
        "type": "DisruptionAllowed", "status": "False", "observedGeneration": generation,
        "lastTransitionTime": now, "reason": "InsufficientPods", "message": "",
    });
    match conditions.iter_mut().find(|old| old["type"] == "DisruptionAllowed") {
        Some(old) if old["status"] == "False" => {}
        Some(old) => *old = condition,
        None => conditions.push(condition),
    }
    fields::set(status, "conditions", conditions.into());
}

fn too_many(why: String, retry_after_seconds: u32) -> Error {
    let cause = Cause { reason: "DisruptionBudget", message: why, field: String::new() };
    Error {
        code: StatusCode::TOO_MANY_REQUESTS,
        reason: "TooManyRequests",
        message: "Cannot evict pod as it would violate the pod's disruption budget.".to_owned(),
        details: Some(Details { causes: vec![cause], retry_after_seconds, ..Details::default() }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::{Reason, Verdict, judge, mark};

    fn pod(phase: &str, ready: &str) -> Value {
        json!({
            "metadata": {"name": "p", "labels": {"app": "a"}},
            "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]},
        })
    }

    fn budget(name: &str, allowed: i64, healthy: i64) -> Value {
        json!({
            "metadata": {"name": name, "generation": 2},
            "spec": {"selector": {"matchLabels": {"app": "a"}}},
            "status": {"observedGeneration": 2, "disruptionsAllowed": allowed,
                       "currentHealthy": healthy, "desiredHealthy": 2, "expectedPods": 3},
        })
    }

    #[test]
    fn pods_that_do_not_work_or_have_no_budget_may_go() {
        let none = budget("b", 0, 2);
        for phase in ["Pending", "Failed", "Succeeded"] {
            let verdict = judge(&pod(phase, "True"), std::slice::from_ref(&none), "t");
            assert_eq!(verdict, Ok(Verdict::Delete), "{phase}");
        }
        let mut other = none.clone();
        other["spec"] = json!({"selector": {"matchLabels": {"app": "z"}}});
        assert_eq!(judge(&pod("Running", "True"), &[other], "t"), Ok(Verdict::Delete));
        // Not ready, and the others suffice.
        assert_eq!(judge(&pod("Running", "False"), &[none], "t"), Ok(Verdict::Delete));
    }

    #[test]
    fn an_evicted_pod_says_why_it_goes() {
        let mut pod = pod("Running", "True");
        mark(&mut pod, Reason::Eviction, "t1");
        mark(&mut pod, Reason::Eviction, "t2");
        let conditions = pod["status"]["conditions"].as_array().unwrap();
        assert_eq!(conditions.len(), 2);
        assert_eq!(conditions[1]["reason"], "EvictionByEvictionAPI");
        assert_eq!(conditions[1]["lastTransitionTime"], "t2");
    }

    #[test]
    fn an_eviction_is_counted() {
        let verdict = judge(&pod("Running", "True"), &[budget("b", 1, 3)], "t").unwrap();
        let Verdict::Spend(budget) = verdict else { panic!("the budget is spent") };
        let status = &budget["status"];
        assert_eq!(status["disruptionsAllowed"], 0);
        assert_eq!(status["disruptedPods"], json!({"p": "t"}));
        assert_eq!(status["conditions"][0]["status"], "False");
    }

    #[test]
    fn a_spent_stale_or_doubled_budget_refuses() {
        let running = pod("Running", "True");
        let spent = judge(&running, &[budget("b", 0, 2)], "t").unwrap_err();
        assert_eq!((spent.code.as_u16(), spent.reason), (429, "TooManyRequests"));
        assert_eq!(
            spent.details.unwrap().causes[0].message,
            "The disruption budget b needs 2 healthy pods and has 2 currently"
        );
        let mut stale = budget("b", 1, 3);
        stale["metadata"]["generation"] = json!(3);
        let stale = judge(&running, &[stale], "t").unwrap_err();
        assert_eq!(stale.details.unwrap().retry_after_seconds, 10);
        let two = judge(&running, &[budget("a", 1, 3), budget("b", 1, 3)], "t").unwrap_err();
        assert_eq!(two.code, 500);
        let negative = judge(&running, &[budget("b", -1, 3)], "t").unwrap_err();
        assert_eq!(negative.code, 403);
    }
}
