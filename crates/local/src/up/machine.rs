//! What `up` keeps running, and how it comes up and goes down.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client};
use kubewright_operator::{ClientArgs, Metrics};

use super::controllers::{self, Controllers};
use super::course::{Course, Finding, Wrong};
use super::heartbeats::Heartbeats;
use super::members::{self, Members, Seeded};
use super::pods::Pods;
use super::{Options, PATIENCE, resources};
use crate::control_plane::{ControlPlane, RunDir};
use crate::nodes::SimulatedNode;

/// A control plane, nodes and controllers on this machine.
pub struct Machine {
    pub(super) client: Client,
    pub(super) nodes: Vec<SimulatedNode>,
    pub(super) heartbeats: Heartbeats,
    pub(super) controllers: Controllers,
    /// Nothing where this machine cannot run pods.
    pub(super) pods: Option<Pods>,
    control_plane: ControlPlane,
    run_dir: RunDir,
    /// Goes with this value, after the control plane that writes into it.
    _temporary: Option<tempfile::TempDir>,
}

impl Machine {
    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.run_dir.kubeconfig()
    }

    /// A client with the administrator's rights.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// What the controllers count.
    pub fn metrics(&self) -> Metrics {
        self.controllers.metrics.clone()
    }

    pub(super) async fn shut_down(self) -> Finding {
        let ended = tokio::time::timeout(PATIENCE, async {
            if let Some(pods) = self.pods {
                pods.shut_down().await?;
            }
            drop(self.heartbeats);
            self.controllers.stop(&self.client).await?;
            // The last to hold the server's connections.
            drop(self.client);
            self.control_plane.stop().await;
            Ok::<_, Wrong>(())
        });
        ended.await.unwrap_or_else(|_| {
            Err(Wrong::failed(format!("something still runs after {PATIENCE:?}")))
        })?;
        Ok(((), "pods and controllers ended, lease released, control plane stopped".to_owned()))
    }
}

/// Brings it up, one check after the other; `None` when one of them did not pass.
pub(super) async fn bring_up(options: &Options, course: &mut Course<'_>) -> Option<Machine> {
    let started = course.check("control plane", start(options)).await?;
    let Started { control_plane, run_dir, temporary, seeded } = started;
    let client = course.check("API over TLS", connect(&run_dir, &control_plane)).await?;
    course.check("custom resources", resources::install(&client)).await?;
    course.check("templates", resources::apply_templates(&client)).await?;
    let nodes: Vec<_> = (0..options.nodes).map(SimulatedNode::worker).collect();
    let members = Members::start(&client, seeded);
    let heartbeats = course.check("nodes join", members.join(&nodes)).await?;
    course.check("node accepted", members.accept()).await?;
    course.check("node rejected", members.reject()).await?;
    members.finish().await;
    let controllers = course.check("leader election", controllers::start(&client)).await?;
    Some(Machine {
        client,
        nodes,
        heartbeats,
        controllers,
        pods: None,
        control_plane,
        run_dir,
        _temporary: temporary,
    })
}

/// A control plane that others can join.
struct Started {
    control_plane: ControlPlane,
    run_dir: RunDir,
    temporary: Option<tempfile::TempDir>,
    seeded: Seeded,
}

/// Seeds as `kubewright node init` does, with the control plane in this process.
async fn start(options: &Options) -> Finding<Started> {
    let (run_dir, temporary) = match &options.state_dir {
        Some(path) => (RunDir::at(path), None),
        None => {
            let made = tempfile::Builder::new().prefix("kubewright-up-").tempdir();
            let directory = made.map_err(Wrong::during("making a temporary directory"))?;
            (RunDir::at(directory.path()), Some(directory))
        }
    };
    let durable = temporary.is_none();
    let (control_plane, seeded) = members::seed(&run_dir, durable).await?;
    let address = control_plane.record().address;
    let kept = match durable {
        true => format!("durable in {}", run_dir.path().display()),
        false => "in memory".to_owned(),
    };
    let pin = seeded.pin().to_string();
    let seen = format!("https://{address}, {kept}, seeded with pin {pin:.19}…");
    Ok((Started { control_plane, run_dir, temporary, seeded }, seen))
}

/// As anyone would who has the kubeconfig; and one who has none must not get in.
async fn connect(run_dir: &RunDir, control_plane: &ControlPlane) -> Finding<Client> {
    let args = ClientArgs::file(&run_dir.kubeconfig());
    let client = args.client().await?;
    let answer = tokio::time::timeout(PATIENCE, client.apiserver_version()).await;
    let address = control_plane.record().address;
    let slow = |_| Wrong::failed(format!("no answer from https://{address} in {PATIENCE:?}"));
    let version = answer.map_err(slow)?.map_err(Wrong::during("asking for the version"))?;

    let mut config = args.config().await?;
    config.auth_info = kube::config::AuthInfo::default();
    let stranger = Client::try_from(config)?;
    match Api::<Node>::all(stranger).list(&kube::api::ListParams::default()).await {
        Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => {
            let seen = format!("Kubernetes {}; without a certificate: 403", version.git_version);
            Ok((client, seen.replace("403", &status.code.to_string())))
        }
        Ok(_) => Err(Wrong::failed("somebody without a certificate may list the nodes")),
        Err(error) => Err(Wrong::during("listing nodes without a certificate")(error)),
    }
}
