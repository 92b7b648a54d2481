//! What the controller may do, for the generated manifests: every request of this crate is covered
//! by a rule here, and no rule has a wildcard.
//!
//! Leases are the operator's. A `create` cannot be restricted by name, and a watch of a whole kind
//! neither; everything else names its objects.

use k8s_openapi::api::rbac::v1::PolicyRule;
use kubewright_operator::rbac::{of_events, only, rule};

use crate::objects::{adaptor, webhook};

const WATCH: &[&str] = &["list", "watch"];

/// An apply is a `patch`, and a `create` where there is nothing yet.
const KEEP: &[&str] = &["delete", "patch"];

/// Rules of the ClusterRole.
pub fn cluster_rules() -> Vec<PolicyRule> {
    let ours = "confidentialcontainers.org";
    let registrations = ["mutatingwebhookconfigurations"];
    let admission = "admissionregistration.k8s.io";
    let mut rules = vec![
        // `patch` writes the finalizer.
        rule(ours, &["peerpodconfigs"], &["list", "patch", "watch"]),
        rule(ours, &["peerpodconfigs/status"], &["patch"]),
        // Owner references that block deletion ask for it where that is enforced (OpenShift).
        rule(ours, &["peerpodconfigs/finalizers"], &["update"]),
        rule(ours, &["peerpods"], WATCH),
        rule("", &["nodes", "pods"], WATCH),
        rule("", &["nodes/status"], &["patch"]),
        rule(admission, &registrations, &["create"]),
        only(&[webhook::NAME], rule(admission, &registrations, &["delete", "patch"])),
        // By name: `fields=metadata.name=…`.
        only(&[webhook::NAME], rule(admission, &registrations, WATCH)),
    ];
    // Events stand beside what they are about, and configs may be in any namespace.
    rules.extend(of_events());
    rules
}

/// Rules of the Role in the controller's namespace. Secrets are read nowhere else.
pub fn namespace_rules() -> Vec<PolicyRule> {
    let (adaptor, webhook) = ([adaptor::NAME], [webhook::NAME]);
    let certificates = [webhook::AUTHORITIES, webhook::SECRET];
    vec![
        // Configs name the Secret and the ConfigMap of their cloud.
        rule("", &["configmaps", "secrets"], WATCH),
        rule("", &["secrets"], &["create"]),
        only(&certificates, rule("", &["secrets"], &["delete", "patch"])),
        rule("", &["services"], &["create", "list", "watch"]),
        only(&webhook, rule("", &["services"], KEEP)),
        rule("apps", &["daemonsets", "deployments"], &["create", "list", "watch"]),
        only(&adaptor, rule("apps", &["daemonsets"], KEEP)),
        only(&webhook, rule("apps", &["deployments"], KEEP)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rules: &[PolicyRule], group: &str, resource: &str, verb: &str) -> bool {
        let has = |list: &Option<Vec<String>>, word: &str| list.iter().flatten().any(|w| w == word);
        rules.iter().any(|rule| {
            has(&rule.api_groups, group)
                && has(&rule.resources, resource)
                && rule.verbs.iter().any(|allowed| allowed == verb)
        })
    }

    #[test]
    fn no_rule_has_a_wildcard_and_secrets_stay_in_one_namespace() {
        for rule in cluster_rules().iter().chain(&namespace_rules()) {
            let all = rule.api_groups.iter().flatten().chain(rule.resources.iter().flatten());
            for text in all.chain(&rule.verbs) {
                assert_ne!(text, "*", "{rule:?}");
            }
        }
        for verb in ["get", "list", "watch", "create", "patch"] {
            assert!(!allows(&cluster_rules(), "", "secrets", verb), "{verb}");
        }
    }

    /// The peer-pod-controller of 2022 made a DaemonSet that its role did not allow it to make.
    #[test]
    fn the_daemon_set_that_is_made_may_be_made() {
        for verb in ["create", "list", "watch", "patch", "delete"] {
            assert!(allows(&namespace_rules(), "apps", "daemonsets", verb), "{verb}");
            assert!(allows(&namespace_rules(), "apps", "deployments", verb), "{verb}");
            assert!(allows(&namespace_rules(), "", "services", verb), "{verb}");
            assert!(
                allows(
                    &cluster_rules(),
                    "admissionregistration.k8s.io",
                    "mutatingwebhookconfigurations",
                    verb
                ),
                "{verb}"
            );
        }
        assert!(allows(&cluster_rules(), "", "nodes/status", "patch"));
        assert!(!allows(&cluster_rules(), "", "nodes", "patch"), "only the status is ours");
    }
}
