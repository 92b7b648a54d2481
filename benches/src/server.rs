//! The embedded server in a process of its own, so that its memory and time are its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kubewright_apiserver::Server;

/// First argument of a benchmark that is to serve instead.
pub const SERVE: &str = "serve-for-benchmark";

/// A serving child process; ended on drop.
pub struct Process {
    child: Child,
    /// From the start of the process until it listened.
    pub started_in: Duration,
    /// Its administrator.
    pub kubeconfig: Kubeconfig,
}

impl Process {
    /// Starts this program again to serve, in memory or in a directory.
    pub fn start(state_dir: Option<&Path>) -> Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let begin = Instant::now();
        let mut command = Command::new(program);
        command.arg(SERVE).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.args(state_dir).spawn().context("starting the server")?;
        let mut output = BufReader::new(child.stdout.take().context("the server's output")?);
        let mut line = String::new();
        output.read_line(&mut line).context("waiting for the server")?;
        let started_in = begin.elapsed();
        if line.is_empty() {
            bail!("the server ended before it listened");
        }
        let kubeconfig = serde_json::from_str(&line).context("reading the server's kubeconfig")?;
        Ok(Self { child, started_in, kubeconfig })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A client of the administrator, over TLS.
    pub async fn client(&self) -> Result<kube::Client> {
        client(self.kubeconfig.clone()).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client from a kubeconfig.
pub async fn client(kubeconfig: Kubeconfig) -> Result<kube::Client> {
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    Ok(kube::Client::try_from(config)?)
}

/// What the child process does: serves until its input ends.
pub async fn serve(state_dir: Option<&Path>) -> Result<()> {
    let mut builder = Server::builder();
    if let Some(path) = state_dir {
        builder = builder.state_dir(path);
    }
    let server = builder.start().await?;
    let address = server.serve(([127, 0, 0, 1], 0).into()).await?;
    let kubeconfig = Kubeconfig::from_yaml(&server.kubeconfig(address)?)?;
    println!("{}", serde_json::to_string(&kubeconfig)?);
    std::io::stdout().flush()?;
    // Ends with the parent, however that ends.
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    Ok(())
}
