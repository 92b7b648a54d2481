//! Where `node init` and `node join` have their configuration from.

use std::path::{Path, PathBuf};

use clap::{ValueEnum, ValueHint};
use kubewright_node::config::{
    self, DEFAULT_FILE, Engine, Loaded, NodeConfiguration, Source, Variable,
};
use kubewright_node::embedded::{self, INIT, JOIN};
use kubewright_node::host::Host;
use kubewright_node::join::NodeName;
use kubewright_node::journal;
use kubewright_node::service;
use kubewright_node::token::Token;

use super::unspoken::Unspoken;
use crate::failure::Failure;

/// What the machine is to become.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConfigurationArgs {
    /// Configuration of the machine [default: /etc/kubewright/node.yaml, if it is there]
    ///
    /// The variables SEEDER and TOKEN of the environment come before it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// One value of the configuration, in place of the file's and the environment's
    #[arg(long = "var", value_name = "PATH=VALUE")]
    variables: Vec<Unspoken<Variable>>,
    /// Name of the node [default: the host's]
    #[arg(long, value_name = "NAME")]
    name: Option<NodeName>,
    /// Folder with the state of this machine [default: /var/lib/kubewright/node]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    state_dir: Option<PathBuf>,
    /// What brings the machine up [default: kubeadm where it is installed]
    #[arg(long, value_enum, value_name = "ENGINE")]
    engine: Option<EngineName>,
    /// Act on the machine from a container, which needs --privileged and --pid=host; with kubeadm
    #[arg(long, conflicts_with = "engine")]
    pub(super) on_host: bool,
}

/// An engine by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineName {
    /// kubeadm.
    Kubeadm,
    /// That of kubewright, which starts no pods.
    Embedded,
}

impl ConfigurationArgs {
    /// Loads it, with `more` in place of what stands in the file; warnings are told.
    pub(crate) fn load(&self, more: &[(&str, &str)]) -> Result<NodeConfiguration, Failure> {
        let default = PathBuf::from(DEFAULT_FILE);
        let file = self.config.clone().or_else(|| default.exists().then_some(default));
        let mut variables = Unspoken::all(&self.variables)?;
        for (path, value) in more {
            let variable = format!("{path}={value}").parse::<Variable>();
            variables.push(variable.map_err(Failure::usage)?);
        }
        if let Some(name) = &self.name {
            variables.push(format!("node.name={name}").parse().map_err(Failure::usage)?);
        }
        let loaded = config::load(&Source::new(file, variables)).map_err(Failure::usage)?;
        let Loaded { mut configuration, warnings, .. } = loaded;
        for warning in warnings {
            eprintln!("warning: {warning}");
        }
        if let Some(path) = &self.state_dir {
            // What is written there holds in other directories too.
            configuration.paths.state = std::path::absolute(path)?;
        }
        match self.engine {
            // What the embedded engine leaves running would end with the container.
            _ if self.on_host => configuration.engine = Engine::Kubeadm,
            Some(EngineName::Kubeadm) => configuration.engine = Engine::Kubeadm,
            Some(EngineName::Embedded) => configuration.engine = Engine::Embedded,
            None => {}
        }
        Ok(configuration)
    }
}

/// Warns of what is configured and has no effect with the embedded engine.
pub(crate) fn tell_unused(configuration: &NodeConfiguration) {
    for warning in config::unused_by_embedded(configuration) {
        eprintln!("warning: {warning}");
    }
}

/// The name that the node is to have.
pub(crate) fn node_name(configuration: &NodeConfiguration) -> Result<NodeName, Failure> {
    let given = configuration.node.name.as_str();
    let name = if given.is_empty() { NodeName::of_host() } else { given.parse() };
    name.map_err(Failure::usage)
}

/// The token that the configuration brings along.
pub(crate) fn token(configuration: &NodeConfiguration) -> Result<Option<Token>, Failure> {
    let formation = &configuration.cluster_formation;
    let text = match (formation.token.is_empty(), formation.token_file.as_str()) {
        (true, "") => return Ok(None),
        (true, file) => std::fs::read_to_string(file).map_err(|error| {
            Failure::new(error).context(format!("cannot read the token from {file}"))
        })?,
        (false, _) => formation.token.expose().to_owned(),
    };
    text.trim().parse().map(Some).map_err(Failure::usage)
}

/// The engine that is meant.
pub(crate) fn engine(configuration: &NodeConfiguration) -> EngineName {
    match configuration.engine {
        Engine::Kubeadm => EngineName::Kubeadm,
        Engine::Embedded => EngineName::Embedded,
        // One that is named and not there is a mistake, not a reason for another engine.
        Engine::Auto if !configuration.paths.kubeadm.is_empty() => EngineName::Kubeadm,
        Engine::Auto => made_with(&configuration.paths.state).unwrap_or_else(|| {
            match kubewright_node::kubeadm::is_installed(&Host::this(), configuration) {
                true => EngineName::Kubeadm,
                false => EngineName::Embedded,
            }
        }),
    }
}

/// The engine that a machine that is done was made with, whatever was installed since.
fn made_with(state: &Path) -> Option<EngineName> {
    if service::role(state).is_ok() {
        return Some(EngineName::Embedded);
    }
    let recorded = [INIT, JOIN].into_iter().find_map(|purpose| journal::recorded(state, purpose));
    let recorded = recorded.filter(|recorded| recorded.finished)?;
    Some(if embedded::is_ours(&recorded) { EngineName::Embedded } else { EngineName::Kubeadm })
}
