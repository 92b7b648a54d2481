//! Killed anywhere, and run again: the same end.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;

use crate::child;
use crate::fake::Behaviour;
use crate::tests::{RESUMED, join};
use crate::world::{World, kubeadm_of};

/// Runs to the end and kills it at each change of the journal in turn; all ends are the same.
async fn killed_at_every_change(body: &str) {
    let behaviour = kubeadm_of("v1.33.1");
    let whole = World::new(&behaviour, body).await;
    let output = child::run(&whole, None).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (files, objects) = (whole.files(), whole.objects().await);
    for change in 1.. {
        let world = World::new(&behaviour, body).await;
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
    for name in ["etc/kubernetes/admin.conf", "etc/kubernetes/pki/ca.crt"] {
        if let (Some(ours), Some(theirs)) = (files.get_mut(name), other.get(name)) {
            ours.1.clone_from(&theirs.1);
        }
    }
    files
}

/// As above, killed by kubeadm itself when it has done a phase that is not on record yet.
async fn killed_after_every_phase(body: &str) {
    let behaviour = kubeadm_of("v1.33.1");
    let whole = World::new(&behaviour, body).await;
    assert!(child::run(&whole, None).await.status.success());
    let (files, objects) = (whole.files(), whole.objects().await);
    let phases = whole.phases();
    assert!(phases.len() >= 3, "{phases:?}");
    for phase in phases {
        let kill_after = Some(phase.clone());
        let world = World::new(&Behaviour { kill_after, ..behaviour.clone() }, body).await;
        assert_eq!(child::run(&world, None).await.status.signal(), Some(9), "{phase}");
        let output = child::run(&world, None).await;
        assert!(output.status.success(), "{phase}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(comparable(&world, &files), files, "{phase}");
        assert_eq!(world.objects().await, objects, "{phase}");
    }
}

pub(crate) async fn killed_at_every_change_of_the_journal_init_ends_the_same() {
    killed_at_every_change(RESUMED).await;
}

pub(crate) async fn killed_right_after_every_phase_init_ends_the_same() {
    killed_after_every_phase(RESUMED).await;
}

pub(crate) async fn killed_at_every_change_of_the_journal_join_ends_the_same() {
    killed_at_every_change(&join("")).await;
}

pub(crate) async fn killed_right_after_every_phase_join_ends_the_same() {
    killed_after_every_phase(&join("")).await;
}
