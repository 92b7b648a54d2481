//! What is said about configs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::core::DynamicObject;

use super::capacity::Advertised;
use super::part::{Part, Progress};
use super::{Action, Config, Decision, Survey};
use crate::api::{DeletionPolicy, PeerPodConfigSpec, PeerPodConfigStatus, condition};

/// Reports about configs whose status is not what it should be.
pub(super) fn report(
    survey: &Survey<'_>,
    advertised: &BTreeMap<String, Advertised>,
    adaptor: &Part,
    webhook: &Part,
    (refused, now): (Option<&str>, Timestamp),
    decision: &mut Decision,
) {
    let spec_of = |part: &Part| {
        let of = survey.configs.iter().find(|config| Some(&config.key) == part.of.as_ref());
        of.map(|config| &config.config.spec)
    };
    for config in &survey.configs {
        let advertised = advertised.get(&config.key).cloned().unwrap_or_default();
        let spec = &config.config.spec;
        let adaptor = if spec.adaptor.enabled { &adaptor.progress } else { &Progress::Off };
        let webhook = match spec_of(webhook) {
            _ if !spec.webhook.enabled => Progress::Off,
            Some(other) => same_webhook(spec, other, webhook),
            None => webhook.progress.clone(),
        };
        let facts = facts(config, &advertised, adaptor, &webhook, refused);
        let old = config.config.status.clone().unwrap_or_default();
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let status = status(&old, facts, config.object, now);
        let status = PeerPodConfigStatus {
            nodes: count(advertised.nodes),
            advertised: advertised.seats,
            allocated: advertised.running,
            ..status
        };
        if status != old {
            let config = config.key.clone();
            decision.actions.push(Action::Status { config, status });
        }
    }
}

/// A pod has no node yet when it is changed, and hence no config: one webhook is for all, after
/// the oldest config.
fn same_webhook(spec: &PeerPodConfigSpec, of: &PeerPodConfigSpec, webhook: &Part) -> Progress {
    let whose = webhook.of.as_deref().unwrap_or_default();
    if spec.webhook.runtime_class_name != of.webhook.runtime_class_name {
        let class = &of.webhook.runtime_class_name;
        let message = format!(
            "there is one webhook, that of PeerPodConfig {whose}, and it is for runtime class {class}"
        );
        return Progress::Not("OtherRuntimeClass", message);
    }
    if spec.instance_type.is_some() && spec.instance_type != of.instance_type {
        let other = of.instance_type.as_deref().unwrap_or("none");
        let message = format!(
            "there is one webhook, that of PeerPodConfig {whose}, and its instance type is {other}; annotate pods that need another"
        );
        return Progress::Not("OtherInstanceType", message);
    }
    webhook.progress.clone()
}

/// Reports about configs that cannot be read; nothing of them is touched.
pub(super) fn report_unreadable(survey: &Survey<'_>, now: Timestamp, decision: &mut Decision) {
    for unreadable in &survey.unreadable {
        let (object, problem) = (unreadable.object, &unreadable.problem);
        let old = object.data.get("status").cloned().unwrap_or_default();
        let old: PeerPodConfigStatus = serde_json::from_value(old).unwrap_or_default();
        let facts = vec![fact(condition::READY, false, "Invalid", problem.clone())];
        let status = PeerPodConfigStatus {
            nodes: old.nodes,
            advertised: old.advertised,
            allocated: old.allocated,
            ..status(&old, facts, object, now)
        };
        if status != old {
            let config = unreadable.key.clone();
            decision.actions.push(Action::Status { config, status });
        }
    }
}

struct Fact {
    kind: &'static str,
    holds: bool,
    reason: &'static str,
    message: String,
}

fn fact(kind: &'static str, holds: bool, reason: &'static str, message: String) -> Fact {
    Fact { kind, holds, reason, message }
}

fn facts(
    config: &Config<'_>,
    advertised: &Advertised,
    adaptor: &Progress,
    webhook: &Progress,
    refused: Option<&str>,
) -> Vec<Fact> {
    if let Some(other) = config.conflict.as_ref().filter(|_| !config.is_deleted()) {
        let message = format!(
            "PeerPodConfig {other} is older and is for nodes that this one selects too; nothing is written for this one"
        );
        return vec![
            fact(condition::CONFLICTED, true, "OlderConfig", message.clone()),
            fact(condition::READY, false, "Conflicted", message),
        ];
    }
    if config.is_deleted() {
        let waits = config.config.spec.deletion_policy == DeletionPolicy::Wait;
        let message = if waits && advertised.running > 0 {
            format!(
                "{} seats are held by peer pods that still run; their nodes take no new ones",
                advertised.running
            )
        } else {
            refused.map_or_else(
                || "what belongs to this config is being removed".to_owned(),
                |why| format!("what belongs to this config cannot be removed yet: {why}"),
            )
        };
        return vec![fact(condition::READY, false, "Deleting", message)];
    }
    let capacity = &config.capacity;
    let nodes = advertised.nodes;
    let advertised_fact = match (nodes, advertised.pending) {
        (1.., 1..) if advertised.refused.is_some() => fact(
            condition::CAPACITY_ADVERTISED,
            false,
            "Refused",
            advertised.refused.clone().unwrap_or_default(),
        ),
        (0, _) => fact(
            condition::CAPACITY_ADVERTISED,
            false,
            "NoNodes",
            "the selector selects no node".to_owned(),
        ),
        (_, 0) => fact(
            condition::CAPACITY_ADVERTISED,
            true,
            "Advertised",
            format!("{} on {nodes} nodes", advertised.seats),
        ),
        (_, pending) => fact(
            condition::CAPACITY_ADVERTISED,
            false,
            "Pending",
            format!("{pending} of {nodes} nodes do not have their capacity yet"),
        ),
    };
    let overcommitted = match (capacity.overcommitted, capacity.unplaced) {
        (0, 0) => fact(
            condition::OVERCOMMITTED,
            false,
            "WithinLimit",
            "no more run than the limit allows".to_owned(),
        ),
        (0, unplaced) => fact(
            condition::OVERCOMMITTED,
            false,
            "Unplaced",
            format!("{unplaced} of the limit fit on no node"),
        ),
        (beyond, _) => fact(
            condition::OVERCOMMITTED,
            true,
            "MoreRunning",
            format!("{beyond} more peer pods run than the limit allows"),
        ),
    };
    let adaptor = part(condition::DAEMON_SET_READY, adaptor, "the adaptor is ready");
    let webhook = part(condition::WEBHOOK_READY, webhook, "the webhook answers");
    let waiting = [&advertised_fact, &adaptor, &webhook].into_iter().find(|fact| !fact.holds);
    let ready = match waiting {
        None => fact(condition::READY, true, "Ready", "everything is as the spec says".to_owned()),
        Some(first) => fact(condition::READY, false, first.reason, first.message.clone()),
    };
    vec![
        ready,
        advertised_fact,
        adaptor,
        webhook,
        overcommitted,
        fact(condition::CONFLICTED, false, "Alone", "no other config is in its way".to_owned()),
    ]
}

fn part(kind: &'static str, progress: &Progress, ready: &str) -> Fact {
    match progress {
        Progress::Ready => fact(kind, true, "Ready", ready.to_owned()),
        Progress::Off => fact(kind, true, "Disabled", "the spec does not ask for it".to_owned()),
        Progress::Not(reason, message) => fact(kind, false, reason, message.clone()),
    }
}

/// The status with these facts. A condition keeps its time while it stays as it is, so that saying
/// the same again writes nothing.
fn status(
    old: &PeerPodConfigStatus,
    facts: Vec<Fact>,
    object: &DynamicObject,
    now: Timestamp,
) -> PeerPodConfigStatus {
    let generation = object.metadata.generation;
    let setup = facts.iter().any(|fact| fact.kind == condition::READY && fact.holds);
    let mut conditions: Vec<Condition> = facts
        .into_iter()
        .map(|fact| {
            let status = if fact.holds { "True" } else { "False" };
            let before = old.conditions.iter().find(|old| old.type_ == fact.kind);
            let since = before.filter(|before| before.status == status);
            Condition {
                type_: fact.kind.to_owned(),
                status: status.to_owned(),
                reason: fact.reason.to_owned(),
                message: fact.message,
                observed_generation: generation,
                last_transition_time: since
                    .map_or(Time(now), |before| before.last_transition_time.clone()),
            }
        })
        .collect();
    conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    PeerPodConfigStatus {
        setup_completed: old.setup_completed || setup,
        observed_generation: generation,
        conditions,
        ..PeerPodConfigStatus::default()
    }
}
