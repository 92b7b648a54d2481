//! The status of a pod whose sandbox is ready.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kubewright_cri::message::PodSandbox;
use kubewright_cri::{Network, Sandbox};
use serde_json::{Value, json};

use super::Place;

/// Conditions that hold once the sandbox is there, as nothing has to start in it.
const CONDITIONS: [&str; 4] =
    ["PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"];

/// Whether it will never run again.
pub(super) fn ended(pod: &Pod) -> bool {
    matches!(phase(pod), Some("Succeeded" | "Failed"))
}

/// Whether the status tells of this sandbox: that its containers run since it was made.
pub(super) fn is_of(pod: &Pod, sandbox: &PodSandbox) -> bool {
    let attempt = sandbox.metadata.as_ref().map_or(0, |of| of.attempt);
    let containers = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let expected = pod.spec.as_ref().map_or(0, |spec| spec.containers.len());
    let addressed = pod.status.as_ref().is_some_and(|status| status.pod_ip.is_some());
    let all = containers.is_some_and(|all| {
        all.len() == expected
            && all.iter().all(|one| {
                let state = one.state.as_ref().and_then(|state| state.running.as_ref());
                let started = state.and_then(|running| running.started_at.as_ref());
                started.is_some_and(|Time(at)| *at == made(sandbox.created_at))
                    && i64::from(one.restart_count) == i64::from(attempt)
            })
    });
    phase(pod) == Some("Running")
        && addressed
        && all
        && CONDITIONS.iter().all(|kind| condition(pod, kind).is_some_and(|c| c.status == "True"))
}

/// The status of a pod whose sandbox is ready. Conditions keep the time since when they hold.
pub(super) fn running(pod: &Pod, sandbox: &Sandbox, place: &Place, now: Timestamp) -> Value {
    let (now, made) = (second(now), made(sandbox.created_at));
    let address = |ip: String| json!({ "ip": ip });
    let addresses: Vec<String> = match &sandbox.network {
        Network::Node => vec![place.address.clone()],
        _ => sandbox.addresses.iter().map(ToString::to_string).collect(),
    };
    let conditions = CONDITIONS.map(|kind| {
        let before = condition(pod, kind).filter(|c| c.status == "True");
        let since =
            before.and_then(|c| c.last_transition_time.as_ref()).map_or(now, |Time(at)| *at);
        json!({ "type": kind, "status": "True", "lastTransitionTime": since })
    });
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers).map(|container| {
        json!({ "name": container.name, "image": container.image.clone().unwrap_or_default(),
            "imageID": "", "ready": true, "started": true, "restartCount": sandbox.pod.attempt,
            "state": { "running": { "startedAt": made } }, "lastState": {} })
    });
    let containers: Vec<_> = containers.collect();
    let started = pod.status.as_ref().and_then(|status| status.start_time.as_ref());
    let mut status = json!({
        "phase": "Running",
        "conditions": conditions,
        "hostIP": place.address,
        "hostIPs": [address(place.address.clone())],
        "startTime": started.map_or(now, |Time(at)| *at),
        "containerStatuses": containers,
    });
    if let Some(first) = addresses.first() {
        status["podIP"] = json!(first);
        status["podIPs"] = addresses.iter().cloned().map(address).collect();
    }
    status
}

fn phase(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.phase.as_deref()
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind)
}

/// When a sandbox was made, as the API has times: whole seconds.
fn made(nanoseconds: i64) -> Timestamp {
    Timestamp::from_second(nanoseconds / 1_000_000_000).unwrap_or_default()
}

fn second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
