//! What the approver may do, for the generated manifests: every request of it is covered by a rule
//! here, and no rule has a wildcard.

use k8s_openapi::api::rbac::v1::PolicyRule;
use kubewright_operator::rbac::{of_events, rule};

use crate::acceptance::SERVING_SIGNER;
use crate::approver::CONFIG_MAP;
use crate::join::SIGNER;

const WATCH: &[&str] = &["get", "list", "watch"];
const CERTIFICATES: &str = "certificates.k8s.io";

/// Rules of the ClusterRole.
pub fn cluster_rules() -> Vec<PolicyRule> {
    let mut rules = vec![
        rule("", &["nodes"], WATCH),
        rule(CERTIFICATES, &["certificatesigningrequests"], WATCH),
        rule(CERTIFICATES, &["certificatesigningrequests/approval"], &["patch"]),
        // Of these signers only: for no other may it say yes.
        only(&[SIGNER, SERVING_SIGNER], rule(CERTIFICATES, &["signers"], &["approve"])),
    ];
    rules.extend(of_events());
    rules
}

/// Rules of the Role in the controller's namespace, where the policy is.
pub fn namespace_rules() -> Vec<PolicyRule> {
    vec![only(&[CONFIG_MAP], rule("", &["configmaps"], WATCH))]
}

fn only(names: &[&str], rule: PolicyRule) -> PolicyRule {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    PolicyRule { resource_names: Some(names), ..rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_has_a_wildcard_and_no_secret_is_read() {
        for rule in cluster_rules().iter().chain(&namespace_rules()) {
            let all = rule.api_groups.iter().flatten().chain(rule.resources.iter().flatten());
            for text in all.chain(&rule.verbs) {
                assert_ne!(text, "*", "{rule:?}");
                assert_ne!(text, "secrets", "{rule:?}");
            }
        }
    }
}
