//! Which workspace, and what is known of it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use clap::ValueHint;
use kubewright_workspace::build::{Keys, LOCAL_BUILD, Switch};
use kubewright_workspace::manifest::{Manifest, Platform};
use kubewright_workspace::name::ComponentName;
use kubewright_workspace::process::Stop;
use kubewright_workspace::sources::Sources;
use kubewright_workspace::workspace::Workspace;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Failure, INTERRUPTED};

/// Which workspace.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PlaceArgs {
    /// The workspace.toml [default: that of this folder, or of the nearest one above]
    #[arg(short, long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, env = "KUBEWRIGHT_WORKSPACE")]
    workspace: Option<PathBuf>,
    /// Platforms, of those that the workspace has [default: all]
    #[arg(long, global = true, value_name = "OS/ARCH", value_delimiter = ',')]
    platform: Vec<Platform>,
}

impl PlaceArgs {
    /// The file that is asked for, whether it is there or not.
    pub(super) fn file(&self) -> Option<&PathBuf> {
        self.workspace.as_ref()
    }

    /// Opens it.
    pub(super) fn open(&self) -> Result<Workspace, Failure> {
        let file = match &self.workspace {
            Some(file) => file.clone(),
            None => {
                let here = std::env::current_dir().context("cannot tell the present folder")?;
                Manifest::find(&here)?
            }
        };
        let mut workspace = Workspace::open(&file)?;
        if !self.platform.is_empty() {
            let all = workspace.manifest.workspace.platforms();
            if let Some(other) = self.platform.iter().find(|platform| !all.contains(platform)) {
                let error = anyhow::anyhow!("{other} is no platform of the workspace");
                return Err(Failure::usage(error).advise("add it to `platforms` under [workspace]"));
            }
            for left in all.iter().filter(|platform| !self.platform.contains(platform)) {
                eprintln!("without {left}: --platform leaves it out");
            }
            workspace.manifest.workspace.platforms = self.platform.clone();
        }
        Ok(workspace)
    }
}

/// With which modules Go builds.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct LocalArgs {
    /// Build Go modules of the workspace with each other; `false` takes the versions that their
    /// go.mod files ask for
    #[arg(long, value_name = "BOOL", env = LOCAL_BUILD, default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, hide_env_values = true)]
    local: Switch,
}

impl LocalArgs {
    /// Whether they are built with each other.
    pub(super) fn wanted(self) -> bool {
        self.local.0
    }

    /// The sources with their keys.
    pub(super) fn look(self, workspace: &Workspace) -> Result<(Sources, Keys), Failure> {
        let sources = Sources::of(workspace)?;
        let keys = Keys::of_sources(workspace, &sources, self.wanted())?;
        Ok((sources, keys))
    }
}

/// Components by the names on the command line.
pub(super) fn components(
    workspace: &Workspace,
    names: &[String],
) -> Result<Vec<ComponentName>, Failure> {
    names
        .iter()
        .map(|name| Ok(workspace.component(name).map_err(Failure::usage)?.0.clone()))
        .collect()
}

/// Asks for an end on Ctrl-C, SIGTERM and SIGHUP, so that programs are ended and nothing half is left; a second one
/// does not wait.
pub(super) fn stop_on_signals() -> Result<Stop, Failure> {
    let stop = Stop::default();
    let asked = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    std::thread::spawn(move || {
        let twice = AtomicBool::new(false);
        runtime.block_on(async {
            let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            let Ok(mut signals) = signals.map(signal).into_iter().collect::<Result<Vec<_>, _>>()
            else {
                return;
            };
            loop {
                let next = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
                futures::future::select_all(next).await;
                if twice.swap(true, Ordering::SeqCst) {
                    std::process::exit(INTERRUPTED.into());
                }
                asked.stop();
            }
        });
    });
    Ok(stop)
}
