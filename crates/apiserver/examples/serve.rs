//! Serves the embedded control plane on an address until Ctrl-C, for poking at it.
//!
//! `cargo run -p kubewright-apiserver --example serve -- 127.0.0.1:6443 kubeconfig.yaml`

use kubewright_apiserver::{Identity, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse()?;
    let server =
        Server::builder().token("admin-token-of-the-example", Identity::admin()).start().await?;
    let address = server.serve(address).await?;
    println!("https://{address}");
    if let Some(path) = arguments.next() {
        std::fs::write(path, server.kubeconfig(address)?)?;
    }
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
