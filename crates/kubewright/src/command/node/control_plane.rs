//! The control plane of a seeder: the service of this machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kube::config::Kubeconfig;
use kubewright_local::control_plane::RunDir;
use kubewright_node::discovery::Cluster;
use kubewright_node::embedded::{ControlPlane, Running, Seed};
use kubewright_node::service::{self, Role};
use kubewright_operator::ClientArgs;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a control plane that has died may take to be up again.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often to look for that: another process tells nobody.
const GLANCE: Duration = Duration::from_millis(10);

/// Where the control plane of a machine keeps what it has.
pub(super) fn run_dir(state: &Path) -> RunDir {
    RunDir::at(state.join("control-plane"))
}

/// The arguments of `kubewright` that run the service of this state.
pub(super) fn arguments(state: &Path) -> Vec<String> {
    let state = state.display().to_string();
    ["node", "serve", "--state-dir", &state].map(str::to_owned).to_vec()
}

/// A control plane in processes of its own.
pub(super) struct Background {
    /// This program.
    pub(super) program: PathBuf,
}

impl ControlPlane for Background {
    async fn ensure(&self, seed: &Seed) -> Result<Running, BoxError> {
        let (address, names) = (seed.address, seed.names.clone());
        let role = Role::Seeder { address, names, node: seed.node.clone() };
        let (state, program) = (seed.state.clone(), self.program.clone());
        let started = tokio::task::spawn_blocking(move || {
            // One that was begun before a mistake was corrected serves where nobody looks. It
            // ends before its role is noted anew, so that a role that is noted is the one that
            // what runs was started with.
            if service::role(&state).is_ok_and(|noted| noted != role) {
                service::stop(&state)?;
            }
            service::assign(&state, &role)?;
            service::start(&state, &program, &arguments(&state))
        });
        started.await??;
        let kubeconfig = run_dir(&seed.state).kubeconfig();
        let begin = Instant::now();
        while !kubeconfig.exists() && begin.elapsed() < PATIENCE {
            tokio::time::sleep(GLANCE).await;
        }
        let client = ClientArgs::file(&kubeconfig).client().await?;
        let cluster = cluster(&kubeconfig)?;
        Ok(Running { client, cluster })
    }
}

/// The cluster of an administrator's kubeconfig.
pub(super) fn cluster(file: &Path) -> Result<Cluster, BoxError> {
    let config = Kubeconfig::read_from(file)?;
    let cluster = config.clusters.into_iter().next().and_then(|named| named.cluster);
    let cluster = cluster.unwrap_or_default();
    let wrong = || format!("{} names no cluster", file.display());
    Ok(Cluster::new(
        cluster.server.as_deref().ok_or_else(wrong)?,
        cluster.certificate_authority_data.as_deref().ok_or_else(wrong)?,
    )?)
}
