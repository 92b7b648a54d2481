//! The boot guard, with the real packet filter, on a node that is a network namespace.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use kubewright_hostendpoint::guard::release::Released;
use kubewright_hostendpoint::guard::{LocalEndpoints, LockArgs, ReleaseArgs, lock, release};

use super::course::{Finding, Wrong};
use super::namespace::{NODE, PEER, Pair};

const SSH: u16 = 22;
/// A service that nothing protects before Calico's policy is in force.
const KUBELET: u16 = 10250;

/// A dropped packet is answered by nobody, so this is how long each closed door takes.
const KNOCK: Duration = Duration::from_millis(250);

/// Locks, knocks, and opens again.
pub(super) async fn check() -> Finding {
    if let Some(missing) = missing() {
        return Err(Wrong::Skipped(missing));
    }
    let (done, result) = tokio::sync::oneshot::channel();
    // A thread of its own: the guard runs in another network namespace than the rest.
    std::thread::spawn(move || drop(done.send(guarded())));
    result.await.unwrap_or_else(|_| Err(Wrong::failed("the check ended without a result")))
}

/// What this machine lacks, and how to get it.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some(
            "not root, and the guard loads a table into the kernel: run as root".to_owned(),
        );
    }
    [("nft", "nftables"), ("ip", "iproute2")].into_iter().find_map(|(program, package)| {
        let absent = find(program).is_none();
        absent.then(|| format!("no {program}: apt-get install {package}"))
    })
}

/// Path of a program, also where only root's PATH leads.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

fn guarded() -> Finding {
    let pair = Pair::new().map_err(|error| {
        // A container without the right to make namespaces is the usual reason.
        Wrong::Skipped(format!("{error}: run where root may make network namespaces"))
    })?;
    let state = tempfile::tempdir()?;
    let listen = || [SSH, KUBELET].map(|port| TcpListener::bind(address(port)));
    let [ssh, kubelet] = pair.on_node(listen)?;
    let _listening = (ssh?, kubelet?);

    expect(&pair, "before the lock", [true, true])?;
    let locked = on_node(&pair, &["lock", "--ssh-from", &peer()], state.path())?;
    expect(&pair, "locked", [true, false])?;
    let asked = on_node(&pair, &["release", "--dry-run"], state.path())?;
    expect(&pair, "after release --dry-run", [true, false])?;
    let opened = on_node(&pair, &["release", "--now"], state.path())?;
    expect(&pair, "released", [true, true])?;
    for (said, should) in [(&locked, "locked"), (&asked, "missing: "), (&opened, "RELEASED")] {
        if !said.contains(should) {
            return Err(Wrong::failed(format!("the guard did not say {should:?} but {said:?}")));
        }
    }
    Ok(((), "locked: SSH passes, the kubelet's port is dropped; released: open".to_owned()))
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from((NODE, port))
}

fn peer() -> String {
    let [a, b, c, d] = PEER;
    format!("{a}.{b}.{c}.{d}/32")
}

/// Checks which of SSH and kubelet the peer reaches.
fn expect(pair: &Pair, when: &str, should: [bool; 2]) -> Result<(), Wrong> {
    for (port, should) in [SSH, KUBELET].into_iter().zip(should) {
        let patience = if should { super::PATIENCE } else { KNOCK };
        let knock = || TcpStream::connect_timeout(&address(port), patience).is_ok();
        if pair.at_peer(knock)? != should {
            let (not, wrong) = if should { ("not ", "") } else { ("", "not ") };
            let text = format!("{when}, port {port} is {not}reached and should {wrong}be");
            return Err(Wrong::failed(text));
        }
    }
    Ok(())
}

/// The guard's verbs as its command line has them, with its defaults.
#[derive(Parser)]
enum Verb {
    Lock(LockArgs),
    Release(ReleaseArgs),
}

/// Runs a verb of the guard on the node, and returns what it says.
fn on_node(pair: &Pair, arguments: &[&str], state: &Path) -> Result<String, Wrong> {
    let state = state.display().to_string();
    // Nobody answers for Felix here, and a real one on this machine must not.
    let felix = match arguments[0] {
        "release" => ["--felix-url", "http://127.0.0.1:1/", "--interface", "eth0"].as_slice(),
        _ => &[],
    };
    let line = [&["guard"], arguments, &["--state-dir", &state], felix].concat();
    let verb = Verb::try_parse_from(line).map_err(|error| Wrong::failed(error.to_string()))?;
    let said = pair.on_node(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run(verb))
    });
    said?
}

async fn run(verb: Verb) -> Result<String, Wrong> {
    match verb {
        Verb::Lock(arguments) => Ok(lock::run(&arguments).await?.to_string()),
        Verb::Release(arguments) => {
            let endpoints = arguments.readiness.local_endpoints();
            let source: LocalEndpoints = endpoints.unwrap_or_default();
            let released: Released = release::run(&arguments, &source).await?;
            Ok(released.to_string())
        }
    }
}
