//! Killed anywhere, and run again: the same end.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;

use crate::child;
use crate::fake::Behaviour;
use crate::tests::{RESUMED, join, told};
use crate::world::{World, kubeadm_of};

/// A machine with this kubeadm in a cluster of its own.
async fn machine(behaviour: &Behaviour, body: &str) -> World {
    let world = World::new(behaviour, body).await;
    // For those who become control-plane nodes.
    std::fs::write(world.root().join("key"), "ab".repeat(32)).unwrap();
    world
}

/// Runs to the end and kills it at each change of the journal in turn; all ends are the same.
async fn killed_at_every_change(behaviour: &Behaviour, body: &str) {
    let whole = machine(behaviour, body).await;
    let output = child::run(&whole, None).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (files, objects) = (whole.files(), whole.objects().await);
    for change in 1.. {
        let world = machine(behaviour, body).await;
        let killed = child::run(&world, Some(change)).await;
        if killed.status.success() {
            assert!(change > 10, "there were {change} changes only");
            break;
        }
        let said = String::from_utf8_lossy(&killed.stderr).into_owned();
        assert_eq!(killed.status.signal(), Some(9), "change {change}: {said}");
        let output = child::run(&world, None).await;
        assert!(
            output.status.success(),
            "change {change}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(comparable(&world, &files), files, "change {change}");
        assert_eq!(world.objects().await, objects, "change {change}");
    }
}

/// The files of a machine; those that name its cluster are as on the other one.
fn comparable(
    world: &World,
    other: &BTreeMap<String, (u32, String)>,
) -> BTreeMap<String, (u32, String)> {
    let mut files = world.files();
    for name in [
        "etc/kubernetes/admin.conf",
        "etc/kubernetes/kubelet.conf",
        "etc/kubernetes/super-admin.conf",
        "etc/kubernetes/pki/ca.crt",
    ] {
        if let (Some(ours), Some(theirs)) = (files.get_mut(name), other.get(name)) {
            ours.1.clone_from(&theirs.1);
        }
    }
    files
}

/// As above, killed by kubeadm itself when it has done a phase that is not on record yet.
async fn killed_after_every_phase(behaviour: &Behaviour, body: &str) {
    let whole = machine(behaviour, body).await;
    assert!(child::run(&whole, None).await.status.success());
    let (files, objects) = (whole.files(), whole.objects().await);
    let phases = whole.phases();
    assert!(phases.len() >= 3, "{phases:?}");
    for phase in phases {
        let kill_after = Some(phase.clone());
        let world = machine(&Behaviour { kill_after, ..behaviour.clone() }, body).await;
        assert_eq!(child::run(&world, None).await.status.signal(), Some(9), "{phase}");
        let output = child::run(&world, None).await;
        assert!(output.status.success(), "{phase}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(comparable(&world, &files), files, "{phase}");
        assert_eq!(world.objects().await, objects, "{phase}");
    }
}

pub(crate) async fn killed_at_every_change_of_the_journal_init_ends_the_same() {
    killed_at_every_change(&kubeadm_of("v1.33.1"), RESUMED).await;
}

pub(crate) async fn killed_right_after_every_phase_init_ends_the_same() {
    killed_after_every_phase(&kubeadm_of("v1.33.1"), RESUMED).await;
}

pub(crate) async fn killed_at_every_change_of_the_journal_join_ends_the_same() {
    killed_at_every_change(&kubeadm_of("v1.33.1"), &join("")).await;
}

pub(crate) async fn killed_right_after_every_phase_join_ends_the_same() {
    killed_after_every_phase(&kubeadm_of("v1.33.1"), &join("")).await;
}

fn control_plane() -> String {
    join(", controlPlane: true, certificateKeyFile: /key")
}

pub(crate) async fn killed_at_every_change_of_the_journal_a_control_plane_joins_the_same() {
    killed_at_every_change(&kubeadm_of("v1.35.0"), &control_plane()).await;
}

pub(crate) async fn killed_right_after_every_phase_a_control_plane_joins_the_same() {
    killed_after_every_phase(&kubeadm_of("v1.33.1"), &control_plane()).await;
}

/// Files are written by then, and what follows from them is not done.
pub(crate) async fn killed_before_units_are_reloaded_the_next_run_does_it() {
    let body = RESUMED.replace("network: {", "network: {proxy: {http: 'proxy:8080'}, ");
    let behaviour = kubeadm_of("v1.33.1");
    for program in ["modprobe", "sysctl", "systemctl"] {
        let kill_after = Some(program.to_owned());
        let world = World::new(&Behaviour { kill_after, ..behaviour.clone() }, &body).await;
        assert_eq!(child::run(&world, None).await.status.signal(), Some(9), "{program}");
        let before = world.calls().len();
        let output = child::run(&world, None).await;
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        let again: Vec<String> = world.calls()[before..]
            .iter()
            .filter(|call| ["modprobe", "sysctl", "systemctl"].contains(&call.program.as_str()))
            .map(|call| format!("{} {}", call.program, call.arguments[0]))
            .collect();
        assert_eq!(
            again,
            [
                "modprobe br_netfilter",
                "modprobe overlay",
                "sysctl --load",
                "systemctl daemon-reload",
                "systemctl enable",
                "systemctl restart"
            ],
            "{program}"
        );
    }
}

pub(crate) async fn a_kubeadm_that_outlives_its_run_is_not_met_by_the_next() {
    let kill_after = Some("certs all".to_owned());
    let behaviour = Behaviour { kill_after, linger: true, ..kubeadm_of("v1.33.1") };
    let world = machine(&behaviour, RESUMED).await;
    // Whoever opens it waits for the other side.
    let fifo = world.root().join(".fake/linger");
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(child::run_alone(&world, None).await.status.signal(), Some(9));
    let said = told(&world.run().await.unwrap_err());
    assert!(said.contains("another kubewright is at work"), "{said}");
    let opening = move || std::fs::OpenOptions::new().write(true).open(fifo).map(drop);
    tokio::task::spawn_blocking(opening).await.unwrap().unwrap();
    child::until_free(&world).await;
    let output = child::run(&world, None).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
