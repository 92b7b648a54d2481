use serde_json::{Value, json};

use super::*;
use crate::metrics::parse;
use crate::world::tests::{now, world};

fn lease(name: &str, holder: &str, renewed: &str) -> (Source, Value) {
    let object = json!({ "metadata": { "name": name, "namespace": "n" },
        "spec": { "holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed,
            "acquireTime": "2026-11-21T10:00:00.000000Z", "leaseTransitions": 3 } });
    (Source::Leases, object)
}

#[test]
fn a_lease_lapses_when_its_time_is_over() {
    let shown = leases(
        &world(&[
            lease("kubewright-a", "x", "2026-11-21T11:59:50.000000Z"),
            lease("kubewright-b", "y", "2026-11-21T11:59:40.000000Z"),
            lease("kubewright-c", "", "2026-11-21T11:59:59.000000Z"),
            lease("somebody-else", "z", "2026-11-21T11:59:59.000000Z"),
        ]),
        now(),
    );
    let seen: Vec<_> =
        shown.rows.iter().map(|row| (row.name.as_str(), row.state.text.as_str())).collect();
    assert_eq!(
        seen,
        [
            ("n/kubewright-a", "Leading"),
            ("n/kubewright-b", "Lapsed"),
            ("n/kubewright-c", "Nobody leads")
        ]
    );
    assert_eq!((shown.rows[0].held.as_str(), shown.rows[0].renewed.as_str()), ("2 h", "10 s"));
}

#[test]
fn work_is_summed_by_controller() {
    let text = r#"# TYPE kubewright_queue_depth gauge
kubewright_queue_depth{controller="a"} 4
kubewright_queue_oldest_age_seconds{controller="a"} 2.6
kubewright_reconcile_duration_seconds_count{controller="a",result="ok"} 10
kubewright_reconcile_duration_seconds_count{controller="a",result="error"} 2
kubewright_writes_total{controller="a",verb="patch",group="",resource="nodes",result="ok"} 7
kubewright_writes_total{controller="a",verb="patch",group="",resource="nodes",result="conflict"} 1
kubewright_controller_restarts_total{controller="b"} 1
process_open_fds 12
# EOF
"#;
    let good = Scrape { origin: "here".into(), outcome: Ok(parse(text)) };
    let bad = Scrape { origin: "there".into(), outcome: Err("refused".into()) };
    let (work, unreachable) = work(&[good, bad]);
    assert_eq!(
        work,
        [
            Work {
                controller: "a".into(),
                origin: "here".into(),
                queue: 4,
                oldest: 3.0,
                reconciles: 12,
                errors: 2,
                writes: 8,
                refused: 1,
                restarts: 0,
            },
            Work { controller: "b".into(), origin: "here".into(), restarts: 1, ..Work::default() },
        ]
    );
    assert_eq!(unreachable[0].problem, "refused");
}
