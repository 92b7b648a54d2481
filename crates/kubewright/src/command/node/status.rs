//! `kubewright node status`: what this machine is.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueHint;
use kubewright_node::embedded::{INIT, JOIN};
use kubewright_node::join::Place;
use kubewright_node::journal;
use kubewright_node::service::{self, Role, ServiceError};
use serde::Serialize;

use super::control_plane::run_dir;
use crate::failure::Outcome;
use crate::output::{self, FormatArgs};

/// Say what this machine is and whether its service runs: exit code 0 if it is as it should be, else 1
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
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    /// Whether it was set up to the end.
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kubeconfig: Option<PathBuf>,
    state: PathBuf,
    log: PathBuf,
}

pub(crate) async fn run(args: &Args) -> Outcome {
    let state = std::path::absolute(&args.state_dir)?;
    let role = match service::role(&state) {
        Ok(role) => Some(role),
        Err(ServiceError::NoRole { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let (name, purpose, kubeconfig) = match &role {
        Some(Role::Seeder { .. }) => ("seeder", INIT, Some(run_dir(&state).kubeconfig())),
        Some(Role::Node { .. }) => ("node", JOIN, Some(Place::at(&state).kubeconfig())),
        None => ("none", JOIN, None),
    };
    let status = Status {
        role: name,
        node: role.as_ref().and_then(|role| Some(role.node()?.to_string())),
        complete: journal::is_finished(&state, purpose),
        process: service::running(&state)?,
        kubeconfig: kubeconfig.filter(|path| path.exists()),
        log: service::log(&state),
        state,
    };
    args.format.output.print(&status, || status.table())?;
    let well = status.complete && status.process.is_some();
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Status {
    fn table(&self) -> String {
        let shown = |path: &PathBuf| path.display().to_string();
        let mut pairs = vec![("role", self.role.to_owned())];
        pairs.extend(self.node.clone().map(|node| ("node", node)));
        let complete = if self.complete { "yes" } else { "no: run the same command again" };
        if self.role != "none" {
            pairs.push(("complete", complete.to_owned()));
            let process =
                self.process.map_or("not running".to_owned(), |id| format!("process {id}"));
            pairs.push(("service", process));
            pairs.push(("log", shown(&self.log)));
        }
        pairs.extend(self.kubeconfig.as_ref().map(|path| ("kubeconfig", shown(path))));
        pairs.push(("state", shown(&self.state)));
        output::pairs(&pairs)
    }
}
