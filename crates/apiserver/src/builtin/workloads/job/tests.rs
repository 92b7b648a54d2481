#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use crate::builtin::Part;
use crate::builtin::workloads::tests::{created, findings, updated};

const JOBS: (&str, &str) = ("batch", "jobs");

fn job(more: Value) -> Value {
    let mut job = json!({"metadata": {"name": "j", "uid": "u1"}, "spec": {
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x:1"}]}},
    }});
    for (name, value) in more.as_object().unwrap() {
        job["spec"][name] = value.clone();
    }
    job
}

#[test]
fn a_job_selects_its_pods_by_its_uid() {
    assert_eq!(findings("batch", "jobs", job(json!({}))), []);
    let object = created("batch", "jobs", job(json!({})));
    let labels = json!({
        "batch.kubernetes.io/controller-uid": "u1", "batch.kubernetes.io/job-name": "j",
        "controller-uid": "u1", "job-name": "j",
    });
    assert_eq!(object["metadata"]["labels"], labels);
    assert_eq!(object["spec"]["template"]["metadata"]["labels"], labels);
    assert_eq!(
        object["spec"]["selector"],
        json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "u1"}})
    );
    assert_eq!(object["status"], json!({}));
    for (name, value) in [
        ("parallelism", json!(1)),
        ("completions", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
    ] {
        assert_eq!(object["spec"][name], value, "{name}");
    }
    let queue = created("batch", "jobs", job(json!({"parallelism": 3})));
    assert_eq!(queue["spec"].get("completions"), None);
}

#[test]
fn refused_jobs() {
    let invalid = "FieldValueInvalid";
    let required = "FieldValueRequired";
    let template = |policy: &str| json!({"template": {"spec": {"restartPolicy": policy, "containers": [{"name": "c", "image": "x"}]}}});
    let policy = "spec.template.spec.restartPolicy";
    let label = "spec.template.metadata.labels[job-name]";
    let mut labelled = job(json!({}))["spec"].clone();
    labelled["template"]["metadata"] = json!({"labels": {"job-name": "other"}});
    for (more, expected) in [
        (template("Always"), vec![(required, policy)]),
        (json!({"parallelism": -1}), vec![(invalid, "spec.parallelism")]),
        (json!({"completionMode": "Indexed", "completions": 1}), vec![]),
        (
            json!({"completionMode": "Indexed", "parallelism": 2}),
            vec![(required, "spec.completions")],
        ),
        (
            json!({"template": labelled["template"]}),
            vec![
                (invalid, label),
                (required, "spec.template.metadata.labels[batch.kubernetes.io/job-name]"),
            ],
        ),
        (
            json!({"selector": {"matchLabels": {"a": "b"}}}),
            vec![(invalid, "spec.selector"), (invalid, "spec.template.metadata.labels")],
        ),
        (json!({"manualSelector": true}), vec![(required, "spec.selector")]),
        (
            json!({"podFailurePolicy": {"rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                {"action": "X"},
                {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [0, 2, 1]}},
            ]}}),
            vec![
                ("FieldValueNotSupported", "spec.podFailurePolicy.rules[1].action"),
                (invalid, "spec.podFailurePolicy.rules[1]"),
                (invalid, "spec.podFailurePolicy.rules[2].onExitCodes.values[0]"),
                (invalid, "spec.podFailurePolicy.rules[2].onExitCodes.values"),
            ],
        ),
    ] {
        let found = findings("batch", "jobs", job(more.clone()));
        let found: Vec<_> = found.iter().map(|(a, b)| (*a, b.as_str())).collect();
        assert_eq!(found, expected, "{more}");
    }
}

#[test]
fn a_running_job_is_fixed_and_a_waiting_one_can_be_moved() {
    for (suspended, count) in [(true, 0), (false, 1)] {
        let stored = created("batch", "jobs", job(json!({"suspend": suspended})));
        let mut object = stored.clone();
        object["spec"]["template"]["spec"]["nodeSelector"] = json!({"a": "b"});
        object["spec"]["parallelism"] = json!(2);
        let (object, errors) = updated(JOBS, Part::Main, object, &stored);
        assert_eq!(errors.len(), count, "{errors:?}");
        assert_eq!(object["metadata"]["generation"], 2);
    }
    let stored = created("batch", "jobs", job(json!({})));
    let mut object = stored.clone();
    object["spec"]["completions"] = json!(4);
    object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("y");
    let (_, errors) = updated(JOBS, Part::Main, object, &stored);
    let fields: Vec<_> = errors.iter().map(|(_, field)| field.as_str()).collect();
    assert_eq!(fields, ["spec.completions", "spec.template"]);

    let indexed = json!({"completionMode": "Indexed", "completions": 2, "parallelism": 2});
    let stored = created("batch", "jobs", job(indexed));
    let mut object = stored.clone();
    object["spec"]["completions"] = json!(3);
    object["spec"]["parallelism"] = json!(3);
    assert_eq!(updated(JOBS, Part::Main, object, &stored).1, []);
}
