//! `kubewright node serve`: the service of this machine, kept running.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::ValueHint;
use jiff::Timestamp;
use kube::Client;
use kubewright_local::control_plane::{ControlPlane, Settings};
use kubewright_node::embedded;
use kubewright_node::join::{Ended, RENEWAL, Registration, beat};
use kubewright_node::service::{self, Role};
use kubewright_operator::Shutdown;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::control_plane::run_dir;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Pauses before a worker that died is started again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// A worker that has run so long died of something new.
const SETTLED: Duration = Duration::from_secs(60);

/// How long a worker may take to end.
const FAREWELL: Duration = Duration::from_secs(15);

/// Run the service of this machine in the foreground, for systemd
///
/// On a seeder of the embedded engine it serves the control plane, on a node it says that the node
/// is alive. `node init` and `node join` start it in the background.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder with the state of this machine
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value = "/var/lib/kubewright/node")]
    state_dir: PathBuf,
    /// Do the work, for the process with this id
    #[arg(long, hide = true, value_name = "PID")]
    worker_of: Option<i32>,
}

pub(crate) async fn run(args: &Args) -> Outcome {
    let state = std::path::absolute(&args.state_dir)?;
    match args.worker_of {
        Some(supervisor) => work(&state, supervisor).await,
        None => supervise(&state).await,
    }
}

/// Starts the worker, and starts it again when it dies. One that never gets ready is not tried
/// again: what is wrong with it is for who started this.
async fn supervise(state: &Path) -> Outcome {
    service::role(state)?;
    let _held = service::hold(state)?;
    let shutdown = Shutdown::on_signals()?;
    let mut announced = false;
    let mut pause = PAUSES.0;
    loop {
        let begin = tokio::time::Instant::now();
        let mut worker = spawn(state)?;
        let line = tokio::select! {
            line = first_line(&mut worker) => line,
            () = shutdown.triggered() => return farewell(worker).await,
        };
        if let Some(line) = line.filter(|_| !announced) {
            announced = true;
            // Read by who started this, and perhaps gone by now: no failure.
            let _ = output::print(&format!("{line}\n"));
        }
        let status = tokio::select! {
            status = worker.wait() => status.context("cannot wait for the worker")?,
            () = shutdown.triggered() => return farewell(worker).await,
        };
        if status.success() {
            return Ok(ExitCode::SUCCESS);
        }
        if !announced {
            return Err(Failure::new(anyhow!("the service of {} did not start", state.display())));
        }
        if begin.elapsed() > SETTLED {
            pause = PAUSES.0;
        }
        tracing::warn!(%status, "the worker died; it is started again in {pause:?}");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.triggered() => return Ok(ExitCode::SUCCESS),
        }
        pause = PAUSES.1.min(pause * 2);
    }
}

fn spawn(state: &Path) -> Result<Child, Failure> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command.args(["node", "serve", "--state-dir"]).arg(state);
    command.args(["--worker-of", &std::process::id().to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    Ok(command.spawn().context("cannot start the worker")?)
}

async fn first_line(worker: &mut Child) -> Option<String> {
    let mut line = String::new();
    // The pipe closes when the process ends, so this never waits for a dead one.
    BufReader::new(worker.stdout.as_mut()?).read_line(&mut line).await.ok()?;
    let line = line.trim().to_owned();
    (!line.is_empty()).then_some(line)
}

async fn farewell(mut worker: Child) -> Outcome {
    let id = worker.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(id) = id {
        // Gone already, otherwise.
        let _ = kill_process(id, Signal::TERM);
    }
    // Killed when it is dropped.
    let _ = tokio::time::timeout(FAREWELL, worker.wait()).await;
    Ok(ExitCode::SUCCESS)
}

async fn work(state: &Path, supervisor: i32) -> Outcome {
    // Nobody would start a worker again whose supervisor was killed, and the next supervisor
    // would find its place taken.
    set_parent_process_death_signal(Some(Signal::TERM)).context("cannot follow the supervisor")?;
    if rustix::process::getppid().map(Pid::as_raw_nonzero).map(i32::from) != Some(supervisor) {
        return Ok(ExitCode::SUCCESS);
    }
    let shutdown = Shutdown::on_signals()?;
    match service::role(state)? {
        Role::Seeder { address, names, node } => {
            let settings = Settings { names, nodes: true, ..Settings::new(address, true) };
            let control_plane = ControlPlane::start(&run_dir(state), &settings).await?;
            let bound = control_plane.record().address;
            let _ = output::print(&format!("ready at https://{bound}\n"));
            match node {
                Some(node) => {
                    let client = control_plane.client_of_node(node.as_str());
                    let registration = Registration::new(node, Some(bound.ip()));
                    live(&registration, &client, &shutdown).await;
                }
                None => shutdown.triggered().await,
            }
            control_plane.stop().await;
        }
        Role::Node { registration, expiration_seconds } => {
            let node = registration.name.clone();
            let expiration = expiration_seconds.map(Duration::from_secs);
            let member = embedded::Member::load(state, registration, expiration)?;
            let _ = output::print(&format!("{node} is a node\n"));
            if member.live(&shutdown).await? == Ended::Removed {
                tracing::warn!(%node, "this node was removed from the cluster; `kubewright node reset` clears what it leaves");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The node of a seeder, which is not registered yet in its first moments.
async fn live(registration: &Registration, client: &Client, shutdown: &Shutdown) {
    while beat(registration, client, Timestamp::MAX, shutdown).await != Ended::Shutdown {
        tokio::select! {
            () = tokio::time::sleep(RENEWAL) => {}
            () = shutdown.triggered() => {}
        }
    }
}
