//! The status of a pod, which the kubelet writes.

use serde_json::Value;

use super::enumeration;
use crate::builtin::workloads::fields::{list, present, text};
use crate::{field, names};

/// Findings on an update through `status`.
pub(in crate::builtin::workloads) fn pod_status_update(new: &Value, old: &Value) -> field::Errors {
    let mut errors = Vec::new();
    let status = &new["status"];
    for (at, condition) in list(status, "conditions").iter().enumerate() {
        let kind = text(condition, "type");
        for complaint in names::qualified_name(kind) {
            let path = format!("status.conditions[{at}].Type");
            errors.push(field::Error::invalid(path, &Value::from(kind), complaint));
        }
    }
    if text(status, "nominatedNodeName") != text(&old["status"], "nominatedNodeName") {
        let check = names::dns_subdomain;
        enumeration::checked(status, "nominatedNodeName", check, "status", &mut errors);
    }
    let policy = text(&old["spec"], "restartPolicy");
    for (sort, policy) in [
        ("containerStatuses", policy),
        // A finished init container is not run again, whatever the pod's policy.
        ("initContainerStatuses", if policy == "Always" { policy } else { "OnFailure" }),
        ("ephemeralContainerStatuses", "Never"),
    ] {
        transitions(status, &old["status"], sort, policy, &mut errors);
    }
    addresses(status, &mut errors);
    errors
}

/// A container that has ended stays so, unless it is to be restarted.
fn transitions(now: &Value, before: &Value, sort: &str, policy: &str, errors: &mut field::Errors) {
    if policy == "Always" {
        return;
    }
    for (at, item) in list(now, sort).iter().enumerate() {
        let name = text(item, "name");
        let old = list(before, sort).iter().find(|old| text(old, "name") == name);
        let Some(ended) = old.map(|old| &old["state"]["terminated"]) else {
            continue;
        };
        let failed = ended["exitCode"] != 0;
        let restarted = policy == "OnFailure" && failed;
        if ended.is_object() && !restarted && !present(&item["state"], "terminated") {
            let words = "may not be transitioned to non-terminated state";
            let path = format!("status.{sort}[{at}].state");
            errors.push(field::Error::forbidden(path, words));
        }
    }
}

/// One address, or one of each family.
fn addresses(status: &Value, errors: &mut field::Errors) {
    let ips = list(status, "podIPs");
    for (at, ip) in ips.iter().enumerate() {
        for complaint in names::ip(text(ip, "ip")) {
            let path = format!("status.podIPs[{at}]");
            errors.push(field::Error::invalid(path, &Value::from(text(ip, "ip")), complaint));
        }
    }
    if ips.len() > 1 {
        let six = ips.iter().filter(|ip| text(ip, "ip").contains(':')).count();
        if ips.len() > 2 || six != 1 {
            let words = "may specify no more than one IP for each IP family";
            let values: Vec<_> = ips.iter().map(|ip| text(ip, "ip")).collect();
            let value = Value::from(values);
            errors.push(field::Error::invalid("status.podIPs", &value, words));
        }
    }
}
