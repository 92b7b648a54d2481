//! Security contexts of pods and containers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::enumeration;
use crate::builtin::workloads::fields::{flag, list, number, present, text};
use crate::field;

const ID_RANGE: &str = "must be between 0 and 2147483647, inclusive";

fn is_id(value: Option<i64>) -> bool {
    value.is_none_or(|value| (0..=i64::from(i32::MAX)).contains(&value))
}

fn ids(of: &Value, names: &[&str], path: &str, errors: &mut field::Errors) {
    for name in names {
        if !is_id(number(of, name)) {
            let path = field::child(path, name);
            errors.push(field::Error::invalid(path, &of[*name], ID_RANGE));
        }
    }
}

/// `securityContext` of a container.
pub(super) fn container(of: &Value, path: &str, errors: &mut field::Errors) {
    let context = &of["securityContext"];
    if !context.is_object() {
        return;
    }
    let path = field::child(path, "securityContext");
    ids(context, &["runAsUser", "runAsGroup"], &path, errors);
    seccomp(context, &path, errors);
    if context["allowPrivilegeEscalation"] == false {
        let adds = list(&context["capabilities"], "add");
        let words = if flag(context, "privileged") {
            "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        } else if adds.iter().any(|capability| capability == "CAP_SYS_ADMIN") {
            "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
        } else {
            return;
        };
        errors.push(field::Error::invalid(&path, context, words));
    }
}

/// `securityContext` of a pod and the namespaces of the host that it shares.
pub(super) fn pod(spec: &Value, path: &str, errors: &mut field::Errors) {
    let context = &spec["securityContext"];
    let path = field::child(path, "securityContext");
    ids(context, &["fsGroup", "runAsUser", "runAsGroup"], &path, errors);
    for (at, group) in list(context, "supplementalGroups").iter().enumerate() {
        if !is_id(group.as_i64()) {
            let path = field::index(&field::child(&path, "supplementalGroups"), at);
            errors.push(field::Error::invalid(path, group, ID_RANGE));
        }
    }
    if flag(spec, "shareProcessNamespace") && flag(spec, "hostPID") {
        errors.push(field::Error::invalid(
            field::child(&path, "shareProcessNamespace"),
            &Value::from(true),
            "ShareProcessNamespace and HostPID cannot both be enabled",
        ));
    }
    let policies = ["Always", "OnRootMismatch"];
    enumeration::optional(context, "fsGroupChangePolicy", &policies, &path, errors);
    seccomp(context, &path, errors);
    sysctls(context, &path, errors);
}

fn seccomp(context: &Value, path: &str, errors: &mut field::Errors) {
    let profile = &context["seccompProfile"];
    if !profile.is_object() {
        return;
    }
    let path = field::child(path, "seccompProfile");
    let kinds = ["Localhost", "RuntimeDefault", "Unconfined"];
    if text(profile, "type").is_empty() {
        let words = "type is required when seccompProfile is set";
        errors.push(field::Error::required(field::child(&path, "type"), words));
    } else {
        enumeration::optional(profile, "type", &kinds, &path, errors);
    }
    let local = field::child(&path, "localhostProfile");
    match (text(profile, "type"), present(profile, "localhostProfile")) {
        ("Localhost", false) => {
            let words = "must be set when seccomp type is Localhost";
            errors.push(field::Error::required(local, words));
        }
        ("Localhost", true) => {
            super::mount::descending(profile, "localhostProfile", &path, errors);
        }
        (_, true) => {
            let words = "can only be set when seccomp type is Localhost";
            errors.push(field::Error::invalid(local, &profile["localhostProfile"], words));
        }
        _ => {}
    }
}

fn sysctls(context: &Value, path: &str, errors: &mut field::Errors) {
    let mut seen = BTreeSet::new();
    for (at, sysctl) in list(context, "sysctls").iter().enumerate() {
        let path = field::index(&field::child(path, "sysctls"), at);
        let name = text(sysctl, "name");
        let path = field::child(&path, "name");
        let inner = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_./".contains(&byte)
        };
        if name.is_empty() {
            errors.push(field::Error::required(path, ""));
        } else if name.len() > 253 || !name.bytes().all(inner) {
            let words = "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            errors.push(field::Error::invalid(path, &sysctl["name"], words));
        } else if !seen.insert(name) {
            errors.push(field::Error::duplicate(path, &sysctl["name"]));
        }
    }
}
