//! The peer-pod controller inside an operator of one's own.

use kubewright_operator::Shutdown;
use kubewright_peerpod::options::Options;
use kubewright_peerpod::{Controller, crds, rbac_rules};
use prometheus_client::registry::Registry;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What a process has one of is yours: logging, signal handlers, the TLS provider.
    kubewright_operator::install_crypto_provider();
    println!("{} definitions, {:?} rules", crds().len(), rbac_rules());
    let (mut registry, shutdown) = (Registry::default(), Shutdown::new());
    let mut options = Options::default();
    options.namespace = "my-operator".to_owned();
    let client = kube::Client::try_default().await?;
    let controller = Controller::new(client, options).counting_in(&mut registry);
    let running = tokio::spawn(controller.run(shutdown.clone()));
    tokio::signal::ctrl_c().await?;
    shutdown.trigger();
    Ok(running.await??)
}
