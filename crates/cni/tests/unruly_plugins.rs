//! With a plugin of 1.1.0 that goes wrong in every way: the caller always gets an answer, and a
//! way on.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use kubewright_cni::{
    AddError, Attachment, CallError, Cancel, Cni, ErrorCode, NetworkConfig, RuntimeConf,
};
use kubewright_testkit::cni::{Behaviour, Call, PLUGIN, Step, calls, plugin_dir};
use serde_json::json;
use tempfile::TempDir;

struct Bench {
    files: TempDir,
    cni: Cni,
}

impl Bench {
    fn new() -> Self {
        let files = TempDir::new().unwrap();
        fs::create_dir(files.path().join("state")).unwrap();
        Self { files, cni: Cni::new([plugin_dir()]) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// A network of two plugins, of which the second does this.
    fn network(&self, command: &str, step: Step) -> NetworkConfig {
        let good = Behaviour { record: Some(self.path("calls")), ..Behaviour::default() };
        let state = Some(self.path("state"));
        let on = [(command.to_owned(), step)].into();
        let bad = Behaviour { state, on, ..good.clone() };
        let plugins = [good, bad].map(|testkit| json!({"type": PLUGIN, "testkit": testkit}));
        let list = json!({"cniVersion": "1.1.0", "name": "blue", "plugins": plugins});
        NetworkConfig::from_value(list).unwrap()
    }

    fn runtime(&self) -> RuntimeConf {
        RuntimeConf::new("c1", Some("/run/netns/none".into()), "eth0").unwrap()
    }

    fn add_fails(&self, step: Step) -> CallError {
        let network = self.network("ADD", step);
        let error = self.cni.add(&network, &self.runtime()).unwrap_err();
        let AddError::Plugin { failure, .. } = error else { panic!("{error}") };
        assert_eq!(failure.position, 1);
        // Whatever it was, DEL over the whole list leaves nothing.
        self.cni.del(&network, &self.runtime(), None).unwrap();
        assert!(!self.path("state/blue-c1-eth0").exists());
        failure.source
    }

    fn calls(&self) -> Vec<Call> {
        calls(&self.path("calls")).unwrap()
    }
}

#[test]
fn an_attachment_lives_from_add_to_gc() {
    let bench = Bench::new();
    let network = bench.network("STATUS", Step::default());
    bench.cni.validate(&network).unwrap();
    bench.cni.status(&network).unwrap();
    let result = bench.cni.add(&network, &bench.runtime()).unwrap();
    assert_eq!(result.interfaces[0].name, "eth0");
    bench.cni.check(&network, &bench.runtime(), Some(&result)).unwrap();
    let twice = bench.cni.add(&network, &bench.runtime()).unwrap_err();
    assert!(twice.source().is_some());

    let valid = Attachment { container_id: "c1".to_owned(), ifname: "eth0".to_owned() };
    bench.cni.gc(&network, &BTreeSet::from([valid])).unwrap();
    assert!(bench.path("state/blue-c1-eth0").exists());
    bench.cni.gc(&network, &BTreeSet::new()).unwrap();
    bench.cni.check(&network, &bench.runtime(), Some(&result)).unwrap_err();

    let commands: Vec<_> = bench.calls().into_iter().map(|call| call.command).collect();
    let expected = "STATUS STATUS ADD ADD CHECK CHECK ADD ADD GC GC GC GC CHECK CHECK";
    assert_eq!(commands.join(" "), expected);
    assert_eq!(bench.calls()[2].netns, bench.runtime().netns);
}

#[test]
fn a_refusal_keeps_its_code() {
    let refuse = Some(json!({"code": 11, "msg": "come back later"}));
    let error = Bench::new().add_fails(Step { refuse, ..Step::default() });
    assert_eq!(error.code(), Some(ErrorCode::TryAgainLater));
    let fail = Some(json!({"code": 150, "msg": "half-way", "details": "link is there"}));
    let stderr = "trace\n".to_owned();
    let error = Bench::new().add_fails(Step { fail, stderr, ..Step::default() });
    assert_eq!(error.code(), Some(ErrorCode::Other(150)));
    let text = error.to_string();
    assert!(text.ends_with("half-way (CNI code 150): link is there; it wrote \"trace\""), "{text}");
}

#[test]
fn an_end_without_an_answer_is_told_with_what_was_written() {
    let stderr = "panic: nil pointer\n".to_owned();
    let error = Bench::new().add_fails(Step { exit: Some(2), stderr, ..Step::default() });
    let text = error.to_string();
    assert!(text.contains("exit status: 2") && text.contains("panic: nil pointer"), "{text}");

    let error = Bench::new().add_fails(Step { die: true, ..Step::default() });
    assert_eq!(error.signal(), Some(9), "{error}");

    for garbage in ["", "not JSON", "{\"ips\": 5}", "[]", "{"] {
        let write = Some(garbage.to_owned());
        let error = Bench::new().add_fails(Step { write, ..Step::default() });
        assert!(matches!(error, CallError::Result { .. }), "{garbage}: {error}");
    }
    let (write, exit) = (Some("no JSON".to_owned()), Some(1));
    let error = Bench::new().add_fails(Step { write, exit, ..Step::default() });
    assert!(matches!(&error, CallError::Failed { stdout, .. } if stdout == "no JSON"), "{error}");
}

#[test]
fn output_without_end_is_an_error() {
    let error = Bench::new().add_fails(Step { flood: true, ..Step::default() });
    assert!(error.source().unwrap().to_string().contains("more than"), "{error}");
}

#[test]
fn one_that_hangs_is_killed_at_its_deadline() {
    let mut bench = Bench::new();
    bench.cni = bench.cni.clone().with_timeout(Duration::from_secs(5));
    let error = bench.add_fails(Step { hang: true, ..Step::default() });
    assert!(error.is_timeout(), "{error}");
}

#[test]
fn one_that_waits_can_be_cancelled() {
    let bench = Bench::new();
    let cancel = Cancel::new().unwrap();
    let cni = bench.cni.clone().with_cancel(cancel.clone());
    let wait_for = Some(bench.path("never"));
    let network = bench.network("ADD", Step { wait_for, ..Step::default() });
    let failure = thread::scope(|scope| {
        let add = scope.spawn(|| cni.add(&network, &bench.runtime()));
        let started = Instant::now();
        while bench.calls().len() < 2 {
            assert!(started.elapsed() < Duration::from_secs(120), "the plugin does not start");
            thread::yield_now();
        }
        cancel.cancel();
        match add.join().unwrap() {
            Err(AddError::Plugin { failure, .. }) => failure,
            other => panic!("{other:?}"),
        }
    });
    assert!(failure.source.is_cancelled(), "{failure}");
    // The handle stops what is still to come; cleaning up is another call.
    assert!(cni.del(&network, &bench.runtime(), None).is_err());
    bench.cni.del(&network, &bench.runtime(), None).unwrap();
}

#[test]
fn a_child_it_leaves_behind_keeps_nobody_waiting() {
    let bench = Bench::new();
    let pid = bench.path("pid");
    let grandchild = Some(pid.clone());
    let network = bench.network("ADD", Step { grandchild, ..Step::default() });
    bench.cni.add(&network, &bench.runtime()).unwrap();
    let pid = fs::read_to_string(pid).unwrap().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
