//! What Go writes into the status of a pod besides what was sent.

use serde_json::{Value, json};

use crate::builtin::workloads::fields::{self, default, list, list_mut, text};

/// Completes `podIPs` from `podIP` and writes the fields that Go never leaves out.
pub(in crate::builtin::workloads) fn pod_status(status: &mut Value) {
    addresses(status);
    for condition in list_mut(status, "conditions") {
        if let Some(map) = condition.as_object_mut() {
            map.entry("lastProbeTime").or_insert(Value::Null);
            map.entry("lastTransitionTime").or_insert(Value::Null);
        }
    }
    for kind in ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] {
        for item in list_mut(status, kind) {
            container_status(item);
        }
    }
}

/// `podIP` is the first of `podIPs`; where they differ, `podIP` is right.
fn addresses(status: &mut Value) {
    let first = list(status, "podIPs").first().map(|ip| text(ip, "ip"));
    match (text(status, "podIP"), first) {
        ("", Some(first)) => {
            let first = first.to_owned();
            fields::set(status, "podIP", first.into());
        }
        ("", None) => {}
        (one, first) if first != Some(one) => {
            let ips = json!([{"ip": one}]);
            fields::set(status, "podIPs", ips);
        }
        _ => {}
    }
}

fn container_status(of: &mut Value) {
    for name in ["state", "lastState"] {
        default(of, name, json!({}));
        for (sort, times) in
            [("running", &["startedAt"][..]), ("terminated", &["startedAt", "finishedAt"])]
        {
            let state = of.get_mut(name).and_then(|state| state.get_mut(sort));
            let Some(state) = state.and_then(Value::as_object_mut) else {
                continue;
            };
            for time in times {
                state.entry(*time).or_insert(Value::Null);
            }
            if sort == "terminated" {
                state.entry("exitCode").or_insert(json!(0));
            }
        }
    }
    default(of, "ready", false);
    default(of, "restartCount", 0);
    default(of, "image", "");
    default(of, "imageID", "");
}
