//! Probes and lifecycle hooks.

use serde_json::Value;

use super::{enumeration, number, port};
use crate::builtin::workloads::fields::{self, list, present};
use crate::field;

/// The probe in a field of a container, if there is one.
pub(super) fn probe(container: &Value, name: &str, path: &str, errors: &mut field::Errors) {
    if !present(container, name) {
        return;
    }
    let probe = &container[name];
    let path = field::child(path, name);
    handler(probe, &["exec", "httpGet", "tcpSocket", "grpc"], &path, errors);
    let numbers = [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ];
    number::nonnegative(probe, &numbers, &path, errors);
    let grace = "terminationGracePeriodSeconds";
    if fields::number(probe, grace).is_some_and(|seconds| seconds <= 0) {
        let path = field::child(&path, grace);
        errors.push(field::Error::invalid(path, &probe[grace], "must be greater than 0"));
    }
    let threshold = fields::number(probe, "successThreshold").unwrap_or_default();
    if name == "readinessProbe" {
        if present(probe, grace) {
            let words = "must not be set for readinessProbes";
            let path = field::child(&path, grace);
            errors.push(field::Error::invalid(path, &probe[grace], words));
        }
    } else if threshold != 1 {
        errors.push(field::Error::invalid(
            field::child(&path, "successThreshold"),
            &Value::from(threshold),
            "must be 1",
        ));
    }
}

/// `postStart` and `preStop`.
pub(super) fn lifecycle(container: &Value, path: &str, errors: &mut field::Errors) {
    for name in ["postStart", "preStop"] {
        let hook = &container["lifecycle"][name];
        if hook.is_object() {
            let path = format!("{path}.lifecycle.{name}");
            handler(hook, &["exec", "httpGet", "tcpSocket"], &path, errors);
        }
    }
}

/// Exactly one way to ask the container.
fn handler(of: &Value, kinds: &[&str], path: &str, errors: &mut field::Errors) {
    let mut count = 0;
    for kind in kinds {
        if !present(of, kind) {
            continue;
        }
        let path = field::child(path, kind);
        count += 1;
        if count > 1 {
            let words = "may not specify more than 1 handler type";
            errors.push(field::Error::forbidden(path, words));
            continue;
        }
        let action = &of[*kind];
        match *kind {
            "exec" => {
                if list(action, "command").is_empty() {
                    errors.push(field::Error::required(field::child(&path, "command"), ""));
                }
            }
            "httpGet" => http_get(action, &path, errors),
            "grpc" => port::in_range(action, "port", &path, errors),
            _ => port::number_or_name(action, "port", &path, errors),
        }
    }
    if count == 0 {
        errors.push(field::Error::required(path, "must specify a handler type"));
    }
}

fn http_get(action: &Value, path: &str, errors: &mut field::Errors) {
    enumeration::filled(action, "path", path, errors);
    port::number_or_name(action, "port", path, errors);
    enumeration::required(action, "scheme", &["HTTP", "HTTPS"], path, errors);
    for header in list(action, "httpHeaders") {
        let name = fields::text(header, "name");
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if name.is_empty() || !name.bytes().all(fine) {
            errors.push(field::Error::invalid(
                field::child(path, "httpHeaders"),
                &Value::from(name),
                "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
            ));
        }
    }
}
