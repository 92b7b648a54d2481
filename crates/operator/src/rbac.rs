//! The rights that what this crate writes needs, for the RBAC manifests.

use k8s_openapi::api::rbac::v1::PolicyRule;

/// A rule for some resources of one group.
pub fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

/// A rule for objects of these names only.
pub fn only(names: &[&str], rule: PolicyRule) -> PolicyRule {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    PolicyRule { resource_names: Some(names), ..rule }
}

/// What [`crate::lease::Election`] needs in the namespace of its Lease. A Lease that does not
/// exist yet has no name to be allowed by.
pub fn of_election(lease: &str) -> Vec<PolicyRule> {
    let leases = |verbs| rule("coordination.k8s.io", &["leases"], verbs);
    vec![leases(&["create"]), only(&[lease], leases(&["get", "list", "watch", "update"]))]
}

/// What [`crate::Events`] needs in the namespaces of what is spoken of; events about
/// cluster-scoped objects stand in `default`.
pub fn of_events() -> Vec<PolicyRule> {
    vec![rule("events.k8s.io", &["events"], &["create"])]
}
