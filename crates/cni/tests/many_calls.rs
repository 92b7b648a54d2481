//! Many calls at once, of all kinds of ends, leave nothing in the caller's process. The only test
//! of its program, as it counts what the whole process has open.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, thread};

use kubewright_cni::{AddError, Cache, Cni, NetworkConfig, RuntimeConf};
use kubewright_testkit::cni::{Behaviour, PLUGIN, Step, calls, plugin_dir};
use serde_json::json;
use tempfile::TempDir;

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Children of this process, the dead ones with them.
fn children() -> usize {
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let stat = fs::read_to_string(entry.unwrap().path().join("stat")).ok()?;
        let after_name = stat.rsplit(") ").next()?;
        after_name.split(' ').nth(1).map(str::to_owned)
    });
    processes.filter(|parent| *parent == own).count()
}

#[test]
fn many_calls_leave_no_descriptor_and_no_child() {
    const CALLS: usize = 96;
    let files = TempDir::new().unwrap();
    let record = files.path().join("calls");
    let cni = Cni::new([plugin_dir()]).with_cache(Cache::new(files.path()));
    let impatient = cni.clone().with_timeout(Duration::from_millis(200));
    let network = |step: Step| {
        let on = [("ADD".to_owned(), step)].into();
        let testkit = Behaviour { record: Some(record.clone()), on, ..Behaviour::default() };
        let plugins = json!([{"type": PLUGIN, "testkit": testkit}]);
        let list = json!({"cniVersion": "1.1.0", "name": "blue", "plugins": plugins});
        NetworkConfig::from_value(list).unwrap()
    };
    let good = network(Step::default());
    let fails = network(Step { exit: Some(1), ..Step::default() });
    let hangs = network(Step { hang: true, ..Step::default() });
    let floods = network(Step { flood: true, ..Step::default() });

    let files_before = open_files();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= CALLS {
                break;
            }
            let netns = Some("/run/netns/none".into());
            let runtime = RuntimeConf::new(format!("c{index}"), netns, "eth0").unwrap();
            match index % 4 {
                0 => drop(cni.add(&good, &runtime).unwrap()),
                1 => assert!(matches!(cni.add(&fails, &runtime), Err(AddError::Plugin { .. }))),
                2 => assert!(impatient.add(&hangs, &runtime).is_err()),
                _ => assert!(cni.add(&floods, &runtime).is_err()),
            }
            cni.del(&good, &runtime, None).unwrap();
        }
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(work);
        }
    });
    assert_eq!(children(), 0);
    assert_eq!(open_files(), files_before);
    let deleted = calls(&record).unwrap().iter().filter(|call| call.command == "DEL").count();
    assert_eq!(deleted, CALLS);
    assert_eq!(fs::read_dir(files.path().join("results")).unwrap().count(), 0);
}
