//! What the agent may do, for the generated manifests: every request in this crate is covered by a
//! rule here, and no rule has a wildcard.

use k8s_openapi::api::rbac::v1::PolicyRule;
use kubewright_operator::rbac::{of_events, rule};

/// Rules of the agent's ClusterRole.
pub fn rules() -> Vec<PolicyRule> {
    let watch = &["list", "watch"];
    let mut rules = vec![
        // `get` asks for a pod that starts before the watch has told of it; `patch` writes the
        // annotations. Which pods is beyond RBAC; the agent patches those of its
        // node.
        rule("", &["pods"], &["get", "list", "patch", "watch"]),
        rule("k8s.cni.cncf.io", &["network-attachment-definitions"], watch),
        rule("networks.kaloom.com", &["networks"], watch),
    ];
    rules.extend(of_events());
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_has_a_wildcard_or_reads_secrets() {
        for rule in rules() {
            let all = rule.api_groups.iter().flatten().chain(rule.resources.iter().flatten());
            for text in all.chain(&rule.verbs) {
                assert!(text != "*" && text != "secrets", "{rule:?}");
            }
        }
    }
}
