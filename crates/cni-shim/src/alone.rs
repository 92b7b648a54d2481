//! What is done while the agent is away: everything that needs nothing but records.
//!
//! The lock of a sandbox keeps an agent that comes back meanwhile from working on it at once.

use std::collections::BTreeSet;

use kubewright_attachment::default_network::{self, DefaultNetworkError};
use kubewright_attachment::engine::{DefaultNetwork, Engine, Options};
use kubewright_attachment::name::InterfaceName;
use kubewright_attachment::pod::{Sandbox, SandboxId};
use kubewright_attachment::protocol::PluginOptions;
use kubewright_cni::plugin::Request;
use kubewright_cni::{CniError, ErrorCode, NetworkConfig, RuntimeConf};

/// Detaches everything of the container. What may be left is an error, so that the runtime calls
/// again: nothing is forgotten because a plugin, a file or the agent was not there once.
pub(crate) fn del(request: &Request, options: &PluginOptions) -> Result<(), CniError> {
    let runtime = request.attachment()?;
    let sandbox = sandbox_id(runtime)?;
    let interface = interface(runtime)?;
    let default = || default(runtime, &interface, options);
    let deleted = engine(request, options)?.delete(&sandbox, runtime.netns(), &interface, default);
    deleted.map(drop).map_err(|error| again(&error))
}

/// Asks the plugins of everything that is recorded of the container.
pub(crate) fn check(request: &Request, options: &PluginOptions) -> Result<(), CniError> {
    let runtime = request.attachment()?;
    let netns = runtime.netns().unwrap_or(std::path::Path::new(""));
    let sandbox = Sandbox::new(runtime.container_id(), netns)
        .map_err(|error| CniError::from_error(ErrorCode::InvalidEnvironment, &error))?;
    let checked = engine(request, options)?.check(&sandbox);
    checked.map_err(|error| CniError::from_error(ErrorCode::Internal, &error))
}

/// Detaches what is recorded of containers that are gone, and passes GC on to plugins that know it.
pub(crate) fn gc(request: &Request, options: &PluginOptions) -> Result<(), CniError> {
    let mut living = BTreeSet::new();
    for attachment in &request.valid_attachments {
        // One that is left out would be taken for gone.
        let id = SandboxId::new(attachment.container_id.as_str())
            .map_err(|error| CniError::from_error(ErrorCode::InvalidConfig, &error))?;
        living.insert(id);
    }
    let network = network(options).map_err(|error| again(&error))?;
    let networks: Vec<NetworkConfig> = network.into_iter().collect();
    let collected = engine(request, options)?.gc(&living, &networks);
    let failures = collected.map_err(|error| again(&error))?.failures;
    match failures.as_slice() {
        [] => Ok(()),
        failures => {
            let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
            Err(CniError::new(ErrorCode::TryAgainLater, all.join("; ")))
        }
    }
}

fn engine(request: &Request, options: &PluginOptions) -> Result<Engine, CniError> {
    let mut engine = Options::new(&options.state_dir, &request.path);
    engine.cache_dir.clone_from(&options.cache_dir);
    Engine::open(engine).map_err(|error| again(&error))
}

fn network(options: &PluginOptions) -> Result<Option<NetworkConfig>, DefaultNetworkError> {
    let selected = default_network::select(&options.conf_dir, options.default_network.as_deref())?;
    Ok(selected.map(|loaded| loaded.network))
}

fn default(
    runtime: &RuntimeConf,
    interface: &InterfaceName,
    options: &PluginOptions,
) -> Result<Option<DefaultNetwork>, DefaultNetworkError> {
    Ok(network(options)?.map(|config| DefaultNetwork {
        config,
        interface: interface.clone(),
        args: runtime.args.clone(),
        capability_args: runtime.capability_args.clone(),
    }))
}

fn again(error: &dyn std::error::Error) -> CniError {
    CniError::from_error(ErrorCode::TryAgainLater, error)
}

fn sandbox_id(runtime: &RuntimeConf) -> Result<SandboxId, CniError> {
    SandboxId::new(runtime.container_id())
        .map_err(|error| CniError::from_error(ErrorCode::InvalidEnvironment, &error))
}

fn interface(runtime: &RuntimeConf) -> Result<InterfaceName, CniError> {
    InterfaceName::new(runtime.ifname())
        .map_err(|error| CniError::from_error(ErrorCode::InvalidEnvironment, &error))
}
