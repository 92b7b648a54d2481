#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use crate::builtin::workloads::strategy;
use crate::builtin::workloads::tests::{created, findings};

fn cron_job(more: Value) -> Value {
    let pod = json!({"restartPolicy": "OnFailure", "containers": [{"name": "c", "image": "x:1"}]});
    let mut job = json!({"metadata": {"name": "c"}, "spec": {
        "schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": pod}}},
    }});
    for (name, value) in more.as_object().unwrap() {
        job["spec"][name] = value.clone();
    }
    job
}

#[test]
fn defaults() {
    let object = created("batch", "cronjobs", cron_job(json!({})));
    let spec = &object["spec"];
    assert_eq!(spec["concurrencyPolicy"], "Allow");
    assert_eq!(spec["suspend"], false);
    assert_eq!(spec["successfulJobsHistoryLimit"], 3);
    assert_eq!(spec["failedJobsHistoryLimit"], 1);
    let job = &spec["jobTemplate"];
    assert_eq!(job["metadata"], json!({"creationTimestamp": null}));
    // The job's own defaults come when it is made.
    assert_eq!(job["spec"].as_object().unwrap().len(), 1);
    assert_eq!(job["spec"]["template"]["spec"]["dnsPolicy"], "ClusterFirst");
    assert_eq!(object["metadata"]["generation"], 1);
    assert_eq!(object["status"], json!({}));
}

#[test]
fn refused_cron_jobs() {
    for (more, fields) in [
        (json!({}), vec![]),
        (json!({"schedule": ""}), vec!["spec.schedule"]),
        (json!({"schedule": "sometimes"}), vec!["spec.schedule"]),
        (json!({"timeZone": "Europe/Berlin"}), vec![]),
        (json!({"timeZone": ""}), vec!["spec.timeZone"]),
        (json!({"timeZone": "local"}), vec!["spec.timeZone"]),
        (json!({"timeZone": "UTC", "schedule": "TZ=UTC 0 0 * * *"}), vec!["spec.schedule"]),
        (json!({"concurrencyPolicy": "X"}), vec!["spec.concurrencyPolicy"]),
        (json!({"startingDeadlineSeconds": -1}), vec!["spec.startingDeadlineSeconds"]),
        (
            json!({"jobTemplate": {"spec": {"template": {}}}}),
            vec![
                "spec.jobTemplate.spec.template.spec.containers",
                "spec.jobTemplate.spec.template.spec.restartPolicy",
            ],
        ),
    ] {
        let found = findings("batch", "cronjobs", cron_job(more.clone()));
        let found: Vec<_> = found.iter().map(|(_, field)| field.as_str()).collect();
        assert_eq!(found, fields, "{more}");
    }
    let mut long = cron_job(json!({}));
    long["metadata"]["name"] = json!("x".repeat(53));
    assert_eq!(findings("batch", "cronjobs", long)[0].1, "metadata.name");
}

#[test]
fn a_zone_in_the_schedule_is_warned_of() {
    let strategy = strategy("batch", "cronjobs").unwrap();
    assert!(strategy.warnings(&cron_job(json!({}))).is_empty());
    let zoned = cron_job(json!({"schedule": "TZ=UTC 0 0 * * *"}));
    assert_eq!(strategy.warnings(&zoned).len(), 1);
}
