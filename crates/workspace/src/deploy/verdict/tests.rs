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
        pods: vec![Pod {
            name: "node-0".to_owned(),
            ready: true,
            containers: vec![container],
            ..Pod::default()
        }],
        ..Workload::default()
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
    assert_eq!(verdict(&[running()], &digests(), Patience::Left), Verdict::Passed);
    assert_eq!(verdict(&[running()], &digests(), Patience::Over), Verdict::Passed);
    assert_eq!(verdict(&[], &digests(), Patience::Left), Verdict::Passed);
}

/// The old tool counted lines with `Running`; its own example shows 0/1 ready.
#[test]
fn running_without_ready_is_no_pass() {
    let workload = with(|workload| {
        workload.ready = 0;
        workload.pods[0].ready = false;
    });
    let Verdict::Waiting(reasons) =
        verdict(std::slice::from_ref(&workload), &digests(), Patience::Left)
    else {
        panic!("0/1 ready passed");
    };
    assert_eq!(reasons[0], "Deployment kube-system/node: 0 of 1 pods are ready");
    assert!(matches!(verdict(&[workload], &digests(), Patience::Over), Verdict::Failed(_)));
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
        assert!(matches!(verdict(&[workload], &digests(), Patience::Left), Verdict::Waiting(_)));
    }
}

#[test]
fn a_crash_loop_fails_at_once() {
    let workload = container(|container| {
        let message = "back-off 10s restarting failed container".to_owned();
        container.waiting = Some(("CrashLoopBackOff".to_owned(), message));
        (container.last_exit, container.restarts) = (Some(1), 3);
    });
    let Verdict::Failed(reasons) = verdict(&[running(), workload], &digests(), Patience::Left)
    else {
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
        assert!(
            matches!(verdict(&[workload], &digests(), Patience::Left), Verdict::Failed(_)),
            "{reason}"
        );
    }
    let starting = container(|container| {
        container.waiting = Some(("ContainerCreating".to_owned(), String::new()));
        container.image_id.clear();
    });
    let starting = Workload { ready: 0, ..starting };
    assert!(matches!(verdict(&[starting], &digests(), Patience::Left), Verdict::Waiting(_)));
}

#[test]
fn another_image_of_the_same_tag_fails() {
    let other = DIGEST.replace('1', "2");
    let workload = container(|container| container.image_id = format!("x@{other}"));
    let Verdict::Failed(reasons) = verdict(&[workload], &digests(), Patience::Left) else {
        panic!("another image passed");
    };
    assert!(reasons[0].contains("is not what was built"), "{reasons:?}");
    let mirrored = container(|container| {
        container.image = "mirror.example/cache/node:v1".to_owned();
        container.image_id = format!("x@{other}");
    });
    assert!(matches!(verdict(&[mirrored], &digests(), Patience::Left), Verdict::Failed(_)));
    let foreign = container(|container| {
        container.image = "quay.io/other/thing:v1".to_owned();
        container.image_id = format!("x@{other}");
    });
    assert_eq!(verdict(&[foreign], &digests(), Patience::Left), Verdict::Passed);
}

#[test]
fn a_timeout_says_what_was_missing() {
    let workload = with(|workload| {
        workload.ready = 0;
        workload.pods[0].ready = false;
        workload.pods[0].unschedulable = Some("0/3 nodes are available".to_owned());
    });
    let Verdict::Failed(reasons) = verdict(&[workload], &digests(), Patience::Over) else {
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
    assert!(matches!(verdict(&[job(None)], &digests(), Patience::Left), Verdict::Waiting(_)));
    assert_eq!(verdict(&[job(Some(Ok(())))], &digests(), Patience::Left), Verdict::Passed);
    let failed = job(Some(Err("BackoffLimitExceeded".to_owned())));
    assert!(matches!(verdict(&[failed], &digests(), Patience::Left), Verdict::Failed(_)));
}

#[test]
fn every_form_in_which_runtimes_name_an_image_is_known() {
    let digits = &DIGEST["sha256:".len()..];
    for id in [
        DIGEST.to_owned(),
        digits.to_owned(),
        format!("docker-pullable://registry.example/dev/node@{DIGEST}"),
        format!("docker://{DIGEST}"),
        format!("docker.io/library/import-2026-11-21@{DIGEST}"),
    ] {
        let named = |id: String| container(|container| container.image_id = id);
        let of = |id: &str| verdict(&[named(id.to_owned())], &digests(), Patience::Left);
        assert_eq!(of(&id), Verdict::Passed, "{id}");
        assert!(matches!(of(&id.replace('1', "2")), Verdict::Failed(_)), "{id}");
    }
}

#[test]
fn what_kubernetes_gives_up_is_given_up() {
    let stuck = |workload: &mut Workload| {
        workload.stuck = Some("ProgressDeadlineExceeded: it took too long".to_owned());
    };
    let late = with(|workload| {
        stuck(workload);
        workload.updated = 0;
    });
    let Verdict::Failed(reasons) = verdict(&[late], &digests(), Patience::Left) else {
        panic!("it was waited for");
    };
    let wanted = "Deployment kube-system/node: ProgressDeadlineExceeded: it took too long";
    assert_eq!(reasons, [wanted]);
    // The one before was late, and its successor has just been applied.
    let before = with(|workload| {
        stuck(workload);
        (workload.updated, workload.observed) = (0, Some(1));
    });
    assert!(matches!(verdict(&[before], &digests(), Patience::Left), Verdict::Waiting(_)));
    // One that is as wanted needs no more progress.
    assert_eq!(verdict(&[with(stuck)], &digests(), Patience::Left), Verdict::Passed);
}

#[test]
fn a_daemon_set_without_nodes_has_tried_nothing() {
    let nowhere = with(|workload| {
        workload.kind = "DaemonSet".to_owned();
        workload.wanted = Some(0);
        workload.pods.clear();
    });
    assert!(matches!(verdict(&[nowhere], &digests(), Patience::Left), Verdict::Waiting(_)));
    // Of a Deployment someone may want none.
    let none = with(|workload| {
        (workload.wanted, workload.updated, workload.ready) = (Some(0), 0, 0);
        workload.pods.clear();
    });
    assert_eq!(verdict(&[none], &digests(), Patience::Left), Verdict::Passed);
}

#[test]
fn pods_that_are_held_back_are_not_waited_for() {
    let part = with(|workload| {
        workload.kind = "StatefulSet".to_owned();
        (workload.wanted, workload.held_back, workload.ready) = (Some(3), 2, 3);
    });
    assert_eq!(verdict(std::slice::from_ref(&part), &digests(), Patience::Left), Verdict::Passed);
    let all = Workload { held_back: 0, ..part };
    assert!(matches!(verdict(&[all], &digests(), Patience::Left), Verdict::Waiting(_)));
}

#[test]
fn pods_that_ended_count_for_nothing_but_themselves() {
    let evicted = Pod {
        name: "node-1".to_owned(),
        failed: Some("Evicted: The node was low on resource".to_owned()),
        ..Pod::default()
    };
    let replaced = with(|workload| workload.pods.push(evicted.clone()));
    assert_eq!(verdict(&[replaced], &digests(), Patience::Left), Verdict::Passed);
    let instead = with(|workload| workload.pods = vec![evicted.clone()]);
    assert!(matches!(verdict(&[instead], &digests(), Patience::Left), Verdict::Waiting(_)));
    let alone = with(|workload| {
        workload.kind = "Pod".to_owned();
        workload.ready = 0;
        workload.pods = vec![evicted];
    });
    let Verdict::Failed(reasons) = verdict(&[alone], &digests(), Patience::Left) else {
        panic!("a pod that ended was waited for");
    };
    assert_eq!(reasons, ["Pod kube-system/node failed: Evicted: The node was low on resource"]);
}

#[test]
fn a_job_says_itself_how_often_it_may_fail() {
    let job = |reason: &str| {
        let mut workload = container(|container| {
            container.waiting = Some((reason.to_owned(), String::new()));
        });
        workload.kind = "Job".to_owned();
        verdict(&[workload], &digests(), Patience::Left)
    };
    assert!(matches!(job("CrashLoopBackOff"), Verdict::Waiting(_)));
    for reason in ["ImagePullBackOff", "CreateContainerConfigError", "CreateContainerError"] {
        assert!(matches!(job(reason), Verdict::Failed(_)), "{reason}");
    }
}

#[test]
fn an_interruption_is_no_timeout() {
    let waiting = with(|workload| workload.updated = 0);
    let Verdict::Failed(reasons) = verdict(&[waiting], &digests(), Patience::Interrupted) else {
        panic!("it went on");
    };
    assert!(reasons[0].ends_with("when it was interrupted"), "{reasons:?}");
}
