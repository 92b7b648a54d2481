//! The engine is killed (SIGKILL) at every step of ADD and DEL, with real plugins, in a pod that
//! runs and with a sandbox that is made or goes. Whatever it was about: one more run makes it so,
//! and a sandbox that goes leaves nothing.
//!
//! The engine that is killed is this same program, started again with [`WORK`].
#![allow(clippy::unwrap_used)]

mod node;

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kubewright_attachment::annotation;
use kubewright_attachment::definition::Definition;
use kubewright_attachment::desired::{Lookup, Resolution};
use kubewright_attachment::engine::{
    Created, DefaultNetwork, Engine, Observer, Options, PodState, SandboxState, Step,
};
use kubewright_attachment::name::InterfaceName;
use kubewright_attachment::network::NetworkKey;
use kubewright_attachment::pod::{Pod, Sandbox};
use kubewright_attachment::record::RecordId;
use kubewright_cni::NetworkConfig;
use kubewright_testkit::cni::{PLUGIN, calls, plugin_dir};
use kubewright_testkit::require;
use kubewright_testkit::require::{cni_plugins, program, root};
use libtest_mimic::{Arguments, Trial};
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};
use serde_json::json;

use node::{Node, TestPod, assert_clean};

/// First argument of the program when it is to be the engine; then comes its [`Job`].
const WORK: &str = "work-until-killed";

const STEPS: [Step; 6] = [
    Step::AddRecorded,
    Step::Added,
    Step::AddDone,
    Step::DelRecorded,
    Step::Deleted,
    Step::DelDone,
];

/// What the engine that is killed is to do.
#[derive(Serialize, Deserialize)]
struct Job {
    state_dir: PathBuf,
    cache_dir: PathBuf,
    plugins: PathBuf,
    definition: serde_json::Value,
    netns: PathBuf,
    annotation: String,
    work: Work,
    /// The step it does not survive, as [`Step`] is printed.
    killed_at: String,
    /// How often it survives that step.
    survived: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Work {
    Reconcile,
    Create,
    Teardown,
}

/// Nobody survives a step for ever.
struct Killer {
    step: String,
    left: AtomicUsize,
}

impl Observer for Killer {
    fn reached(&self, step: Step, _: &RecordId) {
        if format!("{step:?}") != self.step {
            return;
        }
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            kill_process(getpid(), Signal::KILL).unwrap();
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, first, job] = &arguments[..]
        && first == WORK
    {
        work(&serde_json::from_str(job).unwrap());
        return ExitCode::SUCCESS;
    }
    let mut trials: Vec<Trial> = STEPS
        .iter()
        .flat_map(|step| [(*step, After::Wanted), (*step, After::Unwanted), (*step, After::Gone)])
        .map(|(step, after)| {
            Trial::test(format!("killed_at::{step:?}::{after:?}"), move || {
                killed_at(step, after);
                Ok(())
            })
        })
        .collect();
    let sandboxes =
        STEPS.iter().flat_map(|step| [(*step, 0), (*step, 1)]).map(|(step, survived)| {
            Trial::test(format!("killed_with_a_sandbox_at::{step:?}::{survived}"), move || {
                killed_with_a_sandbox_at(step, survived);
                Ok(())
            })
        });
    trials.extend(sandboxes);
    for ends in [true, false] {
        trials.push(Trial::test(format!("killed_during_a_plugin::that_ends_{ends}"), move || {
            killed_during_a_plugin(ends);
            Ok(())
        }));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn work(job: &Job) {
    let mut options = Options::new(&job.state_dir, [job.plugins.as_path(), plugin_dir()]);
    options.cache_dir.clone_from(&job.cache_dir);
    let engine = Engine::open(options).unwrap();
    let left = AtomicUsize::new(job.survived);
    let engine = engine.with_observer(Arc::new(Killer { step: job.killed_at.clone(), left }));
    let state = state_of(job);
    let SandboxState::Ready(sandbox) = &state.sandbox else { unreachable!("it is made ready") };
    match job.work {
        Work::Reconcile => assert_clean(&engine.reconcile(&state).unwrap()),
        Work::Create => drop(create(&engine, job)),
        Work::Teardown => drop(engine.teardown(&sandbox.id).unwrap()),
    }
}

/// As the runtime asks for it: the cluster's network and that of the annotation.
fn create(engine: &Engine, job: &Job) -> Created {
    let state = state_of(job);
    let SandboxState::Ready(sandbox) = &state.sandbox else { unreachable!("it is made ready") };
    let default = DefaultNetwork {
        config: NetworkConfig::parse_or_named(job.definition.to_string().as_bytes(), "cluster")
            .unwrap(),
        interface: InterfaceName::new("eth0").unwrap(),
        args: "IgnoreUnknown=1;K8S_POD_NAME=web-0".parse().unwrap(),
        capability_args: serde_json::Map::new(),
    };
    engine.create(&state.pod, sandbox, &default, &state.desired).unwrap()
}

/// The pod as its annotation wants it; the definition is looked up in the job.
fn state_of(job: &Job) -> PodState {
    let pod = Pod::new("shop", "web-0", "u1").unwrap();
    let sandbox = SandboxState::Ready(Sandbox::new("sandbox-of-u1", &job.netns).unwrap());
    let requests = annotation::parse(None, Some(&job.annotation));
    let desired = Resolution::new("/nowhere").resolve(&requests, &pod, &mut Only(job));
    PodState { pod, desired, host_network: false, sandbox, reported: Vec::new() }
}

/// The definition of the job, whatever is asked for.
struct Only<'a>(&'a Job);

impl Lookup for Only<'_> {
    fn definition(&self, _: &NetworkKey) -> Option<Definition> {
        Some(Definition::Standard { config: self.0.definition.to_string() })
    }

    fn device(&mut self, _: &NetworkKey) -> Option<String> {
        None
    }
}

/// What holds once the engine is there again.
#[derive(Clone, Copy, Debug)]
enum After {
    Wanted,
    Unwanted,
    Gone,
}

fn job(node: &Node, plugins: &Path, pod: &TestPod, annotation: &str, killed_at: &str) -> Job {
    let bridge = json!({"type": "bridge", "bridge": "br0", "ipam": {
        "type": "host-local", "subnet": "10.9.0.0/24", "dataDir": node.path("leases"),
    }});
    let own = json!({"type": PLUGIN, "testkit": {
        "record": node.path("calls"), "state": node.path("kept"),
        "on": {"ADD": {"waitFor": node.path("go")}},
    }});
    Job {
        state_dir: node.path("state"),
        cache_dir: node.path("cache"),
        plugins: plugins.to_owned(),
        definition: json!({"cniVersion": "1.0.0", "plugins": [bridge, own]}),
        netns: pod.netns.path(),
        annotation: annotation.to_owned(),
        work: Work::Reconcile,
        killed_at: killed_at.to_owned(),
        survived: 0,
    }
}

fn start(node: &Node, job: &Job) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = node.host.command(program.to_str().unwrap());
    command.args([WORK, &serde_json::to_string(job).unwrap()]);
    command.stdin(Stdio::null()).spawn().unwrap()
}

fn killed_at(step: Step, after: After) {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    let node = Node::new(&plugins);
    let pod = TestPod::new("shop", "web-0", "u1");
    std::fs::create_dir(node.path("kept")).unwrap();
    std::fs::write(node.path("go"), "").unwrap();
    if matches!(step, Step::DelRecorded | Step::Deleted | Step::DelDone) {
        let attach = job(&node, &plugins, &pod, "l2@data0", "");
        assert!(start(&node, &attach).wait().unwrap().success());
        assert_eq!(pod.links(), ["data0"]);
    }
    let annotation = match step {
        Step::AddRecorded | Step::Added | Step::AddDone => "l2@data0",
        Step::DelRecorded | Step::Deleted | Step::DelDone => "",
    };
    let fatal = job(&node, &plugins, &pod, annotation, &format!("{step:?}"));
    assert_eq!(start(&node, &fatal).wait().unwrap().signal(), Some(9), "it is killed at {step:?}");
    settle(&node, &plugins, &pod, after);
}

/// One run makes it so; then the sandbox goes.
fn settle(node: &Node, plugins: &Path, pod: &TestPod, after: After) {
    let annotation = if matches!(after, After::Wanted) { "l2@data0" } else { "" };
    let mut state = state_of(&job(node, plugins, pod, annotation, ""));
    if matches!(after, After::Gone) {
        state.sandbox = SandboxState::Gone;
    }
    assert_clean(&node.reconcile(&state));
    let kept = || node.path("kept").read_dir().unwrap().count();
    if matches!(after, After::Wanted) {
        assert_eq!(pod.links(), ["data0"]);
        assert_eq!((node.leases().len(), node.records().len(), kept()), (1, 1, 1));
        assert_eq!(node.reconcile(&state).changes, []);
        node.in_host(|| node.engine().teardown(&pod.sandbox.id)).unwrap();
    }
    assert_eq!((pod.links(), kept()), (Vec::new(), 0));
    node.assert_nothing_left();
}

/// Killed with the first or the second network of a sandbox that is made, or goes. The runtime
/// calls again, or calls DEL; either is enough.
fn killed_with_a_sandbox_at(step: Step, survived: usize) {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    for again in [true, false] {
        let node = Node::new(&plugins);
        let pod = TestPod::new("shop", "web-0", "u1");
        std::fs::create_dir(node.path("kept")).unwrap();
        std::fs::write(node.path("go"), "").unwrap();
        let job = |work, killed_at: String| Job {
            work,
            survived,
            ..job(&node, &plugins, &pod, "l2@data0", &killed_at)
        };
        let work = match step {
            Step::AddRecorded | Step::Added | Step::AddDone => Work::Create,
            Step::DelRecorded | Step::Deleted | Step::DelDone => Work::Teardown,
        };
        if work == Work::Teardown {
            assert!(start(&node, &job(Work::Create, String::new())).wait().unwrap().success());
            assert_eq!(pod.links(), ["eth0", "data0"]);
        }
        let status = start(&node, &job(work, format!("{step:?}"))).wait().unwrap();
        assert_eq!(status.signal(), Some(9), "it is killed at {step:?}");
        if again {
            let job = job(Work::Create, String::new());
            let created = node.in_host(|| create(&node.engine(), &job));
            assert_eq!(created.outcome.status.unwrap().len(), 2);
            assert_eq!(pod.links(), ["eth0", "data0"]);
            assert_eq!((node.leases().len(), node.records().len()), (2, 2));
        }
        node.in_host(|| node.engine().teardown(&pod.sandbox.id)).unwrap();
        assert_eq!(pod.links(), [""; 0]);
        assert_eq!(node.path("kept").read_dir().unwrap().count(), 0);
        node.assert_nothing_left();
    }
}

/// Killed while the second plugin of a list works: the first has attached already. That plugin
/// outlives its caller, and finishes its work before the next run, or would do so after it.
fn killed_during_a_plugin(ends: bool) {
    require!(root(), program("ip"));
    require!(let plugins = cni_plugins());
    for after in [After::Wanted, After::Unwanted, After::Gone] {
        let node = Node::new(&plugins);
        let pod = TestPod::new("shop", "web-0", "u1");
        std::fs::create_dir(node.path("kept")).unwrap();
        let mut child = start(&node, &job(&node, &plugins, &pod, "l2@data0", ""));
        let limit = Instant::now() + Duration::from_secs(60);
        let called = || calls(&node.path("calls")).is_ok_and(|calls| !calls.is_empty());
        while !called() && Instant::now() < limit {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        let kept = || node.path("kept").read_dir().unwrap().count();
        if ends {
            std::fs::write(node.path("go"), "").unwrap();
            while kept() == 0 && Instant::now() < limit {
                std::thread::yield_now();
            }
        }
        assert_eq!(pod.links(), ["data0"], "half of it was done");
        if !ends {
            // Were it still there, it would go on with this and keep what nobody knows of.
            let unwanted = state_of(&job(&node, &plugins, &pod, "", ""));
            assert_clean(&node.reconcile(&unwanted));
            std::fs::write(node.path("go"), "").unwrap();
            assert_eq!(orphans(&node), 0);
            assert_eq!(kept(), 0);
        }
        settle(&node, &plugins, &pod, after);
    }
}

/// Plugins of this node that run.
fn orphans(node: &Node) -> usize {
    let calls = calls(&node.path("calls")).unwrap();
    let mark = format!("CNI_NETNS={}", calls[0].netns.as_ref().unwrap().display());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let environments = processes.filter_map(|it| std::fs::read(it.path().join("environ")).ok());
    environments
        .filter(|it| it.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()))
        .count()
}
