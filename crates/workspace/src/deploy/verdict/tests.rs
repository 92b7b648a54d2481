use std::collections::BTreeSet;

use super::*;

const IMAGE: &str = "registry.example/dev/node:v1";
const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn digests() -> Digests {
    Digests::from([(IMAGE.to_owned(), BTreeSet::from([DIGEST.to_owned()]))])
}

fn running() -> Workload {
    let container = Container {
        name: "node".to_owned(),
        image: IMAGE.to_owned(),
        image_id: format!("registry.example/dev/node@{DIGEST}"),
        ..Container::default()
    };
    Workload {
        kind: "Deployment".to_owned(),
        namespace: "kube-system".to_owned(),
        name: "node".to_owned(),
        generation: 2,
        observed: Some(2),
        wanted: Some(1),
        updated: 1,
        ready: 1,
        completed: None,
        pods: vec![Pod {
            name: "node-0".to_owned(),
            ready: true,
            unschedulable: None,
            containers: vec![container],
        }],
    }
}

fn with(change: impl FnOnce(&mut Workload)) -> Workload {
    let mut workload = running();
    change(&mut workload);
    workload
}

fn container(change: impl FnOnce(&mut Container)) -> Workload {
    with(|workload| change(&mut workload.pods[0].containers[0]))
}

#[test]
fn what_runs_as_wanted_passes() {
    assert_eq!(verdict(&[running()], &digests(), false), Verdict::Passed);
    assert_eq!(verdict(&[running()], &digests(), true), Verdict::Passed);
    assert_eq!(verdict(&[], &digests(), false), Verdict::Passed);
}

/// The old tool counted lines with `Running`; its own example shows 0/1 ready.
#[test]
fn running_without_ready_is_no_pass() {
    let workload = with(|workload| {
        workload.ready = 0;
        workload.pods[0].ready = false;
    });
    let Verdict::Waiting(reasons) = verdict(std::slice::from_ref(&workload), &digests(), false)
    else {
        panic!("0/1 ready passed");
    };
    assert_eq!(reasons[0], "Deployment kube-system/node: 0 of 1 pods are ready");
    assert!(matches!(verdict(&[workload], &digests(), true), Verdict::Failed(_)));
}

#[test]
fn pods_of_the_version_before_are_no_pass() {
    for workload in [
        with(|workload| workload.observed = Some(1)),
        with(|workload| workload.observed = None),
        with(|workload| workload.updated = 0),
        with(|workload| workload.wanted = None),
        with(|workload| workload.pods.clear()),
    ] {
        assert!(matches!(verdict(&[workload], &digests(), false), Verdict::Waiting(_)));
    }
}

#[test]
fn a_crash_loop_fails_at_once() {
    let workload = container(|container| {
        let message = "back-off 10s restarting failed container".to_owned();
        container.waiting = Some(("CrashLoopBackOff".to_owned(), message));
        (container.last_exit, container.restarts) = (Some(1), 3);
    });
    let Verdict::Failed(reasons) = verdict(&[running(), workload], &digests(), false) else {
        panic!("a crash loop was waited for");
    };
    assert_eq!(
        reasons,
        ["Deployment kube-system/node: container node of pod node-0: CrashLoopBackOff, exit code \
             1, started again 3 times: back-off 10s restarting failed container"]
    );
}

#[test]
fn an_image_that_cannot_be_pulled_fails_at_once() {
    for reason in ["ErrImagePull", "ImagePullBackOff", "InvalidImageName"] {
        let workload = container(|container| {
            container.waiting = Some((reason.to_owned(), "no such image".to_owned()));
            container.image_id.clear();
        });
        assert!(matches!(verdict(&[workload], &digests(), false), Verdict::Failed(_)), "{reason}");
    }
    let starting = container(|container| {
        container.waiting = Some(("ContainerCreating".to_owned(), String::new()));
        container.image_id.clear();
    });
    let starting = Workload { ready: 0, ..starting };
    assert!(matches!(verdict(&[starting], &digests(), false), Verdict::Waiting(_)));
}

#[test]
fn another_image_of_the_same_tag_fails() {
    let other = DIGEST.replace('1', "2");
    let workload = container(|container| container.image_id = format!("x@{other}"));
    let Verdict::Failed(reasons) = verdict(&[workload], &digests(), false) else {
        panic!("another image passed");
    };
    assert!(reasons[0].contains("is not what was built"), "{reasons:?}");
    let foreign = container(|container| {
        container.image = "quay.io/other/thing:v1".to_owned();
        container.image_id = format!("x@{other}");
    });
    assert_eq!(verdict(&[foreign], &digests(), false), Verdict::Passed);
}

#[test]
fn a_timeout_says_what_was_missing() {
    let workload = with(|workload| {
        workload.ready = 0;
        workload.pods[0].ready = false;
        workload.pods[0].unschedulable = Some("0/3 nodes are available".to_owned());
    });
    let Verdict::Failed(reasons) = verdict(&[workload], &digests(), true) else {
        panic!("it was waited for without end");
    };
    assert!(reasons.iter().all(|reason| reason.ends_with("when time was up")), "{reasons:?}");
    assert!(
        reasons.iter().any(|reason| reason.contains("no node takes pod node-0")),
        "{reasons:?}"
    );
}

#[test]
fn a_job_has_to_end_well() {
    let job = |completed| {
        with(|workload| {
            workload.kind = "Job".to_owned();
            workload.completed = completed;
        })
    };
    assert!(matches!(verdict(&[job(None)], &digests(), false), Verdict::Waiting(_)));
    assert_eq!(verdict(&[job(Some(Ok(())))], &digests(), false), Verdict::Passed);
    let failed = job(Some(Err("BackoffLimitExceeded".to_owned())));
    assert!(matches!(verdict(&[failed], &digests(), false), Verdict::Failed(_)));
}
