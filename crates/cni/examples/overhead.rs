//! What a call costs beside the plugin itself: `cargo run --release -p kubewright-cni --example
//! overhead`, as root for ADD and DEL.
//!
//! Runs the same program with the same input barely, by the standard library, and through this
//! crate: VERSION one after the other and by eight threads, and a bridge of the reference plugins
//! added and removed, in network namespaces of its own.

use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kubewright_cni::{Cni, NetworkConfig, RuntimeConf};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};

const PLUGINS: &str = "/usr/lib/cni";
const THREADS: usize = 8;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    // As an agent with its caches full: a fork that copies page tables would show.
    let ballast = vec![1_u8; 200 << 20];
    let cni = Cni::new([PLUGINS]);
    for threads in [1, THREADS] {
        let (calls, version) = (200 * threads, json!({"cniVersion": "1.0.0"}));
        let bare = |_| bare("bridge", &[("CNI_COMMAND", "VERSION")], &version);
        report("VERSION, bare", calls, timed(calls, threads, bare)?);
        let ours = |_| Ok(cni.versions("bridge").map(drop)?);
        report("VERSION, ours", calls, timed(calls, threads, ours)?);
    }
    if rustix::process::geteuid().is_root() {
        let scene = Scene::new()?;
        for round in 0..2 {
            scene.compare(&cni, round)?;
        }
    }
    drop(ballast);
    Ok(())
}

/// A host and pods, all network namespaces of their own.
struct Scene {
    names: Vec<String>,
    network: Value,
    files: tempfile::TempDir,
}

impl Scene {
    const PODS: usize = 64;

    fn new() -> Result<Self, Failure> {
        let names = (0..=Self::PODS).map(|i| format!("kw-overhead-{}-{i}", std::process::id()));
        let files = tempfile::TempDir::new()?;
        let ipam = json!({
            "type": "host-local", "subnet": "10.99.0.0/16", "dataDir": files.path().join("leases"),
        });
        let network = json!({
            "cniVersion": "1.0.0", "name": "overhead", "type": "bridge", "bridge": "br0", "ipam": ipam,
        });
        let scene = Self { names: names.collect(), network, files };
        for name in &scene.names {
            ip(&["netns", "add", name])?;
        }
        Ok(scene)
    }

    fn path(&self, index: usize) -> PathBuf {
        Path::new("/run/netns").join(&self.names[index])
    }

    fn compare(&self, cni: &Cni, round: usize) -> Result<(), Failure> {
        let network = NetworkConfig::from_value(self.network.clone())?;
        let enter = || -> Result<(), Failure> {
            let host = File::open(self.path(0))?;
            Ok(move_into_link_name_space(host.as_fd(), Some(LinkNameSpaceType::Network))?)
        };
        let runtime = |index: usize| {
            let id = format!("pod-{round}-{index}");
            RuntimeConf::new(id, Some(self.path(index + 1)), "eth0")
        };
        for command in ["ADD", "DEL"] {
            let plain = |index: usize| {
                enter()?;
                let runtime = runtime(index)?;
                let netns = self.path(index + 1).display().to_string();
                let env = [
                    ("CNI_COMMAND", command),
                    ("CNI_CONTAINERID", runtime.container_id()),
                    ("CNI_NETNS", netns.as_str()),
                    ("CNI_IFNAME", "eth0"),
                    ("CNI_PATH", PLUGINS),
                ];
                bare("bridge", &env, &self.network)
            };
            report(&format!("{command}, bare"), Self::PODS, timed(Self::PODS, THREADS, plain)?);
        }
        let add = |index: usize| {
            enter()?;
            Ok(cni.add(&network, &runtime(index)?).map(drop)?)
        };
        report("ADD, ours", Self::PODS, timed(Self::PODS, THREADS, add)?);
        let del = |index: usize| {
            enter()?;
            Ok(cni.del(&network, &runtime(index)?, None)?)
        };
        report("DEL, ours", Self::PODS, timed(Self::PODS, THREADS, del)?);
        let left = self.files.path().join("leases/overhead").read_dir()?.count();
        println!("files left beside the leases: {left}");
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for name in &self.names {
            if let Err(error) = ip(&["netns", "delete", name]) {
                eprintln!("{name} is left over: {error}");
            }
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), Failure> {
    let status = Command::new("ip").args(arguments).status()?;
    if status.success() { Ok(()) } else { Err(format!("ip {arguments:?}: {status}").into()) }
}

/// Nothing but the process.
fn bare(plugin: &str, env: &[(&str, &str)], stdin: &Value) -> Result<(), Failure> {
    let mut child = Command::new(Path::new(PLUGINS).join(plugin))
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // VERSION may end without having read it.
        let _ = input.write_all(stdin.to_string().as_bytes());
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stdout).into())
}

/// How long each of the calls took, and all of them together.
fn timed(
    calls: usize,
    threads: usize,
    call: impl Fn(usize) -> Result<(), Failure> + Sync,
) -> Result<(Vec<Duration>, Duration), Failure> {
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    let mut each = thread::scope(|scope| {
        let work = || {
            let mut each = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= calls {
                    return Ok(each);
                }
                let started = Instant::now();
                call(index)?;
                each.push(started.elapsed());
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect::<Result<Vec<Vec<_>>, Failure>>()
    })?
    .concat();
    each.sort();
    Ok((each, started.elapsed()))
}

fn report(what: &str, calls: usize, (each, all): (Vec<Duration>, Duration)) {
    let at = |percent: usize| each[(each.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let rate = calls as f64 / all.as_secs_f64();
    println!("{what:14} p50 {:7.2} ms  p99 {:7.2} ms  {rate:7.1}/s", at(50), at(99));
}
