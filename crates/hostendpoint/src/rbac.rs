//! What the controller may do, for the generated manifests: every request in
//! this crate is covered by a rule here, and no rule has a wildcard.

use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::{api::CalicoGroup, precreation::MACHINE_GROUP};

/// Rules of the ClusterRole. Leases and Events are the operator's.
pub fn rules() -> Vec<PolicyRule> {
    let groups = [CalicoGroup::CrdV1, CalicoGroup::ProjectV3].map(CalicoGroup::group);
    let watch = &["list", "watch"];
    vec![
        rule(&["kubewright.io"], &["hostendpointtemplates"], watch),
        rule(&["kubewright.io"], &["hostendpointtemplates/status"], &["patch"]),
        rule(&groups, &["hostendpoints"], &["create", "delete", "list", "patch", "watch"]),
        rule(&groups, &["globalnetworkpolicies", "felixconfigurations"], watch),
        // `get` reads the taints as they are now, `patch` removes the one of the startup.
        rule(&[""], &["nodes"], &["get", "list", "patch", "watch"]),
        rule(&[""], &["nodes/status"], &["patch"]),
        rule(&["certificates.k8s.io"], &["certificatesigningrequests"], watch),
        rule(&[MACHINE_GROUP], &["machines"], watch),
    ]
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(owned(groups)),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
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
