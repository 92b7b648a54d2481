//! `kubewright node status`: what this machine is.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueHint;
use kube::config::Kubeconfig;
use kubewright_node::discovery::{Cluster, Pin};
use kubewright_node::embedded::{self, INIT, JOIN};
use kubewright_node::join::{Place, USER_PREFIX};
use kubewright_node::journal::{self, Recorded};
use kubewright_node::service::{self, Role, ServiceError};
use serde::Serialize;

use super::configuration::EngineName;
use super::control_plane::{cluster, run_dir};
use super::token::join_words;
use crate::failure::Outcome;
use crate::output::{self, FormatArgs};

/// Where kubeadm leaves kubeconfigs.
const KUBERNETES: &str = "/etc/kubernetes";

/// Say what this machine is and whether its service runs: exit code 0 if it is as it should be, else 1
///
/// On a seeder it tells how other machines join, without a token: `kubewright node token create`
/// makes one. Of a machine that kubeadm was run on it tells how far that has come; whether its
/// kubelet runs is for systemd to say.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder with the state of this machine
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value = "/var/lib/kubewright/node")]
    state_dir: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    /// `seeder`, `node` or `none`.
    role: &'static str,
    /// `embedded` or `kubeadm`; nothing where neither was at work. `kubeadm` without a role is a
    /// kubeadm of whose work no journal tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    /// Whether it was set up to the end.
    complete: bool,
    /// The last step on record, where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kubeconfig: Option<PathBuf>,
    /// The API server of its cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    /// Of the node; that of a kubelet is in a file of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_expires: Option<jiff::Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<Invitation>,
    state: PathBuf,
    /// Of the service, which the embedded engine has.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<PathBuf>,
}

/// How others join the cluster of a seeder; the token is not part of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invitation {
    server: String,
    ca_cert_hash: String,
    join_command: String,
}

impl Invitation {
    fn of(cluster: &Cluster) -> Option<Self> {
        let pin = Pin::of_pem(&cluster.authority)?.into_iter().next()?;
        let join_command = join_words(&cluster.endpoint().ok()?.to_string(), &pin);
        Some(Self { server: cluster.server.clone(), ca_cert_hash: pin.to_string(), join_command })
    }
}

/// What the machine is, by what is on its disk.
struct Found {
    engine: EngineName,
    purpose: &'static str,
    node: Option<String>,
    recorded: Option<Recorded>,
    kubeconfig: PathBuf,
}

impl Found {
    fn look(state: &Path) -> Result<Option<Self>, ServiceError> {
        let role = match service::role(state) {
            Ok(role) => Some(role),
            Err(ServiceError::NoRole { .. }) => None,
            Err(error) => return Err(error),
        };
        let node = role.as_ref().and_then(|role| Some(role.node()?.to_string()));
        let known = match role {
            Some(Role::Seeder { .. }) => Some(INIT),
            Some(Role::Node { .. }) => Some(JOIN),
            None => None,
        };
        let purpose = known
            .or_else(|| [INIT, JOIN].into_iter().find(|it| journal::recorded(state, it).is_some()));
        let Some(purpose) = purpose else { return Ok(None) };
        let recorded = journal::recorded(state, purpose);
        let ours = known.is_some() || recorded.as_ref().is_none_or(embedded::is_ours);
        let (engine, kubeconfig) = match (ours, purpose) {
            (true, INIT) => (EngineName::Embedded, run_dir(state).kubeconfig()),
            (true, _) => (EngineName::Embedded, Place::at(state).kubeconfig()),
            (false, INIT) => (EngineName::Kubeadm, Path::new(KUBERNETES).join("admin.conf")),
            (false, _) => (EngineName::Kubeadm, Path::new(KUBERNETES).join("kubelet.conf")),
        };
        let node = node.or_else(|| node_of_kubeadm().filter(|_| engine == EngineName::Kubeadm));
        Ok(Some(Self { engine, purpose, node, recorded, kubeconfig }))
    }
}

/// Who the kubelet is that kubeadm has set up.
fn node_of_kubeadm() -> Option<String> {
    let config = Kubeconfig::read_from(Path::new(KUBERNETES).join("kubelet.conf")).ok()?;
    let users = config.contexts.into_iter().filter_map(|named| named.context?.user);
    users.filter_map(|user| Some(user.strip_prefix(USER_PREFIX)?.to_owned())).next()
}

pub(crate) async fn run(args: &Args) -> Outcome {
    let state = std::path::absolute(&args.state_dir)?;
    let status = Status::of(state)?;
    args.format.output.print(&status, || status.table())?;
    Ok(if status.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Status {
    fn of(state: PathBuf) -> Result<Self, ServiceError> {
        let Some(found) = Found::look(&state)? else {
            return Ok(Self {
                role: "none",
                engine: embedded::has_kubelet().then_some("kubeadm"),
                node: None,
                complete: false,
                step: None,
                process: None,
                kubeconfig: None,
                server: None,
                certificate_expires: None,
                invitation: None,
                log: None,
                state,
            });
        };
        let ours = found.engine == EngineName::Embedded;
        let seeder = found.purpose == INIT;
        let complete = found.recorded.as_ref().is_some_and(|it| it.finished);
        let last = found.recorded.and_then(|it| it.steps.into_iter().next_back());
        let last = last.map(|step| format!("{} {}", step.name, step.progress));
        let cluster = cluster(&found.kubeconfig).ok();
        let kept = if ours && !seeder { embedded::kept(&state) } else { None };
        Ok(Self {
            role: if seeder { "seeder" } else { "node" },
            engine: Some(if ours { "embedded" } else { "kubeadm" }),
            node: found.node,
            complete,
            step: last.filter(|_| !complete),
            process: if ours { service::running(&state)? } else { None },
            invitation: cluster.as_ref().filter(|_| seeder).and_then(Invitation::of),
            server: cluster.map(|cluster| cluster.server),
            certificate_expires: kept.map(|kept| kept.expires),
            kubeconfig: Some(found.kubeconfig).filter(|path| path.exists()),
            log: ours.then(|| service::log(&state)),
            state,
        })
    }

    fn is_well(&self) -> bool {
        self.complete && (self.process.is_some() || self.log.is_none())
    }

    fn table(&self) -> String {
        let shown = |path: &PathBuf| path.display().to_string();
        let mut pairs = vec![("role", self.role.to_owned())];
        pairs.extend(self.engine.map(|engine| ("engine", engine.to_owned())));
        pairs.extend(self.node.clone().map(|node| ("node", node)));
        let complete = match (&self.step, self.complete) {
            (_, true) => "yes".to_owned(),
            _ if self.role == "none" => {
                "unknown: kubeadm was run here, and no journal tells of it".to_owned()
            }
            (Some(step), _) => format!("no, {step}: run the same command again"),
            (None, _) => "no: run the same command again".to_owned(),
        };
        pairs.extend(self.engine.map(|_| ("complete", complete)));
        let process = self.process.map_or("not running".to_owned(), |id| format!("process {id}"));
        pairs.extend(self.log.as_ref().map(|_| ("service", process)));
        pairs.extend(self.log.as_ref().map(|log| ("log", shown(log))));
        pairs.extend(self.kubeconfig.as_ref().map(|path| ("kubeconfig", shown(path))));
        pairs.extend(self.server.clone().map(|server| ("API server", server)));
        let expires = self.certificate_expires.map(|at| at.to_string());
        pairs.extend(expires.map(|at| ("certificate until", at)));
        if let Some(invitation) = &self.invitation {
            pairs.push(("authority", invitation.ca_cert_hash.clone()));
            pairs.push(("others join", invitation.join_command.clone()));
            pairs.push(("token", "kubewright node token create".to_owned()));
        }
        pairs.push(("state", shown(&self.state)));
        output::pairs(&pairs)
    }
}
