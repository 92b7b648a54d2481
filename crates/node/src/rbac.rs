//! What the approver may do, for the generated manifests: every request of it is covered by a rule
//! here, and no rule has a wildcard.

use k8s_openapi::api::rbac::v1::PolicyRule;
use kubewright_operator::rbac::{of_events, only, rule};

use crate::acceptance::SERVING_SIGNER;
use crate::approver::CONFIG_MAP;
use crate::approver::places::{INFO, KUBEADM, SERVICE};
use crate::join::SIGNER;

const WATCH: &[&str] = &["list", "watch"];
const CERTIFICATES: &str = "certificates.k8s.io";

/// Rules of the ClusterRole.
pub fn cluster_rules() -> Vec<PolicyRule> {
    vec![
        rule("", &["nodes"], WATCH),
        rule(CERTIFICATES, &["certificatesigningrequests"], WATCH),
        rule(CERTIFICATES, &["certificatesigningrequests/approval"], &["patch"]),
        // Of these signers only: for no other may it say yes.
        only(&[SIGNER, SERVING_SIGNER], rule(CERTIFICATES, &["signers"], &["approve"])),
        // Where the API server is: no node gets a certificate with which it could pass for it.
        only(&[SERVICE.1], rule("", &["services"], WATCH)),
        only(&[SERVICE.1], rule("discovery.k8s.io", &["endpointslices"], WATCH)),
        only(&[INFO.1, KUBEADM.1], rule("", &["configmaps"], WATCH)),
    ]
}

/// Rules of the Role in the controller's namespace, where the policy is.
pub fn namespace_rules() -> Vec<PolicyRule> {
    // It speaks of the policy's faults there; of requests it does where Events about cluster-scoped
    // objects stand.
    let mut rules = of_events();
    // By name: `fields=metadata.name=…`.
    rules.push(only(&[CONFIG_MAP], rule("", &["configmaps"], WATCH)));
    rules
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
