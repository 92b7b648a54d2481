//! The controller that answers requests as a policy says, and those for serving certificates by
//! the addresses of their node.
//!
//! ```text
//!  requests, nodes, policy, ──watch──▶ World ──plan (pure)──▶ answers ──▶ approval subresource
//!  where the API server is                                       └──────▶ Events, metrics
//! ```
//!
//! It looks at everything that waits at each change, so nothing can be missed; what has been
//! answered is never answered again, and what waits is said once. Without a policy, or with one
//! that is wrong, it accepts no node: somebody has to.

mod engine;
mod events;
mod metrics;
mod observe;
pub(crate) mod places;
mod world;

use clap::Args;
use kubewright_operator::Metrics;
use kubewright_operator::controller::{Context, Controller};

pub use events::CATALOGUE as EVENTS;
pub use metrics::ApproverMetrics;
pub use observe::ObserveError;
pub use world::{Answered, World};

/// Name of the controller in logs, metrics, events and readiness.
pub const NAME: &str = "node-approver";

/// Name of the ConfigMap with the policy.
pub const CONFIG_MAP: &str = "kubewright-acceptance";

/// Key of the policy in the ConfigMap.
pub const POLICY_KEY: &str = "policy.yaml";

/// How the controller is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// ConfigMap with the policy, in the namespace of the controller.
    pub config_map: String,
    /// Name or address at which this process reaches the API server: no node may serve as it.
    pub server: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { config_map: CONFIG_MAP.to_owned(), server: None }
    }
}

/// Command-line options of the controller.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Nodes")]
pub struct NodeArgs {
    /// ConfigMap with the policy that accepts nodes, in the namespace of the pod or context
    #[arg(long, value_name = "NAME", default_value = CONFIG_MAP)]
    pub acceptance_config_map: String,
}

impl NodeArgs {
    /// The options, where the API server is reached at this host.
    pub fn options(&self, server: Option<&str>) -> Options {
        Options {
            config_map: self.acceptance_config_map.clone(),
            server: server.map(str::to_owned),
        }
    }
}

/// The controller for an [`kubewright_operator::Manager`], which runs it under leader election.
#[derive(Clone)]
pub struct Approver {
    options: Options,
    metrics: ApproverMetrics,
}

impl Approver {
    /// A controller whose metrics are among those of this process.
    pub fn new(options: Options, process: &Metrics) -> Self {
        Self { options, metrics: ApproverMetrics::of_process(process) }
    }
}

impl Controller for Approver {
    type Error = std::convert::Infallible;

    fn name(&self) -> &str {
        NAME
    }

    async fn run(self, context: Context) -> Result<(), Self::Error> {
        engine::Engine::new(context, &self.options, self.metrics).run().await;
        Ok(())
    }
}
