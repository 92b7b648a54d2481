//! `kubewright peerpod webhook`: what the webhook's Deployment runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueHint;
use kubewright_operator::health::{HealthServer, Readiness};
use kubewright_operator::listen::Listen;
use kubewright_operator::{Metrics, Shutdown};
use kubewright_peerpod::mutation::Settings;
use kubewright_peerpod::options::environment;
use kubewright_peerpod::webhook::metrics::WebhookMetrics;
use kubewright_peerpod::webhook::server::{Server, SharedSettings};
use kubewright_peerpod::webhook::tls::Serving;

use crate::failure::{Failure, Outcome};

/// How often the certificate is looked at. The authority before is trusted for a day longer.
const LOOK: Duration = Duration::from_secs(10);

/// Serve the webhook that makes pods of a runtime class peer pods
///
/// It needs no rights in the cluster: the controller puts its certificate in a Secret, which is
/// mounted here, and exchanges it in time.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to serve; without an address on all of them, IPv4 and IPv6
    #[arg(long, value_name = "[ADDRESS]:PORT", default_value = ":9443")]
    listen: Listen,
    /// Folder with tls.crt and tls.key, which may be exchanged at any time
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    tls_dir: PathBuf,
    /// Where to answer /metrics, /healthz and /readyz without TLS [default: nowhere]
    #[arg(long, value_name = "[ADDRESS]:PORT")]
    health_address: Option<Listen>,
    /// Pods of this runtime class become peer pods
    #[arg(long, value_name = "NAME", env = environment::RUNTIME_CLASS, default_value = "kata-remote")]
    runtime_class: String,
    /// Extended resource of which a peer pod takes one
    #[arg(long, value_name = "NAME", env = environment::RESOURCE, default_value = "kata.peerpods.io/vm")]
    resource: String,
    /// Instance type of VMs whose pod names none
    #[arg(long, value_name = "NAME", env = environment::INSTANCE_TYPE)]
    instance_type: Option<String>,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let cannot = |failure: Failure| failure.context("cannot serve the webhook");
    let shutdown = Shutdown::on_signals()?;
    let serving = Serving::from_dir(&args.tls_dir).map_err(Failure::new).map_err(cannot)?;
    let metrics = Metrics::new();
    let settings = SharedSettings::new(Settings {
        runtime_class: args.runtime_class,
        resource: args.resource,
        instance_type: args.instance_type.filter(|name| !name.is_empty()),
    });
    let counts = WebhookMetrics::of_process(&metrics);
    let address = args.listen.address();
    let server = Server::bind(address, serving.clone(), settings, counts).await;
    let server = server.map_err(Failure::new).map_err(cannot)?;
    tracing::info!(address = %server.address(), "serving the webhook");
    let health = match args.health_address {
        Some(listen) => {
            let bound = HealthServer::bind(listen.address()).await.map_err(Failure::new);
            let health = bound.map_err(cannot)?;
            tracing::info!(address = %health.address(), "serving /metrics, /healthz and /readyz");
            Some(tokio::spawn(health.serve(metrics, Readiness::new(), shutdown.clone())))
        }
        None => None,
    };
    let follow = tokio::spawn(serving.follow_dir(args.tls_dir, LOOK));
    let served = server.run(shutdown).await;
    follow.abort();
    if let Some(health) = health {
        health.await??;
    }
    served.map_err(Failure::new).map_err(cannot)?;
    Ok(ExitCode::SUCCESS)
}
