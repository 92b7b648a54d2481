//! What users of the console need, for the generated manifests: everything that it asks for in
//! their name is covered by a rule here, and no rule has a wildcard. It works with less, and says
//! what it may not show.

use k8s_openapi::api::rbac::v1::PolicyRule;
use kubewright_hostendpoint::api::CalicoGroup;
use kubewright_operator::rbac::rule;

use crate::world::request::SIGNER;

const WATCH: &[&str] = &["list", "watch"];
const CERTIFICATES: &str = "certificates.k8s.io";

/// To see everything. Who somebody is, and which groups are served, everybody may ask.
pub fn of_viewers() -> Vec<PolicyRule> {
    let mut rules = vec![
        rule("", &["nodes", "pods"], WATCH),
        rule(CERTIFICATES, &["certificatesigningrequests"], WATCH),
        rule("events.k8s.io", &["events"], WATCH),
        rule("coordination.k8s.io", &["leases"], WATCH),
        rule("kubewright.io", &["hostendpointtemplates"], WATCH),
        rule("confidentialcontainers.org", &["peerpodconfigs"], WATCH),
        rule("networks.kaloom.com", &["networks"], WATCH),
        rule("k8s.cni.cncf.io", &["network-attachment-definitions"], WATCH),
    ];
    // Where both groups are served, the first is watched.
    let groups = [CalicoGroup::CrdV1, CalicoGroup::ProjectV3];
    rules.extend(groups.map(|group| rule(group.group(), &["hostendpoints"], WATCH)));
    rules
}

/// To accept and reject nodes, on top of seeing them.
pub fn of_approvers() -> Vec<PolicyRule> {
    let approve = rule(CERTIFICATES, &["signers"], &["approve"]);
    vec![
        rule("", &["nodes"], &["get"]),
        rule(CERTIFICATES, &["certificatesigningrequests"], &["get"]),
        rule(CERTIFICATES, &["certificatesigningrequests/approval"], &["update"]),
        // Of this signer only: for no other may they say yes.
        PolicyRule { resource_names: Some(vec![SIGNER.to_owned()]), ..approve },
    ]
}
