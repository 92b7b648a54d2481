//! Keys that the embedded engine has no use for.

use serde_json::Value;

use super::check::Finding;
use super::document::NodeConfiguration;

/// Keys, or groups of them, that it heeds.
const HEEDED: &[&str] = &[
    "apiVersion",
    "kind",
    "engine",
    "node",
    "clusterFormation.seeder",
    "clusterFormation.token",
    "clusterFormation.tokenFile",
    "clusterFormation.tokenTtl",
    "clusterFormation.autoApprove",
    "certificates.caCrt",
    "certificates.caCrtHash",
    "certificates.unsafeSkipVerification",
    "network.bind.address",
    "network.bind.port",
    "network.dns.externalFqdn",
    "apiServer.certSANs",
    "paths.state",
];

/// What is set and has no effect with the embedded engine, which starts no pods and changes nothing
/// on the machine: a warning for each key.
#[must_use]
pub fn unused_by_embedded(configuration: &NodeConfiguration) -> Vec<Finding> {
    let tree = |configuration| serde_json::to_value(configuration).unwrap_or_default();
    let mut findings = Vec::new();
    visit(&tree(configuration), &tree(&NodeConfiguration::default()), "", &mut findings);
    findings
}

fn visit(value: &Value, default: &Value, path: &str, findings: &mut Vec<Finding>) {
    if value == default || HEEDED.contains(&path) {
        return;
    }
    match (value.as_object(), default.as_object()) {
        // A group of keys; one without defaults is a map of the administrator's own.
        (Some(members), Some(defaults)) if !defaults.is_empty() => {
            for (key, member) in members {
                let path = super::schema::below(path, key);
                visit(member, defaults.get(key).unwrap_or(&Value::Null), &path, findings);
            }
        }
        _ => findings.push(Finding::warning(
            path,
            "has no effect with the embedded engine, which starts no pods and changes nothing else on the machine",
        )),
    }
}
