//! Killed at any step, it leaves one of the two configurations, and the next call tidies up.

use std::mem::MaybeUninit;
use std::process::Stdio;

use rustix::fs::inotify;

use super::watched::assert_usable;
use super::*;

const VICTIM: &str = "KUBEWRIGHT_TEST_INSTALL_DIR";

#[test]
#[ignore = "the process that is killed below"]
fn installs_and_uninstalls_until_it_is_killed() {
    let Some(dir) = std::env::var_os(VICTIM).map(PathBuf::from) else { return };
    let dir_of = |name| dir.join(name);
    let places = PlaceArgs {
        cni_conf_dir: dir_of("net.d"),
        cni_bin_dir: dir_of("bin"),
        cni_cache_dir: dir_of("cache"),
        state_dir: dir_of("state"),
    };
    let install_args = InstallArgs {
        places: places.clone(),
        plugin: Some(dir_of("packaged")),
        socket: "/run/kubewright/cni.sock".into(),
        default_network: None,
        meta_plugin: None,
        dry_run: false,
    };
    let uninstall_args = UninstallArgs { places, dry_run: false };
    loop {
        install(&install_args).unwrap();
        uninstall(&uninstall_args).unwrap();
    }
}

/// Starts the process above and kills it once the directories have changed `steps` times.
fn killed_after(node: &Node, steps: usize) {
    let watch = inotify::init(inotify::CreateFlags::empty()).unwrap();
    let changes = inotify::WatchFlags::CREATE
        | inotify::WatchFlags::CLOSE_WRITE
        | inotify::WatchFlags::DELETE
        | inotify::WatchFlags::MOVED_TO;
    for dir in [node.places().cni_conf_dir, node.places().cni_bin_dir] {
        inotify::add_watch(&watch, dir, changes).unwrap();
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact"])
        .arg("install::tests::interrupted::installs_and_uninstalls_until_it_is_killed")
        .env(VICTIM, node.dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(&watch, &mut buffer);
    for _ in 0..steps {
        reader.next().unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn killed_at_any_step_it_leaves_a_usable_node_and_the_next_call_tidies_up() {
    let node = Node::new();
    for steps in 1..=40 {
        killed_after(&node, steps);
        assert_usable(&node);
        let known = ["00-kubewright.conflist", "10-calico.conflist", "kubewright-cni"];
        let left: Vec<_> =
            node.files().into_iter().filter(|name| !known.contains(&name.as_str())).collect();
        assert!(
            left.iter().all(|name| name.starts_with('.') && name.ends_with(".new")),
            "{left:?}"
        );
        if steps % 2 == 0 {
            node.install().unwrap();
            assert_eq!(assert_usable(&node), CONFIGURATION);
        }
        node.uninstall().unwrap();
        assert_eq!(node.files(), ["10-calico.conflist"], "after {steps} steps");
    }
}
