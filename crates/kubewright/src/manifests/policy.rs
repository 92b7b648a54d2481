//! What no role can say: the agent of a node changes pods of that node, and of them annotations.
//!
//! The token of a pod names the pod's node since Kubernetes 1.30, which also has these objects. So
//! they are there when they are asked for, and refuse tokens that name no node.

use anyhow::Result;
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MatchResources, NamedRuleWithOperations, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicyBindingSpec,
    ValidatingAdmissionPolicySpec, Validation, Variable,
};
use serde_json::Value;

use super::{AGENT, Component, Settings};

/// What the agent has no business with in a pod.
const KEPT: [&str; 3] = ["labels", "finalizers", "ownerReferences"];

const ANNOTATIONS_ONLY: &str = "the agent changes annotations of pods and nothing else";

/// The policy and its binding, for the account of the agent.
pub(super) fn of_agent(settings: &Settings) -> Result<Vec<Value>> {
    let metadata = || Component::Agent.metadata(AGENT, None);
    let policy = ValidatingAdmissionPolicy {
        metadata: metadata(),
        spec: Some(spec(&settings.namespace)),
        ..ValidatingAdmissionPolicy::default()
    };
    let binding = ValidatingAdmissionPolicyBinding {
        metadata: metadata(),
        spec: Some(ValidatingAdmissionPolicyBindingSpec {
            policy_name: Some(AGENT.to_owned()),
            validation_actions: Some(vec!["Deny".to_owned()]),
            ..ValidatingAdmissionPolicyBindingSpec::default()
        }),
    };
    Ok(vec![serde_json::to_value(policy)?, serde_json::to_value(binding)?])
}

fn spec(namespace: &str) -> ValidatingAdmissionPolicySpec {
    let list = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
    ValidatingAdmissionPolicySpec {
        failure_policy: Some("Fail".to_owned()),
        match_constraints: Some(MatchResources {
            resource_rules: Some(vec![NamedRuleWithOperations {
                api_groups: list(&[""]),
                api_versions: list(&["v1"]),
                operations: list(&["UPDATE"]),
                resources: list(&["pods"]),
                ..NamedRuleWithOperations::default()
            }]),
            ..MatchResources::default()
        }),
        match_conditions: Some(vec![MatchCondition {
            name: "agent".to_owned(),
            expression: format!(
                "request.userInfo.username == \"system:serviceaccount:{namespace}:{AGENT}\""
            ),
        }]),
        variables: Some(vec![Variable { name: "node".to_owned(), expression: node() }]),
        validations: Some(validations()),
        ..ValidatingAdmissionPolicySpec::default()
    }
}

fn validations() -> Vec<Validation> {
    let one = |expression: &str, message: &str| Validation {
        expression: expression.to_owned(),
        message: Some(message.to_owned()),
        ..Validation::default()
    };
    let mut all = vec![
        one(
            "variables.node != \"\"",
            "the agent's token names no node: it has to be that of a pod",
        ),
        one(
            "variables.node == \"\" || \
             has(oldObject.spec.nodeName) && oldObject.spec.nodeName == variables.node",
            "the agent changes pods of its own node only",
        ),
        one("object.spec == oldObject.spec", ANNOTATIONS_ONLY),
    ];
    all.extend(KEPT.map(|field| {
        let (new, old) =
            (format!("object.metadata.{field}"), format!("oldObject.metadata.{field}"));
        let same = format!("has({new}) ? has({old}) && {new} == {old} : !has({old})");
        one(&same, ANNOTATIONS_ONLY)
    }));
    all
}

/// The node that the token of the request names.
fn node() -> String {
    let extra = "request.userInfo.extra";
    let key = "\"authentication.kubernetes.io/node-name\"";
    format!("has({extra}) && {key} in {extra} ? {extra}[{key}][0] : \"\"")
}
