//! The policy of the agent, whose expressions are evaluated here.

use kube_cel::KubeCelExt as _;
use kube_cel::cel::{Context, Program, to_value};

use super::*;

const NODE: &str = "authentication.kubernetes.io/node-name";

/// What a request comes to: none where the policy is not about it, else the messages of what it
/// does not keep to.
fn judge(user: &Value, old: &Value, new: &Value) -> Option<Vec<String>> {
    let settings = Settings { podnet_policy: true, ..Settings::default() };
    let objects = podnet(&settings).unwrap();
    let policy = objects.iter().find(|it| it["kind"] == "ValidatingAdmissionPolicy").unwrap();
    let mut context = Context::default().with_all();
    let request = json!({ "operation": "UPDATE", "userInfo": user });
    for (name, value) in [("request", &request), ("oldObject", old), ("object", new)] {
        context.add_variable_from_value(name.to_owned(), to_value(value).unwrap());
    }
    let run = |context: &Context<'_>, expression: &Value| {
        Program::compile(expression.as_str().unwrap()).unwrap().execute(context).unwrap()
    };
    let condition = &policy["spec"]["matchConditions"][0]["expression"];
    if run(&context, condition) == false.into() {
        return None;
    }
    let variable = &policy["spec"]["variables"][0];
    assert_eq!(variable["name"], "node");
    let variables = std::collections::HashMap::from([(
        "node".to_owned(),
        run(&context, &variable["expression"]),
    )]);
    context.add_variable_from_value("variables".to_owned(), variables);
    let validations = policy["spec"]["validations"].as_array().unwrap();
    let failed = validations.iter().filter(|it| run(&context, &it["expression"]) != true.into());
    Some(failed.map(|it| it["message"].as_str().unwrap().to_owned()).collect())
}

fn agent(node: Option<&str>) -> Value {
    let mut user =
        json!({ "username": "system:serviceaccount:kubewright-system:kubewright-podnet" });
    if let Some(node) = node {
        user["extra"] = json!({ NODE: [node] });
    }
    user
}

#[test]
fn an_agent_changes_annotations_of_pods_of_its_node_only() {
    let pod = json!({
        "metadata": { "name": "p", "labels": { "a": "b" }, "annotations": { "networks": "[]" } },
        "spec": { "nodeName": "one", "containers": [{ "name": "c", "image": "i" }] },
    });
    let changed = |pointer: &str, value: Value| {
        let mut pod = pod.clone();
        *pod.pointer_mut(pointer).unwrap() = value;
        pod
    };
    let told = changed("/metadata/annotations", json!({ "networks": "[]", "status": "x" }));
    let refused = |user: &Value, old: &Value, new: &Value| {
        let [why] = &judge(user, old, new).unwrap()[..] else { panic!("{user} {old} {new}") };
        why.clone()
    };
    let own = agent(Some("one"));
    assert_eq!(judge(&own, &pod, &told), Some(vec![]));
    assert_eq!(
        judge(&own, &changed("/metadata", json!({})), &changed("/metadata", json!({}))),
        Some(vec![])
    );
    assert!(refused(&agent(Some("two")), &pod, &told).contains("own node"));
    // One that waits for its node is of none.
    let waiting = changed("/spec", json!({ "containers": [] }));
    assert!(refused(&own, &waiting, &waiting).contains("own node"));
    for user in [agent(None), json!({ "username": agent(None)["username"], "extra": {} })] {
        assert!(refused(&user, &pod, &told).contains("names no node"));
    }
    let labelled = json!({ "labels": { "a": "b" }, "finalizers": ["x"] });
    for new in [
        changed("/spec/containers/0/image", json!("mine")),
        changed("/metadata/labels", json!({ "a": "c" })),
        changed("/metadata", json!({ "name": "p" })),
        changed("/metadata", labelled),
    ] {
        assert!(refused(&own, &pod, &new).contains("nothing else"), "{new}");
    }
    // Everybody else is none of its business.
    let other = json!({ "username": "system:serviceaccount:other:kubewright-podnet" });
    assert_eq!(judge(&other, &pod, &changed("/spec/containers/0/image", json!("i:2"))), None);
}

#[test]
fn the_policy_is_there_when_it_is_asked_for() {
    let kinds = |podnet_policy| {
        let objects = podnet(&Settings { podnet_policy, ..Settings::default() }).unwrap();
        let kinds = objects.into_iter().map(|it| it["kind"].as_str().unwrap().to_owned());
        kinds.filter(|kind| kind.starts_with("ValidatingAdmission")).collect::<Vec<_>>()
    };
    assert_eq!(kinds(false), [""; 0]);
    let both = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];
    assert_eq!(kinds(true), both);
}
