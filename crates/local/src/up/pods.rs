//! Pods that run: a container runtime, a kubelet and the agent of pod networks for the first node.
//!
//! ```text
//!  pod bound to worker-0 ─▶ kubelet in miniature ─CRI─▶ runtime in miniature, or --runtime-endpoint
//!  its annotation ────────▶ agent ───────────────CRI─▶    │ sandbox: a network namespace
//!                             └──────────CNI──────────────┴▶ bridge kwd-…, interface net8d777f385d3d
//! ```
//!
//! Everything is in one temporary folder: CNI configurations, addresses, records, sockets and
//! namespaces. Only the two bridges are outside of it. They are named after it, so that whoever
//! finds the folder of one that was killed can remove them too.

mod checks;
mod folder;
mod requirements;

use std::path::{Path, PathBuf};

use kube::Client;
use kubewright_cri::{Client as Runtime, Endpoint};
use kubewright_operator::manager::ManagerError;
use kubewright_operator::{Manager, ManagerOptions, Shutdown};
use kubewright_podnet::agent::Agent;
use kubewright_podnet::options::Options as AgentOptions;
use tokio::task::JoinHandle;

use super::Options;
use super::course::{Course, Finding, Wrong};
use super::machine::Machine;
use crate::kubelet::{Kubelet, Place};
use crate::nodes::SimulatedNode;
use crate::runtime::{Options as RuntimeOptions, Runtime as Miniature};
use folder::Folder;

/// What runs pods. Ended by [`Pods::shut_down`]; dropped without, what is outside of this process is
/// removed as far as that goes at once.
pub(super) struct Pods {
    kubelet: Kubelet,
    agent: JoinHandle<Result<(), ManagerError>>,
    end_agent: Shutdown,
    runtime: Runtime,
    /// Nothing when the runtime is somebody else's.
    miniature: Option<Miniature>,
    place: Place,
    /// Goes last.
    folder: Folder,
}

/// The check that the others need.
const RUNTIME: &str = "container runtime";

/// Brings them up and checks them; nothing when this machine cannot run pods.
pub(super) async fn check(
    machine: &Machine,
    options: &Options,
    course: &mut Course<'_>,
) -> Option<Pods> {
    let node = machine.nodes.first()?;
    let endpoint = options.runtime_endpoint.as_deref();
    let started = start(&machine.client, node, endpoint);
    let pods = course.check(RUNTIME, started).await;
    match &pods {
        Some(pods) => checks::check(&machine.client, pods, course).await,
        // Not made is not passed: each is told.
        None => {
            for name in checks::NAMES {
                course.check::<()>(name, async { Err(Wrong::needs(RUNTIME)) }).await;
            }
        }
    }
    pods
}

async fn start(client: &Client, node: &SimulatedNode, endpoint: Option<&str>) -> Finding<Pods> {
    let bin_dir = requirements::met().map_err(Wrong::Skipped)?;
    folder::sweep(&bin_dir).await;
    let folder = Folder::make()?;
    folder.configure()?;
    let miniature = match endpoint {
        Some(_) => None,
        None => Some(Miniature::start(&miniature_options(&folder, &bin_dir)).await?),
    };
    let endpoint: Endpoint = match (&miniature, endpoint) {
        (Some(miniature), _) => miniature.endpoint().clone(),
        (None, given) => given.unwrap_or_default().parse()?,
    };
    let runtime = Runtime::new(endpoint.clone());
    let version = runtime.version().await?;
    let place = Place { node: node.name.clone(), address: node.address.clone() };
    let kubelet = Kubelet::start(client.clone(), runtime.clone(), place.clone());
    let end_agent = Shutdown::new();
    let agent = Agent::new(agent_options(&folder, &place, endpoint.clone(), bin_dir));
    let manager = Manager::bind(client.clone(), ManagerOptions::default()).await?.controller(agent);
    let agent = tokio::spawn(manager.run(end_agent.clone()));
    let seen = match &miniature {
        Some(_) => format!("in miniature, for {}", place.node),
        None => format!(
            "{} {} at {endpoint}, for {}",
            version.runtime_name, version.runtime_version, place.node
        ),
    };
    Ok((Pods { kubelet, agent, end_agent, runtime, miniature, place, folder }, seen))
}

fn miniature_options(folder: &Folder, bin_dir: &Path) -> RuntimeOptions {
    RuntimeOptions {
        run_dir: folder.runtime(),
        conf_dir: folder.conf_dir(),
        bin_dirs: vec![bin_dir.to_owned()],
    }
}

fn agent_options(
    folder: &Folder,
    place: &Place,
    runtime: Endpoint,
    bin_dir: PathBuf,
) -> AgentOptions {
    AgentOptions {
        bin_dirs: vec![bin_dir],
        conf_dir: folder.conf_dir(),
        cache_dir: folder.path("cache"),
        state_dir: folder.path("podnet"),
        socket: folder.path("cni.sock"),
        // There is no device plugin, and the one of a kubelet of this machine is not asked.
        pod_resources: folder.path("no-pod-resources.sock"),
        ..AgentOptions::new(&place.node, runtime)
    }
}

impl Pods {
    /// Ends all pods and what runs them, and removes what they had.
    pub(super) async fn shut_down(self) -> Result<(), Wrong> {
        let Self { kubelet, agent, end_agent, miniature, folder, .. } = self;
        // The agent goes first: it would attach and detach while sandboxes go. What it attached goes
        // with their namespaces, and its records with the folder.
        end_agent.trigger();
        match agent.await {
            Ok(ended) => ended?,
            Err(panic) => return Err(Wrong::failed(format!("the agent ended with {panic}"))),
        }
        kubelet.drain().await?;
        if let Some(miniature) = miniature {
            miniature.stop().await;
        }
        folder.remove().map_err(Wrong::during("removing what pods had"))
    }
}
